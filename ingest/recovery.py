"""At the start: bring spool and ledger together again after whatever ended the last run.

Rules: a whole spool file is never thrown away for want of a row: it is hashed and taken in. A row whose file is gone or cut says so
(`rotted`). What people had marked of a copy is taken in from beside it, whatever the ledger knows: it may be an older copy of itself. A file whose
release was committed and that a crash left is taken in like any other: it is released again, on a proof of its own. Nothing is removed here but
what never became whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import stat
from dataclasses import dataclass

from ingest.ledger import Ledger, Transaction, cameras, segments, views
from ingest.model import CameraId
from ingest.spool import Description, Marked, Spool, is_segment

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Found:
    """What a start had to put right."""

    recovered: int = 0
    rotted: int = 0
    unexplained: int = 0
    lost: int = 0


async def bring_together(ledger: Ledger, spool: Spool) -> Found:
    """Hold every spool file against its row and every row against its file. Raises OSError, LedgerUnusable."""
    found = Found()
    lost_before = await ledger.read(lambda db: views.lost(db.execute))
    await asyncio.to_thread(spool.prepare)
    present = set(await asyncio.to_thread(spool.segments))
    believed = set(await ledger.read(lambda db: segments.ids(db.execute, "in_spool = 1")))
    for segment in await asyncio.to_thread(_in_order, spool, believed):
        await _still_there(ledger, spool, segment, found)
    unknown = await asyncio.to_thread(_in_order, spool, present - believed)
    for segment in unknown:
        await _take_in(ledger, spool, segment, found)
    await asyncio.to_thread(_sweep_descriptions, spool, present)
    found.lost = await ledger.read(lambda db: views.lost(db.execute)) - lost_before
    return found


async def _still_there(ledger: Ledger, spool: Spool, segment: str, found: Found) -> None:
    row = await ledger.read(lambda db: segments.get(db.execute, segment))
    await _marks_beside(ledger, spool, row)
    try:
        seen = await asyncio.to_thread(os.lstat, spool.file(segment))
    except (FileNotFoundError, NotADirectoryError) as error:
        message = f"its spool file cannot be read: {error.strerror}"
    except OSError as error:  # its disk fails: that says nothing of the copy, and is told when it is to be sent
        log.warning("the spool copy %s cannot be looked at: %s", segment, error.strerror)
        return
    else:
        if stat.S_ISREG(seen.st_mode) and seen.st_size == row.size:
            return
        message = f"its spool file has {seen.st_size} bytes, {row.size} were pulled"
        if not stat.S_ISREG(seen.st_mode):
            message = "something else lies where its spool file was"
    with contextlib.suppress(OSError):  # it is not there; what is, leaves the name for the next copy and is kept
        await asyncio.to_thread(spool.put_aside, segment)
    await ledger.commit(lambda tx: segments.rotted(tx, segment, error=message))
    found.rotted += 1


async def _marks_beside(ledger: Ledger, spool: Spool, row: segments.Segment) -> None:
    """What its description says that people have marked, and this ledger, an older copy of itself, does not know."""
    try:
        found = await asyncio.to_thread(spool.describe, row.id)
    except (OSError, ValueError):
        return  # it has none that can be read: what the ledger knows is all there is
    if found.digest.sha256 == row.sha256 and _unknown(found.marked, row):
        await ledger.commit(lambda tx: _take_marks(tx, row.id, found.marked))


def _unknown(marked: Marked, row: segments.Segment) -> bool:
    moved_up = marked.moved_up and not row.priority and not row.in_store
    return bool(moved_up or (marked.evidential and not row.evidential))


def _take_marks(tx: Transaction, segment: str, marked: Marked) -> None:
    if marked.evidential:
        segments.mark_evidential(tx, segment, by=marked.evidential_by or None)
    if marked.moved_up and not segments.get(tx.execute, segment).priority:
        segments.move_up(tx, segment, by=marked.moved_up_by or None)


def _in_order(spool: Spool, unknown: set[str]) -> list[str]:
    """By when people have moved them up, so that the last one stays the first; then by id."""

    def moved_up(segment: str) -> int:
        try:
            return spool.describe(segment).marked.moved_up
        except (OSError, ValueError):
            return 0

    return sorted(unknown, key=lambda segment: (moved_up(segment), segment))


async def _take_in(ledger: Ledger, spool: Spool, segment: str, found: Found) -> None:
    try:
        description = await asyncio.to_thread(spool.describe, segment)
        true = await asyncio.to_thread(_sha256, spool, segment) == description.digest.sha256
    except (OSError, ValueError):
        description, true = None, False
    if description is None or not true or not await ledger.read(lambda db: _fits(db.execute, description)):
        found.unexplained += 1  # left where it is: nobody can say what it is, and it may be all there is
        return
    whole = description
    await ledger.commit(lambda tx: _recover(tx, whole))
    found.recovered += 1


def _fits(execute: segments.Execute, found: Description) -> bool:
    """A segment that the ledger knows with other bytes is another one, whatever its file is called."""
    try:
        known = segments.get(execute, found.segment)
    except KeyError:
        return True
    return known.sha256 in (None, found.digest.sha256)


def _recover(tx: Transaction, whole: Description) -> None:
    camera = CameraId(**whole.camera)
    cameras.know(tx, camera, bay=None)
    segments.recovered(
        tx, camera=camera.id, segment=whole.segment, path=whole.path, digest=whole.digest, captured_at=whole.captured_at,
        mtime_ns=whole.mtime_ns,
    )  # fmt: skip
    _take_marks(tx, whole.segment, whole.marked)


def _sha256(spool: Spool, segment: str) -> str:
    with spool.file(segment).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sweep_descriptions(spool: Spool, present: set[str]) -> None:
    for path in spool.folder.glob("*.json"):
        if is_segment(path.stem) and path.stem not in present and not path.with_suffix(".rotted").exists():
            with contextlib.suppress(OSError):
                path.unlink()
