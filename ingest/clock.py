"""The two clocks: what time people say it is, and how much time has passed.

Deadlines count on CLOCK_BOOTTIME, which goes on in suspend and is never set; what is told to people is UTC.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_TIME_ERROR = 5
_TIMEX_BYTES = 512  # more than the kernel's struct timex on any machine; zeroed it only asks
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
TOLD = Path("/run/dockd/clock")
_FRESH = 60.0  # seconds: who tells it does so four times in that


class Clock:
    """The machine's own clocks. A test may hand in another with the same methods.

    `kernel` says whether the kernel holds its time to be synchronised; `told` is the file in which dockd-mount passes its word on to an agent that
    may not ask; `flag` is the file that systemd-timesyncd leaves once it was.
    """

    def __init__(
        self, *, kernel: Callable[[], bool | None] | None = None, flag: Path = _TIMESYNCD, told: Path = TOLD
    ) -> None:
        self._kernel = kernel or kernel_synchronised
        self._flag = flag
        self._told = told
        self._boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def now(self) -> float:
        """Seconds since the epoch, as this station's clock has it (it may jump)."""
        return time.time()

    def boottime_ns(self) -> int:
        """Nanoseconds since boot, suspend included: never set, never jumps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    @property
    def boot_id(self) -> str:
        """Which boot `boottime_ns` counts in."""
        return self._boot_id

    def synchronised(self) -> bool | None:
        """Whether the kernel holds `now` to be synchronised; None where it cannot be known. Needs no rights.

        Its word is the newest: a clock that was set by hand is unsynchronised to it at once, while timesyncd's file stays until the next boot. The
        file is asked only where the kernel does not say (in some containers). Under the shipped unit the agent may not ask the kernel, for who may
        ask may set: there the kernel's word is the one that dockd-mount passes on, some seconds old at most.
        """
        said = self._kernel()
        if said is None:
            said = self._passed_on()
        return True if said is None and self._flag.exists() else said

    def _passed_on(self) -> bool | None:
        """What was passed on within the last minute of this boot."""
        try:
            word, at = self._told.read_text(encoding="ascii").split()
            age = (self.boottime_ns() - int(at)) / 1e9
        except (OSError, ValueError):
            return None
        return {"yes": True, "no": False}.get(word) if 0 <= age <= _FRESH else None


def kernel_synchronised() -> bool | None:
    """The kernel's own word; None where it may not be asked."""
    asked = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(asked)
    return None if state < 0 else state != _TIME_ERROR


def moment_of(wall_ns: int, zone: str) -> float:
    """Seconds since the epoch of a wall time that was read as if it were UTC, as FAT's are. `zone`: "UTC", "local" (this station's) or an IANA name.

    An hour that a clock has twice is its first. A time or a zone that does not exist stays as it was read.

    >>> moment_of(1_700_000_000 * 10**9, "UTC")
    1700000000.0
    """
    seconds = wall_ns / 1e9
    if zone == "UTC":
        return seconds
    try:
        wall = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
        return (wall if zone == "local" else wall.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (ValueError, OverflowError, OSError, KeyError):
        return seconds


def rfc3339(seconds: float) -> str:
    """`2026-11-20T10:54:00.123Z`: UTC with milliseconds. Times outside years 1 to 9999 are clamped.

    >>> rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    clamped = min(max(seconds, -62135596800.0), 253402300799.0)
    return datetime.fromtimestamp(clamped, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
