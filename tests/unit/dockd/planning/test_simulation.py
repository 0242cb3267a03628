"""Cases that a person can reckon by hand."""

from __future__ import annotations

import math

import pytest

from dockd.planning.question import DAY_BEGINS, MOST_BYTES, NotAsked, Question, day_of
from dockd.planning.simulation import simulate
from dockd.planning.steps import Steps
from ingest.ledger import queue
from tests.unit.dockd.planning.asking import DAY, HOUR, asking, line

NEAR = 0.3  # seconds: what the reading of cameras takes where nothing is said of it


def test_a_shift_takes_what_its_bytes_take_on_the_line() -> None:
    shift = simulate(asking(over=line(1e6), cameras=10)).shifts[0]
    assert shift.footage == 1e10
    assert shift.clear == pytest.approx(1e10 / 1e6, abs=NEAR)
    assert shift.emptied == pytest.approx(shift.clear, abs=NEAR)
    assert shift.spool_peak == pytest.approx(1e10, rel=1e-4)


def test_a_camera_is_read_twice_to_copy_it_and_twice_to_empty_it() -> None:
    found = simulate(asking(over=line(1e12), cameras=4, camera_rate=30e6, together=60e6))
    shift = found.shifts[0]
    assert shift.pulled == pytest.approx(4e9 * 2 / 60e6, abs=NEAR)
    assert shift.clear == pytest.approx(4e9 * 2 / 60e6, abs=NEAR)
    assert shift.emptied == pytest.approx(4e9 * 4 / 60e6, abs=NEAR)
    assert found.spool_peak == pytest.approx(0, abs=1)


def test_the_slower_of_reading_and_sending_decides_and_the_spool_holds_the_difference() -> None:
    found = simulate(asking(over=line(10e6), camera_rate=40e6, together=1e9))
    shift = found.shifts[0]
    assert shift.pulled == pytest.approx(50, abs=NEAR)
    assert shift.clear == pytest.approx(100, abs=NEAR)
    assert found.spool_peak == pytest.approx(1e9 - 50 * 10e6, rel=1e-6)


def test_shifts_of_one_day_that_overlap_share_the_line_camera_by_camera() -> None:
    found = simulate(asking(over=line(1e6), footage=12e9, ends=(0.0, 8000.0, 16000.0)))
    assert [shift.clear for shift in found.shifts] == [pytest.approx(16000, abs=NEAR), pytest.approx(24000, abs=NEAR)]
    assert [shift.in_time for shift in found.shifts] == [False, False]
    assert found.backlog_at(8000.0) == pytest.approx(16e9, rel=1e-4)


def test_the_footage_of_a_day_goes_before_that_of_the_next() -> None:
    ends = (0.0, 20 * HOUR, 40 * HOUR)
    found = simulate(asking(over=line(1e6), footage=90e9, ends=ends))
    assert [shift.clear for shift in found.shifts] == [pytest.approx(90000, abs=NEAR), pytest.approx(180000, abs=NEAR)]


def test_a_day_begins_where_it_does_in_the_queue() -> None:
    assert queue._NEW_DAY == DAY_BEGINS
    at = [6 * HOUR, 14 * HOUR, 22 * HOUR, 30 * HOUR, 38 * HOUR]  # the ends of a night, a day and an evening, and again
    assert [day_of(at, shift) for shift in range(5)] == [-1, 0, 0, 0, 1]


def test_an_outage_delays_by_its_length_and_fills_the_spool() -> None:
    up = Steps.made([(-math.inf, 1e6), (1000.0, 0.0), (5000.0, 1e6)])
    found = simulate(asking(over=line(up), footage=2e9))
    assert found.shifts[0].clear == pytest.approx(6000, abs=NEAR)
    assert found.backlog_at(3000.0) == pytest.approx(1e9, rel=1e-6)


def test_a_limit_rules_while_it_holds() -> None:
    limit = Steps.made([(0.0, 0.5e6), (1000.0, math.inf)])
    assert simulate(asking(over=line(1e6, limit=limit), footage=2e9)).shifts[0].clear == pytest.approx(2500, abs=NEAR)


@pytest.mark.parametrize(("bypass", "clear"), [(False, 4000.0), (True, 3000.0)])
def test_evidential_footage_goes_past_the_limit_where_it_may(bypass: bool, clear: float) -> None:
    limited = line(1e6, limit=Steps.constant(0.5e6))
    found = simulate(asking(over=limited, footage=2e9, evidential=0.5, bypass=bypass))
    assert found.shifts[0].clear == pytest.approx(clear, abs=NEAR)


