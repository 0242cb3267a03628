"""Take a dock out of service: only where it holds nothing that is not proven elsewhere, and its record was handed over whole.

The order: look (nothing was changed, whatever is found); the last entry of the record; the record, written out and checked; the note that this dock is
no more; its keys and what it comes in with. A cut anywhere leaves a dock that works, or one that goes on from there when it is asked again. No
footage is deleted here: a dock that still has some is refused. Files are deleted; a flash disk may keep their bytes (docs/backup.md).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from dockd.app import locked
from dockd.state_places import GIVEN_UP, Places
from ingest.clock import Clock, rfc3339
from ingest.errors import DockdError
from ingest.ledger import Ledger, leaving
from ingest.ledger.audit import check, moment
from ingest.ledger.handover import handover
from ingest.ledger.history import Wanted
from ingest.ledger.leaving import Reason
from ingest.ledger.pin_file import durable_text, sync_folder

RECORD = "dockd-custody.jsonl"
_STAYS = ("dock.id", "store.pin", "head")


class StillNeeded(DockdError):
    """It is not to be given up now; `reasons` says why."""

    def __init__(self, reasons: list[Reason]) -> None:
        super().__init__("this dock is still needed, and nothing was changed")
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """The dock's name, and where its record ends (entry, hash)."""

    dock: str
    seq: int
    head: str


async def give_up(places: Places, *, out: Path, leave_on_cameras: bool) -> GivenUp:
    """Raises StillNeeded, StateInUse, LedgerUnusable, OSError."""
    with locked(places.folder / "lock"), locked(places.spool.with_name(f"{places.spool.name}.lock")):
        note = places.folder / GIVEN_UP
        if not note.exists():
            dock = await _last_entry(places, leave_on_cameras=leave_on_cameras)
            found = _hand_over(places, out, dock=dock)
            durable_text(
                note,
                json.dumps({"at": rfc3339(Clock().now()), "dock": dock, "seq": found.seq, "head": found.head}) + "\n",
            )
        said = json.loads(note.read_text(encoding="utf-8"))
        _forget_keys(places)
        return GivenUp(dock=said["dock"], seq=said["seq"], head=said["head"])


async def _last_entry(places: Places, *, leave_on_cameras: bool) -> str:
    ledger = await Ledger.open(places.ledger, keys=places.keys, anew=False)
    try:
        found = await ledger.read(leaving.reasons)
        if not [one for one in found if not one.on_cameras]:
            found += _unexplained(places)
        kept = [one for one in found if not (leave_on_cameras and one.on_cameras)]
        if kept:
            raise StillNeeded(kept)
        left = sum(one.count for one in found)
        await ledger.commit(lambda tx: leaving.record(tx, left=left))
        return ledger.dock
    finally:
        await ledger.close()


def _unexplained(places: Places) -> list[Reason]:
    """Whatever lies in the spool and no row speaks of may be all there is of something."""
    names = sorted(os.listdir(places.spool)) if places.spool.is_dir() else []
    if not names:
        return []
    return [
        Reason(
            count=len(names),
            what=f"files lie in {places.spool}: what they are has to be known first",
            examples=tuple(names[:10]),
        )
    ]


def _hand_over(places: Places, out: Path, *, dock: str) -> GivenUp:
    """The whole record with its receipts, durable, from a ledger in which all of it holds."""
    out.mkdir(parents=True, exist_ok=True)
    part = out / f".{RECORD}.{secrets.token_hex(4)}.part"
    with moment(places.ledger) as reader:
        audit = check(reader)
        if audit.faults:
            raise DockdError(
                f"the record does not hold ({audit.faults[0]}): `dockd custody verify` names every fault; no key was erased"
            )
        signed = audit.signed
        if signed is None:
            raise DockdError("the record has no end that was signed: nothing was handed over, and no key erased")
        try:
            with part.open("x", encoding="ascii") as file:
                for line in handover(reader, Wanted(), with_receipts=True):
                    file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.rename(part, out / RECORD)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_folder(out)
    return GivenUp(dock=dock, seq=signed.head.seq, head=signed.head.hash)


def _forget_keys(places: Places) -> None:
    """The dock's private key, what it comes in with to its store, and who may come in to it."""
    names = sorted(os.listdir(places.keys)) if places.keys.is_dir() else []
    for path in [places.keys / name for name in names if name not in _STAYS]:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            path.unlink()
    for name in ("access.db", "access.db-journal", "access.db.made"):
        (places.folder / name).unlink(missing_ok=True)
    for folder in (places.keys, places.folder):
        sync_folder(folder)
