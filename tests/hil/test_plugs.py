"""The rig's plugs and cards do in the guest what they are named after: its kernel and udev say so, without dockd."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.hil.rig import footage
from tests.hil.rig.cards import Filesystem, Table, make_card
from tests.hil.rig.evidence import hashes
from tests.hil.rig.gadgets import load_controllers, make_gadget
from tests.hil.rig.odd_cards import SMALL, filled_card, luks_header, partitioned_image, two_partitions
from tests.hil.rig.usb import Camera, plug, plug_mtp, plug_network, plug_thing
from tests.hil.rig.vm import Vm

pytestmark = [pytest.mark.hil, pytest.mark.timeout(300)]
MOUNT = "/mnt/camera"


def in_guest(vm: Vm, device: str, filesystem: str) -> dict[str, str]:
    """What the guest's kernel reads from a volume."""
    vm.check(f"mkdir -p {MOUNT} && mount -t {filesystem} -o ro {device} {MOUNT}")
    said = vm.check(f"cd {MOUNT} && find . -type f -exec sha256sum {{}} +")
    vm.check(f"umount {MOUNT}")
    return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  \./(.*)$", said, re.MULTILINE)}


@pytest.mark.parametrize("table", Table)
def test_the_guest_reads_an_exfat_card_as_the_host_filled_it(vm: Vm, folder: Path, table: Table) -> None:
    tree = footage.write_tree(folder / "tree", footage.SHIFT, empty_folders=footage.EMPTY_FOLDERS)
    card = make_card(folder / "card.img", filesystem=Filesystem.EXFAT, table=table)
    card.fill(tree)
    camera = plug(vm, card, serial="C0001")
    assert in_guest(vm, camera.device, "exfat") == hashes(tree)


def test_the_host_reads_an_exfat_card_as_the_guest_left_it(vm: Vm, folder: Path) -> None:
    card = filled_card(folder / "card.img", filesystem=Filesystem.EXFAT)
    camera = plug(vm, card, serial="C0001")
    # Two files grown by turns, so that they are in pieces on the card, and one is deleted.
    vm.check(f"mkdir -p {MOUNT} && mount -t exfat {camera.device} {MOUNT} && rm {MOUNT}/DCIM/100MEDIA/BWC00001.MP4")
    grow = "for n in $(seq 8); do for f in a b; do head -c 5000 /dev/urandom >> $f; sync -d $f; done; done"
    vm.check(f"cd {MOUNT}/DCIM; {grow}; cd /; umount {MOUNT}")
    expected = in_guest(vm, camera.device, "exfat")
    vm.power_cut()
    assert hashes(card.copy_out(folder / "out")) == expected
    assert card.complaints(partition=folder / "volume") is None


def test_cameras_behind_a_hub_go_with_it(vm: Vm, folder: Path) -> None:
    hub = plug_thing(vm, "usb-hub", port="2")
    cameras = [plug(vm, filled_card(folder / f"{n}.img"), serial=f"C000{n}", port=f"2.{n}") for n in (1, 4)]
    paths = vm.check("for d in /dev/sd?; do udevadm info -q property --property=ID_PATH --value $d; done")
    assert re.findall(r"usb-0:([\d.]+):", paths) == ["2.1", "2.4"]
    hub.pull_cable(*cameras)
    vm.check(f"udevadm wait --timeout=10 --removed {cameras[0].device} {cameras[1].device}")


def test_other_things_on_usb(vm: Vm) -> None:
    keyboard = plug_thing(vm, "usb-kbd", port="1")
    network = plug_network(vm, port="2")
    said = vm.check(
        "for n in $(seq 50); do ls /sys/class/net | grep -q usb0 && break; sleep 0.1; done; lsusb; ls /sys/class/net"
    )
    assert "0627:0001" in said, said
    assert "usb0" in said, said
    keyboard.pull_cable()
    network.pull_cable()


def test_a_locked_card_cannot_be_made_writable(vm: Vm, folder: Path) -> None:
    camera = plug(vm, filled_card(folder / "card.img"), serial="C0001", read_only=True)
    said = vm.run(f"mkdir -p {MOUNT}; mount -t vfat -o rw {camera.device} {MOUNT} && touch {MOUNT}/a")
    assert said.status != 0, said.said
    assert re.search("write-protected|Read-only", said.said), said.said


