"""The rack over restarts: bays that people keep out of use, until somebody puts them back, and the numbers of places that no map names.

Rule kept here: a number belongs to one place. Everything that was said of "bay 4" (out of use, who left it, what custody says) means that place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest import events
from ingest.ledger.core import Transaction

Execute = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutOfUse:
    """Why, who, and since when (seconds since the epoch)."""

    reason: str
    by: str
    since: float


def take_out(tx: Transaction, bay: int, *, reason: str, by: str) -> bool:
    """Nobody is to use it. False, and nothing recorded, where that is so for the same reason."""
    if (known := out_of_use(tx.execute).get(bay)) is not None and known.reason == reason:
        return False
    tx.execute(
        "INSERT INTO bays_out_of_use (bay, reason, by, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (bay) DO UPDATE SET reason = excluded.reason, by = excluded.by",
        (bay, reason, by, tx.now),
    )
    tx.record(events.BayOutOfUse(bay=bay, reason=reason, by=by))
    return True


def put_back(tx: Transaction, bay: int, *, by: str) -> bool:
    """It may be used again. False where it may already."""
    if not tx.execute("DELETE FROM bays_out_of_use WHERE bay = ?", (bay,)).rowcount:
        return False
    tx.record(events.BayBackInUse(bay=bay, by=by))
    return True


def out_of_use(execute: Execute) -> dict[int, OutOfUse]:
    """All of them, by number."""
    rows = execute("SELECT bay, reason, by, since FROM bays_out_of_use ORDER BY bay")
    return {row[0]: OutOfUse(reason=row[1], by=row[2], since=row[3]) for row in rows}


def keep_number(tx: Transaction, place: str, bay: int) -> None:
    """This place has this number from now on; who had it before has none."""
    tx.execute("DELETE FROM places WHERE bay = ? AND place <> ?", (bay, place))
    tx.execute(
        "INSERT INTO places (place, bay) VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET bay = excluded.bay",
        (place, bay),
    )


def kept_numbers(execute: Execute) -> dict[str, int]:
    """Each place that was given a number, and which."""
    return dict(execute("SELECT place, bay FROM places ORDER BY bay").fetchall())
