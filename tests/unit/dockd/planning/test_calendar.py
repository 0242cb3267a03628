"""Shifts, timetables and outages on a clock that is set twice a year."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from dockd.planning.calendar import Place, parse_outage
from dockd.planning.simulation import simulate
from dockd.planning.steps import Steps
from dockd.settings.mistakes import WrongValue
from dockd.settings.timetable import parse_line
from tests.unit.dockd.planning.asking import DAY, HOUR, asking, line

LONDON = ZoneInfo("Europe/London")
SPRING = date(2026, 3, 29)  # at 01:00 it is 02:00
AUTUMN = date(2026, 10, 25)  # at 02:00 it is 01:00
TIMES = (time(6), time(14), time(22))


def place(first: date, *, days: int = 2) -> Place:
    return Place(first=first, days=days, zone=LONDON)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 7), (AUTUMN, 9)])
def test_the_shift_of_a_night_on_which_clocks_are_set_is_shorter_or_longer(day: date, hours: int) -> None:
    ends = place(day - timedelta(1)).ends(TIMES)
    lengths = [round((after - before) / HOUR) for before, after in pairwise(ends)]
    assert lengths == [8, 8, hours, 8, 8, 8]


def hours_of(steps: Steps, begin: float, end: float, rate: float) -> float:
    """For how many hours a rate holds."""
    total, at = 0.0, begin
    while at < end:
        following = min(steps.next_change(at), end)
        total += (following - at) / HOUR if steps.at(at) == rate else 0.0
        at = following
    return total


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 22), 4), (SPRING, 3), (AUTUMN, 5)])
def test_a_span_over_the_hour_that_is_set_is_shorter_or_longer(day: date, hours: float) -> None:
    here = place(day, days=1)
    steps = here.limits([parse_line("Sun 00:00-04:00 8 Mbit/s")], limit=None, tail=0)
    assert hours_of(steps, here.midnight(0), here.midnight(1), 1e6) == pytest.approx(hours, abs=0.01)
    assert steps.at(here.midnight(0) + 12 * HOUR) == math.inf


def test_a_span_over_midnight_belongs_to_the_day_it_begins_on_and_goes_over_the_week_end() -> None:
    here = place(date(2026, 3, 6), days=4)  # Friday to Monday
    steps = here.limits([parse_line("Sun 22:00-06:00 8 Mbit/s")], limit=2e6, tail=0)
    monday = here.moment(date(2026, 3, 9), time())
    assert [steps.at(monday + hours * HOUR) for hours in (-2.01, -1.99, 5.99, 6.01)] == [2e6, 1e6, 1e6, 2e6]
    assert hours_of(steps, here.midnight(0), here.midnight(4), 1e6) == pytest.approx(8, abs=0.001)


def test_a_timetable_goes_on_over_all_days_that_are_reckoned_through() -> None:
    here = place(date(2026, 3, 2), days=7)
    steps = here.limits([parse_line("Mon-Fri 07:00-19:00 8 Mbit/s")], limit=None, tail=7)
    assert hours_of(steps, here.midnight(0), here.midnight(14), 1e6) == pytest.approx(120, abs=0.001)
    assert here.limits([], limit=None, tail=7) == Steps(times=(here.midnight(0),), values=(math.inf,))


def test_a_night_shift_is_carried_in_the_hours_that_its_night_has() -> None:
    """11 MB/s for one hour less, or one more: what a night takes away is there in the morning."""
    carried = {}
    for day in (date(2026, 3, 15), SPRING, AUTUMN):
        here = place(day - timedelta(1))
        limit = here.limits([parse_line("Sat-Sun 22:00-06:00 8 Mbit/s")], limit=1e3, tail=1)
        found = simulate(asking(over=line(1e9, limit=limit), footage=40e9, ends=here.ends((time(22),))))
        carried[day] = 40e9 - found.backlog_at(here.moment(day, time(6)))
    assert carried[SPRING] == pytest.approx(7 * HOUR * 1e6, rel=1e-3)
    assert carried[AUTUMN] == pytest.approx(9 * HOUR * 1e6, rel=1e-3)
    assert carried[date(2026, 3, 15)] == pytest.approx(8 * HOUR * 1e6, rel=1e-3)


def test_outages_by_weekday_and_date_and_those_that_overlap() -> None:
    here = place(date(2026, 3, 2), days=7)
    spans = ["Fri 18:00 72 h", "2026-03-07 00:00 1 h", "Mon 00:00 30 min"]
    up = here.up([parse_outage(text) for text in spans], rate=5.0)
    friday = datetime(2026, 3, 6, 18, tzinfo=UTC).timestamp()
    assert hours_of(up, here.midnight(0), here.midnight(14), 0.0) == pytest.approx(72.5)
    assert [up.at(friday - 1), up.at(friday), up.at(friday + 3 * DAY - 1), up.at(friday + 3 * DAY)] == [
        5.0,
        0.0,
        0.0,
        5.0,
    ]


@pytest.mark.parametrize(
    "text", ["", "Fri", "Fri 18:00", "Fri 25:00 1 h", "Friday 18:00 1 h", "2026-02-30 18:00 1 h", "Fri 18:00 long"]
)
def test_what_is_no_outage_is_told(text: str) -> None:
    with pytest.raises((ValueError, WrongValue)):
        parse_outage(text)
