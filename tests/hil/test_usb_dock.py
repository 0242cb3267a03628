"""The USB dock on a real kernel and udev: what is in which bay, told once, whatever udev says how often."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.hil.rig.agent import AGENT, CONFIG, HELPER, Agent
from tests.hil.rig.gadgets import load_controllers, make_gadget
from tests.hil.rig.guest_channel import GuestJob
from tests.hil.rig.odd_cards import clones, filled_card, luks_header, partitioned_image
from tests.hil.rig.product import dockd
from tests.hil.rig.usb import plug, plug_network, plug_thing

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]

BAYS = 16
STORM = "n=0; while [ $n -lt 2000 ]; do n=$((n + $(udevadm trigger -v -t all | wc -l))); done; udevadm settle; echo $n"


def cpu_seconds(agent: Agent) -> float:
    """What the agent's own process has used."""
    words = agent.vm.check(f"cat /proc/{agent.process(AGENT)}/stat; getconf CLK_TCK").split()
    return (int(words[13]) + int(words[14])) / int(words[-1])


@pytest.mark.hil_short
def test_a_camera_is_who_it_is_and_its_bay_is_where_it_is(agent: Agent, folder: Path) -> None:
    card = filled_card(folder / "card.img")
    camera = agent.plug(card, bay=3, serial="C0001")
    first = agent.await_bay(3, "ready")
    assert first["camera"]["serial"] == "C0001"
    assert len(agent.mounts()) == 1
    camera.pull_cable()
    agent.await_bay(3, "empty", timeout=5)
    assert agent.mounts() == []
    agent.plug(card, bay=11, serial="C0001")
    assert agent.await_bay(11, "ready")["camera"] == first["camera"]


@pytest.mark.hil_short
def test_what_is_no_camera_is_told_in_words_and_never_mounted(agent: Agent, folder: Path) -> None:
    keyboard = plug_thing(agent.vm, "usb-kbd", port="1")
    network = plug_network(agent.vm, port="2")
    plug(agent.vm, partitioned_image(folder / "luks.img", luks_header()), serial="C0002", port="3", wait=False)
    said = {bay: agent.await_bay(bay, "not_ours", timeout=30)["why"] for bay in (1, 2, 3)}
    assert "a keyboard" in said[1], said
    assert "network adapter" in said[2], said
    assert "encrypted" in said[3], said
    assert agent.mounts() == []
    keyboard.pull_cable()
    network.pull_cable()
    agent.await_bays((1, 2), "empty", timeout=10)


def test_ports_behind_a_hub_are_bays_of_their_own(agent: Agent, folder: Path) -> None:
    one, other = clones(folder, number=2)
    hub = plug_thing(agent.vm, "usb-hub", port="2")
    cameras = [
        plug(agent.vm, card, serial=f"C000{n}", port=f"2.{n}", wait=False) for n, card in enumerate((one, other), 1)
    ]
    agent.wait_until(lambda: len(agent.events("camera.docked")) == 2, what=lambda: str(agent.bays()), timeout=60)
    numbers = {bay["number"]: bay["camera"]["serial"] for bay in agent.bays().values() if bay["camera"]}
    assert set(numbers) == {BAYS + 1, BAYS + 2}, numbers
    agent.await_bays(numbers, "ready")
    hub.pull_cable(*cameras)
    agent.await_bays(numbers, "empty", "removed_early", timeout=10)
    assert agent.mounts() == []


