"""Where a dock's state lies, and the notes in it that keep an agent from starting on what is not whole.

Rules: a restore that was cut leaves its note, and no agent starts before it was done to its end; a dock that was given up does not come to life
again by a reboot.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable

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
