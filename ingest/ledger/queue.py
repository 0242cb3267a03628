"""The queue is the ledger itself: what to upload next, what to release, what still waits.

Order: evidential, moved up by hand, oldest capture. Times at which to try again are rows, so they survive a restart; one that
lies further ahead than the longest wait comes from a clock that jumped, and is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ingest.ledger.segments import COLUMNS, Segment, of_row

Execute = Callable[..., Any]

_NEXT = f"""
SELECT {COLUMNS} FROM segments INDEXED BY segments_queue
WHERE in_spool = 1 AND in_store = 0 AND held IS NULL AND (next_attempt <= ? OR next_attempt > ?)
ORDER BY evidential DESC, priority DESC, captured_at, id LIMIT ?
"""


def next_uploads(execute: Execute, *, now: float, longest: float, busy: Collection[str], count: int) -> list[Segment]:
    """Up to `count` segments that may be uploaded now and are not in `busy`. `longest` is the longest wait, seconds."""
    rows = execute(_NEXT, (now, now + longest, count + len(busy)))
    return [segment for row in rows if (segment := of_row(row)).id not in busy][:count]


def next_time(execute: Execute) -> float | None:
    """When the earliest waiting upload may be tried again, seconds since the epoch; None when nothing waits."""
    row = execute(
        "SELECT min(next_attempt) FROM segments WHERE in_spool = 1 AND in_store = 0 AND held IS NULL"
    ).fetchone()
    return None if row[0] is None else float(row[0])


def standing_still(execute: Execute, *, now: float) -> tuple[int, str] | None:
    """Where every upload waits for its next try: how many do, and what went wrong with the one that is next. None where one may go now."""
    count, moment = execute(
        "SELECT count(*), min(next_attempt) FROM segments WHERE in_spool = 1 AND in_store = 0 AND held IS NULL"
    ).fetchone()
    if not count or moment <= now:
        return None
    row = execute(
        "SELECT trouble FROM segments WHERE in_spool = 1 AND in_store = 0 AND held IS NULL ORDER BY next_attempt LIMIT 1"
    ).fetchone()
    return int(count), row[0] or "it did not work"


def releasable(execute: Execute, *, now: float, count: int) -> list[Segment]:
    """Spool copies of confirmed segments that may be looked at now, oldest first. A held one is kept wherever it is."""
    rows = execute(
        f"SELECT {COLUMNS} FROM segments WHERE in_spool = 1 AND in_store = 1 AND held IS NULL AND next_attempt <= ?"
        " ORDER BY confirmed_at LIMIT ?",
        (now, count),
    )
    return [of_row(row) for row in rows]


def resting(execute: Execute, *, after: str, pulled_before: float, count: int) -> list[Segment]:
    """Spool copies that the store does not have, pulled before that moment (seconds since the epoch), by id from `after` on."""
    rows = execute(
        f"SELECT {COLUMNS} FROM segments WHERE in_spool = 1 AND in_store = 0 AND id > ? AND pulled_at <= ? ORDER BY id LIMIT ?",
        (after, pulled_before, count),
    )
    return [of_row(row) for row in rows]
