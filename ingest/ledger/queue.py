"""The queue is the ledger itself: what to upload next, what to release, what still waits.

Order (docs/decisions/0026): evidential; moved up by hand, the last that was moved first; the day of capture, oldest first; within a day fair between
cameras, each camera's own oldest first. Times at which to try again are rows, so they survive a restart; one that lies further ahead
than the longest wait comes from a clock that jumped, and is ignored. Those whose time has not come are not in the index that is asked for
the next, and those whose time has come are brought back into it: a claim costs the same, however many wait.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ingest.ledger.core import Transaction
from ingest.ledger.segments import COLUMNS, Segment, of_row

Execute = Callable[..., Any]
Rank = tuple[int, int, int]
"""How far a segment is from the top before cameras are compared: the smaller goes first, always."""

Shares = Callable[[Rank, Sequence[str]], Mapping[str, int]]
"""What the cameras that have something queued in a rank were given of the line so far: who was given least is next."""

DAY = 86400
_NEW_DAY = 6 * 3600  # seconds after midnight UTC: in the early morning, between shifts, and not in the middle of one
_IN_QUEUE = "in_spool = 1 AND in_store = 0 AND held IS NULL"
_NOW = f"{_IN_QUEUE} AND next_attempt = 0"
_LATER = f"{_IN_QUEUE} AND next_attempt > 0"
# From either end: a bound beside `> 0` would make SQLite look through all of them.
_WAITING = f"SELECT id, next_attempt FROM segments INDEXED BY segments_later WHERE {_LATER} ORDER BY next_attempt"
# As the index has it (schema.py, 0009), to the letter: only then does SQLite see that it is the same. A file cannot be newer than its listing.
_DAY_OF = f"CAST((min(captured_at - coalesce(clock_offset, 0), listed_at) - {_NEW_DAY}) / {DAY} AS INTEGER)"
_FROM = "FROM segments INDEXED BY segments_queue"
_OF_RANK = f"WHERE {_NOW} AND evidential = ?1 AND priority = ?2 AND {_DAY_OF} = ?3"

# The first rank of all that have something in the queue; then the first after another one, by three looks into the index.
_FIRST = f"SELECT evidential, priority, {_DAY_OF} {_FROM} WHERE {_NOW}"
_BY = f"ORDER BY evidential DESC, priority DESC, {_DAY_OF} LIMIT 1"
_NEXT_RANKS = (
    f"{_FIRST} AND evidential = ?1 AND priority = ?2 AND {_DAY_OF} > ?3 {_BY}",
    f"{_FIRST} AND evidential = ?1 AND priority < ?2 {_BY}",
    f"{_FIRST} AND evidential < ?1 {_BY}",
)

# The cameras that have something queued in a rank: one look into the index for each of them, however much it has.
_CAMERAS = f"""
WITH RECURSIVE owners(camera) AS (
    SELECT (SELECT camera {_FROM} {_OF_RANK} ORDER BY camera LIMIT 1)
    UNION ALL
    SELECT (SELECT camera {_FROM} {_OF_RANK} AND camera > owners.camera ORDER BY camera LIMIT 1)
    FROM owners WHERE owners.camera IS NOT NULL
) SELECT camera FROM owners WHERE camera IS NOT NULL
"""

# A camera's oldest of a rank.
_OLDEST = f"SELECT {COLUMNS} {_FROM} {_OF_RANK} AND camera = ?4 ORDER BY captured_at, id LIMIT ?5"


def rank(segment: Segment) -> Rank:
    """Of one segment, as the ledger sorts it."""
    return -segment.evidential, -segment.priority, int((captured_at(segment) - _NEW_DAY) / DAY)


def captured_at(segment: Segment) -> float:
    """When it was captured, as the station's clock has it, seconds since the epoch: by the camera's clock where that was compared, never after its listing."""
    return min(segment.captured_at - (segment.clock_offset or 0), segment.listed_at)


def next_uploads(
    execute: Execute, *, busy: Collection[str], count: int, shares: Shares = lambda _rank, _cameras: {},
    turn: Callable[[int], int] = lambda size: size,
) -> list[Segment]:  # fmt: skip
    """Up to `count` segments that may be uploaded now and are not in `busy`, in the order in which they are to be begun.

    `turn`: how much of a segment of that size is sent before others of its rank come.
    """
    found: list[Segment] = []
    for one in _ranks(execute):
        cameras = [row[0] for row in execute(_CAMERAS, _key(one))]
        given = shares(one, cameras)
        order = [(given.get(camera, 0), camera) for camera in cameras]
        heapq.heapify(order)
        passed = {*busy}
        while order and len(found) < count:
            share, camera = heapq.heappop(order)
            segment = _oldest(execute, one, camera, passed)
            if segment is None:
                continue
            found.append(segment)
            passed.add(segment.id)
            heapq.heappush(order, (share + turn(segment.size), camera))
        if len(found) >= count:
            break
    return found


def _key(one: Rank) -> Rank:
    return -one[0], -one[1], one[2]


def _ranks(execute: Execute) -> Iterator[Rank]:
    """Those that have something in the queue, from the top."""
    row = execute(f"{_FIRST} {_BY}").fetchone()
    while row is not None:
        yield -row[0], -row[1], row[2]
        row = next((after for look in _NEXT_RANKS if (after := execute(look, _values(look, row)).fetchone())), None)


def _values(look: str, row: Rank) -> Sequence[int]:
    return row[: 1 + ("?2" in look) + ("?3" in look)]


def _oldest(execute: Execute, one: Rank, camera: str, passed: Collection[str]) -> Segment | None:
    rows = execute(_OLDEST, (*_key(one), camera, len(passed) + 1))
    return next((segment for row in rows if (segment := of_row(row)).id not in passed), None)


def any_due(execute: Execute, *, now: float, longest: float) -> bool:
    """Whether the time of some that waited has come. `longest` is the longest wait, seconds."""
    first, last = (execute(f"{_WAITING} {way} LIMIT 1").fetchone() for way in ("", "DESC"))
    return first is not None and (first[1] <= now or last[1] > now + longest)


def end_waits(tx: Transaction, *, longest: float, most: int = 1000) -> int:
    """Bring those whose time has come back among the others, at most so many; returns how many."""
    due = [row[:1] for row in tx.execute(f"{_WAITING} LIMIT ?", (most,)) if row[1] <= tx.now]
    ahead = tx.execute(f"{_WAITING} DESC LIMIT ?", (most - len(due),))
    due += [row[:1] for row in ahead if row[1] > tx.now + longest]
    tx.executemany("UPDATE segments SET next_attempt = 0.0 WHERE id = ?", due)
    return len(due)


def next_time(execute: Execute) -> float | None:
    """When the earliest waiting upload may be tried again, seconds since the epoch (0 for now); None when nothing waits."""
    if execute(f"SELECT 1 {_FROM} WHERE {_NOW} LIMIT 1").fetchone() is not None:
        return 0.0
    return next_wait(execute)


def next_wait(execute: Execute) -> float | None:
    """When the first of those that wait for another try may be tried, seconds since the epoch; None where none waits."""
    row = execute(f"SELECT min(next_attempt) FROM segments INDEXED BY segments_later WHERE {_LATER}").fetchone()
    return None if row[0] is None else float(row[0])


def standing_still(execute: Execute, *, now: float) -> tuple[int, str] | None:
    """Where every upload waits for its next try: how many do, and what went wrong with the one that is next. None where one may go now."""
    moment = next_time(execute)
    if moment is None or moment <= now:
        return None
    count = execute(f"SELECT count(*) FROM segments INDEXED BY segments_later WHERE {_LATER}").fetchone()[0]
    row = execute(
        f"SELECT trouble FROM segments INDEXED BY segments_later WHERE {_LATER} ORDER BY next_attempt LIMIT 1"
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


def look_at_confirmed_again(tx: Transaction) -> None:
    """Spool copies of confirmed segments that wait are looked at now: for how long they are kept is another time."""
    tx.execute(
        "UPDATE segments INDEXED BY segments_spooled SET next_attempt = 0.0 WHERE in_spool = 1 AND in_store = 1 AND next_attempt > 0.0"
    )


def is_first(execute: Execute, segment: Segment) -> bool:
    """Whether it was moved up, and nothing that waits was moved up since."""
    if not segment.priority:
        return False
    row = execute(
        "SELECT 1 FROM segments INDEXED BY segments_queue WHERE in_spool = 1 AND in_store = 0 AND held IS NULL AND next_attempt = 0"
        " AND evidential IN (0, 1) AND priority > ? LIMIT 1",
        (segment.priority,),
    ).fetchone()
    return row is None


def resting(execute: Execute, *, after: str, pulled_before: float, count: int) -> list[Segment]:
    """Spool copies that the store does not have, pulled before that moment (seconds since the epoch), by id from `after` on."""
    rows = execute(
        f"SELECT {COLUMNS} FROM segments WHERE in_spool = 1 AND in_store = 0 AND id > ? AND pulled_at <= ? ORDER BY id LIMIT ?",
        (after, pulled_before, count),
    )
    return [of_row(row) for row in rows]
