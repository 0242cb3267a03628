"""What the kernel says of the disk below a folder: whether it is there, which insertion of it this is, and whether it failed.

Why: a filesystem does not say when its disk has left. FAT lists as empty then, without an error, and for a moment the disk is still in the
kernel's list. What is asked here is asked of sysfs, which needs no right to the device. Rules: what sysfs does not tell (a loop device has no
error count) is None or nothing, never a guess. Where there is no sysfs (a plain chroot), only the disk that this very system runs from is known to be
there: a folder on another one cannot be watched, and is not read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_GONE_STATES = {"offline", "transport-offline", "cancel", "deleted"}


@dataclass(frozen=True, kw_only=True)
class BlockDevice:
    """A partition or disk, and the disk that it lies on, as sysfs has them. `number`: major:minor."""

    number: str
    sysfs: Path
    place: Path
    disk: Path
    diskseq: int | None

    @classmethod
    def of(cls, device: int, *, sysfs: Path = Path("/sys")) -> BlockDevice | None:
        """The block device of these numbers (`st_dev`); None for a filesystem that has none below it, or none any more."""
        number = f"{os.major(device)}:{os.minor(device)}"
        entry = sysfs / "dev" / "block" / number
        if not os.major(device) or not entry.exists():
            return None
        place = entry.resolve()
        disk = place.parent if (place / "partition").exists() else place
        return cls(number=number, sysfs=sysfs, place=place, disk=disk, diskseq=_number(disk / "diskseq"))

    def left(self) -> str | None:
        """Why this device does not count as being there: it left, was exchanged, lost its card, was given up. None: it is there."""
        now = (self.sysfs / "dev" / "block" / self.number).resolve()
        if now != self.place or not self.disk.exists():
            return "it has left"
        if _number(self.disk / "diskseq") != self.diskseq:
            return "it was exchanged"
        if _number(self.disk / "size") == 0:
            return "its card was taken out"
        if _text(self.disk / "device" / "state") in _GONE_STATES:
            return "the kernel has given it up"
        return None

    def failures(self) -> int | None:
        """How many requests it has answered with an error so far; None where that is not counted."""
        return _number(self.disk / "device" / "ioerr_cnt")


def is_told(sysfs: Path) -> bool:
    """Whether the kernel's list of block devices is there to be asked."""
    return (sysfs / "dev" / "block").is_dir()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    try:
        return int(_text(file), 0)  # counts of errors are written as 0x…
    except ValueError:
        return None
