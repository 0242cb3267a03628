"""Whether a battery charges, and by when: from a camera's own words, never from too few of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.page.charging import FALLS_BY, FALLS_FOR, LONGEST, STANDS, Charge

MINUTE = 60.0


def charge(*words: tuple[float, int], at_work: bool = False) -> Charge:
    """A camera that said so many per cent at these minutes, while nobody read from it."""
    found = Charge()
    found.told(-1.0, words[0][1], at_work=True)
    for minutes, percent in words:
        found.told(minutes * MINUTE, percent, at_work=at_work)
    return found


def test_one_that_stands_below_what_is_wanted_is_faulty_after_an_hour_and_a_half_and_not_before() -> None:
    found = charge((0, 61))
    assert found.fault(STANDS - 1, wanted=80) is None
    fault = found.fault(STANDS, wanted=80)
    assert fault is not None
    assert (fault.kind, fault.percent, fault.since) == ("stands", 61, 0.0)


@pytest.mark.parametrize(("percent", "wanted"), [(80, 80), (95, 80), (61, 0)])
def test_one_that_stands_at_what_is_wanted_is_well(percent: int, wanted: int) -> None:
    assert charge((0, percent)).fault(10 * STANDS, wanted=wanted) is None


def test_one_that_falls_is_faulty_however_full_it_is() -> None:
    found = charge((0, 99), (10, 97), (20, 95), (30, 94))
    fault = found.fault(FALLS_FOR, wanted=80)
    assert fault is not None
    assert (fault.kind, fault.before, fault.percent, fault.since) == ("falls", 99, 94, 0.0)
    assert found.fault(FALLS_FOR - 1, wanted=80) is None, "that may be a dip"
    assert charge((0, 99), (30, 99 - FALLS_BY + 1)).fault(FALLS_FOR, wanted=80) is None


def test_one_that_fell_and_rises_again_is_not() -> None:
    assert charge((0, 70), (20, 60), (40, 61)).fault(60 * MINUTE, wanted=80) is None


def test_a_little_less_is_no_new_beginning_for_one_that_stands() -> None:
    fault = charge((0, 61), (80, 60)).fault(STANDS, wanted=80)
    assert fault is not None
    assert fault.since == 0.0


def test_what_it_says_while_it_is_read_counts_for_nothing() -> None:
    found = charge((0, 61), at_work=True)
    assert found.fault(10 * STANDS, wanted=80) is None
    found.told(100 * MINUTE, 61, at_work=False)
    assert found.fault(100 * MINUTE + STANDS - 1, wanted=80) is None
    assert found.fault(100 * MINUTE + STANDS, wanted=80) is not None


def test_a_camera_that_does_not_say_is_not_faulty_for_that() -> None:
    found = charge((0, 61))
    found.silent()
    assert found.fault(10 * STANDS, wanted=80) is None
    assert found.will_do_at(10 * STANDS, wanted=80) is None


def test_when_it_will_do_is_told_from_its_rises() -> None:
    found = charge((0, 50), (3, 51), (8, 52), (13, 53))
    assert found.will_do_at(13 * MINUTE, wanted=80) == pytest.approx(13 * MINUTE + 27 * 5 * MINUTE)


def test_the_last_fifth_takes_twice_as_long() -> None:
    found = charge((0, 50), (3, 51), (8, 52), (13, 53))
    assert found.will_do_at(13 * MINUTE, wanted=90) == pytest.approx(13 * MINUTE + (27 + 20) * 5 * MINUTE)


def test_nothing_is_foretold_from_one_rise_or_from_a_moment() -> None:
    assert charge((0, 50), (3, 51)).will_do_at(4 * MINUTE, wanted=80) is None
    assert charge((0, 50), (3, 51), (9, 52)).will_do_at(9 * MINUTE, wanted=80) is None


def test_nothing_is_foretold_of_one_that_is_late() -> None:
    found = charge((0, 70), (5, 72), (15, 78))
    assert found.will_do_at(15 * MINUTE, wanted=80) is not None
    assert found.will_do_at(30 * MINUTE, wanted=80) is None


WORDS = st.lists(st.tuples(st.floats(0, 6 * 3600), st.integers(0, 100)), min_size=1, max_size=40).map(sorted)


@given(words=WORDS, later=st.floats(0, 6 * 3600), wanted=st.integers(1, 100))
def test_whatever_it_says(words: list[tuple[float, int]], later: float, wanted: int) -> None:
    found = Charge()
    found.told(-1.0, words[0][1], at_work=True)
    for at, percent in words:
        found.told(at, percent, at_work=False)
    now, last = words[-1][0] + later, words[-1][1]
    does_at, fault = found.will_do_at(now, wanted=wanted), found.fault(now, wanted=wanted)
    if last >= wanted:
        assert does_at == now
        assert fault is None or fault.kind == "falls"
    elif does_at is not None:
        assert words[-1][0] - 1e-6 <= does_at + 6 * 3600
        assert does_at - words[-1][0] <= LONGEST + 6 * 3600
    if fault is not None:
        assert fault.percent == last
        assert now - fault.since >= FALLS_FOR
        meanwhile = [percent for at, percent in words if at > fault.since]
        if fault.kind == "falls":
            assert all(percent <= fault.before for percent in meanwhile)
        else:
            assert meanwhile == sorted(meanwhile, reverse=True)


@given(words=WORDS, wanted=st.integers(1, 100))
def test_one_that_has_risen_within_the_hour_is_not_said_to_stand(words: list[tuple[float, int]], wanted: int) -> None:
    found = Charge()
    found.told(-1.0, words[0][1], at_work=True)
    for at, percent in words:
        found.told(at, percent, at_work=False)
    before, at = words[-1][1], words[-1][0] + 1
    found.told(at, before + 1, at_work=False)
    fault = found.fault(at + STANDS - 1, wanted=wanted)
    assert fault is None or fault.kind == "falls"
