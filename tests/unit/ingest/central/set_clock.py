"""A clock that tests set: days pass at will, or jump."""

from __future__ import annotations

from ingest.central.trusted_time import StoreClock

DAY = 86400.0


class SetClock(StoreClock):
    def __init__(self, now: float = 1_800_000_000.0, *, synchronised: bool | None = True) -> None:
        super().__init__()
        self.seconds = now
        self.boot = 1000.0
        self.in_step = synchronised

    def now(self) -> float:
        return self.seconds

    def boottime_ns(self) -> int:
        return int(self.boot * 1e9)

    def synchronised(self) -> bool | None:
        return self.in_step

    def pass_(self, seconds: float) -> None:
        """Time goes by, on both clocks."""
        self.seconds += seconds
        self.boot += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.seconds += seconds
