"""A camera over PTP/MTP: no mount and no descriptors, but objects with handles, which hold as long as the session does.

Rules, with their reasons in docs/decisions/0013-mtp.md: what stands for the descriptor is the handle in one unbroken session; what a file is
is asked of the camera each time; two objects of one name in one folder are never told apart by guessing, so the camera hides something then;
a file whose size cannot be known, or that ends elsewhere than it says, is never whole. Times without a zone are kept as they stand, as if UTC.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ingest.camera.bulk import BulkLine
from ingest.camera.mtp_objects import Place, asking, mtime_ns
from ingest.camera.mtp_vitals import battery_percent, clock_offset, set_clock
from ingest.camera.mtp_walk import Walk
from ingest.camera.ptp import UNKNOWN_SIZE, Code, ObjectInfo, Op, Refused, Session
from ingest.camera.usb_link import address_of, open_line
from ingest.errors import CameraGone, DockdError, SourceUnstable, Unreadable
from ingest.model import Listed, Skipped, Vitals, legible

_PIECE = 1 << 20  # bytes asked for at once: some cameras do not bear more
_WIDE_FROM = 1 << 32


def open_mtp(root: bytes, *, going_on: Callable[[], object] = lambda: None) -> MtpCamera:
    """The camera at "usb:001,004". Raises CameraGone, Unreadable."""
    bus, device = address_of(root)
    line = open_line(bus=bus, device=device, interface=None, extra="mtp")
    return MtpCamera(line, name=root.decode("ascii"), going_on=going_on)


class MtpCamera:
    """One session with one camera, over a line that it closes in the end. `name`: where it is plugged in. Raises CameraGone, Unreadable.

    `going_on()` is called at each object that the camera told of while it is listed: a folder shows nothing before all in it were asked for.
    """

    def __init__(self, line: BulkLine, *, name: str, going_on: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self._going_on = going_on
        self._line = line
        self._known: dict[bytes, Place] = {}
        try:
            with asking("it cannot be talked to over PTP"):
                self.session = Session(line)
                self._info = self.session.device_info()
                self._storages = self.session.storages()
        except BaseException:
            line.close()
            raise

    def close(self) -> None:
        """End the session and let go of the line; a camera that has left has nothing to say to that."""
        with contextlib.suppress(DockdError, Refused):
            self.session.close()
        with contextlib.suppress(CameraGone):
            self._line.close()

    def can(self, op: Op) -> bool:
        """Whether it says that it has this operation."""
        return op in self._info.operations

    def device(self) -> str:
        """Where it was plugged in this time, and its serial."""
        return f"{self.name}:{self._info.serial}"

    def keeps_change_times(self) -> bool:
        """It has none."""
        return False

    def present(self) -> None:
        """Raises CameraGone where it left, does not answer, or has other cards in it than at the beginning."""
        if not self._line.there():
            raise CameraGone(f"the camera at {self.name} has left")
        with asking("it does not say what storages it has"):
            if self.session.storages() != self._storages:
                raise CameraGone(f"a card was taken out of the camera at {self.name}, or put in")

    def vitals(self) -> Vitals:
        """Charge and clock, where it has these properties."""
        return Vitals(
            battery_percent=battery_percent(self.session, self._info),
            clock_offset_seconds=clock_offset(self.session, self._info, now=time.time()),
        )

    def room(self) -> int | None:
        """The least of all its storages, where it says it of each: which of them it records to is not known."""
        if not self.can(Op.GET_STORAGE_INFO):
            return None
        try:
            rooms = [self.session.storage_room(one) for one in self._storages]
        except (Refused, Unreadable):
            return None
        return None if None in rooms else min((one for one in rooms if one is not None), default=None)

    def set_clock(self) -> bool:
        """Whether it took the station's time, and shows it."""
        return set_clock(self.session, self._info, now=time.time)

    def listing(self) -> Iterator[Listed | Skipped]:
        """Every object that is no folder, on all storages. Raises CameraGone, Unreadable (it shows no storage at all)."""
        self.present()
        if not self._storages:
            raise Unreadable(
                f"the camera at {self.name} shows no storage: is a card in it, does it want to be unlocked first?"
            )
        self._known = {}
        for storage in self._storages:
            with asking("it cannot be listed"):
                walk = Walk(
                    self.session, storage=storage, known=self._known, as_listed=self._as_listed, going_on=self._going_on
                )
                yield from walk.all()
        self.present()

    def _as_listed(self, path: bytes, handle: int, info: ObjectInfo) -> Listed:
        size = info.size
        if size == UNKNOWN_SIZE:
            size = self.wide_size(handle) or size
            self._going_on()
        return Listed(path=path, size=size, mtime_ns=mtime_ns(info), ctime_ns=0, dev=info.storage, ino=handle)

    def wide_size(self, handle: int) -> int | None:
        """Its size in 64 bits; None where the camera keeps none. Raises Refused where it has no such object."""
        if not self.can(Op.GET_OBJECT_PROP_VALUE):
            return None
        try:
            return self.session.object_size(handle)
        except Refused as refused:
            if refused.code == Code.INVALID_HANDLE:
                raise
            return None

    def info(self, path: bytes, handle: int) -> ObjectInfo:
        """What the camera says of an object now. Raises SourceUnstable where it has it no more."""
        with asking(f"it does not say what {legible(path)} is"):
            return self.session.object_info(handle)

    def open(self, file: Listed) -> MtpFile:
        """Open a listed file: by the handle that it has in this session."""
        if file.path not in self._known:
            for _item in self.listing():  # that is what makes handles known
                pass
        place = self._known.get(file.path)
        if place is None:
            raise SourceUnstable(f"{legible(file.path)} is no longer there as it was listed")
        now = self.info(file.path, place.handle)
        with asking(f"it does not say how long {legible(file.path)} is"):
            seen = self._as_listed(file.path, place.handle, now)
            wide = self.wide_size(place.handle)
        if now != place.info or (seen.size, seen.mtime_ns) != (file.size, file.mtime_ns):
            raise SourceUnstable(f"{legible(file.path)} changed after it was listed")
        _must_be_whole(file, wide)
        return MtpFile(camera=self, file=file, place=place, wide=wide)


