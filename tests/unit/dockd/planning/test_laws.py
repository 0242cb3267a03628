"""What holds for every station, whatever its figures."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockd.planning.outcome import Outcome
from dockd.planning.question import Line, Question, day_of
from dockd.planning.simulation import simulate
from dockd.planning.steps import Steps
from tests.unit.dockd.planning.asking import HOUR, asking

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RATES = st.floats(1e5, 1e8)


@st.composite
def steps(draw: st.DrawFn, rates: st.SearchStrategy[float]) -> Steps:
    times = draw(st.lists(st.floats(1, 40 * HOUR), max_size=4, unique_by=round))
    return Steps.made([(-math.inf, draw(rates)), *((time, draw(rates)) for time in times)])


@st.composite
def questions(draw: st.DrawFn, *, spool: bool = True) -> Question:
    shifts = draw(st.integers(1, 5))
    up = draw(steps(st.one_of(RATES, st.just(0.0))))
    station = {
        "bays": draw(st.integers(1, 40)), "cameras": draw(st.integers(1, 40)), "footage": draw(st.floats(1e6, 2e10)),
        "evidential": draw(st.sampled_from([0.0, 0.2, 1.0])), "bypass": draw(st.booleans()),
        "proof": draw(st.sampled_from(["receipt", "receipt", "digest", "read-back"])),
        "camera_rate": draw(st.floats(1e6, 1e8)), "together": draw(st.floats(1e6, 1e9)),
        "keep_confirmed": draw(st.sampled_from([0.0, HOUR])), "grace": draw(st.sampled_from([0.0, HOUR])), "wipe": draw(st.booleans()),
    }  # fmt: skip
    if spool:
        station["spool"] = draw(st.one_of(st.none(), st.floats(1e8, 1e12)))
    limit = draw(steps(st.one_of(RATES, st.just(math.inf))))
    return asking(
        over=Line(up=up, down=up, limit=limit), ends=[number * 8 * HOUR for number in range(shifts + 1)], **station
    )


def carried(line: Line, until: float) -> float:
    """The most that the line can have carried by `until`."""
    total, at = 0.0, 0.0
    while at < until:
        following = min(line.up.next_change(at), until)
        total += line.up.at(at) * (following - at)
        at = following
    return total


def came(question: Question, moment: float) -> float:
    """Bytes that came by `moment`, those that come just then among them."""
    each = question.station.cameras * question.station.footage
    return sum(each for end in question.ends[:-1] if end <= moment)


@quick
@given(questions())
def test_nothing_is_made_and_nothing_is_carried_faster_than_the_line(question: Question) -> None:
    found = simulate(question)
    grain = 1e-6 * came(question, math.inf) + 1e3
    gone = 0.0
    for point in {point.at: point for point in found.curve}.values():  # of those at one moment, the last
        assert min(point.cameras, point.unsent, point.kept) >= 0
        proven = came(question, point.at) - point.backlog
        assert gone - grain <= proven <= carried(question.line, point.at) + grain
        gone = proven
    if all(shift.clear is not None for shift in found.shifts):
        assert found.curve[-1].backlog <= grain


@quick
@given(questions())
def test_a_step_comes_after_the_one_before_and_the_spool_keeps_its_bound(question: Question) -> None:
    found = simulate(question)
    for shift in found.shifts:
        for earlier, later in ((shift.at, shift.pulled), (shift.pulled, shift.clear), (shift.clear, shift.emptied)):
            assert later is None or (earlier is not None and earlier <= later)
    if question.station.spool is not None:
        assert found.spool_peak <= question.station.spool * (1 + 1e-6) + 1e4
    clears = [math.inf if shift.clear is None else shift.clear for shift in found.shifts]
    if not question.station.evidential:
        days = [day_of(question.ends, shift) for shift in range(len(clears))]
        for (day, clear), (later, after) in pairwise(zip(days, clears, strict=True)):
            assert clear <= after + 0.1 or day == later  # the oldest day first


def done(found: Outcome, *, what: str) -> list[float]:
    return [math.inf if (moment := getattr(shift, what)) is None else moment for shift in found.shifts]


@quick
@given(questions(spool=False), st.floats(1.01, 10))
def test_a_faster_line_is_never_later(question: Question, factor: float) -> None:
    slow, fast = simulate(question), simulate(replace(question, line=question.line.times(factor)))
    for what in ("pulled", "clear"):
        for before, after in zip(done(slow, what=what), done(fast, what=what), strict=True):
            assert after <= before + 0.1


@quick
@given(questions())
def test_the_same_question_has_the_same_answer(question: Question) -> None:
    assert simulate(question) == simulate(question)
