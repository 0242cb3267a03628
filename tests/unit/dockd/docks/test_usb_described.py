"""What udevadm wrote down, read again."""

from __future__ import annotations

import random
import string

import pytest

from dockd.docks.usb_described import LARGEST, NoDescription, look_of
from dockd.docks.usb_explaining import explain
from dockd.docks.usb_facts import place_of
from dockd.profiles.reading import load_profiles
from dockd.shipped import shipped

PORT = "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.3"
STICK = f"""P: {PORT}
N: bus/usb/001/004
E: DEVTYPE=usb_device
E: TYPE=0/0/0
E: ID_PATH=pci-0000:00:14.0-usb-0:1.3
E: ID_USB_INTERFACES=:080650:
E: ID_SERIAL_SHORT=A=B
E: SEQNUM=77

P: {PORT}/1-1.3:1.0/host0/target0:0:0/0:0:0:0/block/sda
E: DEVTYPE=disk
E: DEVNAME=/dev/sda
E: ID_FS_TYPE=exfat

P: /devices/virtual/block/loop0
E: DEVTYPE=disk
"""


def test_it_gives_what_a_look_would() -> None:
    look = look_of(STICK)
    assert list(look) == [PORT]
    usb, disk = look[PORT]
    assert place_of(usb) == "pci-0000:00:14.0-usb-0:1.3"
    assert usb.get("ID_SERIAL_SHORT") == "A=B"
    assert not usb.get("SEQNUM"), "what changes with every event is no part of it"
    assert (disk.kind, disk.size > 0) == ("disk", True)


def test_a_reader_without_a_card_has_no_medium() -> None:
    (facts,) = look_of(STICK.replace("E: ID_FS_TYPE=exfat\n", "")).values()
    told = explain(facts, load_profiles(None, shipped=shipped("cameras")), named=lambda _camera: False)
    assert told is not None
    assert told.verdict == "no-camera"
    assert "There is no card in it" in told.says


@pytest.mark.parametrize("text", ["", "P: /devices/x\nE: DEVTYPE=disk\n", "x" * (LARGEST + 1), "P: /d\n\n" * 20_001])
def test_what_describes_no_device_is_refused(text: str) -> None:
    with pytest.raises(NoDescription):
        look_of(text)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_in_it_it_is_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    damaged = list(STICK)
    for _ in range(30):
        damaged[chance.randrange(len(damaged))] = chance.choice(string.printable + "\udc80\0")
    try:
        look = look_of("".join(damaged))
    except NoDescription:
        return
    for facts in look.values():
        explain(
            facts, load_profiles(None, shipped=shipped("cameras")), named=lambda _camera: True, names=(b"DCIM", b"\xff")
        )