def _must_be_whole(file: Listed, wide: int | None) -> None:
    """Raises Unreadable where the size that was listed cannot be the size, or cannot be known to be."""
    if wide is not None and wide != file.size:
        raise Unreadable(
            f"{legible(file.path)}: the camera names two sizes of it, {file.size} and {wide} bytes. Copy it by hand, from the card"
        )
    if wide is None and file.size == UNKNOWN_SIZE:
        raise Unreadable(
            f"{legible(file.path)} has 4 GiB or more, and the camera does not say how many. Copy it by hand, from the card"
        )


@dataclass(kw_only=True)
class MtpFile:
    """A file of an MTP camera, held by its handle. `wide`: its size as a 64-bit property, where the camera has that."""

    camera: MtpCamera
    file: Listed
    place: Place
    wide: int | None

    @property
    def content(self) -> Download:
        """Its bytes, downloaded anew at each reading."""
        return Download(self)

    def unchanged(self) -> None:
        """The camera must still have this object, with every word of what it said of it."""
        if self.camera.info(self.file.path, self.place.handle) != self.place.info:
            raise SourceUnstable(f"{legible(self.file.path)} changed after it was listed")

    def at_rest(self) -> None:
        """A camera in MTP mode has nobody else who writes."""

    def delete(self) -> str:
        """Have the camera delete this object, and look whether it did."""
        self.camera.present()
        self.unchanged()
        path = legible(self.file.path)
        if not self.place.alone:
            raise Unreadable(f"{path} is not deleted: another file of its folder has its name")
        if self.place.info.protected:
            raise Unreadable(f"{path} is not deleted: it is protected on the camera")
        with asking(f"{path} was not deleted"):
            self.camera.session.delete(self.place.handle)
        return self._seen_gone(path)

    def _seen_gone(self, path: str) -> str:
        session, place = self.camera.session, self.place
        try:
            session.object_info(place.handle)
        except Refused as refused:
            if refused.code != Code.INVALID_HANDLE:
                raise CameraGone(f"{path} was deleted, and cannot be seen gone: {refused}") from refused
        else:
            raise Unreadable(f"{path} is still there: the camera said that it deleted it, and did not")
        try:
            left = session.children(place.info.storage, place.folder)
        except Refused as refused:
            raise CameraGone(f"{path} was deleted, and cannot be seen gone: {refused}") from refused
        if place.handle in left:
            raise CameraGone(f"{path} was deleted, and the camera still lists it: the next listing tells")
        self.camera.present()
        return "deleted by its handle in the session in which it was read, looked for and not found"

    def close(self) -> None:
        """Nothing is held but a number."""


class Download:
    """One object's bytes from the front to the end.

    Where the camera keeps no 64-bit size, the last request asks for one byte more than there should be: a size cut to 32 bits shows there.
    """

    def __init__(self, file: MtpFile) -> None:
        self._file = file
        self._size = file.file.size
        self._beyond = 1 if file.wide is None else 0
        self._ended = False

    def __enter__(self) -> Self:
        self._ended = self._size == 0 and not self._beyond
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Each request is a transaction of its own: nothing is left open."""

    def size_now(self) -> int:
        """What the camera gives as its size now."""
        file = self._file
        return file.camera.info(file.file.path, file.place.handle).size

    def read(self, view: memoryview, *, offset: int) -> int:
        """Fill `view` from `offset` on. Raises CameraGone, SourceUnstable, Unreadable (it ends elsewhere than it says)."""
        filled = 0
        while filled < len(view) and not self._ended:
            at = offset + filled
            wanted = min(len(view) - filled, _PIECE)
            left = self._size - at
            if left <= wanted:
                wanted = left + self._beyond
            data = self._part(at, wanted)
            if len(data) > left or (not data and left):
                self._ends_elsewhere(at + len(data))
            self._ended = len(data) == left
            view[filled : filled + len(data)] = data
            filled += len(data)
        return filled

    def _part(self, offset: int, most: int) -> bytes:
        file = self._file
        wide = self._size >= _WIDE_FROM
        if not file.camera.can(Op.GET_PARTIAL_OBJECT_64 if wide else Op.GET_PARTIAL_OBJECT):
            raise Unreadable(
                f"{legible(file.file.path)} cannot be read in parts from this camera, and as a whole it has no end to be seen"
            )
        with asking(f"{legible(file.file.path)} cannot be read at byte {offset}"):
            return file.camera.session.part(file.place.handle, offset=offset, most=most, wide=wide)

    def _ends_elsewhere(self, found: int) -> None:
        """Raises SourceUnstable where it changed, else Unreadable."""
        self._file.unchanged()
        more = "at least " if found > self._size else ""
        raise Unreadable(
            f"{legible(self._file.file.path)} has {self._size} bytes by what the camera says, and {more}{found} are there: "
            "it is not taken for whole. Copy it by hand, from the card"
        )