def test_a_storm_of_events_changes_nothing_and_hides_nothing(agent: Agent, folder: Path) -> None:
    cards = clones(folder, number=3)
    for bay, card in enumerate(cards[:2], 1):
        agent.plug(card, bay=bay, serial=f"C000{bay}")
    agent.await_bays((1, 2), "ready", timeout=60)
    docked = agent.events("camera.docked", "camera.undocked")
    mounts = sorted(agent.mounts())
    began, used = time.monotonic(), cpu_seconds(agent)
    storm = agent.vm.start(STORM)
    agent.plug(cards[2], bay=3, serial="C0003")
    agent.await_bay(3, "ready", timeout=90)
    ended = storm.wait(timeout=200)
    assert int(ended.stdout.split()[-1]) >= 2000, ended.said
    took, used = time.monotonic() - began, cpu_seconds(agent) - used
    print(
        f"{ended.stdout.split()[-1]} events in {took:.1f} s, of which the agent worked {used:.1f} s, a camera included"
    )
    assert used < took / 2, "the storm is what keeps the agent busy"
    fresh = agent.events("camera.docked", "camera.undocked")[len(docked) :]
    assert [event["dockd.bay"] for event in fresh] == [3], fresh
    assert agent.bay(1)["state"] == agent.bay(2)["state"] == "ready"
    assert set(mounts) < set(agent.mounts())


def test_a_card_that_comes_out_without_a_plug_being_pulled(agent: Agent, folder: Path) -> None:
    load_controllers(agent.vm)
    gadget = make_gadget(agent.vm, filled_card(folder / "card.img"), serial="C0009", port=1)
    gadget.plug()
    agent.await_event("camera.docked", timeout=40)
    [bay] = [bay["number"] for bay in agent.bays().values() if bay["camera"]]
    gadget.eject_card()
    agent.await_bay(bay, "not_ours", "empty", "removed_early", timeout=20)
    assert agent.mounts() == []
    gadget.insert_card()
    agent.await_event("camera.docked", after=1, timeout=40)
    agent.await_bay(bay, "ready", timeout=60)


def test_the_mount_helper_dies_and_comes_back(agent: Agent, folder: Path) -> None:
    agent.plug(filled_card(folder / "card.img"), bay=1, serial="C0001")
    agent.await_bay(1, "ready")
    agent.kill(HELPER)
    assert "dockd-mount" in agent.await_bay(1, "bay_fault", timeout=20)["why"]
    agent.start(HELPER)
    agent.await_bay(1, "ready", timeout=40)


def test_cameras_that_are_in_when_it_starts(agent: Agent, folder: Path) -> None:
    for bay, card in enumerate(clones(folder, number=2), 1):
        agent.plug(card, bay=bay, serial=f"C000{bay}")
    agent.await_bays((1, 2), "ready", timeout=60)
    agent.stop(AGENT)
    assert agent.mounts() == []
    agent.start(AGENT)
    agent.await_answer()
    agent.await_bays((1, 2), "ready", timeout=60)


def test_bays_are_learned_from_plugs(agent: Agent, folder: Path) -> None:
    agent.stop(AGENT)
    agent.vm.check(
        f"cp {CONFIG} /tmp/bays.toml; mkfifo /tmp/typed; (sleep 300 > /tmp/typed) < /dev/null > /dev/null 2>&1 &"
    )
    learning = dockd("bays", "learn", "--config", "/tmp/bays.toml", "--yes", "--json")
    job = agent.vm.start(f"{learning} < /tmp/typed 2>&1")
    _until_said(job, agent, "plug a camera into bay 1")
    for bay, port in ((1, "4"), (2, "7")):
        keyboard = plug_thing(agent.vm, "usb-kbd", port=port)
        _until_said(job, agent, f"bay {bay}: pci-0000:00:10.0-usb-0:{port}")
        keyboard.pull_cable()
    agent.vm.check("echo q > /tmp/typed")
    ended = job.wait(timeout=60)
    assert ended.status == 0, ended.said
    [said] = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert said["bays"] == [
        {"number": 1, "usb_path": "pci-0000:00:10.0-usb-0:4"},
        {"number": 2, "usb_path": "pci-0000:00:10.0-usb-0:7"},
    ]
    text = agent.vm.check("cat /tmp/bays.toml")
    assert text.count("[[bays]]") == 2
    assert "# The rack of the rig." in text
    assert agent.vm.check(f"cmp {said['backup']} {CONFIG} && echo same") == "same\n"


def _until_said(job: GuestJob, agent: Agent, word: str) -> None:
    def there() -> bool:
        job.running()
        return word in job.stdout

    agent.wait_until(there, what=lambda: f"{word!r} is not in {job.stdout!r}", timeout=60)
