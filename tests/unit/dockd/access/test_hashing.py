"""Hashes of passwords: their real cost, and that a flood of them stays small."""

from __future__ import annotations

import asyncio
import time

import pytest

from dockd.access.hashing import MOST_WAITING, Cost, Hashing, OneAtATime, TooManyWait

CHEAP = Cost(passes=1, memory=64)


def test_as_it_is_run() -> None:
    """The real cost, once; and whoever does not exist costs as much."""
    hashing = Hashing()
    kept = hashing.make("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    hashing.fits(None, "the first makes what it is compared with")
    times: dict[str | None, list[float]] = {kept: [], None: []}
    for _ in range(3):
        for one, found in times.items():
            began = time.process_time()
            assert not hashing.fits(one, "wrong horse battery")
            found.append(time.process_time() - began)
    assert min(times[None]) == pytest.approx(min(times[kept]), rel=0.5)
    assert min(times[kept]) > 0.02


def test_what_fits() -> None:
    hashing = Hashing(CHEAP)
    kept = hashing.make("correct horse battery")
    assert hashing.fits(kept, "correct horse battery")
    assert not hashing.fits(kept, "correct horse batterY")
    assert not hashing.fits(kept, "")
    assert not hashing.fits(None, "correct horse battery")
    assert not hashing.fits("no hash", "correct horse battery")
    assert hashing.fits(hashing.make("Caf\u00e9 Caf\u00e9 Caf\u00e9"), "Cafe\u0301 Cafe\u0301 Cafe\u0301")
    assert hashing.make("the same") != hashing.make("the same")


def test_what_goes_on_is_not_cut() -> None:
    hashing = Hashing(CHEAP)
    long = "a b" + "c" * 252
    assert hashing.fits(hashing.make(long), long)
    assert not hashing.fits(hashing.make(long + "d"), long + "de")


async def test_a_flood_is_refused_and_not_queued() -> None:
    waiting = OneAtATime(Hashing(Cost(passes=1, memory=8192)))
    try:
        asked = [asyncio.create_task(waiting.fits(None, "x")) for _ in range(MOST_WAITING + 5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(one, TooManyWait) for one in answers) == 5
        assert sum(one is False for one in answers) == MOST_WAITING
        assert await waiting.fits(None, "x") is False
    finally:
        waiting.close()
