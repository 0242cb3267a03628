"""A clock that a test sets, and that goes on from there."""

from __future__ import annotations

import time

from ingest.clock import Clock


class StationClock(Clock):
    """`seconds` since the epoch and `boottime` in nanoseconds when it was made; `boot`: which boot that is; `in_step`: synchronised."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.seconds = 1_800_000_000.0
        self.boottime = 10**12
        self.boot = "boot-1"
        self.in_step: bool | None = True

    def now(self) -> float:
        return self.seconds + time.monotonic() - self._began

    def boottime_ns(self) -> int:
        return self.boottime + int((time.monotonic() - self._began) * 1e9)

    def synchronised(self) -> bool | None:
        return self.in_step

    @property
    def boot_id(self) -> str:
        return self.boot

    def pass_by(self, seconds: float) -> None:
        """Time passes on both."""
        self.seconds += seconds
        self.boottime += int(seconds * 1e9)

    def jump(self, seconds: float) -> None:
        """Somebody sets the station's clock."""
        self.seconds += seconds

    def reboot(self, name: str, *, uptime: float = 5.0) -> None:
        """Another boot, which began `uptime` seconds ago."""
        self._began, self.boot, self.boottime = time.monotonic(), name, int(uptime * 1e9)
