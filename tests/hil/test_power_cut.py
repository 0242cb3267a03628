"""The power goes while dockd pulls, uploads and wipes: every file is whole on the card or in the store afterwards.

Judged from the images of card and store alone, and once more after a second run on what the cut left. That the check
can fail is shown by `test_a_mover_that_does_not_flush_loses_footage_to_a_power_cut` in test_guest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.hil.rig.cards import unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.product import document
from tests.hil.rig.scene import CAMERA, STORE_DISK, Scene
from tests.hil.rig.usb import Camera, plug
from tests.hil.rig.vm import Snapshot, Vm, restored

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

TORN_OUT = "reserved sector 0"
Moment = Callable[[Vm, Scene, Camera], None]


def while_pulling(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(read=12_000_000)


def while_uploading(vm: Vm, scene: Scene, camera: Camera) -> None:
    scene.store.await_written(vm, name="store", size=5_000_000)


def while_wiping(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(written=1)


def after_wiping(vm: Vm, scene: Scene, camera: Camera) -> None:
    camera.await_traffic(written=8192)


@pytest.mark.parametrize("moment", [while_pulling, while_uploading, while_wiping, after_wiping])
def test_power_cut(snapshot: Snapshot, shares: Mapping[str, Path], scene: Scene, moment: Moment) -> None:
    with restored(snapshot, shares=shares) as vm:
        dock = scene.plug_disks(vm)
        camera = plug(vm, scene.card, serial="C3441")
        camera.mount(CAMERA)
        dock.serve_store(f"{STORE_DISK}/store")
        dock.start_ingest(CAMERA)
        moment(vm, scene, camera)
        vm.power_cut()
    assert lost(scene.originals, card=scene.on_card(), store=scene.in_store()) == []
    torn = set(scene.on_card())

    with restored(snapshot, shares=shares) as vm:
        dock = scene.plug_disks(vm)
        camera = plug(vm, scene.card, serial="C3441")
        camera.mount(CAMERA)
        dock.serve_store(f"{STORE_DISK}/store")
        ended = dock.ingest(CAMERA)
        custody = dock.verify_custody()
        vm.check(f"umount {CAMERA} && sync")
        vm.power_cut()
    whole = torn == set(scene.originals)
    assert ended.status in ((0,) if whole else (0, 1)), ended.said
    assert custody.status == 0, custody.said
    assert not whole or document(ended)["segments"]["wiped"] == len(torn), ended.said
    assert scene.not_delivered() == []
    assert ended.status == 1 or scene.card.files() == set(), ended.said
    assert set(unexplained_changes(scene.before, scene.card)) <= {TORN_OUT}
