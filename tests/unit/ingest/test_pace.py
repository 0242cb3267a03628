"""How large a lot may be: what was too slow is made smaller until it is proven in time, and what is slow alone is said to be."""

from __future__ import annotations

import asyncio

import pytest

from ingest.pace import FIRST, Pace


async def took(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "proven"


async def test_what_is_in_time_is_given_and_a_full_lot_that_is_quick_lets_the_next_be_larger() -> None:
    pace = Pace(good_for=5.0)
    assert await pace.kept(took(0), size=1000) == "proven"
    assert pace.most == FIRST  # it was a small one: it says nothing of larger ones
    assert await pace.kept(took(0), size=FIRST) == "proven"
    assert pace.most > FIRST


async def test_what_is_too_slow_is_given_up_and_the_next_lot_is_smaller() -> None:
    pace = Pace(good_for=0.05)
    sizes = []
    size = FIRST
    while size > 1000:
        assert await pace.kept(took(5), size=size) is None
        sizes.append(pace.most)
        size = pace.most
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) < 12  # each costs the time that a proof is good for


async def test_the_next_lot_follows_the_measured_pace() -> None:
    pace = Pace(good_for=1.0)
    assert await pace.kept(took(0.6), size=600_000) == "proven"
    assert 100_000 < pace.most < 400_001  # a megabyte a second, and some way to go to the limit


async def test_a_line_of_20_megabits_comes_to_lots_that_are_proven_in_time() -> None:
    """A thousandth of the true times; whatever it begins with, it fits after a few, and goes on fitting."""
    pace, rate = Pace(good_for=0.54), 2.5e6 * 1000
    results = []
    for _ in range(6):
        size = min(pace.most, 2 << 30)
        results.append(await pace.kept(took(size / rate), size=size))
    assert results[-3:] == ["proven"] * 3


async def test_what_fails_in_itself_is_not_called_slow() -> None:
    async def fails() -> None:
        raise TimeoutError("of another kind")

    pace = Pace(good_for=5.0)
    with pytest.raises(TimeoutError, match="of another kind"):
        await pace.kept(fails(), size=FIRST)
    assert pace.most == FIRST


def test_a_person_is_told() -> None:
    said = Pace().too_slow(4 << 30)
    assert "4294967296 bytes within 9 minutes" in said
    assert "It is kept where it is" in said
