"""What a station comes to: whether it fits, from when on it does not, how much spool it needs, and which line would do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dockd.planning.outcome import Outcome, Shift
from dockd.planning.question import Line, Question
from dockd.planning.simulation import simulate

_FASTEST = 1000.0
_FINE = 1.005


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An answer.

    `outcome`: with the spool that there is; `spool_needed`: bytes that would be in it if it had no end; `least`: by which factor line and limits
    together may be slower, or have to be faster, for all cameras to be empty in time on days without an outage; None: no line would do.
    """

    question: Question
    outcome: Outcome
    spool_needed: float
    least: float | None

    @property
    def fits(self) -> bool:
        """Every camera is empty before the next shift's come, and none waits for room in the spool."""
        return self.outcome.fits

    @property
    def late(self) -> list[Shift]:
        """The shifts whose cameras are not empty in time."""
        return [shift for shift in self.outcome.shifts if not shift.in_time]

    @property
    def caught_up(self) -> Shift | None:
        """The first shift in time again after the last one that was not; None where there is none."""
        after: Shift | None = None
        for shift in reversed(self.outcome.shifts):
            if not shift.in_time:
                return after
            after = shift
        return None

    @property
    def left_at_end(self) -> float:
        """Bytes that the store does not have when the last shift's time is over."""
        return self.outcome.backlog_at(self.question.ends[-1])


def plan(question: Question, *, ordinary: Line | None = None) -> Plan:
    """Answer it. `ordinary`: the line without its outages, by which the least one is found. Raises NotAsked."""
    outcome = simulate(question)
    unbounded = replace(question, station=replace(question.station, spool=None))
    spool = outcome.spool_peak if outcome.full_since is None else simulate(unbounded).spool_peak
    usual = replace(question, line=ordinary or question.line)
    return Plan(question=question, outcome=outcome, spool_needed=spool, least=_least(usual))


def _least(question: Question) -> float | None:
    """The least factor on the line that fits, within half a per cent; None where none does."""

    def would_do(factor: float) -> bool:
        asked = replace(question, line=question.line.times(factor))
        return simulate(asked, only_if_fits=True).fits

    if not would_do(_FASTEST):
        return None
    low, high = 1 / _FASTEST, _FASTEST
    while high / low > _FINE:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if would_do(middle) else (middle, high)
    return high
