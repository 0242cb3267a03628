"""Memory cards as image files: made, filled and read on the host, without mounting anything.

A card has a partition table of one kind or another (or none), one or two partitions, and a strip of the recorder's own
bytes on both sides of what is partitioned. What a filesystem is, is in `fat_volume` and `exfat_volume`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.hil.rig.exfat_volume import ExfatVolume
from tests.hil.rig.fat32 import Fat32
from tests.hil.rig.fat_volume import FatVolume
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import changed_sectors, copy_image
from tests.hil.rig.volumes import SECTOR

START = 1 << 20  # of the partition
TAIL = 1 << 20  # behind it
VENDOR_STRIP = b"RECORDER SETTINGS\0" * 8


class Filesystem(Enum):
    """What cards carry, and the type of the partition that holds it."""

    FAT32 = "c"
    EXFAT = "7"


class Table(Enum):
    """How a card is partitioned."""

    MBR = "dos"
    GPT = "gpt"
    NONE = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One card. Only read or change the image while no guest has it plugged.

    `table` says where the volume lies.
    """

    image: Path
    filesystem: Filesystem
    table: Table = Table.MBR

    @property
    def start(self) -> int:
        """Where the volume begins, in bytes."""
        return START if self.table is not Table.NONE else 0

    @property
    def length(self) -> int:
        """How long the volume is, in bytes."""
        size = self.image.stat().st_size
        return size - START - TAIL if self.table is not Table.NONE else size

    @property
    def partition(self) -> int:
        """The number of the volume's partition; 0: it is the whole disk."""
        return int(self.table is not Table.NONE)

    @property
    def volume(self) -> FatVolume | ExfatVolume:
        """The filesystem on it."""
        kind = FatVolume if self.filesystem is Filesystem.FAT32 else ExfatVolume
        return kind(image=self.image, start=self.start, size=self.length)

    @property
    def fat(self) -> FatVolume:
        """The volume of a FAT32 card. Raises AssertionError for another."""
        volume = self.volume
        assert isinstance(volume, FatVolume)
        return volume

    def copied_to(self, image: Path) -> Card:
        """The same card as another image."""
        return Card(image=copy_image(self.image, image), filesystem=self.filesystem, table=self.table)

    def fill(self, tree: Path) -> None:
        """Copy everything below `tree` onto the card, with its times."""
        self.volume.fill(tree)

    def delete(self, path: str) -> None:
        """Delete one file of a FAT32 card, as somebody at a desk would."""
        self.fat.delete(path)

    def files(self) -> set[str]:
        """The paths of all files."""
        return self.volume.files()

    def folders(self) -> set[str]:
        """The paths of all folders."""
        return self.volume.folders()

    def copy_out(self, folder: Path) -> Path:
        """Copy what the card holds, as far as it is whole, into `folder`, which must not exist, and return it."""
        return self.volume.copy_out(folder)

    def label(self) -> str:
        """Label and serial number of the card's volume."""
        return self.volume.label()

    def complaints(self, *, partition: Path) -> str | None:
        """What the filesystem's checker finds wrong, or None for a clean volume. `partition` is a file to copy it to."""
        return self.volume.complaints(partition=partition)

    def layout(self) -> Fat32:
        """Where things lie on a FAT32 card; counted from the start of the partition."""
        return self.fat.layout()

    def sector_of(self, path: str, *, at: int = 0) -> int:
        """The sector of the card that holds the byte at `at` of a file."""
        return (self.start + self.volume.offset_in(path, at=at)) // SECTOR


def make_card(
    image: Path,
    *,
    filesystem: Filesystem = Filesystem.FAT32,
    label: str = "BWC",
    size: int = 272 << 20,
    table: Table = Table.MBR,
    cluster: int = 4096,
) -> Card:
    """A freshly formatted card; `size` in bytes, sparse. Clusters of 4 KiB, so that 272 MB are FAT32 by the book."""
    if size % (1 << 20) or size < START + TAIL + (6 << 20):
        raise ValueError(f"the size of a card is whole mebibytes and 8 of them at least, not {size}")
    with image.open("wb") as file:
        file.truncate(size)
    card = Card(image=image, filesystem=filesystem, table=table)
    if table is not Table.NONE:
        kind = filesystem.value if table is Table.MBR else "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
        line = f"start={START // SECTOR}, size={card.length // SECTOR}, type={kind}\n"
        host("sfdisk", "-q", image, stdin=f"label: {table.value}\n{line}")
    card.volume.format(label=label, cluster=cluster)
    _write_strips(image, table, size)
    return card


def _write_strips(image: Path, table: Table, size: int) -> None:
    """Where a recorder keeps what is its own: outside of what is partitioned. GPT uses both ends of the card itself."""
    places = {Table.MBR: (SECTOR, START - 4096, size - TAIL, size - 4096), Table.GPT: (START - 4096, size - TAIL)}
    with image.open("r+b") as file:
        for offset in places.get(table, ()):
            file.seek(offset)
            file.write(VENDOR_STRIP)


def unexplained_changes(before: Card, after: Card) -> list[str]:
    """Every place of a card that changed though deleting files does not touch it; empty where all is well.

    What deleting touches: directory entries, the allocation table, what counts the free clusters. File data, the boot
    sector, the partition table and what lies outside the partition must be as they were, bit by bit.
    """
    size = before.image.stat().st_size
    if after.image.stat().st_size != size:
        return [f"the card had {size} bytes and has {after.image.stat().st_size}"]
    changed = list(changed_sectors(before.image, after.image, sector=SECTOR))
    if not changed:
        return []
    volume = before.volume
    place_of, allowed = volume.places(), volume.touched_by_deleting()
    places: list[str] = []
    for offset in changed:
        if not before.start <= offset < before.start + before.length:
            places.append(f"outside the partition, at byte {offset}")
        elif (place := place_of(offset - before.start)) not in allowed:
            places.append(f"cluster {place}" if isinstance(place, int) else place)
    return list(dict.fromkeys(places))
