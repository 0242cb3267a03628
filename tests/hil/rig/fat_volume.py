"""A FAT32 volume in an image, filled and read with mtools."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.fat32 import Fat32
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import copy_range
from tests.hil.rig.volumes import SECTOR

SERIAL, BACKUP, DIRTY = 67, 6 * SECTOR, 65
FREE_COUNT = 488
CLEAN_SHUTDOWN = 0x08000000


@dataclass(frozen=True, kw_only=True)
class FatVolume:
    """`start` and `size` in bytes say where in the image it lies."""

    image: Path
    start: int
    size: int

    @property
    def _mtools(self) -> str:
        return f"{self.image}@@{self.start}"

    def format(self, *, label: str, cluster: int = 4096) -> None:
        """Make it empty. Clusters of 4 KiB make 272 MB FAT32 by the book; far smaller ones are FAT32 all the same."""
        layout = ("-F", "32", "-s", str(cluster // SECTOR), "-n", label, "--offset", str(self.start // SECTOR))
        host("mkfs.vfat", *layout, self.image, str(self.size // 1024))

    def fill(self, tree: Path) -> None:
        host("mcopy", "-i", self._mtools, "-s", "-m", *sorted(tree.iterdir()), "::/")

    def delete(self, path: str) -> None:
        """Delete one file, as somebody at a desk would."""
        host("mdel", "-i", self._mtools, f"::/{path}")

    def files(self) -> set[str]:
        return {name for name in self._listing() if not name.endswith("/")}

    def folders(self) -> set[str]:
        return {name.rstrip("/") for name in self._listing() if name.endswith("/")}

    def copy_out(self, folder: Path) -> Path:
        folder.mkdir()
        for name in sorted(self.files()):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            host("mcopy", "-i", self._mtools, "-m", f"::/{name}", target, accept=(0, 1))
        return folder

    def label(self) -> str:
        return host("mlabel", "-i", self._mtools, "-s", "::")

    def complaints(self, *, partition: Path) -> str | None:
        partition.unlink(missing_ok=True)
        copy_range(self.image, partition, start=self.start, size=self.size)
        said = host("fsck.vfat", "-n", partition, accept=(0, 1))
        clean = re.fullmatch(r"fsck\.fat .*\n\S+: \d+ files, \d+/\d+ clusters\n", said)
        return None if clean else said

    def layout(self) -> Fat32:
        """Where things lie."""
        return Fat32.of(self._head(SECTOR))

    def offset_in(self, path: str, *, at: int = 0) -> int:
        layout = self.layout()
        said = host("mshowfat", "-i", self._mtools, f"::/{path}")
        clusters = [
            number
            for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", said)
            for number in range(int(first), int(last or first) + 1)
        ]
        if not clusters:
            raise KeyError(path)
        nth, rest = divmod(at, layout.cluster_size)
        return layout.data + (clusters[nth] - 2) * layout.cluster_size + rest

    def places(self) -> Callable[[int], str | int]:
        return self.layout().place_of

    def touched_by_deleting(self) -> set[str | int]:
        return {"allocation table", "free cluster count", *self.clusters_of_folders()}

    def clusters_of_folders(self) -> set[int]:
        """The clusters that hold directory entries, the root's among them."""
        layout = self.layout()
        clusters = set(layout.chain(self._head(layout.data), layout.root_cluster))
        folders = [f"::/{folder}" for folder in sorted(self.folders())]
        if folders:
            for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", host("mshowfat", "-i", self._mtools, *folders)):
                clusters.update(range(int(first), int(last or first) + 1))
        return clusters

    def relabel(self, *, serial: int) -> None:
        for sector in (0, BACKUP):
            self._write(sector + SERIAL, serial.to_bytes(4, "little"))

    def free_bytes(self) -> int:
        """What is free by its own count."""
        found = re.search(r"([\d ]+) bytes free", host("mdir", "-i", self._mtools, "::/"))
        assert found is not None
        return int(found[1].replace(" ", ""))

    def leave_dirty(self, *, free_clusters: int = 7) -> None:
        """As a recorder leaves it whose battery was pulled: marked as in use, and with a count of free clusters that is wrong."""
        layout = self.layout()
        head = self._head(layout.data)
        first = int.from_bytes(head[layout.table + 4 : layout.table + 8], "little") & ~CLEAN_SHUTDOWN
        for copy in range(layout.tables):
            self._write(layout.table + copy * layout.table_size + 4, first.to_bytes(4, "little"))
        self._write(DIRTY, bytes([head[DIRTY] | 1]))
        self._write(layout.free_count_sector * SECTOR + FREE_COUNT, free_clusters.to_bytes(4, "little"))

    def _write(self, at: int, what: bytes) -> None:
        with self.image.open("r+b") as file:
            file.seek(self.start + at)
            file.write(what)

    def _head(self, size: int) -> bytes:
        with self.image.open("rb") as file:
            file.seek(self.start)
            return file.read(size)

    def _listing(self) -> list[str]:
        said = host("mdir", "-i", self._mtools, "-a", "-b", "-/", "::/", accept=(0, 1))
        return [line.removeprefix("::/") for line in said.splitlines() if line.startswith("::/")]
