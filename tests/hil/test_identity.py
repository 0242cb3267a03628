"""Who a camera is: profile, serial and card; the bay is only where it is. Two are never mixed, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.odd_cards import SMALL, clones, filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.usb import Line

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]
SLOW = Line(read_bytes_per_second=MEGABYTE)
LARGE = {name: 8 * size for name, size in SMALL.items()}


def test_the_card_of_one_camera_in_another_is_another_card(agent: Agent, folder: Path, oracle: Oracle) -> None:
    """A was half copied when its card was put into B, and B's into A: both end up whole, and nothing is said to have vanished."""
    one, other = clones(folder, number=2, sizes=LARGE, size=64 << 20)
    oracle.add(one, serial="C0001")
    oracle.add(other, serial="C0002")
    camera = agent.plug(one, bay=1, serial="C0001", line=SLOW)
    agent.await_event("segment.copied", timeout=60)
    camera.pull_cable()
    agent.await_bay(1, "removed_early")
    agent.plug(one, bay=2, serial="C0002")
    agent.plug(other, bay=1, serial="C0001")
    bays = agent.await_bays((1, 2), "ready", timeout=90)
    assert bays[1]["camera"]["id"] != bays[2]["camera"]["id"]
    assert not agent.events("segment.vanished", "segment.lost")
    agent.shut_down()
    assert one.files() | other.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


@pytest.mark.hil_short
def test_two_cameras_with_one_serial_at_once_are_told_apart(agent: Agent, folder: Path, oracle: Oracle) -> None:
    cards = clones(folder, number=2)
    for card in cards:
        oracle.add(card, serial="C0007")
    agent.plug(cards[0], bay=1, serial="C0007", line=SLOW)
    agent.plug(cards[1], bay=9, serial="C0007", line=SLOW)
    bays = agent.await_bays((1, 9), "ready", timeout=60)
    assert bays[1]["camera"]["id"] != bays[9]["camera"]["id"]
    assert any("serial" in bay["why"] for bay in bays.values()), [bay["why"] for bay in bays.values()]
    agent.shut_down()
    assert cards[0].files() | cards[1].files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_two_cameras_with_one_serial_one_after_the_other_are_told_apart(
    agent: Agent, folder: Path, oracle: Oracle
) -> None:
    """The second comes into the bay of the first, which left too early: that none of the first's files is on it says nothing about them."""
    cards = clones(folder, number=2, sizes=LARGE, size=64 << 20)
    for card in cards:
        oracle.add(card, serial="C0007")
    camera = agent.plug(cards[0], bay=1, serial="C0007", line=SLOW)
    agent.await_event("segment.copied", timeout=60)
    camera.pull_cable()
    agent.await_bay(1, "removed_early")
    camera = agent.plug(cards[1], bay=1, serial="C0007")
    agent.await_bay(1, "ready", timeout=60)
    assert not agent.events("segment.vanished", "segment.lost")
    camera.pull_cable()
    agent.await_bay(1, "empty", "removed_early")
    agent.plug(cards[0], bay=5, serial="C0007")
    agent.await_bay(5, "ready", timeout=60)
    assert not agent.events("segment.vanished", "segment.lost")
    agent.shut_down()
    assert cards[0].files() | cards[1].files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_twins_that_even_share_their_volumes_number_are_not_mixed(agent: Agent, folder: Path, oracle: Oracle) -> None:
    """One serial, and one number of the volume, as from one factory image: the second waits until the first has left."""
    cards = clones(folder, number=2)
    for card in cards:
        card.volume.relabel(serial=0x12345678)
        oracle.add(card, serial="C0007")
    first = agent.plug(cards[0], bay=1, serial="C0007", line=SLOW)
    agent.await_event("camera.docked")
    agent.plug(cards[1], bay=9, serial="C0007", line=SLOW)
    waiting = agent.await_bay(9, "bay_fault")
    assert "bay 1" in waiting["why"], waiting["why"]
    assert waiting["camera"] is None
    agent.await_bay(1, "ready", timeout=60)
    first.pull_cable()
    agent.await_bay(1, "empty")
    agent.await_bay(9, "ready", timeout=60)
    assert not agent.events("segment.vanished", "segment.lost")
    agent.shut_down()
    assert cards[0].files() | cards[1].files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_camera_that_recorded_since_is_emptied_of_the_new_footage_too(
    agent: Agent, folder: Path, oracle: Oracle
) -> None:
    card = filled_card(folder / "card.img", SMALL)
    oracle.add(card, serial="C0001")
    camera = agent.plug(card, bay=1, serial="C0001")
    agent.await_bay(1, "ready")
    camera.pull_cable()
    agent.await_bay(1, "empty")
    # Numbering begins anew: the same names, other footage.
    again = filled_card(folder / "again.img", {name: size + 1 for name, size in SMALL.items()})
    card.fill(again.image.with_suffix(".tree"))
    oracle.add(card, serial="C0001")
    agent.plug(card, bay=1, serial="C0001")
    agent.await_event("camera.emptied", after=1)
    agent.await_bay(1, "ready")
    agent.shut_down()
    assert card.files() == set()
    assert oracle.not_delivered() == []
