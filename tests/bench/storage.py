"""Files for the benches: filled with what no disk can compress, and dropped from the page cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ingest.worker import residency

_PIECE = 4 << 20


def fill(path: Path, *, size: int) -> str:
    """Write `size` random bytes, durably. Returns their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            piece = os.urandom(min(_PIECE, size - start))
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def drop(path: Path) -> None:
    """Drop a clean file from the page cache, and see that nothing of it is left there."""
    fd = os.open(path, os.O_RDONLY)
    try:
        residency.drop(fd)
        assert residency.resident(fd, size=os.fstat(fd).st_size) == 0, "the page cache kept it: not a cold start"
    finally:
        os.close(fd)
