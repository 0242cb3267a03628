"""What cameras, cards and hubs do wrong: each costs its own bay, never another's, and never footage."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.gadgets import load_controllers, make_gadget
from tests.hil.rig.odd_cards import SMALL, clones, filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.usb import Line, plug, plug_thing

pytestmark = [pytest.mark.hil, pytest.mark.timeout(400)]

BAY = 3
# The port of a gadget is named by no bay: it gets the first number behind the rack's.
GADGET_BAY = 17
TEN = {f"DCIM/100MEDIA/BWC{number:05d}.MP4": 300_000 + number for number in range(1, 11)}


@pytest.mark.hil_short
def test_a_bad_sector_in_one_of_ten_files_keeps_the_whole_card(agent: Agent, folder: Path, oracle: Oracle) -> None:
    card = oracle.add(filled_card(folder / "card.img", TEN), serial="C0001").card
    bad = "DCIM/100MEDIA/BWC00004.MP4"
    agent.plug(card, bay=BAY, serial="C0001", bad_sectors=[card.sector_of(bad, at=200_000)])
    agent.await_event("segment.confirmed", after=8, timeout=120)
    bay = agent.await_bay(BAY, "copy_failed", never=("ready", "wiping"))
    assert bay["segments"] == {"listed": 10, "copied": 9, "confirmed": 9, "wiped": 0, "held": 1}
    assert "Set the camera aside for ops; do not issue it." in bay["why"], bay["why"]
    held = [one for one in agent.segments() if one["held"]]
    assert [one["path"] for one in held] == [bad]
    problems = agent.problems()
    assert any(one["bay"] == BAY and one["advice"] for one in problems), problems
    agent.shut_down()
    assert card.files() == set(TEN)
    assert oracle.breaches() == []


def test_a_slow_camera_does_not_hold_up_the_fast_ones(agent: Agent, folder: Path, oracle: Oracle) -> None:
    slow = {"DCIM/100MEDIA/BWC00001.MP4": 24 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 24 * MEGABYTE}
    card = oracle.add(filled_card(folder / "slow.img", slow, size=96 << 20), serial="C0050").card
    agent.plug(card, bay=9, serial="C0050", line=Line(read_bytes_per_second=4 * MEGABYTE))
    agent.await_event("camera.listed")
    for number, fast in enumerate(clones(folder, number=4), 1):
        agent.plug(oracle.add(fast, serial=f"C{number:04d}").card, bay=number, serial=f"C{number:04d}")
    agent.await_bays(range(1, 5), "ready", timeout=60)
    assert agent.bay(9)["state"] != "ready"
    agent.await_bay(9, "ready", timeout=150)
    agent.shut_down()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_camera_that_hangs_is_left_behind_and_the_others_go_on(agent: Agent, folder: Path, oracle: Oracle) -> None:
    load_controllers(agent.vm, number=1)
    large = {"DCIM/100MEDIA/BWC00001.MP4": 9 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 8 * MEGABYTE}
    hanging = oracle.add(filled_card(folder / "hanging.img", large, label="GOPRO"), serial="C0042").card
    gadget = make_gadget(agent.vm, hanging, serial="C0042")
    gadget.plug()
    agent.await_event("camera.listed")
    gadget.hang()
    hung_at = time.monotonic()
    for number, card in enumerate(clones(folder, number=3), 1):
        agent.plug(oracle.add(card, serial=f"C{number:04d}").card, bay=number, serial=f"C{number:04d}")
    agent.await_bays(range(1, 4), "ready", timeout=60)
    assert time.monotonic() - hung_at < 60
    bay = agent.await_bay(
        GADGET_BAY, "bay_fault", "copy_failed", "empty", "removed_early", timeout=120, never=("ready",)
    )
    assert bay["segments"]["wiped"] == 0
    gadget.go_on()
    gadget.pull_cable()
    gadget.plug()
    agent.await_bay(GADGET_BAY, "ready", timeout=120)
    agent.shut_down()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_hub_is_pulled_with_four_cameras_at_work(agent: Agent, folder: Path, oracle: Oracle) -> None:
    sizes = {"DCIM/100MEDIA/BWC00001.MP4": 3 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 2 * MEGABYTE}
    cards = clones(folder, number=4, sizes=sizes)
    for number, card in enumerate(cards, 1):
        oracle.add(card, serial=f"C{number:04d}")
    hub = plug_thing(agent.vm, "usb-hub", port="2")
    line = Line(read_bytes_per_second=MEGABYTE)
    cameras = [
        plug(agent.vm, card, serial=f"C{number:04d}", port=f"2.{number}", line=line, wait=False)
        for number, card in enumerate(cards, 1)
    ]
    agent.await_event("segment.copied", timeout=60)
    hub.pull_cable(*cameras)
    left = agent.await_bays(range(17, 21), "removed_early", "empty", timeout=30)
    assert any(bay["state"] == "removed_early" for bay in left.values())
    agent.wait_until(lambda: agent.mounts() == [], what=lambda: f"still mounted: {agent.mounts()}", timeout=30)
    for number, card in enumerate(cards, 1):
        agent.plug(card, bay=8 + number, serial=f"C{number:04d}")
    agent.await_bays(range(9, 13), "ready", timeout=90)
    assert {bay["state"] for bay in agent.bays().values() if bay["number"] >= 17} == {"empty"}
    agent.shut_down()
    assert all(card.files() == set() for card in cards)
    assert oracle.breaches(torn_out=[one.serial for one in oracle.cards]) == []
    assert oracle.not_delivered() == []


def test_a_card_that_is_ejected_without_unplugging_has_left(agent: Agent, folder: Path, oracle: Oracle) -> None:
    load_controllers(agent.vm, number=1)
    large = {"DCIM/100MEDIA/BWC00001.MP4": 40 * MEGABYTE, "DCIM/100MEDIA/BWC00002.MP4": 20 * MEGABYTE}
    card = oracle.add(filled_card(folder / "card.img", large, label="GOPRO", size=128 << 20), serial="C0042").card
    gadget = make_gadget(agent.vm, card, serial="C0042")
    gadget.plug()
    agent.await_event("camera.listed")
    gadget.eject_card()
    agent.await_bay(
        GADGET_BAY, "empty", "removed_early", "not_ours", "bay_fault", "copy_failed", timeout=60, never=("ready",)
    )
    assert not agent.events("segment.wiped", "segment.vanished", "camera.emptied")
    gadget.insert_card()
    agent.await_bay(GADGET_BAY, "ready", timeout=120)
    agent.shut_down()
    assert card.files() == set()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


@pytest.mark.parametrize("events", [2000])
def test_a_storm_of_events_hides_no_camera(agent: Agent, folder: Path, oracle: Oracle, events: int) -> None:
    first, second = clones(folder, number=2)
    agent.plug(oracle.add(first, serial="C0001").card, bay=1, serial="C0001")
    storm = agent.vm.start(
        f"n=0; while [ $n -lt {events} ]; do n=$((n + $(udevadm trigger -v -c change -s block -s usb -s tty | wc -l))); done; echo $n"
    )
    agent.plug(oracle.add(second, serial="C0002").card, bay=2, serial="C0002")
    assert int(storm.wait(timeout=120).stdout) >= events
    agent.await_bays((1, 2), "ready", timeout=120)
    assert len(agent.events("camera.docked")) == 2
    agent.shut_down()
    assert oracle.breaches() == []
    assert oracle.not_delivered() == []


def test_a_file_that_appears_after_the_listing_is_not_deleted_unproven(
    agent: Agent, folder: Path, oracle: Oracle
) -> None:
    card = filled_card(folder / "card.img", {name: 4 * size for name, size in SMALL.items()}, size=64 << 20)
    oracle.add(card, serial="C0001")
    camera = agent.plug(card, bay=BAY, serial="C0001", line=Line(read_bytes_per_second=MEGABYTE))
    agent.await_event("camera.listed")
    where = agent.mounts()[0]
    late = "DCIM/100MEDIA/LATE.MP4"
    # Somebody else writes to the volume by the same kernel: its device and its mount are made writable for a moment.
    agent.vm.check(
        f"blockdev --setrw $(readlink -f {camera.device}) && mount -o remount,rw {where} && head -c 600000 /dev/urandom > {where}/{late}"
        f" && sync -f {where} && mount -o remount,ro {where}"
    )
    digest = agent.vm.check(f"sha256sum {where}/{late}").split()[0]
    agent.await_bay(BAY, "ready", timeout=120)
    by_path = {one["path"]: one for one in agent.segments()}
    assert by_path[late]["sha256"] == digest
    wiped = [event for event in agent.custody() if event["action"] == "segment.wiped" and event["data"]["path"] == late]
    proven = [
        event for event in agent.custody() if event["action"] == "segment.confirmed" and event["data"]["path"] == late
    ]
    assert len(wiped) == len(proven) == 1
    assert proven[0]["seq"] < wiped[0]["seq"]
    agent.shut_down()
    assert card.files() == set()
    assert digest in oracle.found().store.values()
    assert oracle.not_delivered() == []