def test_evidential_footage_of_a_later_shift_goes_before_the_rest_of_an_earlier_one() -> None:
    found = simulate(asking(over=line(1e6), footage=2e9, evidential=0.5, ends=(0.0, 1500.0, 9000.0)))
    assert [shift.clear for shift in found.shifts] == [pytest.approx(3500, abs=NEAR), pytest.approx(4000, abs=NEAR)]


def test_a_full_spool_makes_cameras_wait_and_takes_what_goes_out() -> None:
    found = simulate(asking(over=line(1e6), footage=4e9, spool=1e9))
    shift = found.shifts[0]
    assert found.full_since == pytest.approx(0, abs=NEAR)
    assert shift.pulled == pytest.approx(3000, abs=NEAR)
    assert shift.clear == pytest.approx(4000, abs=NEAR)
    assert found.full_for == pytest.approx(3000, abs=NEAR)
    assert found.spool_peak <= 1e9 * (1 + 1e-6)
    assert not found.fits


def test_a_store_without_a_durable_promise_keeps_the_spool_for_a_day_longer() -> None:
    ends = tuple(number * 8 * HOUR for number in range(10))
    usual = simulate(asking(over=line(1e6), footage=10e9, ends=ends))
    kept = simulate(asking(over=line(1e6), footage=10e9, ends=ends, proof="digest"))
    assert [one.clear for one in kept.shifts] == [pytest.approx(one.clear, abs=NEAR) for one in usual.shifts]
    assert usual.spool_peak == pytest.approx(10e9, rel=1e-4)
    assert kept.spool_peak == pytest.approx(40e9, rel=1e-4)  # three shifts of the last day, and the one that comes
    assert kept.curve[-1].spool == pytest.approx(0, abs=1)
    assert kept.ended == pytest.approx(ends[-2] + 10e9 / 1e6 + DAY, abs=1)


def test_nothing_is_given_up_and_nothing_emptied_while_the_store_cannot_be_asked() -> None:
    up = Steps.made([(-math.inf, 1e6), (2000.0, 0.0), (3 * DAY, 1e6)])
    found = simulate(asking(over=line(up), footage=1e9, proof="digest"))
    assert found.shifts[0].clear == pytest.approx(1000, abs=NEAR)
    assert max(point.kept for point in found.curve if point.at > 2 * DAY) == pytest.approx(1e9, rel=1e-4)
    assert found.ended == pytest.approx(3 * DAY, abs=1)
    slow = simulate(asking(over=line(up), footage=1e9, camera_rate=1e6))  # 2000 s to copy, and as long to empty
    assert slow.shifts[0].emptied == pytest.approx(3 * DAY + 2000, abs=NEAR)


def test_a_store_that_is_read_back_has_everything_fetched_three_times() -> None:
    found = simulate(asking(over=line(1e6, down=0.5e6), footage=1e9, proof="read-back"))
    shift = found.shifts[0]
    assert shift.clear == pytest.approx(2000, abs=NEAR)
    assert shift.emptied == pytest.approx(4000, abs=NEAR)
    assert found.ended == pytest.approx(DAY + 2000, abs=1)


def test_grace_and_cameras_that_are_never_emptied() -> None:
    rested = simulate(asking(over=line(1e6), grace=500.0)).shifts[0]
    assert rested.clear == pytest.approx(1000, abs=NEAR)
    assert rested.emptied == pytest.approx(1500, abs=NEAR)
    never = simulate(asking(over=line(1e6), grace=500.0, wipe=False)).shifts[0]
    assert never.emptied == pytest.approx(1000, abs=NEAR)


def test_cameras_beyond_the_bays_wait_until_others_are_copied() -> None:
    found = simulate(asking(over=line(1e12), bays=2, cameras=5, camera_rate=20e6, together=1e9))
    assert found.shifts[0].no_bay == 3
    assert found.shifts[0].pulled == pytest.approx(300, abs=NEAR)  # two, two, and one, at 10 MB/s each


def test_what_makes_no_sense_is_told() -> None:
    for wrong in (
        {"bays": 0},
        {"cameras": 0},
        {"footage": 0.0},
        {"footage": math.nan},
        {"evidential": 1.5},
        {"spool": 0.0},
        {"camera_rate": 0.0},
    ):
        with pytest.raises(NotAsked):
            asking(over=line(1e6), **wrong)
    with pytest.raises(NotAsked):
        asking(over=line(1e6), footage=MOST_BYTES)
    with pytest.raises(NotAsked):
        Question(station=asking(over=line(1e6)).station, line=line(1e6), ends=(0.0,))


def test_a_line_that_never_comes_back_ends_with_the_patience() -> None:
    found = simulate(asking(over=line(0.0)), patience=DAY)
    assert found.ended == 8 * HOUR + DAY
    assert found.shifts[0].clear is None
    assert found.shifts[0].pulled is not None
