"""Take a dock out of service: only where it holds nothing that is not proven elsewhere, and its record was handed over whole.

A ledger that this dock had before (damaged, or newer) goes with the record, and what it alone knows has to be left by a person's word.

The order: look, and see that the record holds and can be written where it is to go (nothing was changed, whatever is found); the last entry of the
record; the record, written out and checked; the note that this dock is no more, which says where that is; its keys and what it comes in with. A
cut anywhere leaves a dock that works, or one that goes on from there when it is asked again. What fails after the last entry is followed by one
that takes it back. No footage is deleted here: a dock that still has some is refused. Files are deleted; a flash disk may keep their bytes
(docs/backup.md).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dockd.app import locked
from dockd.keeping.erasing import forget_keys
from dockd.keeping.handing_over import Handed, as_it_holds, hand_over, name_of, see_out, there
from dockd.keeping.older_ledgers import HandedOlder, Older, hand_over_older, looked_at, reasons
from dockd.state_places import GIVEN_UP, Places
from ingest.clock import Clock, rfc3339
from ingest.errors import DockdError
from ingest.ledger import Ledger, leaving
from ingest.ledger.audit import moment
from ingest.ledger.kept_aside import copies_before
from ingest.ledger.leaving import Reason
from ingest.ledger.pin_file import durable_text
from ingest.ledger.unconfirmed import why_unconfirmed

LOST_AND_FOUND = "lost+found"


class StillNeeded(DockdError):
    """It is not to be given up now; `reasons` says why."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("this dock is still needed, and nothing was changed")
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class Going:
    """What was asked. `out`: where the record goes; `apart`: folders besides the dock's own where it may not be; `vouched`: keys of this dock that are
    known from elsewhere; `lost`: what lies in the spool's lost+found, None where that is not known. `leave_older`: what only a ledger before the one in
    use knows, or may know, is left; those ledgers are handed over.
    """

    out: Path
    leave_on_cameras: bool = False
    leave_older: bool = False
    apart: tuple[Path, ...] = ()
    vouched: frozenset[str] = frozenset()
    lost: Sequence[str] | None = ()


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """The dock's name, where its record ends (entry, hash), and the file in which it was handed over. `older`: the ledgers before it that went with it;
    `not_handed`: files beside the ledger that did not, for all of them is in the record, or nobody knows what they are.
    """

    dock: str
    seq: int
    head: str
    record: str
    sha256: str
    older: tuple[HandedOlder, ...] = ()
    not_handed: tuple[str, ...] = ()


def lost_and_found(spool: Path) -> list[str] | None:
    """What fsck has put aside on a spool that is a file system of its own; None where this one may not look."""
    try:
        fd = os.open(spool / LOST_AND_FOUND, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        return None
    except OSError:  # none, or no folder: then it is what lies in the spool
        return []
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)


async def give_up(places: Places, going: Going) -> GivenUp:
    """Raises StillNeeded, WrongOut, StateInUse, LedgerUnusable, DockdError, OSError."""
    see_out(going.out, [places.folder, places.spool, *going.apart])
    with locked(places.folder / "lock"), locked(places.spool.with_name(f"{places.spool.name}.lock")):
        note = places.folder / GIVEN_UP
        if note.exists():
            found = _again(places, going.out, note)
        else:
            found = await _for_good(places, going)
            _write_note(note, found)
        forget_keys(places)
        return found


async def _for_good(places: Places, going: Going) -> GivenUp:
    """Up to the record, handed over; nothing is changed before all was looked at."""
    with looked_at(places.ledger, going.out) as before:
        left = _look(places, going, before)
        return await _ended(places, going, before, left=left)


async def _ended(places: Places, going: Going, before: list[Older], *, left: int) -> GivenUp:
    """The last entry, and the hand-over; what fails after the entry takes it back."""
    named = [name for one in before for name in one.named()]
    with there(going.out) as part:
        ledger = await Ledger.open(places.ledger, keys=places.keys, anew=False)
        try:
            await ledger.commit(lambda tx: leaving.record(tx, left=left, older=named))
            try:
                older = hand_over_older(places.ledger, going.out, before, dock=ledger.dock)
                handed = hand_over(places.ledger, part, dock=ledger.dock, vouched=going.vouched)
            except BaseException as error:
                why = error.message if isinstance(error, DockdError) else str(error) or type(error).__name__
                with contextlib.suppress(DockdError, OSError):
                    await ledger.commit(lambda tx: leaving.take_back(tx, reason=why))
                raise
            return _given_up(ledger.dock, handed, older=older, not_handed=copies_before(places.ledger))
        finally:
            await ledger.close()


