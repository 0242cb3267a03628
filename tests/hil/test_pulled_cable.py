"""The cable is pulled while dockd reads, while it deletes, and before it starts: nothing is lost, nothing is made up.

After a pulled cable a FAT mount lists as empty, without an error (test_guest.py shows it). Who takes that for an empty
camera reports a card as done that holds a whole shift.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hil.rig.agent import Agent
from tests.hil.rig.cards import Filesystem, unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.guest_channel import Ended
from tests.hil.rig.moments import AT_THE_CAMERA, CONFIRMED, PULL, SIZES, WIPE, Moment
from tests.hil.rig.odd_cards import filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.product import Dock, document
from tests.hil.rig.scene import CAMERA, Scene
from tests.hil.rig.usb import Line
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

# A volume that was torn out while it was writable is marked so in its first sector.
TORN_OUT = "reserved sector 0"


def assert_nothing_is_claimed(ended: Ended) -> None:
    """On a mount whose camera is gone: no success, and nothing that was deleted."""
    assert ended.status in (1, 3), ended.said
    if ended.stdout:  # a mount that is stale from the start is refused before anything is begun
        assert document(ended)["segments"]["wiped"] == 0, ended.said
    else:
        assert "it has left" in ended.stderr, ended.said


def vanished(dock: Dock) -> list[str]:
    """What the custody chain says went from the camera without dockd."""
    return [str(entry["data"]) for entry in dock.custody() if entry["action"] == "segment.vanished"]


def wiped(dock: Dock) -> set[str]:
    """The paths that the custody chain says were deleted."""
    return {entry["data"]["path"] for entry in dock.custody() if entry["action"] == "segment.wiped"}


def test_a_mount_whose_camera_is_gone_is_not_an_empty_camera(vm: Vm, scene: Scene) -> None:
    dock, camera = scene.set_up(vm)
    camera.pull_cable()
    assert vm.check(f"echo 3 > /proc/sys/vm/drop_caches; ls -A {CAMERA}") == ""
    assert_nothing_is_claimed(dock.ingest(CAMERA))


def test_pulled_while_it_is_read_and_put_back(vm: Vm, scene: Scene) -> None:
    dock, camera = scene.set_up(vm, line=Line(read_bytes_per_second=4_000_000))
    ingest = dock.start_ingest(CAMERA)
    camera.await_traffic(read=10_000_000)
    camera.pull_cable()
    assert_nothing_is_claimed(ingest.wait())
    # Once more on the stale mount, which lists as empty now: what was seen before has not vanished.
    assert_nothing_is_claimed(dock.ingest(CAMERA))
    assert vanished(dock) == []
    vm.check(f"umount {CAMERA}")

    scene.plug_card(vm)
    ended = dock.ingest(CAMERA)
    assert ended.status == 0, ended.said
    assert document(ended)["segments"]["wiped"] == len(scene.originals), ended.said
    for check in (dock.verify_custody(), dock.reconcile()):
        assert check.status == 0, check.said
    vm.check(f"umount {CAMERA} && sync")
    vm.power_cut()

    assert scene.card.files() == set()
    assert scene.not_delivered() == []
    assert set(unexplained_changes(scene.before, scene.card)) <= {TORN_OUT}


def test_pulled_while_it_is_wiped_and_put_back(vm: Vm, scene: Scene) -> None:
    # Few writes a second: deleting nine names takes long enough to be cut in the middle.
    dock, camera = scene.set_up(vm, line=Line(write_requests_per_second=8))
    ingest = dock.start_ingest(CAMERA)
    camera.await_traffic(written=4096)
    camera.pull_cable()
    cut = ingest.wait()
    assert cut.status in (1, 3), cut.said
    claimed = wiped(dock)
    vm.check(f"umount {CAMERA} && sync")
    torn = scene.on_card()
    # The moment was right, and what is said to be deleted is deleted.
    assert torn, "the cable came out too late: everything was deleted by then"
    assert claimed.isdisjoint(torn), cut.said

    scene.plug_card(vm)
    again = dock.ingest(CAMERA)
    # A name whose content the cut took may be left and told of; a success must be one.
    assert again.status in (0, 1), again.said
    assert vanished(dock) == []
    vm.check(f"umount {CAMERA} && sync")
    vm.power_cut()

    assert lost(scene.originals, card=torn, store=scene.in_store()) == []
    assert scene.not_delivered() == []
    assert again.status == 1 or scene.card.files() == set(), again.said
    assert set(unexplained_changes(scene.before, scene.card)) <= {TORN_OUT}


# Each moment three times: on both filesystems, and on FAT32 once more.
ROUNDS = [
    pytest.param(moment, filesystem, turn, marks=pytest.mark.hil_short if moment is WIPE and turn == 1 else ())
    for moment in AT_THE_CAMERA
    for turn, filesystem in enumerate((Filesystem.FAT32, Filesystem.EXFAT, Filesystem.FAT32), 1)
]


@pytest.mark.parametrize(("moment", "filesystem", "turn"), ROUNDS, ids=str)
def test_pulled_under_the_agent_and_put_into_another_bay(
    agent: Agent, folder: Path, oracle: Oracle, moment: Moment, filesystem: Filesystem, turn: int
) -> None:
    card = oracle.add(
        filled_card(folder / "card.img", SIZES, filesystem=filesystem, size=64 << 20), serial="C0001"
    ).card
    camera = agent.plug(card, bay=turn, serial="C0001", line=moment.line)
    moment.reach(agent, camera)
    before = agent.events()
    camera.pull_cable()
    assert moment.came_in_time(before), f"{moment} was over: {[e['event.action'] for e in before]}"
    agent.await_bay(turn, "empty", "removed_early", timeout=30, never=("ready",))
    agent.wait_until(lambda: agent.mounts() == [], what=lambda: f"still mounted: {agent.mounts()}", timeout=30)
    # Nothing was concluded from a mount without its camera.
    assert not agent.events("segment.wiped", "segment.vanished", "segment.lost", "camera.emptied")
    torn = set(oracle.on_card(oracle.cards[0]))
    if moment in (PULL, CONFIRMED):
        assert torn == set(SIZES), "something was deleted before its time"

    agent.plug(card, bay=8 + turn, serial="C0001")
    bay = agent.await_bay(8 + turn, "ready", timeout=60)
    assert bay["camera"]["serial"] == "C0001"
    assert agent.bay(turn)["state"] == "empty"
    assert not agent.events("segment.lost")
    assert len(agent.segments()) == len(SIZES), "something was taken for new"
    agent.check_books()
    agent.shut_down()
    assert card.files() == set()
    found = oracle.found()
    assert sorted(found.store.values()).count(oracle.cards[0].originals[max(SIZES)]) == 1, "the store has it twice"
    assert oracle.breaches(torn_out=["C0001"]) == []
    assert oracle.not_delivered() == []
