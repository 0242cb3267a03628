"""Sixty racks that find the store again do not come together: in simulated time, over the real links (tests/bench/herd.py draws the whole picture)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.setbacks import backoff
from tests.simulators.herd import after_an_outage, after_being_sent_away

RACKS = 60


def test_after_an_outage_they_come_back_within_a_minute_and_not_together(tmp_path: Path) -> None:
    seen = after_an_outage(tmp_path, seed=1, racks=RACKS, senders=1, hours=0.1, looked=62.0)
    first = [seen.looks[second] for second in range(62)]
    assert sum(first) >= RACKS, "each has found it within a minute"
    assert max(first) <= RACKS / 6, "and no second sees more than a few"
    assert sum(first[:10]) <= RACKS / 2
    assert sum(seen.away.values()) == 0


def test_without_jitter_they_would(tmp_path: Path) -> None:
    """So that the test above can fail: what it looks at is the jitter."""
    seen = after_an_outage(tmp_path, seed=None, racks=RACKS, senders=1, hours=0.1, looked=62.0)
    assert seen.peak(seen.looks) > RACKS / 3


def test_racks_that_were_all_told_the_same_time_do_not_keep_it_to_the_second(tmp_path: Path) -> None:
    seen = after_being_sent_away(tmp_path, seed=2, racks=RACKS, senders=2, seconds=60.0, looked=130.0)
    back = [seen.looks[second] for second in range(130)]
    assert sum(back) >= RACKS
    assert max(back) <= RACKS / 6


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_retry_after_stays_a_floor(chance: float) -> None:
    wait = backoff(30, longest=60.0, chance=chance, floor=120.0)
    assert 120.0 <= wait < 180.0
    assert wait == pytest.approx(120.0 + 60.0 * chance)