def test_one_bad_sector_spoils_one_file(vm: Vm, folder: Path) -> None:
    card = filled_card(folder / "card.img")
    bad = card.sector_of("DCIM/100MEDIA/BWC00002.MP4", at=200_000)
    camera = plug(vm, card, serial="C0001", bad_sectors=[bad])
    camera.mount(MOUNT, mode="ro")
    said = vm.run(f"for f in {MOUNT}/DCIM/100MEDIA/*; do cat $f > /dev/null && echo whole $(basename $f); done")
    assert re.findall(r"whole (\S+)", said.stdout) == ["BWC00001.MP4", "BWC00003.MP4"], said.said


def test_two_partitions_and_a_locked_volume_are_what_they_say(vm: Vm, folder: Path) -> None:
    trees = [footage.write_tree(folder / name, SMALL) for name in ("one", "two")]
    card, _second = two_partitions(folder / "card.img", *trees)
    first = plug(vm, card, serial="C0001")
    assert 'LABEL="SECOND"' in vm.check(f"blkid {first.device.removesuffix('1')}2")
    locked = plug(vm, partitioned_image(folder / "luks.img", luks_header()), serial="C0002", port="2")
    assert 'TYPE="crypto_LUKS"' in vm.check(f"blkid {locked.device}")


def test_a_gadget_has_its_makers_ids_and_its_card_comes_out(vm: Vm, folder: Path) -> None:
    places = load_controllers(vm, number=2)
    card = filled_card(folder / "card.img", label="GOPRO")
    gadget = make_gadget(vm, card, serial="C3501234567", port=1)
    gadget.plug()
    device = "/dev/disk/by-id/usb-GoPro_HERO12_Black_C3501234567-0:0"
    vm.check(f"udevadm wait --timeout=30 --initialized=true {device}-part1")
    said = vm.check(f"udevadm info -q property {device}")
    assert f"ID_PATH={places[1]}" in said, said
    assert "ID_VENDOR_ID=2672" in said, said
    assert in_guest(vm, f"{device}-part1", "vfat").keys() == card.files()
    gadget.eject_card()
    vm.check(
        f"for n in $(seq 100); do blockdev --getsz {device} 2>&1 | grep -q medium && exit 0; sleep 0.1; done; exit 1"
    )
    gadget.insert_card()
    vm.check(f"udevadm wait --timeout=30 --initialized=true {device}-part1")
    gadget.pull_cable()
    vm.check(f"udevadm wait --timeout=10 --removed {device}")


def test_a_gadget_that_hangs_is_an_error_after_half_a_minute(vm: Vm, folder: Path) -> None:
    load_controllers(vm, number=1)
    gadget = make_gadget(vm, filled_card(folder / "card.img"), serial="C0007")
    gadget.plug()
    device = "/dev/disk/by-id/usb-GoPro_HERO12_Black_C0007-0:0-part1"
    vm.check(f"udevadm wait --timeout=30 --initialized=true {device}")
    gadget.hang()
    started = time.monotonic()
    ended = vm.run(f"dd if={device} of=/dev/null bs=4096 count=1 skip=8000 iflag=direct", timeout=120)
    assert ended.status != 0, ended.said
    assert re.search("Input/output error|No such device", ended.stderr), ended.said
    assert 20 < time.monotonic() - started < 100
    gadget.go_on()


def test_a_camera_over_mtp_is_found(vm: Vm, folder: Path) -> None:
    tree = footage.write_tree(folder / "mtp", SMALL)
    thing = plug_mtp(vm, str(tree), port="1")
    said = vm.check(
        "for n in $(seq 50); do lsusb -v 2>/dev/null | grep -q MTP && break; sleep 0.1; done; lsusb -v 2>/dev/null"
    )
    assert "MTP" in said, said
    thing.pull_cable()


def test_the_counters_of_a_cable_count(vm: Vm, folder: Path) -> None:
    camera: Camera = plug(vm, filled_card(folder / "card.img"), serial="C0001")
    before = camera.traffic()
    vm.check(f"dd if={camera.device} of=/dev/null bs=64k count=16 iflag=direct")
    assert camera.traffic().since(before).read >= 1 << 20
