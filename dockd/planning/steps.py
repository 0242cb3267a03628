"""A value over time that is constant between steps: a line's rate, a timetable, whether the line is up."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Steps:
    """`values[i]` holds from `times[i]` (seconds, ascending) until the next; the first one holds before, too."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.times or len(self.times) != len(self.values) or list(self.times) != sorted(set(self.times)):
            raise ValueError("steps need ascending times, and a value for each")

    @classmethod
    def constant(cls, value: float) -> Steps:
        """The same at all times."""
        return cls(times=(-math.inf,), values=(value,))

    @classmethod
    def made(cls, pieces: Iterable[tuple[float, float]]) -> Steps:
        """From (time, value) in any order; pieces that change nothing are left out. Of two at one time the later one counts."""
        times: list[float] = []
        values: list[float] = []
        for time, value in sorted(dict(pieces).items()):
            if not values or value != values[-1]:
                times.append(time)
                values.append(value)
        return cls(times=tuple(times), values=tuple(values))

    def at(self, moment: float) -> float:
        """The value at `moment`."""
        return self.values[max(bisect_right(self.times, moment) - 1, 0)]

    def next_change(self, moment: float) -> float:
        """When it changes after `moment`; infinity for never."""
        place = bisect_right(self.times, moment)
        return self.times[place] if place < len(self.times) else math.inf

    def each(self, change: Callable[[float], float]) -> Steps:
        """The same steps with other values."""
        return Steps(times=self.times, values=tuple(map(change, self.values)))
