"""A bandwidth limit that a person has set for a time: one row, which outlives a restart.

It always has an end, and ends when either clock says so: the wall clock has come to it, or so much time has passed as it was to last. What was
done to the station's clock meanwhile can make it shorter, never longer; a machine that was off for a while counts from its start again
where only the time that passed would end it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest import events
from ingest.clock import Clock, rfc3339
from ingest.ledger.core import Transaction

Execute = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """`rate`: bytes per second, None for no limit; `until`: seconds since the epoch; `lasts`: seconds from `began` (seconds since `boot` began)."""

    rate: float | None
    until: float
    lasts: float
    began: float
    boot: str

    def left(self, clock: Clock) -> float:
        """Seconds until it ends; 0 or less where it has."""
        uptime = clock.boottime_ns() / 1e9
        passed = uptime - self.began if clock.boot_id == self.boot else uptime
        return min(self.until - clock.now(), self.lasts - passed)


def known(execute: Execute) -> Override | None:
    """The one that was set last, whether it has ended or not."""
    row = execute("SELECT rate, until, lasts, began, boot FROM bandwidth_override").fetchone()
    return None if row is None else Override(rate=row[0], until=row[1], lasts=row[2], began=row[3], boot=row[4])


def begin(tx: Transaction, *, rate: float | None, lasts: float, by: str | None = None) -> Override:
    """Set it, in the place of the one before, from now on for `lasts` seconds."""
    found = Override(
        rate=rate, until=tx.now + lasts, lasts=lasts, began=tx.clock.boottime_ns() / 1e9, boot=tx.clock.boot_id
    )
    tx.execute(
        "INSERT INTO bandwidth_override (only_row, rate, until, lasts, began, boot) VALUES (1, ?, ?, ?, ?, ?)"
        " ON CONFLICT (only_row) DO UPDATE SET rate = excluded.rate, until = excluded.until, lasts = excluded.lasts,"
        " began = excluded.began, boot = excluded.boot",
        (found.rate, found.until, found.lasts, found.began, found.boot),
    )
    tx.record(events.BandwidthOverridden(limit=rate_text(rate), until=rfc3339(found.until), by=by))
    return found


def end(tx: Transaction, *, why: str, only: Override | None = None, by: str | None = None) -> bool:
    """It holds no longer. Returns whether there was one. `only`: this one, and none that was set since."""
    if only is not None and known(tx.execute) != only:
        return False
    there = tx.execute("DELETE FROM bandwidth_override").rowcount > 0
    if there:
        tx.record(events.BandwidthLifted(reason=why, by=by))
    return there


def rate_text(rate: float | None) -> str:
    """For the record and the log: whole bytes per second.

    >>> rate_text(2.5e6), rate_text(None)
    ('2500000 bytes/s', 'unlimited')
    """
    return "unlimited" if rate is None else f"{round(rate)} bytes/s"
