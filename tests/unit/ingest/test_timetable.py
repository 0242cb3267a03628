"""The timetable in local time: midnight, week end, the hours that a clock leaps over or shows twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockd.settings.timetable import parse_line
from ingest.timetable import WallTime, holds, next_change, planned, station_wall

ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
)
LEAPS = {  # a day in whose night, or soon after, the clocks change
    "Europe/London": ("2026-03-29", "2026-10-25"), "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"), "Australia/Lord_Howe": ("2026-10-04", "2026-04-05"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
}  # fmt: skip


def wall_in(zone: str) -> Callable[[float], WallTime]:
    place = ZoneInfo(zone)

    def wall(moment: float) -> WallTime:
        local = datetime.fromtimestamp(moment, place)
        ahead = local.utcoffset() or timedelta()
        return WallTime(
            day=local.weekday(), second=local.hour * 3600 + local.minute * 60 + local.second, ahead=int(ahead.total_seconds())
        )  # fmt: skip

    return wall


def at(text: str, zone: str, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@dataclass(frozen=True)
class Case:
    line: str
    moment: str
    held: bool


@pytest.mark.parametrize(
    "case",
    [
        Case("Mon-Fri 07:00-19:00 1 Mbit/s", "2026-11-20T07:00:00", True),  # a Friday
        Case("Mon-Fri 07:00-19:00 1 Mbit/s", "2026-11-20T06:59:59", False),
        Case("Mon-Fri 07:00-19:00 1 Mbit/s", "2026-11-20T18:59:59", True),
        Case("Mon-Fri 07:00-19:00 1 Mbit/s", "2026-11-20T19:00:00", False),
        Case("Mon-Fri 07:00-19:00 1 Mbit/s", "2026-11-21T12:00:00", False),
        Case("Fri 22:00-06:00 1 Mbit/s", "2026-11-20T22:00:00", True),
        Case("Fri 22:00-06:00 1 Mbit/s", "2026-11-21T05:59:59", True),  # it began on Friday
        Case("Fri 22:00-06:00 1 Mbit/s", "2026-11-21T06:00:00", False),
        Case("Fri 22:00-06:00 1 Mbit/s", "2026-11-20T05:00:00", False),  # that night began on Thursday
        Case("Sun 22:00-06:00 1 Mbit/s", "2026-11-23T01:00:00", True),  # over the end of the week
        Case("Sun 22:00-06:00 1 Mbit/s", "2026-11-22T01:00:00", False),
        Case("Sat,Sun 00:00-24:00 1 Mbit/s", "2026-11-22T23:59:59", True),
        Case("Sat,Sun 00:00-24:00 1 Mbit/s", "2026-11-23T00:00:00", False),
        Case("Fri 22:00-00:00 1 Mbit/s", "2026-11-20T23:59:59", True),
        Case("Fri 22:00-00:00 1 Mbit/s", "2026-11-21T00:00:00", False),
        Case("Sat-Mon 12:00-13:00 1 Mbit/s", "2026-11-23T12:30:00", True),
    ],
    ids=lambda case: f"{case.line}, {case.moment}",
)
def test_a_line_holds_as_the_wall_shows_it(case: Case) -> None:
    for zone in ZONES:
        assert holds(parse_line(case.line), wall_in(zone)(at(case.moment, zone))) is case.held


def test_the_first_line_that_fits_wins_and_the_limit_fills_the_gaps() -> None:
    lines = [parse_line("Fri 12:00-13:00 unlimited"), parse_line("Mon-Fri 07:00-19:00 8 Mbit/s")]
    wall = wall_in("Europe/Berlin")

    def rate(text: str, limit: float | None = 5e6) -> tuple[float | None, str]:
        found = planned(lines, limit, wall(at(text, "Europe/Berlin")))
        return found.rate, found.source

    assert rate("2026-11-20T12:30:00") == (None, "timetable")
    assert rate("2026-11-20T13:00:00") == (1e6, "timetable")
    assert rate("2026-11-20T20:00:00") == (5e6, "limit")
    assert rate("2026-11-20T20:00:00", None) == (None, "none")


def test_the_night_in_which_the_clock_leaps_over_an_hour() -> None:
    wall, lines = wall_in("Europe/Berlin"), [parse_line("Sun 02:30-03:30 1 Mbit/s")]
    before = at("2026-03-29T01:59:00", "Europe/Berlin")
    change = next_change(lines, None, before, wall)
    assert change == at("2026-03-29T03:00:00", "Europe/Berlin") == before + 60  # 02:30 never was
    assert next_change(lines, None, change, wall) == at("2026-03-29T03:30:00", "Europe/Berlin")
    never = [parse_line("Sun 02:10-02:50 1 Mbit/s")]
    assert next_change(never, None, before, wall) == at("2026-04-05T02:10:00", "Europe/Berlin")


def test_the_night_in_which_the_clock_shows_an_hour_twice() -> None:
    wall, lines = wall_in("Europe/Berlin"), [parse_line("Sun 02:15-02:45 1 Mbit/s")]
    moment, found = at("2026-10-25T01:00:00", "Europe/Berlin"), []
    for _ in range(4):
        change = next_change(lines, None, moment, wall)
        assert change is not None
        found.append(change)
        moment = change
    shown = [at(f"2026-10-25T{text}", "Europe/Berlin", fold=fold) for fold in (0, 1) for text in ("02:15:00", "02:45:00")]  # fmt: skip
    assert found == shown


def test_a_line_over_the_double_hour_is_an_hour_longer() -> None:
    wall, lines = wall_in("Europe/Berlin"), [parse_line("Sat 22:00-06:00 1 Mbit/s")]
    begin = at("2026-10-24T22:00:00", "Europe/Berlin")
    end = next_change(lines, None, begin, wall)
    assert end is not None
    assert end - begin == 9 * 3600
    begin = at("2026-03-28T22:00:00", "Europe/Berlin")
    end = next_change(lines, None, begin, wall)
    assert end is not None
    assert end - begin == 7 * 3600


DAYS = st.sampled_from(["Mon", "Sat,Sun", "Sun", "Sat", "Mon-Fri", "Mon-Sun", "Sun-Mon", "Fri-Sun"])
MINUTES = st.integers(0, 95).map(lambda quarter: quarter * 15)


@st.composite
def lines(draw: st.DrawFn) -> str:
    begin = draw(MINUTES)
    end = draw(MINUTES.filter(lambda minute: minute != begin))
    rate = draw(st.sampled_from(["1 Mbit/s", "2 Mbit/s", "unlimited"]))
    return f"{draw(DAYS)} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02} {rate}"


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(lines(), min_size=1, max_size=3), zone=st.sampled_from(sorted(LEAPS)), which=st.integers(0, 1),
    offset=st.integers(-36 * 3600, 12 * 3600),
)  # fmt: skip
def test_between_two_changes_nothing_changes_and_at_each_something_does(
    texts: list[str], zone: str, which: int, offset: int
) -> None:
    """Around the nights in which clocks change, against a look at every minute."""
    wall, parsed = wall_in(zone), [parse_line(text) for text in texts]
    moment = at(f"{LEAPS[zone][which]}T00:00:00", zone) + offset
    moment -= moment % 60
    change = next_change(parsed, 3e6, moment, wall)
    here = planned(parsed, 3e6, wall(moment))
    last = moment + 30 * 3600 if change is None else min(change, moment + 30 * 3600)
    step = moment
    while step < last:
        assert planned(parsed, 3e6, wall(step)) == here, datetime.fromtimestamp(step, UTC)
        step += 300
    if change is not None:
        assert planned(parsed, 3e6, wall(change)) != here
        assert planned(parsed, 3e6, wall(change - 1)) == here


@given(line=lines(), zone=st.sampled_from(ZONES), day=st.integers(0, 400), second=st.integers(0, 86399))
def test_a_line_over_midnight_is_the_two_lines_that_it_is_cut_into(line: str, zone: str, day: int, second: int) -> None:
    parsed = parse_line(line)
    now = wall_in(zone)(1_767_225_600.0 + day * 86400 + second)
    minutes = now.second // 60
    if parsed.begin < parsed.end:
        wanted = now.day in parsed.days and parsed.begin <= minutes < parsed.end
    else:
        tomorrow = {(one + 1) % 7 for one in parsed.days}
        wanted = (now.day in parsed.days and minutes >= parsed.begin) or (now.day in tomorrow and minutes < parsed.end)
    assert holds(parsed, now) is wanted


def test_without_lines_nothing_ever_changes() -> None:
    assert next_change([], 1e6, 1.8e9, wall_in("UTC")) is None
    assert next_change([parse_line("Mon-Sun 00:00-24:00 1 Mbit/s")], None, 1.8e9, wall_in("UTC")) is None


def test_the_stations_wall_is_this_machines() -> None:
    said = station_wall(1_800_000_000.0)
    local = datetime.fromtimestamp(1_800_000_000.0, UTC).astimezone()
    assert (said.day, said.second) == (local.weekday(), local.hour * 3600 + local.minute * 60 + local.second)
