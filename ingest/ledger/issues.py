"""Pool cameras that were given to officers: who has which, since when, and who had it before.

Rules kept here: a camera is issued to one officer at a time; that it is back is seen at its docking, if it was seen to leave since, or comes into
another bay than the one it lay in: one that lies in its bay still, issued and not yet taken, is not back because dockd was started anew.
`camera` is a camera's id, or the serial by which the site's list names one that was never docked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ingest import events
from ingest.ledger.core import Transaction
from ingest.model import CameraId

Execute = Callable[..., Any]
DOCKING = "docking"


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """To whom, by whom, since when; `returned_at` None: they have it still. Seconds since the epoch."""

    camera: str
    officer: str
    by: str
    since: float
    returned_at: float | None = None
    returned_by: str | None = None


_COLUMNS = "camera, officer, by, since, returned_at, returned_by"


def _issue(row: tuple[Any, ...]) -> Issue:
    return Issue(camera=row[0], officer=row[1], by=row[2], since=row[3], returned_at=row[4], returned_by=row[5])


def issued(execute: Execute) -> dict[str, Issue]:
    """All that are issued now, by camera."""
    rows = execute(f"SELECT {_COLUMNS} FROM issues INDEXED BY issues_open WHERE returned_at IS NULL")
    return {row[0]: _issue(row) for row in rows}


def of_camera(found: Mapping[str, Issue], camera: CameraId) -> Issue | None:
    """Which of `issued` is this camera's, by its id or by its serial."""
    return found.get(camera.id) or (found.get(camera.serial) if camera.serial else None)


def history(execute: Execute, camera: CameraId, *, count: int = 50) -> list[Issue]:
    """Who had it, the latest first."""
    rows = execute(
        f"SELECT {_COLUMNS} FROM issues WHERE camera IN (?, ?) ORDER BY id DESC LIMIT ?",
        (camera.id, camera.serial, count),
    )
    return [_issue(row) for row in rows]


def issue(tx: Transaction, camera: str, *, officer: str, by: str, docked: bool) -> bool:
    """It goes to `officer`; whoever has it has given it back. False, and nothing recorded, where they have it already.

    `docked`: it lies in a bay yet, and is to be taken.
    """
    known = issued(tx.execute).get(camera)
    if known is not None and known.officer == officer:
        return False
    take_back(tx, camera, by=by)
    tx.execute(
        "INSERT INTO issues (camera, officer, by, since, out_since) VALUES (?, ?, ?, ?, ?)",
        (camera, officer, by, tx.now, None if docked else tx.now),
    )
    tx.record(events.CameraIssued(camera=camera, officer=officer, by=by))
    return True


def take_back(tx: Transaction, camera: str, *, by: str) -> bool:
    """It is in the pool again. False where nobody has it."""
    known = issued(tx.execute).get(camera)
    if known is None:
        return False
    tx.execute(
        "UPDATE issues SET returned_at = ?, returned_by = ? WHERE camera = ? AND returned_at IS NULL",
        (tx.now, by, camera),
    )
    tx.record(events.CameraReturned(camera=camera, officer=known.officer, by=by))
    return True


def seen_out(tx: Transaction, camera: str) -> None:
    """It was taken out of its bay."""
    tx.execute(
        "UPDATE issues SET out_since = ? WHERE returned_at IS NULL AND out_since IS NULL"
        " AND camera IN (?, (SELECT serial FROM cameras WHERE id = ?))",
        (tx.now, camera, camera),
    )


def seen_back(tx: Transaction, camera: CameraId, *, moved: bool) -> None:
    """It is in a bay. `moved`: in another than the one it lay in last."""
    for name in {camera.id, camera.serial} - {""}:
        row = tx.execute("SELECT out_since FROM issues WHERE camera = ? AND returned_at IS NULL", (name,)).fetchone()
        if row is not None and (row[0] is not None or moved):
            take_back(tx, name, by=DOCKING)
