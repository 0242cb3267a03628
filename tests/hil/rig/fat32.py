"""Where things lie on a FAT32 volume, read from its own boot sector: to say of every changed byte what it belongs to.

Deleting a named file changes its directory entry, the allocation table and the count of free clusters, and nothing
else. A change in a file's data, in a reserved sector or in a folder's clusters is told apart here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

SECTOR = 512
END_OF_CHAIN = 0x0FFFFFF8


@dataclass(frozen=True, kw_only=True)
class Fat32:
    """The layout of one volume; all figures are in bytes from its start, clusters are numbers."""

    table: int
    table_size: int
    tables: int
    data: int
    cluster_size: int
    root_cluster: int
    free_count_sector: int

    @classmethod
    def of(cls, boot: bytes) -> Fat32:
        """Read the volume's first sector. Raises ValueError where it is none of FAT32 with sectors of 512 bytes."""
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
        (table_sectors,) = struct.unpack_from("<I", boot, 36)
        root_cluster, free_count = struct.unpack_from("<IH", boot, 44)
        if boot[510:512] != b"\x55\xaa" or sector != SECTOR or not table_sectors:
            raise ValueError("not a FAT32 volume with sectors of 512 bytes")
        return cls(
            table=reserved * SECTOR,
            table_size=table_sectors * SECTOR,
            tables=tables,
            data=(reserved + tables * table_sectors) * SECTOR,
            cluster_size=per_cluster * SECTOR,
            root_cluster=root_cluster,
            free_count_sector=free_count,
        )

    def chain(self, head: bytes, first: int) -> list[int]:
        """The clusters of the file or folder that begins at `first`; `head` is all of the volume before `data`."""
        clusters = []
        while 2 <= first < END_OF_CHAIN and first not in clusters:
            clusters.append(first)
            (first,) = struct.unpack_from("<I", head, self.table + 4 * first)
            first &= 0x0FFFFFFF
        return clusters

    def place_of(self, offset: int) -> str | int:
        """What the byte at `offset` belongs to: a cluster's number, or the name of a region before the data."""
        if offset >= self.data:
            return (offset - self.data) // self.cluster_size + 2
        if offset >= self.table:
            return "allocation table"
        sector = offset // SECTOR
        if sector == self.free_count_sector:
            return "free cluster count"
        return f"reserved sector {sector}"
