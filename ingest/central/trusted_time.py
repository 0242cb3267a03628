"""Whether the store's clock may be believed when it says that a month has passed.

Deleting by age on a clock that jumped deletes what was stored yesterday. So age counts only while all of this holds:

* the kernel says that its time is synchronised (adjtimex), or systemd-timesyncd says so; the setting
  `clock = "as-is"` does without;
* since this process started, the clock has advanced as CLOCK_BOOTTIME has, to within a minute; after a jump, a day must
  pass without another;
* it is not earlier than the newest object or the last time that it was trusted, and not more than a week later than
  that unless the kernel says that it is synchronised.
"""

from __future__ import annotations

import logging

from ingest.clock import Clock

_log = logging.getLogger(__name__)

JUMP = 60.0
SETTLED = 86400.0
UNSEEN = 7 * 86400.0


class StoreClock(Clock):
    """The machine's clocks, as the store takes them."""


class TrustedTime:
    """Keeps watch over one clock. `why_not` is the whole decision; it remembers jumps."""

    def __init__(self, clock: StoreClock, *, as_is: bool) -> None:
        self._clock = clock
        self._as_is = as_is
        self._offset = self._difference()
        self._jumped: float | None = None  # when, on CLOCK_BOOTTIME

    def _difference(self) -> float:
        return self._clock.now() - self._clock.boottime_ns() / 1e9

    def why_not(self, *, latest_stored: float, last_trusted: float) -> str | None:
        """In plain words why age does not count now; None if it does."""
        now, boottime = self._clock.now(), self._clock.boottime_ns() / 1e9
        if abs(self._difference() - self._offset) > JUMP:
            self._offset, self._jumped = self._difference(), boottime
        if self._jumped is not None:
            if boottime - self._jumped < SETTLED:
                return "the clock jumped less than a day ago"
            self._jumped = None
        known = max(latest_stored, last_trusted)
        if now < known:
            return "the clock is behind the newest object that it dated itself"
        synchronised = self._clock.synchronised()
        if not self._as_is and synchronised is not True:
            return "the clock is not synchronised"
        if known and now - known > UNSEEN and synchronised is not True:
            return "the clock is more than a week ahead of anything that it dated, and not synchronised"
        return None
