"""What lies on a camera's card in the rig: MP4 files under DCIM, with the names that recorders and people give them.

The files are MP4 by structure (ftyp, mdat, moov boxes), their frames are noise: seeded, so that a run can be repeated,
and different from file to file, so that no two can be taken for each other.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 1_000_000
CAPTURED_AT = 1_788_000_000  # seconds since the epoch, UTC; even, since FAT counts in two seconds

# Long names in capitals, in small letters, with spaces, with letters beyond ASCII; a hidden file, and an empty one
# from a battery that went flat.
SHIFT: Mapping[str, int] = {
    "DCIM/100MEDIA/BWC00001.MP4": 6 * MEGABYTE,
    "DCIM/100MEDIA/BWC00002.MP4": 4 * MEGABYTE + 1,
    "DCIM/100MEDIA/bwc00003 second officer.mp4": 3 * MEGABYTE + 511,
    "DCIM/100MEDIA/Zürich Straße – café.mp4": 2 * MEGABYTE,
    "DCIM/100MEDIA/.thumbnail.db": 700,
    "DCIM/101MEDIA/BWC00001.MP4": 5 * MEGABYTE,
    "DCIM/101MEDIA/記録 0001.MP4": MEGABYTE + 4096,
    "DCIM/101MEDIA/BWC00002.MP4": 0,
    "PRIVATE/officer/notes.json": 240,
}
# Folders that hold nothing: they are the recorder's, and stay.
EMPTY_FOLDERS = ("DCIM/102MEDIA", "MISC")


def write_tree(folder: Path, sizes: Mapping[str, int], *, empty_folders: tuple[str, ...] = (), seed: str = "") -> Path:
    """Write files of these sizes below `folder` and return it. Another seed makes other files of the same names."""
    for name in empty_folders:
        (folder / name).mkdir(parents=True)
    for number, (name, size) in enumerate(sizes.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip(size, seed=f"{seed}{name} {size}"))
        os.utime(path, (CAPTURED_AT + 60 * number,) * 2)
    return folder


def clip(size: int, *, seed: str) -> bytes:
    """A file of exactly `size` bytes; MP4 boxes where they fit."""
    noise = random.Random(seed)
    ftyp = _box(b"ftyp", b"isom" + (512).to_bytes(4, "big") + b"isomiso2avc1mp41")
    moov = _box(b"moov", _box(b"mvhd", bytes(100)))
    frames = size - len(ftyp) - len(moov) - 8
    if frames < 0:
        return noise.randbytes(size)
    return ftyp + _box(b"mdat", noise.randbytes(frames)) + moov


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content
