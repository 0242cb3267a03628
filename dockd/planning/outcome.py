"""What came of a simulation: a curve, and a line for each shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Bytes at a moment; between two points each goes in a straight line.

    `cameras`: only there, docked or waiting for a bay; `unsent`: in the spool, not proven; `kept`: in the spool, proven.
    """

    at: float
    cameras: float
    unsent: float
    kept: float

    @property
    def backlog(self) -> float:
        """What the store does not have."""
        return self.cameras + self.unsent

    @property
    def spool(self) -> float:
        """What is in the spool."""
        return self.unsent + self.kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One shift: `at` its cameras come, `until` the next one's do. None: not before the simulation ended.

    `no_bay`: cameras that found none. `pulled`: all of it safe in the spool (or store); `clear`: all of it proven in the store; `emptied`: all its
    cameras empty. `spool_peak`: the most in the spool before the next shift came.
    """

    at: float
    until: float
    footage: float
    no_bay: int
    pulled: float | None
    clear: float | None
    emptied: float | None
    spool_peak: float

    @property
    def in_time(self) -> bool:
        """Whether all its cameras are empty when the next shift's come."""
        return self.emptied is not None and self.emptied <= self.until

    @property
    def safe_in_time(self) -> bool:
        """Whether at least a copy of everything is off the cameras by then."""
        return self.pulled is not None and self.pulled <= self.until


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`full_since`: when the spool first made cameras wait, `full_for`: seconds that it did so; `ended`: where the simulation stopped."""

    shifts: Sequence[Shift]
    curve: Sequence[Point]
    full_since: float | None
    full_for: float
    ended: float

    @property
    def spool_peak(self) -> float:
        """The most that was in the spool."""
        return max(point.spool for point in self.curve)

    @property
    def fits(self) -> bool:
        """Every camera was empty in time, and none had to wait for room in the spool."""
        return self.full_since is None and all(shift.in_time for shift in self.shifts)

    def backlog_at(self, moment: float) -> float:
        """Bytes that the store does not have at `moment` (after whatever came just then)."""
        before = [point for point in self.curve if point.at <= moment]
        after = [point for point in self.curve if point.at > moment]
        if not before:
            return 0.0
        if not after:
            return before[-1].backlog
        one, other = before[-1], after[0]
        share = (moment - one.at) / (other.at - one.at)
        return one.backlog + (other.backlog - one.backlog) * share
