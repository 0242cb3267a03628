"""A clock that a test sets, and that goes on from there."""

from __future__ import annotations

import time

from ingest.clock import Clock


class StationClock(Clock):
    """`seconds` since the epoch; `boottime` in nanoseconds; `boot`: which boot that is."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.seconds = 1_800_000_000.0
        self.boottime = 10**12
        self.boot = "boot-1"

    def now(self) -> float:
        return self.seconds + time.monotonic() - self._began

    def boottime_ns(self) -> int:
        return self.boottime

    @property
    def boot_id(self) -> str:
        return self.boot

    def pass_by(self, seconds: float) -> None:
        """Time passes on both."""
        self.seconds += seconds
        self.boottime += int(seconds * 1e9)
