"""The whole way once, on real USB: a FAT32 card is plugged, mounted, ingested and wiped, and judged from its image."""

from __future__ import annotations

import pytest

from tests.hil.rig.cards import unexplained_changes
from tests.hil.rig.footage import SHIFT
from tests.hil.rig.product import document
from tests.hil.rig.scene import CAMERA, Scene
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.hil_short, pytest.mark.timeout(600)]

EVERYTHING = {"segments": len(SHIFT), "bytes": sum(SHIFT.values())}


def test_a_card_is_proven_in_the_store_and_emptied_by_name(vm: Vm, scene: Scene) -> None:
    dock, camera = scene.set_up(vm)
    ended = dock.ingest(CAMERA)
    assert ended.status == 0, ended.said
    said = document(ended)
    for unit, all_of_it in EVERYTHING.items():
        for step in ("listed", "copied", "confirmed", "wiped"):
            assert said[unit][step] == all_of_it, (unit, step, ended.said)
        assert said[unit]["held"] == 0, ended.said
    assert said["held"] == []

    # An empty card that is really there is no fault and nothing to do.
    again = dock.ingest(CAMERA)
    assert again.status == 0, again.said

    verified, reconciled = dock.verify_custody(), dock.reconcile()
    assert verified.status == 0, verified.said
    assert reconciled.status == 0, reconciled.said
    total = document(reconciled)["total"]
    for unit, all_of_it in EVERYTHING.items():
        assert [total[unit][step] for step in ("listed", "confirmed", "wiped")] == [all_of_it] * 3, reconciled.said

    vm.check(f"umount {CAMERA}")
    camera.pull_cable()
    vm.check("sync")
    vm.power_cut()
    assert scene.card.files() == set()
    assert scene.card.folders() == scene.before.folders()
    assert scene.card.label() == scene.before.label()
    assert unexplained_changes(scene.before, scene.card) == []
    assert scene.card.complaints(partition=scene.new_path("partition")) is None
    assert scene.not_delivered() == []