def _look(places: Places, going: Going, before: list[Older]) -> int:
    """How many segments stay on cameras alone. Raises StillNeeded, and DockdError where the record does not hold."""
    with moment(places.ledger) as reader:
        found = leaving.reasons(reader, unconfirmed=bool(why_unconfirmed(places.keys)))
        if not [one for one in found if not one.on_cameras]:
            found += _unexplained(places.spool, going.lost)
        found += reasons(before, reader)
        kept = [
            one for one in found if not (going.leave_on_cameras if one.on_cameras else going.leave_older and one.older)
        ]
        if kept:
            raise StillNeeded(kept)
        as_it_holds(reader, vouched=going.vouched)
    return sum(one.count for one in found if one.on_cameras)


def _unexplained(spool: Path, lost: Sequence[str] | None) -> list[Reason]:
    """Whatever lies in the spool and no row speaks of may be all there is of something."""
    names = sorted(os.listdir(spool)) if spool.is_dir() else []
    if LOST_AND_FOUND in names and (spool / LOST_AND_FOUND).is_dir() and not (spool / LOST_AND_FOUND).is_symlink():
        names.remove(LOST_AND_FOUND)
        if lost is None:
            what = f"folder ({spool / LOST_AND_FOUND}) is root's to look into, and may hold footage: run this as root"
            return [Reason(count=1, what=what), *_lying(spool, names)]
        return _lying(spool, names) + _lying(spool / LOST_AND_FOUND, lost)
    return _lying(spool, names)


def _lying(folder: Path, names: Collection[str]) -> list[Reason]:
    if not names:
        return []
    what = f"files lie in {folder}: what they are has to be known first"
    return [Reason(count=len(names), what=what, examples=tuple(list(names)[:10]))]


def _again(places: Places, out: Path, note: Path) -> GivenUp:
    """It is no more already: its record is in `out` all the same, as it was handed over then."""
    said = json.loads(note.read_text(encoding="utf-8"))
    name = name_of(said["dock"], seq=said["seq"], head=said["head"])
    with looked_at(places.ledger, out) as before, there(out) as part:
        _see_same(said, before)
        older = hand_over_older(places.ledger, out, before, dock=said["dock"])
        handed = hand_over(places.ledger, part, dock=said["dock"], wanted=(said["seq"], said["head"]))
    found = _given_up(said["dock"], handed, older=older, not_handed=copies_before(places.ledger))
    if handed.sha256 != said.get("sha256", handed.sha256):
        raise DockdError(f"{out / name} is not what was handed over as {said['record']}: the ledger was changed since")
    _write_note(note, found, at=said["at"])
    return found


def _see_same(said: dict[str, Any], before: list[Older]) -> None:
    """The ledgers before it are what was handed over at first. A note of a dockd that handed none over says nothing of them. Raises DockdError."""
    if "older" not in said:
        return
    then = sorted(digest for one in said["older"] for digest in one["files"].values())
    if then != sorted(digest for one in before for _size, digest in one.files.values()):
        raise DockdError(
            "a ledger that was kept aside is not what was handed over before: it was changed since, or is gone"
        )


def _given_up(dock: str, handed: Handed, *, older: tuple[HandedOlder, ...], not_handed: Sequence[str]) -> GivenUp:
    return GivenUp(
        dock=dock, seq=handed.seq, head=handed.head, record=str(handed.path), sha256=handed.sha256, older=older, not_handed=tuple(not_handed)
    )  # fmt: skip


def _write_note(note: Path, found: GivenUp, *, at: str | None = None) -> None:
    durable_text(note, json.dumps({"at": at or rfc3339(Clock().now()), **asdict(found)}) + "\n")
