"""exFAT as bytes: its layout, its folders and files, read from an image by what the specification says.

No tool of the host reads or fills such a volume without mounting it, and the host's kernel may not know it. That this
reading is right is held against the guest's kernel and against fsck.exfat by the rig's own tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ENTRY = 32
FILE, STREAM, NAME, BITMAP, UPCASE, LABEL = 0x85, 0xC0, 0xC1, 0x81, 0x82, 0x83
FOLDER_ATTRIBUTE, NO_CHAIN = 0x10, 0x02
END_OF_CHAIN = 0xFFFFFFF8


@dataclass(frozen=True, kw_only=True)
class Node:
    """A file or folder. `clusters` in their order."""

    path: str
    folder: bool
    size: int
    clusters: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where things lie on a volume; bytes from its start."""

    table: int
    table_size: int
    data: int
    cluster_size: int
    clusters: int
    root: int

    @classmethod
    def of(cls, boot: bytes) -> Layout:
        """Read the volume's first sector. Raises ValueError where it is no exFAT with sectors of 512 bytes."""
        if boot[3:11] != b"EXFAT   " or boot[108] != 9:
            raise ValueError("not an exFAT volume with sectors of 512 bytes")
        table, table_size, data, clusters, root = struct.unpack_from("<IIIII", boot, 80)
        return cls(
            table=table * 512, table_size=table_size * 512, data=data * 512, cluster_size=512 << boot[109], clusters=clusters, root=root
        )  # fmt: skip

    def place_of(self, offset: int) -> str | int:
        """What the byte at `offset` belongs to: a cluster's number, or the name of a region before the data."""
        if offset >= self.data:
            return (offset - self.data) // self.cluster_size + 2
        if self.table <= offset < self.table + self.table_size:
            return "allocation table"
        return f"reserved sector {offset // 512}"

    def offset_of(self, cluster: int) -> int:
        return self.data + (cluster - 2) * self.cluster_size


class Reader:
    """One volume as bytes-like `volume`, which it reads and never changes."""

    def __init__(self, volume: memoryview) -> None:
        self._volume = volume
        self.layout = Layout.of(bytes(volume[:512]))

    def chain(self, first: int, *, size: int, contiguous: bool) -> tuple[int, ...]:
        """The clusters of a file. Raises ValueError where the table ends before its size, or leads in a circle."""
        count = -(-size // self.layout.cluster_size)
        if contiguous:
            return tuple(range(first, first + count))
        clusters: list[int] = []
        while 2 <= first < END_OF_CHAIN and len(clusters) <= self.layout.clusters:
            clusters.append(first)
            first = int.from_bytes(self._volume[self.layout.table + 4 * first :][:4], "little")
        if size and len(clusters) < count:
            raise ValueError("the chain is shorter than its file")
        return tuple(clusters)

    def content(self, node: Node) -> bytes:
        """What a file holds."""
        return self._joined(node.clusters)[: node.size]

    def root_entries(self) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of each entry of the root folder, the unused ones too."""
        for cluster in self.chain(self.layout.root, size=0, contiguous=False):
            start = self.layout.offset_of(cluster)
            for offset in range(start, start + self.layout.cluster_size, ENTRY):
                yield offset, bytes(self._volume[offset : offset + ENTRY])

    def special(self, kind: int) -> tuple[tuple[int, ...], int]:
        """Clusters and size of the bitmap or the table of capitals."""
        for _, entry in self.root_entries():
            if entry[0] == kind:
                first, size = struct.unpack_from("<IQ", entry, 20)
                return self.chain(first, size=size, contiguous=False), size
        raise ValueError(f"the root folder has no entry of type {kind:#x}")

    def label(self) -> str:
        for _, entry in self.root_entries():
            if entry[0] == LABEL:
                return entry[2 : 2 + 2 * entry[1]].decode("utf-16-le")
        return ""

    def nodes(self) -> Iterator[Node]:
        """All folders and files, a folder before what lies in it."""
        root = self.chain(self.layout.root, size=0, contiguous=False)
        yield from self._below("", root)

    def _below(self, parent: str, clusters: tuple[int, ...]) -> Iterator[Node]:
        entries = self._joined(clusters)
        offset = 0
        while offset < len(entries) and entries[offset]:
            following = entries[offset + 1] if entries[offset] == FILE else 0
            if following:
                node = self._node(parent, entries[offset : offset + ENTRY * (following + 1)])
                yield node
                if node.folder:
                    yield from self._below(f"{node.path}/", node.clusters)
            offset += ENTRY * (following + 1)

    def _node(self, parent: str, entries: bytes) -> Node:
        folder = bool(entries[4] & FOLDER_ATTRIBUTE)
        flags, length = entries[ENTRY + 1], entries[ENTRY + 3]
        (first,) = struct.unpack_from("<I", entries, ENTRY + 20)
        (size,) = struct.unpack_from("<Q", entries, ENTRY + 24)
        name = b"".join(entries[at + 2 : at + ENTRY] for at in range(2 * ENTRY, len(entries), ENTRY))
        clusters = self.chain(first, size=size, contiguous=bool(flags & NO_CHAIN)) if size else ()
        return Node(path=parent + name[: 2 * length].decode("utf-16-le"), folder=folder, size=size, clusters=clusters)

    def _joined(self, clusters: tuple[int, ...]) -> bytes:
        size = self.layout.cluster_size
        starts = map(self.layout.offset_of, clusters)
        return b"".join(bytes(self._volume[start : start + size]) for start in starts)


def boot_checksum(sectors: bytes) -> int:
    """The checksum over the first eleven sectors; volume flags and the share in use are left out."""
    total = 0
    for index, byte in enumerate(sectors):
        if index not in (106, 107, 112):
            total = ((total << 31 | total >> 1) + byte) & 0xFFFFFFFF
    return total
