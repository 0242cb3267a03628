from __future__ import annotations

import os
from pathlib import Path

import pytest

from dockd.mounting.base import MountRefused
from dockd.mounting.devices import BlockDevice, hangs_on_usb
from ingest.errors import CameraGone
from tests.unit.dockd.mounting.machine import Card


def device(sysfs: Path, *, subsystem: str) -> Path:
    sysfs.mkdir(parents=True)
    target = sysfs / "subsystem"
    target.symlink_to(f"/sys/bus/{subsystem}")
    return sysfs


def test_a_disk_behind_a_usb_reader_hangs_on_usb(tmp_path: Path) -> None:
    device(tmp_path / "pci/usb1/1-2", subsystem="usb")
    device(tmp_path / "pci/usb1/1-2/host4/target/4:0:0:0", subsystem="scsi")
    partition = device(tmp_path / "pci/usb1/1-2/host4/target/4:0:0:0/block/sdb/sdb1", subsystem="block")
    assert hangs_on_usb(partition)


@pytest.mark.parametrize("subsystem", ["pci", "usbmisc", "scsi"])
def test_others_do_not(tmp_path: Path, subsystem: str) -> None:
    device(tmp_path / "usb1/usb", subsystem=subsystem)  # a name says nothing
    assert not hangs_on_usb(device(tmp_path / "usb1/usb/block/sda", subsystem="block"))


def test_no_loop_device_hangs_on_usb(card: Card) -> None:
    with pytest.raises(MountRefused, match="does not hang on USB"):
        BlockDevice(card.device, diskseq=card.diskseq, on_usb=hangs_on_usb)


def test_what_is_no_block_device_is_refused(tmp_path: Path, card: Card) -> None:
    link = tmp_path / "sdz"
    link.symlink_to(card.device)
    for name in ("/dev/null", str(card.image), str(link)):
        with pytest.raises(MountRefused, match="no block device"):
            BlockDevice(name, diskseq=1, on_usb=lambda _: True)


def test_what_is_not_there_has_left(tmp_path: Path) -> None:
    with pytest.raises(CameraGone):
        BlockDevice("/dev/sdzzz", diskseq=1, on_usb=lambda _: True)


def test_another_disk_is_another_disk(card: Card) -> None:
    with pytest.raises(MountRefused, match="look again"):
        BlockDevice(card.device, diskseq=card.diskseq - 1, on_usb=lambda _: True)


def test_a_node_that_leads_to_another_device_is_refused(base: Path, card: Card) -> None:
    node = base / "sdb"
    info = Path(card.device).stat()
    os.mknod(node, info.st_mode, info.st_rdev)
    try:
        with pytest.raises(MountRefused, match=card.name):
            BlockDevice(str(node), diskseq=card.diskseq, on_usb=lambda _: True)
    finally:
        node.unlink()
