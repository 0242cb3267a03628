"""Whoever waits for a person at the store says from time to time for what, since when, and how to go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dockd.enrolling.files import Files
from dockd.enrolling.getting import Getting
from ingest.clock import Clock, rfc3339
from ingest.store.enrolling import Given, Half


def test_it_is_said_again_while_it_waits(tmp_path: Path) -> None:
    said: list[str] = []
    begun = rfc3339(Clock().now())[:10]
    left = [True, True, True, False]

    async def ask(_half: Half) -> Given:
        return Given(
            dock="rack-12", way="token", at=rfc3339(Clock().now()), certificate=None, waits=left.pop(0), after=0.0
        )

    getting = Getting(
        files=Files(folder=tmp_path / "keys"),
        name="North 1",
        clock=Clock(),
        say=said.append,
        say_again=0.0,
        ask_again=0.001,
    )
    assert not asyncio.run(getting.asked("token", ask, wait=True)).waits
    first, *again = said
    assert "dockd store approve rack-12" in first
    assert len(again) == 3
    assert all(begun in one and "dockd store approve rack-12" in one and "--no-wait" in one for one in again)

    said.clear()
    left[:] = [True, True, False]
    patient = Getting(
        files=Files(folder=tmp_path / "keys"), name="North 1", clock=Clock(), say=said.append, ask_again=0.001
    )
    asyncio.run(patient.asked("token", ask, wait=True))
    assert len(said) == 1, "not at each question"
