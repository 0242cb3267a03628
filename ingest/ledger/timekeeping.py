"""The station's clock, watched by the ledger: what was set is recorded before anything that carries the new time.

Each commit holds the wall clock against CLOCK_BOOTTIME, which is never set. Where the two have come apart since the last commit (or since the
last entry of this boot that has both) the clock was set: `clock.jumped`. Whether the kernel calls its time synchronised is recorded once in
each boot and whenever it changes: `clock.trust`. So the trust in any entry's time is that of the last of these before it.

Stored times at which something is to be tried again are moved with the clock, so that a wait stays as long as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest import events
from ingest.clock import Clock, from_rfc3339

if TYPE_CHECKING:
    from ingest.ledger.core import Transaction

Execute = Callable[..., Any]

STEP = 2.0  # seconds: less is no jump
DRIFT = 0.001  # of the time that passed: what a clock may be slewed by while nothing is written
_WORDS = {
    True: "the kernel says that its time is synchronised", False: "the kernel says that its time is not synchronised",
    None: "the kernel does not say whether its time is synchronised",
}  # fmt: skip
_LAST = (
    "SELECT seq, at, body FROM custody WHERE action IN ('clock.trust', 'clock.jumped') AND seq < ?"
    " ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Both clocks at one moment: `wall` seconds since the epoch, `boottime` seconds since `boot` began."""

    wall: float
    boottime: float
    boot: str
    synchronised: bool | None

    @classmethod
    def of(cls, clock: Clock) -> Mark:
        """Now."""
        return cls(
            wall=clock.now(), boottime=clock.boottime_ns() / 1e9, boot=clock.boot_id, synchronised=clock.synchronised()
        )

    def set_since(self, before: Mark) -> float:
        """Seconds by which the clock was set between `before` and now; 0 where it was not, or where nobody can know."""
        if before.boot != self.boot:
            behind = self.wall - before.wall  # of another boot only this can be known: time does not go back
            return behind if behind < -STEP else 0.0
        passed = self.boottime - before.boottime
        off = (self.wall - before.wall) - passed
        return off if abs(off) > STEP + DRIFT * max(0.0, passed) else 0.0


@dataclass(frozen=True, kw_only=True)
class ClockEntry:
    """The last word on the clock before an entry: `wall` when it was said, `boottime` None in entries that do not have it."""

    seq: int
    synchronised: bool
    wall: float
    boot: str | None
    boottime: float | None


def last_word(execute: Execute, *, before: int) -> ClockEntry | None:
    """What was known of the clock when entry `before` was written; None in ledgers that are older than that knowledge."""
    row = execute(_LAST, (before,)).fetchone()
    if row is None:
        return None
    said = json.loads(row[2])["data"]
    millis = said.get("boottime_ms")
    return ClockEntry(
        seq=row[0], synchronised=said.get("synchronised") is True, wall=from_rfc3339(row[1]), boot=said.get("boot"),
        boottime=None if millis is None else millis / 1000,
    )  # fmt: skip


class Timekeeping:
    """Kept by the ledger's writer. `look` in each transaction before anything else in it; `kept` once that is committed."""

    def __init__(self) -> None:
        self._last: Mark | None = None
        self._told: bool | None = None  # what was last recorded of the synchronisation in this run
        self._seen: Mark | None = None
        self._saying: bool | None = None

    def look(self, tx: Transaction) -> None:
        """Record what has become of the clock since the last commit."""
        now = Mark.of(tx.clock)
        said = None if self._last is not None else last_word(tx.execute, before=tx.end.seq + 1)
        before = self._last or _before(tx, said)
        told = self._told if said is None or said.boot != now.boot else said.synchronised
        step = now.set_since(before) if before is not None else 0.0
        boot, millis = now.boot, int(now.boottime * 1000)
        trusted = now.synchronised is True
        if step:
            tx.record(events.ClockJumped(seconds=round(step), synchronised=trusted, boot=boot, boottime_ms=millis))
            tx.execute("UPDATE segments SET next_attempt = next_attempt + ? WHERE next_attempt > 0", (step,))
        if told is not trusted:
            tx.record(
                events.ClockTrust(synchronised=trusted, error=_WORDS[now.synchronised], boot=boot, boottime_ms=millis)
            )
        self._seen, self._saying = now, trusted

    def kept(self) -> None:
        """The transaction of the last look is committed."""
        self._last, self._told = self._seen, self._saying


def _before(tx: Transaction, said: ClockEntry | None) -> Mark | None:
    """The last moment that the ledger knows of: of this boot with both clocks where an entry has them, else its last entry's time."""
    if said is not None and said.boot == tx.clock.boot_id and said.boottime is not None:
        return Mark(wall=said.wall, boottime=said.boottime, boot=said.boot, synchronised=said.synchronised)
    row = tx.execute("SELECT at FROM custody WHERE seq = ?", (tx.end.seq,)).fetchone()
    return None if row is None else Mark(wall=from_rfc3339(row[0]), boottime=0.0, boot="", synchronised=None)
