"""The cable is pulled while dockd reads, while it deletes, and before it starts: nothing is lost, nothing is made up.

After a pulled cable a FAT mount lists as empty, without an error (test_guest.py shows it). Who takes that for an empty
camera reports a card as done that holds a whole shift.
"""

from __future__ import annotations

import json

import pytest

from tests.hil.rig.cards import unexplained_changes
from tests.hil.rig.evidence import lost
from tests.hil.rig.guest_channel import Ended
from tests.hil.rig.product import Dock, document
from tests.hil.rig.scene import CAMERA, STORE_DISK, Scene
from tests.hil.rig.usb import Camera, Line, plug
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

# A volume that was torn out while it was writable is marked so in its first sector.
TORN_OUT = "reserved sector 0"


def plugged_and_mounted(vm: Vm, scene: Scene, line: Line | None = None) -> Camera:
    camera = plug(vm, scene.card, serial="C3441", line=line)
    camera.mount(CAMERA)
    return camera


def assert_nothing_is_claimed(dock: Dock, ended: Ended) -> None:
    """On a mount whose camera is gone: no success, nothing wiped, nothing vanished."""
    assert ended.status in (1, 3), ended.said
    if ended.stdout.strip():
        assert document(ended)["segments"]["wiped"] == 0, ended.said
    chain = dock.export_custody()
    events = [json.loads(line) for line in chain.stdout.splitlines()]
    told = {str(word) for event in events for word in event.values()}
    assert not [word for word in told if "vanished" in word or "wiped" in word], chain.said


def test_a_mount_whose_camera_is_gone_is_not_an_empty_camera(vm: Vm, scene: Scene) -> None:
    dock = scene.plug_disks(vm)
    plugged_and_mounted(vm, scene).pull_cable()
    assert vm.check(f"echo 3 > /proc/sys/vm/drop_caches; ls -A {CAMERA}") == ""
    dock.serve_store(f"{STORE_DISK}/store")
    assert_nothing_is_claimed(dock, dock.ingest(CAMERA))


def test_pulled_while_it_is_read_and_put_back(vm: Vm, scene: Scene) -> None:
    dock = scene.plug_disks(vm)
    camera = plugged_and_mounted(vm, scene, Line(read_bytes_per_second=3_000_000))
    dock.serve_store(f"{STORE_DISK}/store")
    ingest = dock.start_ingest(CAMERA)
    camera.await_traffic(read=10_000_000)
    camera.pull_cable()
    cut = ingest.wait(timeout=120)
    assert_nothing_is_claimed(dock, cut)
    # Once more on the stale mount, which lists as empty now: what was seen before has not vanished.
    assert_nothing_is_claimed(dock, dock.ingest(CAMERA))
    vm.check(f"umount {CAMERA}")

    camera = plugged_and_mounted(vm, scene)
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


@pytest.mark.parametrize("written", [1, 2048], ids=["at the first write", "some writes later"])
def test_pulled_while_it_is_wiped(vm: Vm, scene: Scene, written: int) -> None:
    dock = scene.plug_disks(vm)
    # Few writes a second: deleting nine names takes long enough to be cut in the middle.
    camera = plugged_and_mounted(vm, scene, Line(write_requests_per_second=4))
    dock.serve_store(f"{STORE_DISK}/store")
    ingest = dock.start_ingest(CAMERA)
    camera.await_traffic(written=written)
    camera.pull_cable()
    cut = ingest.wait(timeout=120)
    assert cut.status in (1, 3), cut.said
    vm.check(f"umount {CAMERA} && sync")
    # Judged before the second try: all that is not whole on the torn card is in the store by now.
    torn = scene.on_card()
    camera = plugged_and_mounted(vm, scene)
    again = dock.ingest(CAMERA)
    # A name whose content the cut took may be left and told of; a success must be one.
    assert again.status in (0, 1), again.said
    vm.check(f"umount {CAMERA} && sync")
    vm.power_cut()

    store = scene.in_store()
    assert lost(scene.originals, card=torn, store=store) == []
    assert scene.not_delivered() == []
    assert again.status == 1 or scene.card.files() == set(), again.said
    assert set(unexplained_changes(scene.before, scene.card)) <= {TORN_OUT}
