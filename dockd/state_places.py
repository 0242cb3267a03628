"""Where a dock's state lies, and the notes in it that keep an agent from starting on what is not whole.

Rules: a restore that was cut leaves its note, and no agent starts before it was done to its end; a dock that was given up does not come to life
again by a reboot; root is no agent on the state of somebody else, and no store on their folder: they could not go on with what root leaves there.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from dockd.enrolling.owner import whose
from ingest.errors import DockdError, LedgerUnusable

RESTORING = "restore.unfinished"
GIVEN_UP = "decommissioned.json"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The files of one dock."""

    ledger: Path
    spool: Path

    @property
    def folder(self) -> Path:
        """What belongs to the ledger lies beside it."""
        return self.ledger.parent

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def access(self) -> Path:
        return self.folder / "access.db"


def refuse_what_is_not_whole(folder: Path) -> None:
    """Raises LedgerUnusable where a note in the state's folder says that no agent may work with it. Blocks."""
    if os.path.lexists(folder / RESTORING):
        raise LedgerUnusable(
            f"a restore into {folder} was not finished: run the same `dockd restore` again; nothing was changed"
        )
    if os.path.lexists(folder / GIVEN_UP):
        raise LedgerUnusable(
            f"this dock was taken out of service ({folder / GIVEN_UP} says when), and its keys are gone: move {folder} away to make a new dock here"
        )


def refuse_anothers(ledger: Path) -> None:
    """Raises LedgerUnusable where root is to be the agent on a state that is another user's, or is to be made in a folder of theirs. Blocks.

    It is not done as the owner, as other commands are: an agent reads and empties cameras, and what is mounted for root alone would have to be read
    as root by what is not root's. Raises OSError.
    """
    other = _other_than_root(ledger.parent, ledger)
    if other is None:
        return
    raise LedgerUnusable(
        f"the state in {ledger.parent} is not root's: it belongs to {other.name}, who could not use what root makes there. Nothing was changed. "
        f"Run it as {other.name}: `{other.how} dockd …` (the agent: `systemctl start dockd`). Where a camera's mount is for root alone, mount it so that "
        f"{other.name} may read it, and with --wipe write to it, or let root have a state folder of its own (--state DIR)"
    )


def refuse_anothers_store(root: Path) -> None:
    """Raises DockdError where root is to be the central store in a folder that is another user's, or is to be made in one of theirs. Blocks.

    It is not done as the owner: the address, the certificate's key and the tokens are read by who serves. Raises OSError.
    """
    other = _other_than_root(root, root / "store.json")
    if other is None:
        return
    raise DockdError(
        f"the store's folder {root} is not root's: it belongs to {other.name}, whose store could not use what root makes there. Nothing was changed. "
        f"Run it as {other.name}: `{other.how} dockd store serve --root {root} …`, or let root have a folder of its own"
    )


@dataclass(frozen=True, kw_only=True)
class _Other:
    """Whose it is, and how root runs something as them."""

    name: str
    how: str


def _other_than_root(folder: Path, within: Path) -> _Other | None:
    """Where root asks, and the folder, or what is in it, is somebody else's. Raises OSError."""
    if os.geteuid() != 0:
        return None
    found = whose(folder)
    if found.st_uid == 0 and os.path.lexists(within):
        found = within.lstat()
    if found.st_uid == 0:
        return None
    try:
        name = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        return _Other(
            name=f"user {found.st_uid}", how=f"setpriv --reuid {found.st_uid} --regid {found.st_gid} --clear-groups"
        )
    return _Other(name=name, how=f"runuser -u {name} --")
