"""The book of problems: since when each is open, when it became worse, who has seen to it, and what a person has closed.

Rules kept here: what is wrong is found out elsewhere, anew at each look; a row stands as long as its problem is found. What a person has closed
keeps its row until its cause is gone, so that it stays closed; becoming worse opens it again. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ingest import events
from ingest.clock import rfc3339
from ingest.ledger.core import Transaction

Execute = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """One problem as the book has it. `kind`: its stable name; `weight`: how much it was at the last look."""

    id: str
    kind: str
    bay: int | None
    camera: str | None
    since: float
    weight: int = 0
    worse_at: float | None = None
    seen_by: str | None = None
    seen_until: float | None = None
    closed_by: str | None = None
    closed_reason: str | None = None
    closed_at: float | None = None


_NAMES = tuple(f.name for f in fields(Noted))
_COLUMNS = ", ".join(_NAMES)


def all_noted(execute: Execute) -> dict[str, Noted]:
    """The whole book, by id."""
    rows = execute(f"SELECT {_COLUMNS} FROM problems ORDER BY id")
    return {row[0]: Noted(**dict(zip(_NAMES, row, strict=True))) for row in rows}


def note(tx: Transaction, noted: Noted) -> None:
    """Write a row as it is now."""
    marks = ", ".join("?" * len(_NAMES))
    tx.execute(f"INSERT OR REPLACE INTO problems ({_COLUMNS}) VALUES ({marks})", [getattr(noted, n) for n in _NAMES])


def opened(tx: Transaction, noted: Noted) -> None:
    """It began."""
    note(tx, noted)
    tx.record(events.ProblemOpened(problem=noted.id, kind=noted.kind, bay=noted.bay, camera=noted.camera))


def worsened(tx: Transaction, noted: Noted) -> None:
    """It grew; what was closed is open again."""
    note(tx, noted)
    tx.record(events.ProblemWorsened(problem=noted.id, kind=noted.kind, bay=noted.bay, camera=noted.camera))


def ended(tx: Transaction, noted: Noted) -> None:
    """Its cause is gone."""
    tx.execute("DELETE FROM problems WHERE id = ?", (noted.id,))
    tx.record(events.ProblemEnded(problem=noted.id, kind=noted.kind, bay=noted.bay, camera=noted.camera))


def seen(tx: Transaction, noted: Noted) -> None:
    """A person has seen to it: `seen_by`, `seen_until`."""
    note(tx, noted)
    tx.record(
        events.ProblemSeen(
            problem=noted.id, kind=noted.kind, bay=noted.bay, camera=noted.camera, until=rfc3339(noted.seen_until or 0.0),
            by=noted.seen_by or "",
        )
    )  # fmt: skip


def closed(tx: Transaction, noted: Noted) -> None:
    """A person has closed it: `closed_by`, `closed_reason`."""
    note(tx, noted)
    tx.record(
        events.ProblemClosed(
            problem=noted.id, kind=noted.kind, bay=noted.bay, camera=noted.camera, since=rfc3339(noted.since),
            reason=noted.closed_reason or "", by=noted.closed_by or "",
        )
    )  # fmt: skip
