"""The power goes while dockd pulls, uploads and wipes: every file is whole on the card or in the store afterwards.

Judged after each cut from the images of the cards and of the dock's disks alone. The same disks go on from cut to cut, as
in a station with a bad fuse. That the check can fail is shown by
`test_a_mover_that_does_not_flush_loses_footage_to_a_power_cut` in test_guest.py and by test_oracle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.hil.conftest import Stations
from tests.hil.rig.agent import Agent
from tests.hil.rig.cards import Filesystem, unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.moments import EVERY, SIZES, WIPE, Moment
from tests.hil.rig.odd_cards import filled_card
from tests.hil.rig.oracle import Oracle
from tests.hil.rig.product import document
from tests.hil.rig.scene import CAMERA, Scene
from tests.hil.rig.usb import Camera, Line
from tests.hil.rig.vm import Snapshot, Vm, restored

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

TORN_OUT = "reserved sector 0"
Stage = Callable[[Vm, Scene, Camera], None]


def while_pulling(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(read=8_000_000)


def while_uploading(vm: Vm, scene: Scene, camera: Camera) -> None:
    scene.store.await_written(vm, name="store", size=3_000_000)


def while_wiping(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(written=4096)


STAGES: tuple[Stage, ...] = (while_pulling, while_uploading, while_wiping)


def test_the_power_goes_at_every_stage_in_turn(snapshot: Snapshot, shares: Mapping[str, Path], scene: Scene) -> None:
    for stage in STAGES:
        with restored(snapshot, shares=shares) as vm:
            dock, camera = scene.set_up(vm, line=Line(write_requests_per_second=8))
            job = dock.start_ingest(CAMERA)
            stage(vm, scene, camera)
            assert job.running(), f"{stage.__name__}: it had ended by then\n{job.wait().said}"
            vm.power_cut()
        assert lost(scene.originals, card=scene.on_card(), store=scene.in_store()) == [], stage.__name__
    torn = scene.on_card()
    assert torn, "the last cut came too late: everything was deleted by then"

    with restored(snapshot, shares=shares) as vm:
        dock, _ = scene.set_up(vm)
        claimed = {entry["data"]["path"] for entry in dock.custody() if entry["action"] == "segment.wiped"}
        ended = dock.ingest(CAMERA)
        custody = dock.verify_custody()
        vm.check(f"umount {CAMERA} && sync")
        vm.power_cut()
    assert claimed.isdisjoint(torn), "said to be deleted and still there"
    # A name whose content the cut took may be left and told of; a success must be one.
    assert ended.status in (0, 1), ended.said
    assert custody.status == 0, custody.said
    assert ended.status == 1 or scene.card.files() == set(), ended.said
    assert document(ended)["segments"]["confirmed"] > 0, ended.said
    assert scene.not_delivered() == []
    assert set(unexplained_changes(scene.before, scene.card)) <= {TORN_OUT}


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=pytest.mark.hil_short if one is WIPE else ()) for one in EVERY], ids=str
)
def test_the_power_goes_under_the_agent_three_times_in_one_phase(
    stations: Stations, folder: Path, oracle: Oracle, moment: Moment
) -> None:
    """Three cards, each cut off in this phase, on one dock. Then all three are put in again, and everything is delivered once."""
    station = stations()
    kinds = (Filesystem.FAT32, Filesystem.EXFAT, Filesystem.FAT32)
    for turn, filesystem in enumerate(kinds, 1):
        serial = f"C{turn:04d}"
        card = filled_card(folder / f"{serial}.img", SIZES, filesystem=filesystem, size=64 << 20, seed=serial)
        oracle.add(card, serial=serial)
        with station.running(folder) if turn == 1 else station.started(folder) as agent:
            cut(agent, moment, oracle, bay=turn)
        torn_out = [one.serial for one in oracle.cards]
        assert oracle.breaches(torn_out=torn_out) == [], f"after cut {turn}"

    with station.started(folder) as agent:
        for bay, carried in enumerate(oracle.cards, 9):
            agent.plug(carried.card, bay=bay, serial=carried.serial)
        agent.await_bays((9, 10, 11), "ready", timeout=90)
        assert not agent.events("segment.lost", "segment.rotted")
        agent.check_books()
        agent.shut_down()
    assert [one.serial for one in oracle.cards if one.card.files()] == []
    assert oracle.breaches(torn_out=[one.serial for one in oracle.cards]) == []
    assert oracle.not_delivered() == []


def cut(agent: Agent, moment: Moment, oracle: Oracle, *, bay: int) -> None:
    """Plug the last card that was handed in, and cut the power when the moment is there."""
    carried = oracle.cards[-1]
    camera = agent.plug(carried.card, bay=bay, serial=carried.serial, line=moment.line)
    moment.reach(agent, camera)
    before = agent.events()
    agent.vm.power_cut()
    assert moment.came_in_time(before), f"{moment} was over: {[event['event.action'] for event in before]}"
