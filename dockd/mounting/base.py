"""What can be asked of whoever mounts volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

from ingest.errors import DockdError

FILESYSTEMS = ("vfat", "exfat", "ext4")
Filesystem = Literal["vfat", "exfat", "ext4"]


class HelperGone(DockdError):
    """Nobody answers who could mount: the helper does not run, or ended. Everything that it had mounted is unmounted by then, or will be."""

    reason = "mount_helper"


class MountRefused(DockdError):
    """The helper does not do this for anybody: no USB disk, another disk by now, an unknown filesystem, not one of its mounts."""

    reason = "mount_refused"


class Mounter(Protocol):
    """Mounts are the caller's until it ends: with its connection everything of it is unmounted.

    Every method raises HelperGone, MountRefused, CameraGone (the device has left), Unreadable (no such filesystem on it, locked
    against writing, a bad superblock: the kernel's word is in the message).
    """

    async def mount(self, device: str, *, diskseq: int, filesystem: Filesystem, folder: str) -> Path:
        """Mount the partition or disk `device` (such as "/dev/sdb1") read-only at `folder` below the helper's own root; where that is.

        `folder` is one or two clean names ("bay-3" or "bay-3/p1"). `diskseq` is the whole disk's sequence number (/sys/block/sdb/diskseq): another by now means another disk.
        """

    async def writable(self, mount: Path) -> None:
        """Make this mount writable, at the same place. vfat and exfat stay mounted; an ext4 is unmounted for it: nothing may be open on it."""

    async def fresh(self, mount: Path) -> None:
        """Write out, unmount, drop the device's buffers, mount read-only anew at the same place."""

    async def unmount(self, mount: Path) -> None:
        """Unmount, at once for everybody who comes from now on, even where somebody still reads. No error where it is not mounted."""
