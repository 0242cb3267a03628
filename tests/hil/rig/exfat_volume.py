"""An exFAT volume in an image, read and filled by the rig's own code, and judged by fsck.exfat."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.hil.rig.exfat import (
    BITMAP,
    ENTRY,
    FILE,
    FOLDER_ATTRIBUTE,
    NAME,
    NO_CHAIN,
    STREAM,
    UPCASE,
    Reader,
    boot_checksum,
)
from tests.hil.rig.shell import host
from tests.hil.rig.sparse import copy_range
from tests.hil.rig.volumes import SECTOR

SERIAL, FLAGS, BOOT_SECTORS = 100, 106, 12
UTC_OFFSET = 0x80


@dataclass(frozen=True, kw_only=True)
class ExfatVolume:
    """`start` and `size` in bytes say where in the image it lies."""

    image: Path
    start: int
    size: int

    def format(self, *, label: str, cluster: int = 4096) -> None:
        """Make it empty."""
        volume = self.image.with_suffix(".volume")
        with volume.open("wb") as file:
            file.truncate(self.size)
        host("mkfs.exfat", "-c", str(cluster), "-L", label, volume)
        copy_range(volume, self.image, start=0, size=self.size, at=self.start)
        volume.unlink()

    def fill(self, tree: Path) -> None:
        with self._mapped(writable=True) as volume:
            _Filling(volume).folder(tree, None)

    def files(self) -> set[str]:
        with self._reader() as reader:
            return {node.path for node in reader.nodes() if not node.folder}

    def folders(self) -> set[str]:
        with self._reader() as reader:
            return {node.path for node in reader.nodes() if node.folder}

    def copy_out(self, folder: Path) -> Path:
        folder.mkdir()
        with self._reader() as reader:
            for node in reader.nodes():
                target = folder / node.path
                if node.folder:
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.write_bytes(reader.content(node))
        return folder

    def label(self) -> str:
        with self._reader() as reader, self._mapped() as volume:
            return f"{reader.label()} {bytes(volume[SERIAL : SERIAL + 4]).hex()}"

    def complaints(self, *, partition: Path) -> str | None:
        partition.unlink(missing_ok=True)
        copy_range(self.image, partition, start=self.start, size=self.size)
        said = host("fsck.exfat", "-n", partition, accept=(0, 1, 2, 4))
        clean = re.fullmatch(r"exfatprogs version.*\n\S+: clean\. directories \d+, files \d+\n", said)
        return None if clean else said

    def offset_in(self, path: str, *, at: int = 0) -> int:
        with self._reader() as reader:
            node = next((node for node in reader.nodes() if node.path == path), None)
            if node is None:
                raise KeyError(path)
            nth, rest = divmod(at, reader.layout.cluster_size)
            return reader.layout.offset_of(node.clusters[nth]) + rest

    def places(self) -> Callable[[int], str | int]:
        with self._reader() as reader:
            return reader.layout.place_of

    def touched_by_deleting(self) -> set[str | int]:
        with self._reader() as reader:
            places: set[str | int] = {"allocation table"}
            places.update(reader.special(BITMAP)[0])
            places.update(reader.chain(reader.layout.root, size=0, contiguous=False))
            for node in reader.nodes():
                places.update(node.clusters if node.folder else ())
            return places

    def relabel(self, *, serial: int) -> None:
        with self._mapped(writable=True) as volume:
            for region in (0, BOOT_SECTORS * SECTOR):
                volume[region + SERIAL : region + SERIAL + 4] = serial.to_bytes(4, "little")
                checksum = boot_checksum(bytes(volume[region : region + 11 * SECTOR]))
                volume[region + 11 * SECTOR : region + 12 * SECTOR] = checksum.to_bytes(4, "little") * (SECTOR // 4)

    def leave_dirty(self) -> None:
        """As a recorder leaves it whose battery was pulled."""
        with self._mapped(writable=True) as volume:
            volume[FLAGS] |= 2

    @contextmanager
    def _mapped(self, *, writable: bool = False) -> Iterator[memoryview]:
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        with self.image.open("r+b" if writable else "rb") as file, mmap.mmap(file.fileno(), 0, access=access) as mapped:
            whole = memoryview(mapped)
            volume = whole[self.start : self.start + self.size]
            try:
                yield volume
            finally:
                volume.release()
                whole.release()

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        with self._mapped() as volume:
            yield Reader(volume)


class _Filling:
    """Adds folders and files to a freshly formatted volume: folders by the table, as kernels make them, files in one piece."""

    def __init__(self, volume: memoryview) -> None:
        self._volume = volume
        self._reader = Reader(volume)
        self._layout = self._reader.layout
        self._bitmap = self._reader.special(BITMAP)[0]
        self._capitals = self._table_of_capitals()
        self._next = max(self._layout.root, *self._bitmap, *self._reader.special(UPCASE)[0]) + 1

    def folder(self, tree: Path, clusters: list[int] | None) -> None:
        """Write the entries of everything below `tree`; `clusters` are the folder's own, None for the root."""
        entries = bytearray()
        for path in sorted(tree.iterdir()):
            if path.is_dir():
                size = max(1, -(-_entries_size(path) // self._layout.cluster_size)) * self._layout.cluster_size
                own = self._take(size, chained=True)
                self.folder(path, own)
                entries += self._entry(path, first=own[0], size=size)
            else:
                data = path.read_bytes()
                own = self._take(len(data), chained=False)
                if own:
                    start = self._layout.offset_of(own[0])
                    self._volume[start : start + len(data)] = data
                entries += self._entry(path, first=own[0] if own else 0, size=len(data))
        self._write_entries(entries, clusters)

    def _write_entries(self, entries: bytearray, clusters: list[int] | None) -> None:
        if clusters is None:
            at = next(offset for offset, entry in self._reader.root_entries() if entry[0] == 0)
            room = self._layout.offset_of(self._layout.root) + self._layout.cluster_size - at
            if len(entries) > room:
                raise ValueError("too many names in the root folder for its one cluster")
            self._volume[at : at + len(entries)] = entries
            return
        size = self._layout.cluster_size
        for nth, cluster in enumerate(clusters):
            start = self._layout.offset_of(cluster)
            self._volume[start : start + size] = bytes(entries[nth * size : (nth + 1) * size].ljust(size, b"\0"))

    def _take(self, size: int, *, chained: bool) -> list[int]:
        count = -(-size // self._layout.cluster_size)
        taken = list(range(self._next, self._next + count))
        self._next += count
        if self._next - 2 > self._layout.clusters:
            raise ValueError("the volume is too small for its files")
        for cluster in taken:
            byte, bit = divmod(cluster - 2, 8)
            nth, rest = divmod(byte, self._layout.cluster_size)
            self._volume[self._layout.offset_of(self._bitmap[nth]) + rest] |= 1 << bit
        for cluster, following in zip(taken, [*taken[1:], 0xFFFFFFFF], strict=False) if chained else ():
            at = self._layout.table + 4 * cluster
            self._volume[at : at + 4] = following.to_bytes(4, "little")
        return taken

    def _entry(self, path: Path, *, first: int, size: int) -> bytes:
        name = path.name.encode("utf-16-le")
        names = -(-len(name) // 30)
        time = _timestamp(path.stat().st_mtime)
        attributes = FOLDER_ATTRIBUTE if path.is_dir() else 0x20
        entries = bytearray(ENTRY * (2 + names))
        struct.pack_into("<BBHHHIII", entries, 0, FILE, 1 + names, 0, attributes, 0, time, time, time)
        entries[22:25] = bytes([UTC_OFFSET] * 3)
        # An empty file owns nothing, and says neither that it is in one piece nor where.
        flags = 1 if path.is_dir() or not size else 1 | NO_CHAIN
        struct.pack_into("<BBBBH", entries, ENTRY, STREAM, flags, 0, len(name) // 2, self._hash(name))
        struct.pack_into("<QIIQ", entries, ENTRY + 8, size, 0, first, size)
        for nth in range(names):
            at = ENTRY * (2 + nth)
            entries[at] = NAME
            piece = name[30 * nth : 30 * nth + 30]
            entries[at + 2 : at + 2 + len(piece)] = piece
        checksum = 0
        for index, byte in enumerate(entries):
            if index not in (2, 3):
                checksum = ((checksum << 15 | checksum >> 1) + byte) & 0xFFFF
        struct.pack_into("<H", entries, 2, checksum)
        return bytes(entries)

    def _hash(self, name: bytes) -> int:
        total = 0
        for (letter,) in struct.iter_unpack("<H", name):
            for byte in self._capitals.get(letter, letter).to_bytes(2, "little"):
                total = ((total << 15 | total >> 1) + byte) & 0xFFFF
        return total

    def _table_of_capitals(self) -> dict[int, int]:
        """Letter → capital, from the volume's own table: 0xFFFF and a count stand for letters that are their own."""
        clusters, size = self._reader.special(UPCASE)
        raw = b"".join(
            bytes(self._volume[self._layout.offset_of(c) : self._layout.offset_of(c) + self._layout.cluster_size])
            for c in clusters
        )[:size]
        words = struct.unpack(f"<{size // 2}H", raw)
        capitals: dict[int, int] = {}
        letter = index = 0
        while index < len(words):
            if words[index] == 0xFFFF and index + 1 < len(words):
                letter += words[index + 1]
                index += 2
            else:
                capitals[letter] = words[index]
                letter += 1
                index += 1
        return capitals


def _entries_size(folder: Path) -> int:
    names = (len(path.name.encode("utf-16-le")) for path in folder.iterdir())
    return sum(ENTRY * (2 + -(-length // 30)) for length in names)


def _timestamp(seconds: float) -> int:
    at = datetime.fromtimestamp(seconds, UTC)
    date = (at.year - 1980) << 9 | at.month << 5 | at.day
    return date << 16 | at.hour << 11 | at.minute << 5 | at.second // 2
