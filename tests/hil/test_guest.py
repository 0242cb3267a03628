"""The rig itself: real enumeration, real mounts, real errors, and a power cut that takes what was not flushed."""

from __future__ import annotations

import re
import time

import pytest

from tests.hil.rig.cards import Filesystem, make_card
from tests.hil.rig.evidence import lost
from tests.hil.rig.footage import SHIFT
from tests.hil.rig.scene import CAMERA, STORE_DISK, Scene
from tests.hil.rig.usb import Line, plug
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]


@pytest.mark.hil_short
def test_commands_keep_their_streams_apart_and_can_be_ended(vm: Vm) -> None:
    ended = vm.run("echo footage; echo 'warning – é' >&2; exit 3")
    assert (ended.status, ended.stdout, ended.stderr) == (3, "footage\n", "warning – é\n")
    job = vm.start("echo begun; sleep 600")
    job.wait_for("begun")
    assert job.running()
    job.signal(15)
    assert job.wait(timeout=10).status == -15


def test_the_guest_reads_what_the_host_put_on_the_card(vm: Vm, scene: Scene) -> None:
    plug(vm, scene.card, serial="C3441", port="3").mount(CAMERA, mode="ro")
    said = vm.check(f"cd {CAMERA} && find . -type f -exec sha256sum {{}} +")
    found = {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  \./(.*)$", said, re.MULTILINE)}
    assert found == scene.originals


def test_an_exfat_card_is_recognised_and_can_be_filled(vm: Vm, scene: Scene) -> None:
    card = make_card(scene.new_path("exfat"), filesystem=Filesystem.EXFAT, label="BWC0002")
    camera = plug(vm, card, serial="C3442", bus="usb1.0", port="8")
    vm.check(f"mkdir -p {CAMERA} && mount -t exfat {camera.device} {CAMERA} && echo clip > {CAMERA}/a.mp4")
    assert 'LABEL="BWC0002"' in vm.check(f"umount {CAMERA} && blkid {camera.device}")


def test_a_pulled_cable_is_an_error_to_the_reader_and_an_empty_folder_to_the_lister(vm: Vm, scene: Scene) -> None:
    """The trap that dockd must not fall into: the stale FAT mount lists as empty, without an error."""
    camera = plug(vm, scene.card, serial="C3441", line=Line(read_bytes_per_second=1_000_000))
    camera.mount(CAMERA)
    reader = vm.start(f"exec cat {CAMERA}/DCIM/100MEDIA/BWC00001.MP4 > /dev/null")
    camera.await_traffic(read=1_000_000)
    camera.pull_cable()
    pulled = time.monotonic()
    ended = reader.wait(timeout=30)
    assert ended.status == 1
    assert "Input/output error" in ended.stderr
    assert time.monotonic() - pulled < 10
    listing = vm.run(f"echo 3 > /proc/sys/vm/drop_caches; ls -A {CAMERA}")
    assert (listing.status, listing.stdout, listing.stderr) == (0, "", "")
    assert vm.run(f"mountpoint -q {CAMERA}").status == 0


def test_a_mover_that_does_not_flush_loses_footage_to_a_power_cut(vm: Vm, scene: Scene) -> None:
    """The control of the power cuts: a `mv` to the store's disk is what the check must call a loss."""
    scene.plug_disks(vm)
    camera = plug(vm, scene.card, serial="C3441")
    camera.mount(CAMERA)
    vm.check(f"cp -a {CAMERA}/DCIM {STORE_DISK}/ && rm -r {CAMERA}/DCIM && umount {CAMERA}")
    vm.power_cut()
    gone = lost(scene.originals, card=scene.on_card(), store=scene.in_store())
    assert [name for name in gone if SHIFT[name] > 0]


def test_a_mover_that_flushes_loses_nothing(vm: Vm, scene: Scene) -> None:
    scene.plug_disks(vm)
    camera = plug(vm, scene.card, serial="C3441")
    camera.mount(CAMERA)
    vm.check(f"cp -a {CAMERA}/. {STORE_DISK}/ && sync && rm -r {CAMERA}/DCIM && umount {CAMERA}")
    vm.power_cut()
    assert lost(scene.originals, card=scene.on_card(), store=scene.in_store()) == []
    assert scene.card.files() == {name for name in scene.originals if not name.startswith("DCIM/")}
