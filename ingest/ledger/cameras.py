"""Cameras, dockings and listings in the ledger: who was where when, and what was seen on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingest import events
from ingest.ledger import issues, rack, soundness, views
from ingest.ledger.core import Transaction
from ingest.ledger.segments import COLUMNS, Segment, ids, of_row
from ingest.model import CameraId, Listed, Skipped, legible

Execute = Callable[..., Any]


def know(tx: Transaction, camera: CameraId, *, bay: int | None, place: str | None = None) -> None:
    """Make or freshen the camera's row."""
    tx.execute(
        "INSERT INTO cameras (id, profile, serial, card, first_seen, last_seen, last_bay, last_place) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET last_seen = excluded.last_seen, last_bay = excluded.last_bay, last_place = excluded.last_place",
        (camera.id, camera.profile, camera.serial, camera.card, tx.now, tx.now, bay, place),
    )


def docked(tx: Transaction, camera: CameraId, *, bay: int | None, source: str, place: str | None = None) -> int:
    """A camera was docked; `place`: the port or folder that has the bay's number. Returns the docking's number."""
    last = tx.execute("SELECT last_bay, last_place FROM cameras WHERE id = ?", (camera.id,)).fetchone()
    know(tx, camera, bay=bay, place=place)
    if bay is not None and place is not None:
        rack.keep_number(tx, place, bay)
    docking = int(
        tx.execute(
            "INSERT INTO dockings (camera, bay, source, docked_at) VALUES (?, ?, ?, ?)",
            (camera.id, bay, source, tx.now),
        ).lastrowid
        or 0
    )
    tx.record(
        events.CameraDocked(
            camera=camera.id,
            bay=bay,
            docking=docking,
            profile=camera.profile,
            serial=camera.serial,
            card=camera.card,
            source=source,
        )
    )
    issues.seen_back(tx, camera, moved=last is not None and _moved(last, (bay, place)))
    return docking


def _moved(last: tuple[int | None, str | None], now: tuple[int | None, str | None]) -> bool:
    """Whether it lies elsewhere: neither a place that was numbered anew nor a bay that was given another port has moved what is in it."""
    return last[0] != now[0] and (last[1] is None or now[1] is None or last[1] != now[1])


def clock_measured(tx: Transaction, docking: int, *, offset: float) -> None:
    """The camera's clock minus the station's, in seconds, as it was found at this docking. It stays with the segments listed in it."""
    camera, bay = tx.execute("SELECT camera, bay FROM dockings WHERE id = ?", (docking,)).fetchone()
    tx.execute("UPDATE dockings SET clock_offset = ? WHERE id = ?", (offset, docking))
    tx.record(events.ClockMeasured(camera=camera, bay=bay, docking=docking, offset_seconds=round(offset)))


def undocked(tx: Transaction, docking: int, *, taken: bool, may_go: bool = False) -> int:
    """The docking is over. Returns how many of its segments were not yet proven in the store.

    If it was `taken` with such, then early; but where each has a whole copy on the dock, nothing else that it may have is on it alone (seen
    in an earlier docking, on a card that is not in it now), and nothing speaks against it (`may_go`) or the dock, it went out.
    """
    camera, bay = tx.execute("SELECT camera, bay FROM dockings WHERE id = ?", (docking,)).fetchone()
    tx.execute("UPDATE dockings SET undocked_at = ? WHERE id = ?", (tx.now, docking))
    left, unsafe = tx.execute(
        "SELECT coalesce(sum(on_camera AND NOT in_store), 0), coalesce(sum((NOT in_store AND NOT in_spool) OR held IS NOT NULL), 0)"
        " FROM segments WHERE docking = ?",
        (docking,),
    ).fetchone()
    tx.record(events.CameraUndocked(camera=camera, bay=bay, docking=docking))
    may_go = may_go and not tx.unconfirmed
    if taken:
        issues.seen_out(tx, camera)
    unsafe = unsafe or views.only_elsewhere(tx.execute, camera, docking=docking)
    if left and taken and may_go and not unsafe and soundness.sound(tx.execute):
        tx.execute("UPDATE dockings SET went_out = 1 WHERE id = ?", (docking,))
        tx.record(events.CameraWentOut(camera=camera, bay=bay, docking=docking, left=left))
    elif left and taken:
        tx.record(events.CameraRemovedEarly(camera=camera, bay=bay, docking=docking, left=left))
    return int(left)


def listing(tx: Transaction, *, camera: str, docking: int, files: Sequence[Listed], skipped: Sequence[Skipped]) -> int:
    """Record a whole listing, what was skipped in it too. Returns its number."""
    total = sum(file.size for file in files)
    number = int(
        tx.execute(
            "INSERT INTO listings (docking, at, files, bytes, skipped) VALUES (?, ?, ?, ?, ?)",
            (docking, tx.now, len(files), total, len(skipped)),
        ).lastrowid
        or 0
    )
    tx.record(
        events.CameraListed(
            camera=camera, docking=docking, listing=number, files=len(files), bytes=total, skipped=len(skipped)
        )
    )
    for item in skipped:
        tx.record(events.FileSkipped(camera=camera, path=legible(item.path), kind=item.kind, error=item.message))
    return number


def on_camera(execute: Execute, camera: str) -> list[Segment]:
    """Segments that the ledger believes to be on this camera."""
    rows = execute(
        f"SELECT {COLUMNS} FROM segments WHERE camera = ? AND on_camera = 1 ORDER BY captured_at, path", (camera,)
    )
    return [of_row(row) for row in rows]


def held(execute: Execute, camera: str) -> list[str]:
    """What a new docking of this camera has tried again: a copy may be in the spool alone, where its file was overwritten meanwhile."""
    return ids(
        execute,
        "camera = ? AND (on_camera = 1 OR in_spool = 1) AND held IS NOT NULL AND held <> 'dishonest'",
        (camera,),
    )


def at_path(execute: Execute, camera: str, path: bytes) -> list[Segment]:
    """All that was ever at this path of this camera, latest first."""
    rows = execute(f"SELECT {COLUMNS} FROM segments WHERE camera = ? AND path = ? ORDER BY id DESC", (camera, path))
    return [of_row(row) for row in rows]


def in_docking(execute: Execute, docking: int) -> list[Segment]:
    """Segments that were last listed in this docking, oldest capture first."""
    rows = execute(f"SELECT {COLUMNS} FROM segments WHERE docking = ? ORDER BY captured_at, path", (docking,))
    return [of_row(row) for row in rows]


def open_ends(execute: Execute, docking: int) -> tuple[int, int]:
    """Of this docking: how many segments are still to be pulled, and how many wait in the spool for the store's proof."""
    row = execute(
        "SELECT coalesce(sum(on_camera AND NOT in_spool AND NOT in_store), 0), coalesce(sum(in_spool AND NOT in_store), 0)"
        " FROM segments WHERE docking = ? AND held IS NULL",
        (docking,),
    ).fetchone()
    return int(row[0]), int(row[1])
