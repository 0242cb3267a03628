"""Shifts on ordinary days, and on the days on which clocks are set."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ledger.shifts import Shifts, moment_named, parse_shifts, wall_time, zone_named

USUAL = "07:00,15:00,23:00"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def named(shifts: Shifts, text: str) -> str:
    found = shifts.of(at(text))
    assert found is not None
    return found.name


def test_a_docking_belongs_to_the_shift_in_which_it_was_docked() -> None:
    shifts = parse_shifts(USUAL, zone="Europe/Berlin")
    assert named(shifts, "2026-11-20T06:59:59+01:00") == "2026-11-19 23:00-07:00"
    assert named(shifts, "2026-11-20T07:00:00+01:00") == "2026-11-20 07:00-15:00"
    assert named(shifts, "2026-11-20T14:59:59.999+01:00") == "2026-11-20 07:00-15:00"
    assert named(shifts, "2026-11-20T23:30:00+01:00") == "2026-11-20 23:00-07:00"
    assert named(parse_shifts("08:00", zone="UTC"), "2026-11-20T07:00:00+00:00") == "2026-11-19 08:00-08:00"


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-29T01:00:00+01:00", 7), ("2026-10-25T00:30:00+02:00", 9), ("2026-11-20T00:30:00+01:00", 8)]
)  # fmt: skip
def test_the_night_in_which_clocks_are_set_is_an_hour_longer_or_shorter(night: str, hours: int) -> None:
    found = parse_shifts(USUAL, zone="Europe/Berlin").of(at(night))
    assert found is not None
    assert (found.end - found.start) / 3600 == hours


def test_an_hour_that_a_clock_has_twice_belongs_to_what_began_before_it() -> None:
    shifts = parse_shifts("02:30,10:00", zone="Europe/Berlin")
    assert named(shifts, "2026-10-25T02:15:00+02:00") == "2026-10-24 10:00-02:30"
    assert named(shifts, "2026-10-25T02:45:00+02:00") == "2026-10-25 02:30-10:00"
    assert named(shifts, "2026-10-25T02:15:00+01:00") == "2026-10-25 02:30-10:00"


def test_a_time_that_a_day_does_not_have() -> None:
    shifts = parse_shifts("02:30,10:00", zone="Europe/Berlin")
    assert named(shifts, "2026-03-29T03:29:59+02:00") == "2026-03-28 10:00-02:30"
    assert named(shifts, "2026-03-29T03:30:00+02:00") == "2026-03-29 02:30-10:00"


@given(
    moment=st.floats(min_value=0, max_value=4e9),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "UTC"]),
    times=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=6, unique=True),
)  # fmt: skip
def test_every_moment_is_in_exactly_one_shift(moment: float, zone: str, times: list[tuple[int, int]]) -> None:
    shifts = parse_shifts(",".join(f"{hour:02d}:{minute:02d}" for hour, minute in times), zone=zone)
    found = shifts.of(moment)
    assert found is not None
    assert found.start <= moment < found.end
    assert shifts.of(found.start) == found
    following = shifts.of(found.end)
    assert following is not None
    assert following.start == found.end


def test_what_is_no_time_of_a_calendar_is_in_no_shift() -> None:
    shifts = parse_shifts(USUAL)
    assert shifts.of(1e18) is None
    assert shifts.of(float("nan")) is None
    assert wall_time(1e18, None).endswith(" s")


@pytest.mark.parametrize("text", ["", "7", "24:00", "07:00,7:00", "07:00,,15:00", "x"])
def test_what_are_no_times_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="is no list of times of day: expected such as 07:00,15:00,23:00"):
        parse_shifts(text)


def test_what_is_no_zone() -> None:
    for name in ("Mars/Olympus", "../../etc/passwd", "\0"):
        with pytest.raises(ValueError, match="is no time zone of this machine"):
            zone_named(name)


def test_days_and_moments() -> None:
    zone = zone_named("Europe/Berlin")
    day = datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp()
    assert moment_named("2026-03-29", zone=zone) == day
    assert moment_named("2026-03-29", zone=zone, end=True) == day + 23 * 3600
    assert moment_named("2026-03-29T00:00Z", zone=zone) == day + 3600
    with pytest.raises(ValueError, match="'soon' is no time"):
        moment_named("soon", zone=zone)
