"""dockd is restarted, and killed, with cameras in and workers at work: no reader and no mount outlives it, and it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig import moments
from tests.hil.rig.agent import AGENT, HELPER, STORE, Agent
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.odd_cards import clones, filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.usb import Camera, Line

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]

SIZES = {"DCIM/100MEDIA/BWC00001.MP4": 5 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 4 * MEGABYTE}
SLOW = Line(read_bytes_per_second=2 * MEGABYTE)


def three_at_work(agent: Agent, folder: Path, oracle: Oracle) -> list[Camera]:
    cards = clones(folder, number=3, sizes=SIZES)
    cameras = [
        agent.plug(oracle.add(card, serial=f"C{bay:04d}").card, bay=bay, serial=f"C{bay:04d}", line=SLOW)
        for bay, card in enumerate(cards, 1)
    ]
    agent.await_event("segment.copied", timeout=60)
    assert agent.workers(), "nobody reads"
    return cameras


def all_is_well(agent: Agent, oracle: Oracle, cameras: list[Camera]) -> None:
    for camera in cameras:
        camera.throttle(Line())
    agent.await_bays((1, 2, 3), "ready", timeout=120)
    assert len(agent.segments()) == 3 * len(SIZES)
    agent.check_books()
    agent.shut_down()
    assert [one.serial for one in oracle.cards if one.card.files()] == []
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def nothing_is_left(agent: Agent) -> None:
    agent.wait_until(lambda: agent.workers() == [], what=lambda: f"workers: {agent.workers()}", timeout=15)
    agent.wait_until(lambda: agent.mounts() == [], what=lambda: f"mounts: {agent.mounts()}", timeout=30)


def test_restarted_with_cameras_at_work(agent: Agent, folder: Path, oracle: Oracle) -> None:
    cameras = three_at_work(agent, folder, oracle)
    agent.stop(AGENT)
    nothing_is_left(agent)
    agent.start(AGENT)
    agent.await_answer()
    all_is_well(agent, oracle, cameras)


@pytest.mark.hil_short
def test_killed_with_cameras_at_work(agent: Agent, folder: Path, oracle: Oracle) -> None:
    cameras = three_at_work(agent, folder, oracle)
    agent.kill(AGENT)
    nothing_is_left(agent)
    agent.start(AGENT)
    agent.await_answer()
    all_is_well(agent, oracle, cameras)


def test_the_mount_helper_is_killed_with_cameras_at_work(agent: Agent, folder: Path, oracle: Oracle) -> None:
    cameras = three_at_work(agent, folder, oracle)
    agent.kill(HELPER)
    agent.await_bays((1, 2, 3), "bay_fault", "copy_failed", "reading", "empty", timeout=60)
    agent.start(HELPER)
    all_is_well(agent, oracle, cameras)


def test_the_store_is_killed_with_cameras_at_work(agent: Agent, folder: Path, oracle: Oracle) -> None:
    cameras = three_at_work(agent, folder, oracle)
    agent.kill(STORE)
    agent.await_problem("store_down")
    agent.start(STORE)
    all_is_well(agent, oracle, cameras)


def test_cameras_taken_and_put_in_while_nobody_looks(agent: Agent, folder: Path, oracle: Oracle) -> None:
    """The agent is away; one camera leaves half copied, another comes. Both are found as they are when it is back."""
    cameras = three_at_work(agent, folder, oracle)
    agent.kill(AGENT)
    nothing_is_left(agent)
    cameras[0].pull_cable()
    card = oracle.cards[0].card
    agent.start(AGENT)
    agent.await_answer()
    agent.await_bay(1, "removed_early")
    again = agent.plug(card, bay=1, serial="C0001")
    all_is_well(agent, oracle, [again, *cameras[1:]])


@pytest.mark.parametrize("unit", [AGENT, HELPER])
def test_killed_while_a_camera_is_emptied(agent: Agent, folder: Path, oracle: Oracle, unit: str) -> None:
    """The card is writable at that moment. Whoever dies, it does not stay so, and what was deleted is told as dockd's own doing."""
    card = oracle.add(filled_card(folder / "card.img", moments.SIZES, size=64 << 20), serial="C0001").card
    camera = agent.plug(card, bay=3, serial="C0001", line=moments.WIPE.line)
    moments.WIPE.reach(agent, camera)
    before = agent.events()
    agent.kill(unit)
    assert moments.WIPE.came_in_time(before)
    if unit == AGENT:
        nothing_is_left(agent)
    agent.start(unit)
    agent.await_answer()
    camera.throttle(Line())
    agent.await_bay(3, "ready", timeout=90)
    assert not agent.events("segment.vanished", "segment.lost")
    assert agent.writable_mounts() == []
    agent.check_books()
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches(torn_out=["C0001"]) == []
    assert oracle.not_delivered() == []
