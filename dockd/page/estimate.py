"""When the backlog will be gone: a rounded range, and nothing at all until the line has been steady for a while. Pure.

A single figure jumps, and a figure that jumps is not believed. The range is from the fastest and the slowest of the last minutes.
"""

from __future__ import annotations

from collections import deque

_STEPS = (60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400)
_WINDOW = 300.0
_PART = 15.0
_STEADY = 3


class Estimate:
    """Fed with how many bytes have gone so far, every few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self, now: float, sent: int) -> None:
        """`sent` bytes in all have gone by `now` (seconds of a clock that is never set)."""
        self._samples.append((now, sent))
        while self._samples[0][0] < now - _WINDOW:
            self._samples.popleft()

    def rates(self) -> list[float]:
        """Bytes per second of each whole quarter of a minute in the window, latest last."""
        found: list[float] = []
        start: tuple[float, int] | None = None
        for moment, sent in self._samples:
            if start is None:
                start = (moment, sent)
            elif moment - start[0] >= _PART:
                found.append((sent - start[1]) / (moment - start[0]))
                start = (moment, sent)
        return found

    def steady(self) -> list[float]:
        """The last minutes' rates; none while they have not been steady (within a factor of four) for three parts."""
        last = self.rates()[-8:]
        while last and last[0] <= 0:
            last = last[1:]
        if len(last) < _STEADY or min(last) <= 0 or max(last) > 4 * min(last):
            return []
        return last

    def seconds(self, backlog: int) -> tuple[int, int] | None:
        """The range, or None: nothing to send, or the line is not steady."""
        last = self.steady()
        if backlog <= 0 or not last:
            return None
        return _down(backlog / max(last)), _up(backlog / min(last))

    def rate(self) -> float | None:
        """Bytes per second, in the middle of what is steady; None while nothing is."""
        last = sorted(self.steady())
        return last[len(last) // 2] if last else None


def _down(seconds: float) -> int:
    return (
        max((step for step in _STEPS if step <= seconds), default=0) if seconds < 86400 else int(seconds // 3600) * 3600
    )


def _up(seconds: float) -> int:
    if seconds > 86400:
        return (int(seconds // 3600) + 1) * 3600
    return min(step for step in _STEPS if step >= seconds)


def days_left(free: int | None, a_day: float | None) -> float | None:
    """How many days the room lasts if the store takes nothing, as much coming in as in the last days; None where either is not known.

    >>> days_left(30_000, 10_000.0), days_left(0, 10_000.0), days_left(5, 0.0), days_left(None, 1.0)
    (3.0, 0.0, None, None)
    """
    if free is None or a_day is None or a_day <= 0:
        return None
    return round(free / a_day, 1)
