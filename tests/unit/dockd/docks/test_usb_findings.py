"""What is in a port, by tables: from what udev says to what people are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dockd.docks.usb_facts import Fact
from dockd.docks.usb_findings import (
    DISK_WAIT,
    TABLE_WAIT,
    UDEV_WAIT,
    Empty,
    Faulty,
    Finding,
    Ignored,
    Looking,
    Mtp,
    NotOurs,
    ToUnlock,
    Unlocked,
    Volumes,
    decide,
)
from dockd.docks.usb_known import KnownCameras
from dockd.profiles.model import Profile, Unlock
from dockd.shipped import shipped
from tests.unit.dockd.docks.usb_rack import KEYBOARD, PTP, disk_fact, filesystem_of, part_fact, usb_fact

KNOWN = KnownCameras(site=None, shipped=shipped("cameras"))
UNLOCKER = next(profile for profile in KNOWN.profiles if profile.kind == "unlock")
USB = usb_fact("1")
DISK = disk_fact(USB, ID_PART_TABLE_TYPE="dos")
CAMERA = [USB, DISK, part_fact(DISK)]
LOCKED = usb_fact("1", interfaces=":ff0000:", ID_VENDOR_ID="4255", ID_MODEL_ID="0001")


def found(facts: Sequence[Fact], *, age: float = 1.0, unlocked: Unlocked | None = None) -> Finding:
    return decide(facts, candidates=KNOWN.candidates, since=100.0, now=100.0 + age, unlocked=unlocked)


def volumes(facts: Sequence[Fact], *, unlocked: Unlocked | None = None) -> Volumes:
    finding = found(facts, unlocked=unlocked)
    assert isinstance(finding, Volumes), finding
    return finding


def test_nothing_and_hubs() -> None:
    assert found([]) == Empty()
    assert found([usb_fact("1", hub=True)]) == Empty()


@pytest.mark.parametrize(
    ("facts", "kind", "word"),
    [
        ([usb_fact("1", interfaces=KEYBOARD)], NotOurs, "keyboard"),
        ([usb_fact("1", interfaces=KEYBOARD, removable="fixed")], Ignored, ""),
        ([usb_fact("1", interfaces=":0e0100:0e0200:010100:", removable="fixed")], Ignored, ""),
        ([usb_fact("1", interfaces="")], NotOurs, "does not know"),
        ([replace(USB, settled=False)], Looking, "found out"),
        ([USB], Looking, "still starting"),
        ([USB, disk_fact(USB, size=0)], NotOurs, "no card in it"),
        ([USB, disk_fact(USB, size=0), disk_fact(USB, name="sdc", lun=1, size=0)], NotOurs, "no card in it"),
        ([USB, replace(DISK, settled=False)], Looking, "found out"),
        ([USB, DISK], Looking, "partitions are being read"),
        ([USB, DISK, replace(part_fact(DISK), settled=False)], Looking, "found out"),
        ([USB, disk_fact(USB)], NotOurs, "the disk holds no filesystem that is known"),
        ([USB, DISK, part_fact(DISK, filesystem="ntfs")], NotOurs, "partition 1 holds ntfs"),
        ([USB, DISK, part_fact(DISK, filesystem="crypto_LUKS")], NotOurs, "encrypted (crypto_LUKS)"),
        ([USB, DISK, part_fact(DISK, filesystem="LVM2_member", ID_FS_USAGE="raid")], NotOurs, "part of a disk set"),
        ([USB, DISK, part_fact(DISK, filesystem="ext4")], NotOurs, "fits no camera profile"),
        ([USB, DISK, part_fact(DISK, filesystem="", ID_PART_ENTRY_TYPE="0x5")], NotOurs, "no partition on it"),
        ([usb_fact("1", removable="fixed"), DISK, part_fact(DISK, filesystem="ntfs")], Ignored, ""),
        ([usb_fact("1", interfaces=PTP)], Mtp, ""),
        ([LOCKED], ToUnlock, ""),
    ],
)
def test_what_is_told(facts: Sequence[Fact], kind: type[Finding], word: str) -> None:
    finding = found(facts)
    assert isinstance(finding, kind), finding
    assert word in getattr(finding, "why", "")
    assert found(list(reversed(facts))) == finding, "the order says nothing"


@pytest.mark.parametrize(
    ("facts", "wait", "then"),
    [
        ([USB], DISK_WAIT, Faulty),
        ([USB, replace(DISK, settled=False)], UDEV_WAIT, NotOurs),
        ([USB, DISK], TABLE_WAIT, NotOurs),
    ],
)
def test_nothing_is_waited_for_for_ever(facts: Sequence[Fact], wait: float, then: type[Finding]) -> None:
    before = found(facts, age=wait - 0.01)
    assert isinstance(before, Looking)
    assert before.until == 100.0 + wait
    assert isinstance(found(facts, age=wait), then)


def test_one_partition() -> None:
    finding = volumes(CAMERA)
    assert not finding.many
    best = finding.choices[-1]
    assert best.profile.name == "dcim"
    [part] = best.parts
    assert (part.name, part.device, part.diskseq, part.filesystem, part.uuid) == (
        "p1",
        "/dev/sdb1",
        7,
        "vfat",
        "AAAA-0001",
    )
    assert best.hidden == ()


def test_no_partition_table() -> None:
    whole = disk_fact(USB, filesystem_of("exfat"))
    finding = volumes([USB, whole])
    assert [(part.name, part.device) for part in finding.choices[-1].parts] == [("disk", "/dev/sdb")]


def test_several_partitions_and_what_is_hidden() -> None:
    parts = [
        part_fact(DISK, 1),
        part_fact(DISK, 2, filesystem="exfat"),
        part_fact(DISK, 3, filesystem="ntfs", label="x\x07y"),
    ]
    extended = part_fact(DISK, 4, filesystem="", ID_PART_ENTRY_TYPE="0x5")
    finding = volumes([USB, DISK, *parts, extended])
    dcim = finding.choices[-1]
    assert finding.many
    assert [part.name for part in dcim.parts] == ["p1", "p2"]
    [hidden] = dcim.hidden
    assert (hidden.path, hidden.hides, hidden.kind) == (b"p3", True, "unreadable")
    assert hidden.message == 'Partition 3 "x?y" holds ntfs, which dockd does not read'


def test_a_reader_with_two_slots() -> None:
    second = disk_fact(USB, name="sdc", lun=1, diskseq=9, ID_PART_TABLE_TYPE="dos")
    finding = volumes([USB, DISK, part_fact(DISK), second, part_fact(second, uuid="BBBB-0002")])
    assert [(part.name, part.diskseq) for part in finding.choices[-1].parts] == [("p1", 7), ("lun1-p1", 9)]
    one_card = volumes([USB, replace(DISK, size=0), second, part_fact(second)])
    assert [part.name for part in one_card.choices[-1].parts] == ["lun1-p1"]


SECOND = disk_fact(USB, name="sdc", lun=1, diskseq=9, ID_PART_TABLE_TYPE="dos")


@pytest.mark.parametrize(
    ("facts", "many"),
    [
        (CAMERA, False),
        ([USB, disk_fact(USB, filesystem_of("exfat"))], False),
        ([*CAMERA, part_fact(DISK, 2, filesystem="exfat")], True),
        ([*CAMERA, part_fact(DISK, 2, filesystem="")], True),  # it could not be read this time
        ([*CAMERA, part_fact(DISK, 2, filesystem="ntfs")], True),
        ([*CAMERA, part_fact(DISK, 2, filesystem="ext4")], True),  # fits no profile, until the site writes one
        ([*CAMERA, part_fact(DISK, 2, filesystem="", ID_PART_ENTRY_TYPE="0xf")], False),  # holds no files by its kind
        ([*CAMERA, SECOND, part_fact(SECOND)], True),
        ([*CAMERA, replace(SECOND, size=0)], True),  # a slot without a card this time
    ],
)
def test_paths_are_the_same_whatever_can_be_read_this_time(facts: Sequence[Fact], many: bool) -> None:
    finding = volumes(facts)
    assert finding.many is many
    assert finding.choices[-1].parts[0].name in ("p1", "disk")


@pytest.mark.parametrize(
    "changed",
    [
        [replace(USB, properties={**USB.properties, "DEVNUM": "099"}), *CAMERA[1:]],
        [USB, replace(DISK, properties={**DISK.properties, "DISKSEQ": "8"}), CAMERA[2]],
        [USB, DISK, part_fact(DISK, uuid="BBBB-0002")],
        [USB, DISK, part_fact(DISK, label="NEW")],
        [USB, DISK, part_fact(DISK, filesystem="exfat")],
        [*CAMERA, part_fact(DISK, 2, filesystem="ntfs")],
    ],
)
def test_another_plug_medium_or_filesystem_is_another_finding(changed: Sequence[Fact]) -> None:
    assert volumes(changed) != volumes(CAMERA)


def test_a_property_more_is_no_news() -> None:
    more = [replace(fact, properties={**fact.properties, "SYSTEMD_WANTS": "x", "ID_PATH": "y"}) for fact in CAMERA]
    assert volumes(more) == volumes(CAMERA)


# -- unlocking ---------------------------------------------------------------------------------------------------------


def unlocked(
    device_id: str = "CAM9", *, address: str = LOCKED.address, until: float = 110.0, disk: str = "", profile: Profile = UNLOCKER,
) -> Unlocked:  # fmt: skip
    return Unlocked(profile=profile, device_id=device_id, address=address, until=until, disk=disk)


def test_from_locked_to_disk() -> None:
    assert isinstance(found([LOCKED]), ToUnlock)
    assert isinstance(found([LOCKED], unlocked=unlocked()), Looking), "it has been told, and takes its time"
    assert isinstance(found([LOCKED], age=10.0, unlocked=unlocked()), Faulty)
    assert isinstance(found([], unlocked=unlocked()), Looking), "it left the bus, to come back as a disk"
    assert found([], age=10.0, unlocked=unlocked()) == Empty()
    assert found([], unlocked=unlocked(disk=USB.address)) == Empty()
    disk = [USB, DISK, part_fact(DISK, label="CAM9")]
    finding = volumes(disk, unlocked=unlocked())
    assert (finding.choices[0].profile.kind, finding.device_id) == ("unlock", "CAM9")
    assert isinstance(found([LOCKED], unlocked=unlocked(address="001,077")), ToUnlock), "another one was put in"


def test_the_label_has_to_be_the_id() -> None:
    disk = [USB, DISK, part_fact(DISK, label="CAM8")]
    assert volumes(disk, unlocked=unlocked()).choices[0].profile.kind == "disk"
    same_maker = usb_fact("1", ID_VENDOR_ID="4255", ID_MODEL_ID="0001")
    finding = found([same_maker, *disk[1:]], unlocked=unlocked())
    assert isinstance(finding, Faulty)
    assert '"CAM9"' in finding.why
    assert '"CAM8"' in finding.why


STICK = usb_fact("1", number=9, ID_VENDOR_ID="0781", ID_SERIAL_SHORT="S4nD15k")
LABEL_IS_NO_ID = replace(UNLOCKER, unlock=replace(UNLOCKER.unlock or Unlock(), label_is_id=False))
LABELS_NAMED = replace(LABEL_IS_NO_ID, match=replace(UNLOCKER.match, volume={"ID_FS_LABEL": "FORCE*"}))
KINDS_NAMED = replace(LABEL_IS_NO_ID, match=replace(UNLOCKER.match, volume={"ID_FS_TYPE": "vfat", "ID_FS_LABEL": "?*"}))


@pytest.mark.parametrize(
    ("profile", "device_id", "label", "taken"),
    [
        (UNLOCKER, "CAM9", "CAM9", True),
        (UNLOCKER, "CAM9", "cam9", True),
        (UNLOCKER, "CAM9", "HOLIDAY", False),
        (UNLOCKER, "", "HOLIDAY", False),
        (LABEL_IS_NO_ID, "CAM9", "HOLIDAY", False),
        (LABEL_IS_NO_ID, "CAM9", "CAM9", False),
        (KINDS_NAMED, "CAM9", "HOLIDAY", False),
        (LABELS_NAMED, "CAM9", "FORCE 7", True),
        (LABELS_NAMED, "CAM9", "HOLIDAY", False),
    ],
)
def test_a_disk_of_another_make_is_the_camera_only_where_its_label_says_so(
    profile: Profile, device_id: str, label: str, taken: bool
) -> None:
    disk = disk_fact(STICK, ID_PART_TABLE_TYPE="dos")
    finding = volumes([STICK, disk, part_fact(disk, label=label)], unlocked=unlocked(device_id, profile=profile))
    assert (profile in [choice.profile for choice in finding.choices]) is taken
    assert finding.device_id == (device_id if taken else ""), "nor is it told what the camera told"


def test_what_was_told_holds_for_the_one_disk_that_came() -> None:
    disk = [USB, DISK, part_fact(DISK, label="CAM9")]
    assert volumes(disk, unlocked=unlocked(disk=USB.address)).device_id == "CAM9"
    later = volumes(disk, unlocked=unlocked(disk="001,077"))
    assert later.device_id == ""
    assert {choice.profile.kind for choice in later.choices} == {"disk"}
    assert isinstance(found([LOCKED], unlocked=unlocked(disk="001,077")), ToUnlock), (
        "it was put in again, and is asked again"
    )


def test_a_camera_that_is_a_disk_already_when_it_is_first_seen() -> None:
    same_maker = usb_fact("1", ID_VENDOR_ID="4255", ID_MODEL_ID="0001")
    finding = volumes([same_maker, DISK, part_fact(DISK, label="CAM9")])
    assert (finding.choices[0].profile.kind, finding.device_id) == ("unlock", "")
    assert volumes([same_maker, DISK, part_fact(DISK)]).choices[0].profile.kind == "disk", (
        "without a label, copied as any disk"
    )
