"""A shift change: sixteen cameras, and sixty-four, all put in at once. Every one becomes ready, and it is told how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.agent_guest import Station
from tests.hil.rig.cards import Card
from tests.hil.rig.odd_cards import SMALL, clones
from tests.hil.rig.oracle import Oracle

pytestmark = [pytest.mark.hil, pytest.mark.timeout(900)]


def handed_in(agent: Agent, folder: Path, oracle: Oracle, *, number: int, timeout: float) -> dict[str, float]:
    """All cameras at once; seconds until the last was found, the first was ready, and all were. Raises NeverCame."""
    cards: list[Card] = clones(folder, number=number)
    for bay, card in enumerate(cards, 1):
        oracle.add(card, serial=f"C{bay:04d}")
    began = time.monotonic()
    for bay, card in enumerate(cards, 1):
        agent.plug(card, bay=bay, serial=f"C{bay:04d}")
    took = {"plugged": time.monotonic() - began}
    agent.await_event("camera.docked", after=number - 1, timeout=timeout)
    took["found"] = time.monotonic() - began
    agent.await_bays(range(1, number + 1), "ready", timeout=timeout)
    took["ready"] = time.monotonic() - began
    return took


def judge(agent: Agent, oracle: Oracle, *, number: int) -> None:
    assert agent.status()["ready"] == number
    assert agent.problems() == []
    serials = {n: bay["camera"]["serial"] for n, bay in agent.bays().items() if bay["camera"]}
    assert serials == {bay: f"C{bay:04d}" for bay in range(1, number + 1)}
    assert len(agent.segments()) == number * len(SMALL)
    agent.check_books()
    agent.shut_down()
    assert [one.serial for one in oracle.cards if one.card.files()] == []
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_sixteen_cameras_in_one_go(
    agent: Agent, folder: Path, oracle: Oracle, record_property: Callable[[str, object], None]
) -> None:
    for name, seconds in handed_in(agent, folder, oracle, number=16, timeout=180).items():
        record_property(name, round(seconds, 1))
    judge(agent, oracle, number=16)


def test_sixty_four_cameras_in_one_go(
    big_rack: Station, folder: Path, oracle: Oracle, record_property: Callable[[str, object], None]
) -> None:
    with big_rack.running(folder) as agent:
        for name, seconds in handed_in(agent, folder, oracle, number=64, timeout=600).items():
            record_property(name, round(seconds, 1))
        judge(agent, oracle, number=64)
