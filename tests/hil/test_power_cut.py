"""The power goes while dockd pulls, uploads and wipes: every file is whole on the card or in the store afterwards.

Judged after each cut from the images of card and store alone. The same disks and the same card go on from cut to cut, as
in a station with a bad fuse. That the check can fail is shown by
`test_a_mover_that_does_not_flush_loses_footage_to_a_power_cut` in test_guest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.hil.rig.cards import unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.product import document
from tests.hil.rig.scene import CAMERA, Scene
from tests.hil.rig.usb import Camera, Line
from tests.hil.rig.vm import Snapshot, Vm, restored

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

TORN_OUT = "reserved sector 0"
Moment = Callable[[Vm, Scene, Camera], None]


def while_pulling(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(read=8_000_000)


def while_uploading(vm: Vm, scene: Scene, camera: Camera) -> None:
    scene.store.await_written(vm, name="store", size=3_000_000)


def while_wiping(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(written=4096)


MOMENTS: tuple[Moment, ...] = (while_pulling, while_uploading, while_wiping)


def test_the_power_goes_at_every_stage_in_turn(snapshot: Snapshot, shares: Mapping[str, Path], scene: Scene) -> None:
    for moment in MOMENTS:
        with restored(snapshot, shares=shares) as vm:
            dock, camera = scene.set_up(vm, line=Line(write_requests_per_second=8))
            job = dock.start_ingest(CAMERA)
            moment(vm, scene, camera)
            assert job.running(), f"{moment.__name__}: it had ended by then\n{job.wait().said}"
            vm.power_cut()
        assert lost(scene.originals, card=scene.on_card(), store=scene.in_store()) == [], moment.__name__
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
