"""How much time has surely passed since a proof was given, whatever was done to the station's clock meanwhile.

Within one boot that is CLOCK_BOOTTIME's to say. Across boots the wall clock counts only where it was synchronised then and is now; else only
what has passed since this boot began is sure. A clock that is ten years ahead must not make a spool copy releasable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.clock import Clock
from ingest.ledger.timekeeping import last_word

Execute = Callable[..., Any]


def passed_since(execute: Execute, clock: Clock, *, segment: str, asked_ns: int, boot: str, at: float) -> float:
    """Seconds, at least so many, since a receipt of `segment` that was asked for at `asked_ns` of `boot` and committed at `at`."""
    uptime_ns = clock.boottime_ns()
    if boot == clock.boot_id:
        return max(0.0, (uptime_ns - asked_ns) / 1e9)
    sure = uptime_ns / 1e9
    if clock.synchronised() is not True or not _was_synchronised(execute, segment):
        return sure
    return max(sure, clock.now() - at)


def since_proof(execute: Execute, clock: Clock, segment: str) -> float | None:
    """Seconds since the oldest receipt for the object that the segment has in the store now; None where there is none."""
    row = execute(
        "SELECT r.asked_boottime_ns, r.boot_id, r.at FROM receipts r JOIN segments s ON s.id = r.segment AND s.object = r.object"
        " WHERE r.segment = ? ORDER BY r.id LIMIT 1",
        (segment,),
    ).fetchone()
    if row is None:
        return None
    return passed_since(execute, clock, segment=segment, asked_ns=row[0], boot=row[1], at=row[2])


def _was_synchronised(execute: Execute, segment: str) -> bool:
    row = execute(
        "SELECT max(seq) FROM custody WHERE segment = ? AND action IN ('segment.confirmed', 'segment.found_in_store')",
        (segment,),
    ).fetchone()
    said = last_word(execute, before=row[0]) if row[0] is not None else None
    return said is not None and said.synchronised
