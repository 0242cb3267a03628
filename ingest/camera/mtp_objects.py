"""What an object of a PTP/MTP camera is as a file: its path, its time, and what the camera's refusals mean. Pure.

Rules: a path is UTF-8 of the camera's UTF-16 (a lone surrogate stays what it is); a name that would make another path of it is no name.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from ingest.camera.ptp import Code, ObjectInfo, Refused
from ingest.errors import CameraGone, SourceUnstable, Unreadable

_TIME = re.compile(r"(\d{8}T\d{6})(?:\.(\d))?\d{0,8}(?:(Z)|([+-])(\d{2}):?(\d{2}))?")


@dataclass(frozen=True, kw_only=True)
class Place:
    """An object as a listing of this session found it. `alone`: no other object of its folder has its name."""

    handle: int
    info: ObjectInfo
    folder: int
    alone: bool = True


def root_name(storage: int) -> bytes:
    """The folder that stands for a storage: the same on each visit, and the one that libgphoto2 shows."""
    return b"store_%08x" % storage


def name_of(info: ObjectInfo) -> bytes | None:
    """The object's name as one part of a path; None where it cannot be one."""
    name = info.name.encode("utf-8", "surrogatepass")
    return None if name in (b"", b".", b"..") or b"/" in name else name


def moment(text: str, *, zone: tzinfo | None) -> datetime | None:
    """A PTP time, aware; one without a zone is in `zone` (None: the station's own). None where it is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        told = datetime.strptime(found[1], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone comes next
        told = told.replace(microsecond=int(found[2] or 0) * 100_000)
        if found[3] or found[4]:
            away = timedelta(hours=int(found[5] or 0), minutes=int(found[6] or 0))
            return told.replace(tzinfo=timezone(-away if found[4] == "-" else away))
        return told.astimezone() if zone is None else told.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def mtime_ns(info: ObjectInfo) -> int:
    """When it was last written, in nanoseconds since the epoch; 0 where the camera does not say."""
    when = moment(info.modified or info.captured, zone=UTC)
    return 0 if when is None else (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """What the camera refuses, as what is done about it: `what` could not be had. Raises SourceUnstable, CameraGone, Unreadable."""
    try:
        yield
    except Refused as refused:
        if refused.code == Code.INVALID_HANDLE:
            raise SourceUnstable(f"{what}: it is no longer there as it was listed ({refused})") from refused
        if refused.code in (Code.INVALID_STORAGE, Code.STORE_NOT_AVAILABLE, Code.DEVICE_BUSY):
            raise CameraGone(f"{what}: {refused}") from refused
        raise Unreadable(f"{what}: {refused}") from refused
