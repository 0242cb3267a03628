from __future__ import annotations

from ingest.central.trusted_time import StoreClock, TrustedTime
from tests.unit.ingest.central.set_clock import DAY, SetClock


def why(time: TrustedTime, *, latest: float = 0.0, last: float = 0.0) -> str | None:
    return time.why_not(latest_stored=latest, last_trusted=last)


def test_a_clock_in_step_is_trusted() -> None:
    clock = SetClock()
    time = TrustedTime(clock, as_is=False)
    for _ in range(100):
        clock.pass_(DAY)
        assert why(time, latest=clock.now() - 1, last=clock.now() - DAY) is None


def test_a_clock_that_is_not_synchronised_is_not() -> None:
    for state in (False, None):
        clock = SetClock(synchronised=state)
        assert why(TrustedTime(clock, as_is=False)) == "the clock is not synchronised"
        assert why(TrustedTime(clock, as_is=True)) is None


def test_a_jump_either_way_stops_everything_for_a_day() -> None:
    for by in (61.0, -61.0, 40 * DAY, -40 * DAY):
        clock = SetClock()
        time = TrustedTime(clock, as_is=True)
        clock.pass_(100)
        clock.jump(by)
        assert why(time) == "the clock jumped less than a day ago"
        clock.pass_(DAY - 1)
        assert why(time) is not None
        clock.pass_(2)
        assert why(time) is None


def test_small_corrections_are_no_jump_but_they_may_not_add_up() -> None:
    clock = SetClock()
    time = TrustedTime(clock, as_is=False)
    for _ in range(3):
        clock.jump(20)
        assert why(time) is None
    clock.jump(20)
    assert why(time) is not None


def test_a_clock_behind_what_it_dated_itself_is_not_trusted() -> None:
    clock = SetClock()
    time = TrustedTime(clock, as_is=True)
    assert why(time, latest=clock.now() + 1) == "the clock is behind the newest object that it dated itself"
    assert why(time, last=clock.now() + 1) is not None


def test_after_a_restart_a_month_that_nobody_saw_needs_a_synchronised_clock() -> None:
    clock = SetClock(synchronised=None)
    time = TrustedTime(clock, as_is=True)
    assert why(time, latest=clock.now() - 40 * DAY) is not None
    assert why(time, latest=clock.now() - 6 * DAY) is None
    clock.in_step = True
    assert why(time, latest=clock.now() - 40 * DAY) is None


def test_the_kernel_is_asked_without_changing_anything() -> None:
    assert StoreClock().synchronised() in (True, False, None)
