"""What may be asked of the mount helper, taken apart and checked before anything acts on it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from dockd.mounting.base import FILESYSTEMS, Filesystem, MountRefused
from dockd.mounting.wire import Garbage, Message

_LARGEST_ID = 1 << 53
_LONGEST = 512  # characters of a path
_DEVICE = re.compile(r"/dev/[a-z]+[0-9]*")
# No dot in front: no "..", nothing hidden. No "~": the helper's own mark for a place that is still taken.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")

Change = Literal["writable", "fresh", "unmount"]
CHANGES = ("writable", "fresh", "unmount")


@dataclass(frozen=True, kw_only=True)
class MountAsked:
    """Mount a device; nothing of it is checked but its form."""

    id: int
    device: str
    diskseq: int
    filesystem: Filesystem
    folder: str

    op: Literal["mount"] = "mount"


@dataclass(frozen=True, kw_only=True)
class ChangeAsked:
    """Do something with a mount, named by the path that the mount was answered with."""

    id: int
    op: Change
    mount: str


def number_of(message: Message) -> int:
    """The number that the answer carries. Raises Garbage."""
    number = message.get("id")
    if type(number) is not int or not 0 < number < _LARGEST_ID:
        raise Garbage("a request without a number")
    return number


def request_of(message: Message) -> MountAsked | ChangeAsked:
    """A request from the socket. Raises Garbage (no request at all), MountRefused (a request that nobody is granted)."""
    number, op = number_of(message), message.get("op")
    if op == "mount":
        return _mount(message, number)
    if isinstance(op, str) and op in CHANGES:
        return ChangeAsked(id=number, op=cast("Change", op), mount=_text(message, "mount"))
    raise MountRefused("the mount helper does not know this request; agent and helper have to be of one version")


def _mount(message: Message, number: int) -> MountAsked:
    device, filesystem, folder = (_text(message, key) for key in ("device", "filesystem", "folder"))
    diskseq = message.get("diskseq")
    if type(diskseq) is not int or not 0 <= diskseq < 1 << 64:
        raise Garbage("diskseq is no number")
    if not _DEVICE.fullmatch(device):
        raise MountRefused(f"{device!r} is not the name of a disk or partition, such as /dev/sdb1")
    if filesystem not in FILESYSTEMS:
        raise MountRefused(f"the filesystem {filesystem!r} is not mounted; only {', '.join(FILESYSTEMS)} are")
    names = folder.split("/")
    if len(names) > 2 or not all(_NAME.fullmatch(name) for name in names):
        raise MountRefused(f"{folder!r} is not one or two clean names, such as bay-3/p1")
    return MountAsked(
        id=number, device=device, diskseq=diskseq, filesystem=cast("Filesystem", filesystem), folder=folder
    )


def _text(message: Message, key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise Garbage(f"{key} is no text of 1 to {_LONGEST} characters")
    return value
