"""How each of the three filesystems is mounted, and when an ext4 may be written to.

What a card says of itself is hostile: every option that it could set for itself (ext4 keeps some in its superblock, among them to halt
the machine on an error) is given here.
"""

from __future__ import annotations

import os
import struct

from dockd.mounting.base import Filesystem
from dockd.mounting.kernel import Option

_SUPERBLOCK_AT, _SUPERBLOCK_SIZE, _MAGIC = 1024, 1024, 0xEF53
_VALID, _WITH_ERRORS = 1, 2
_HAS_JOURNAL, _RECOVER, _JOURNAL_ELSEWHERE, _ORPHANS = 0x4, 0x4, 0x8, 0x10000
_NOT_CLOSED = (
    "its ext4 was not closed cleanly (the camera was cut off while it wrote): nothing is deleted from it as it is. "
    "Switch the camera on and off again, then dock it anew"
)


def options(filesystem: Filesystem, *, uid: int, gid: int, writable: bool) -> list[Option]:
    """The fixed options. Files of vfat and exfat, which know no owner, belong to the agent alone."""
    if filesystem == "ext4":
        # With `noload` the journal is neither read nor replayed; a writable ext4 needs it.
        return [("errors", "remount-ro"), *([] if writable else [("noload", None)])]
    owner: list[Option] = [("uid", str(uid)), ("gid", str(gid)), ("fmask", "0177"), ("dmask", "0077")]
    if filesystem == "vfat":
        return [*owner, ("utf8", "1"), ("tz", "UTC"), ("errors", "remount-ro")]
    return [*owner, ("iocharset", "utf8"), ("time_offset", "0"), ("errors", "remount-ro")]


def why_not_writable(device: int) -> str:
    """Why the ext4 on this open device is not written to, in plain words, or empty. Only while it is not mounted. Raises OSError."""
    block = os.pread(device, _SUPERBLOCK_SIZE, _SUPERBLOCK_AT)
    if len(block) < _SUPERBLOCK_SIZE or struct.unpack_from("<H", block, 0x38)[0] != _MAGIC:
        return "there is no ext4 on it any more"
    (state,) = struct.unpack_from("<H", block, 0x3A)
    compatible, incompatible, read_only_compatible = struct.unpack_from("<III", block, 0x5C)
    journal_device, last_orphan = struct.unpack_from("<II", block, 0xE4)
    if state & _WITH_ERRORS or not state & _VALID or incompatible & _RECOVER:
        return _NOT_CLOSED
    if last_orphan or read_only_compatible & _ORPHANS:
        return _NOT_CLOSED
    if compatible & _HAS_JOURNAL and (journal_device or incompatible & _JOURNAL_ELSEWHERE):
        return "its ext4 keeps its journal on another device"
    if block[0x200:0x240].strip(b"\0"):
        return "its ext4 sets mount options of its own"
    return ""
