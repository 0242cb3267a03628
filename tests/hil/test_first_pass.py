"""The whole way once, on real USB: a FAT32 card is plugged, mounted, ingested and wiped, and judged from its image."""

from __future__ import annotations

import pytest

from tests.hil.rig.cards import unexplained_changes
from tests.hil.rig.footage import SHIFT
from tests.hil.rig.product import document
from tests.hil.rig.scene import CAMERA, STORE_DISK, Scene
from tests.hil.rig.usb import plug
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.hil_short, pytest.mark.timeout(600)]

EVERYTHING = {"segments": len(SHIFT), "bytes": sum(SHIFT.values())}


def test_a_card_is_proven_in_the_store_and_emptied_by_name(vm: Vm, scene: Scene) -> None:
    dock = scene.plug_disks(vm)
    camera = plug(vm, scene.card, serial="C3441")
    camera.mount(CAMERA)
    server = dock.serve_store(f"{STORE_DISK}/store")

    ended = dock.ingest(CAMERA)
    assert ended.status == 0, ended.said
    said = document(ended)
    for unit, all_of_it in EVERYTHING.items():
        for step in ("listed", "copied", "confirmed", "wiped"):
            assert said[unit][step] == all_of_it, (unit, step, ended.said)
        assert said[unit]["held"] == 0, ended.said
    assert said["held"] == []

    again = dock.ingest(CAMERA)
    assert again.status == 0, again.said
    assert document(again)["segments"]["wiped"] in (0, len(SHIFT)), again.said

    for check in (dock.verify_custody(), dock.reconcile()):
        assert check.status == 0, check.said
    vm.check(f"umount {CAMERA}")
    camera.pull_cable()
    server.signal(15)
    server.wait(timeout=30)
    vm.check(f"umount {STORE_DISK}")
    vm.power_cut()

    assert scene.card.files() == set()
    assert scene.card.folders() == scene.before.folders()
    assert scene.card.label() == scene.before.label()
    assert unexplained_changes(scene.before, scene.card) == []
    assert scene.card.complaints(partition=scene.new_path("partition")) is None
    assert scene.not_delivered() == []
