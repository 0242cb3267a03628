"""Memory cards as image files: made, filled and read on the host, without mounting anything.

A card has a partition table, one partition at 1 MiB and a strip of the recorder's own bytes on both sides of it. FAT32
cards are filled and read with mtools; an exFAT card is filled by the guest, since there is no tool that does it outside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.hil.rig.fat32 import SECTOR, Fat32
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import changed_sectors, copy_range

START = 1 << 20  # of the partition
TAIL = 1 << 20  # behind it
VENDOR_STRIP = b"RECORDER SETTINGS\0" * 8


class Filesystem(Enum):
    """What cards carry, and the type of the partition that holds it."""

    FAT32 = "c"
    EXFAT = "7"


@dataclass(frozen=True, kw_only=True)
class Card:
    """One card. Only read or change the image while no guest has it plugged."""

    image: Path
    filesystem: Filesystem

    @property
    def _mtools(self) -> str:
        return f"{self.image}@@{START}"

    def fill(self, tree: Path) -> None:
        """Copy everything below `tree` onto a FAT32 card, with its times."""
        host("mcopy", "-i", self._mtools, "-s", "-m", *sorted(tree.iterdir()), "::/")

    def delete(self, path: str) -> None:
        """Delete one file of a FAT32 card, as somebody at a desk would."""
        host("mdel", "-i", self._mtools, f"::/{path}")

    def files(self) -> set[str]:
        """The paths of all files on a FAT32 card."""
        return {name for name in self._listing() if not name.endswith("/")}

    def folders(self) -> set[str]:
        """The paths of all folders on a FAT32 card."""
        return {name.rstrip("/") for name in self._listing() if name.endswith("/")}

    def copy_out(self, folder: Path) -> Path:
        """Copy what a FAT32 card holds into `folder`, which must not exist, and return it.

        A file that cannot be read to its end, because the card was torn out while it was written, is left out.
        """
        folder.mkdir()
        for name in sorted(self.files()):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            host("mcopy", "-i", self._mtools, "-m", f"::/{name}", target, accept=(0, 1))
        return folder

    def label(self) -> str:
        """Label and serial number of a FAT32 card's volume, as mtools prints them."""
        return host("mlabel", "-i", self._mtools, "-s", "::")

    def complaints(self, *, partition: Path) -> str | None:
        """What fsck.vfat finds wrong, or None for a clean volume. `partition` is a file to copy it to."""
        partition.unlink(missing_ok=True)
        copy_range(self.image, partition, start=START, size=self.image.stat().st_size - START - TAIL)
        said = host("fsck.vfat", "-n", partition, accept=(0, 1))
        clean = re.fullmatch(r"fsck\.fat .*\n\S+: \d+ files, \d+/\d+ clusters\n", said)
        return None if clean else said

    def layout(self) -> Fat32:
        """Where things lie on a FAT32 card; counted from the start of the partition."""
        return Fat32.of(self._head(SECTOR))

    def clusters_of_folders(self) -> set[int]:
        """The clusters that hold directory entries of a FAT32 card, the root's among them."""
        layout = self.layout()
        clusters = set(layout.chain(self._head(layout.data), layout.root_cluster))
        folders = [f"::/{folder}" for folder in sorted(self.folders())]
        if folders:
            for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", host("mshowfat", "-i", self._mtools, *folders)):
                clusters.update(range(int(first), int(last or first) + 1))
        return clusters

    def _head(self, size: int) -> bytes:
        with self.image.open("rb") as file:
            file.seek(START)
            return file.read(size)

    def _listing(self) -> list[str]:
        said = host("mdir", "-i", self._mtools, "-a", "-b", "-/", "::/", accept=(0, 1))
        return [line.removeprefix("::/") for line in said.splitlines() if line.startswith("::/")]


def make_card(
    image: Path, *, filesystem: Filesystem = Filesystem.FAT32, label: str = "BWC", size: int = 272 << 20
) -> Card:
    """A freshly formatted card; `size` in bytes, sparse. 4 KiB clusters, so that 272 MB are FAT32 by the book."""
    if size % (1 << 20) or size < START + TAIL + (40 << 20):
        raise ValueError(f"the size of a card is whole mebibytes and more than 42 of them, not {size}")
    with image.open("wb") as file:
        file.truncate(size)
    length = (size - START - TAIL) // SECTOR
    table = f"start={START // SECTOR}, size={length}, type={filesystem.value}\n"
    host("sfdisk", "-q", image, stdin=table)
    if filesystem is Filesystem.FAT32:
        layout = ("-F", "32", "-s", "8", "-n", label, "--offset", str(START // SECTOR))
        host("mkfs.vfat", *layout, image, str(length // 2))
    else:
        _format_exfat(image, label=label, size=size)
    with image.open("r+b") as file:
        for offset in (SECTOR, START - 4096, size - TAIL, size - 4096):
            file.seek(offset)
            file.write(VENDOR_STRIP)
    return Card(image=image, filesystem=filesystem)


def _format_exfat(image: Path, *, label: str, size: int) -> None:
    volume = image.with_suffix(".volume")
    with volume.open("wb") as file:
        file.truncate(size - START - TAIL)
    host("mkfs.exfat", "-L", label, volume)
    copy_range(volume, image, start=0, size=size - START - TAIL, at=START)
    volume.unlink()


def unexplained_changes(before: Card, after: Card) -> list[str]:
    """Every place of a FAT32 card that changed though deleting files does not touch it; empty where all is well.

    What deleting touches: directory entries, the allocation table, the count of free clusters. File data, the boot
    sector, the partition table and what lies outside the partition must be as they were, bit by bit.
    """
    size = before.image.stat().st_size
    if after.image.stat().st_size != size:
        return [f"the card had {size} bytes and has {after.image.stat().st_size}"]
    layout = before.layout()
    allowed: set[str | int] = {"allocation table", "free cluster count"}
    allowed |= before.clusters_of_folders()
    places: list[str] = []
    for offset in changed_sectors(before.image, after.image, sector=SECTOR):
        if not START <= offset < size - TAIL:
            places.append(f"outside the partition, at byte {offset}")
        elif (place := layout.place_of(offset - START)) not in allowed:
            places.append(f"cluster {place}" if isinstance(place, int) else place)
    return list(dict.fromkeys(places))
