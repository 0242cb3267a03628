"""The filesystems of a USB device, each with a name that is the same each time that the device is docked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dockd.docks import usb_words
from dockd.docks.usb_facts import Fact
from dockd.mounting.base import FILESYSTEMS
from ingest.model import Skipped

# Partitions that hold no files by their very kind: extended containers, Microsoft's reserve, BIOS boot.
_NO_FILES = (
    "0x5", "0xf", "0x85", "e3c9e316-0b5c-4db8-817d-f92df00215ae", "21686148-6449-6e6f-744e-656564454649",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Part:
    """A filesystem that could be mounted. `name` is clean, and the same each time: "p1", "disk", "lun1-p2"."""

    name: str
    device: str
    diskseq: int
    filesystem: str
    label: str
    uuid: str
    said: str
    properties: Mapping[str, str] = field(compare=False)


def part_of(disk: Fact, volume: Fact) -> Part:
    """The partition `volume` of `disk`, or the disk itself."""
    return Part(
        name=part_name(disk, volume), device=volume.get("DEVNAME"), diskseq=disk.diskseq, filesystem=volume.get("ID_FS_TYPE"),
        label=volume.get("ID_FS_LABEL"), uuid=volume.get("ID_FS_UUID"), said=usb_words.volume_name(volume), properties={**disk.properties, **volume.properties},
    )  # fmt: skip


def part_name(disk: Fact, volume: Fact) -> str:
    """What its folder is called, and with it its files' paths."""
    name = f"p{volume.number}" if volume.kind == "partition" else "disk"
    return f"lun{disk.lun}-{name}" if disk.lun else name


def may_hold_files(volume: Fact) -> bool:
    """Whether a partition is of a kind that holds files at all, readable or not."""
    return volume.get("ID_PART_ENTRY_TYPE").lower() not in _NO_FILES


def is_readable(volume: Fact) -> bool:
    """Whether it holds a filesystem that dockd mounts."""
    return volume.get("ID_FS_TYPE") in FILESYSTEMS and volume.get("ID_FS_USAGE") in ("", "filesystem")


def hidden(name: str, why: str) -> Skipped:
    """What lies on it cannot be seen, and may be footage."""
    return Skipped(path=name.encode(), kind="unreadable", message=why[:1].upper() + why[1:], hides=True)
