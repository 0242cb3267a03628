"""Uploads that are not finished: on the disk, and what the running store remembers of each.

Rules: what is announced is on the disk before its address is given out; `offset` is durable, always; one writer at a
time; an upload whose offset equals its length does not exist (then it is an object). Ownership is the token's, for
good: nobody else adds to an upload or ends it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.central.bringing import Bringing
from ingest.central.data_file import DataFile, OffsetFile
from ingest.central.descriptions import UploadDescription
from ingest.central.disk import Disk
from ingest.central.hashing import RunningDigest, whole_blocks
from ingest.central.layout import Layout, is_id
from ingest.central.refusals import Refusal
from ingest.clock import Clock

_log = logging.getLogger(__name__)
_RECENT = 600.0  # seconds: uploads heard of within this time have their missing bytes reserved


class Upload:
    """One unfinished upload. `active` is seconds on CLOCK_BOOTTIME; `digest` covers what was synced and read back."""

    def __init__(self, description: UploadDescription, *, offset: int, offsets: OffsetFile, active: float) -> None:
        self.description = description
        self.offset = offset
        self.offsets = offsets
        self.active = active
        self.digest = RunningDigest()
        self.busy = False
        self.bringing: Bringing | None = None  # of whom holds it, while bytes come over a line
        self.sealed: str | None = None  # the SHA-256, once all bytes were read back and only the moving is left

    @property
    def id(self) -> str:
        """Its id, and later the object's."""
        return self.description.id

    @property
    def size(self) -> int:
        """The announced length in bytes."""
        return self.description.size

    @contextmanager
    def held(self, bringing: Bringing | None = None) -> Iterator[None]:
        """Be the one who changes it. Raises Refusal 423 while somebody else is."""
        if self.busy:
            raise Refusal(
                423,
                "locked",
                "another request is writing to this upload: wait until it ends, ask with HEAD, go on from there",
                headers={"Retry-After": "1"},
            )
        self.busy, self.bringing = True, bringing
        try:
            yield
        finally:
            self.busy, self.bringing = False, None
            if bringing is not None:
                bringing.ended()


class Uploads:
    """All unfinished uploads. Methods named in `Blocks` docstrings are for threads, the rest for the loop."""

    def __init__(self, layout: Layout, *, disk: Disk, clock: Clock) -> None:
        self._layout = layout
        self._disk = disk
        self._clock = clock
        self._uploads: dict[str, Upload] = {}

    def now(self) -> float:
        """Seconds on CLOCK_BOOTTIME."""
        return self._clock.boottime_ns() / 1e9

    def load(self, *, believe_dates: bool) -> list[UploadDescription]:
        """Take up what an earlier process left; gives those whose bytes have already become an object. Blocks.

        Without `believe_dates` (the clock may be wrong) each counts as heard of just now.
        """
        moved: list[UploadDescription] = []
        folder = self._layout.uploads
        for path in sorted(folder.iterdir()):
            if path.suffix != ".json" or not is_id(path.stem):
                continue
            description = self._described(path.stem)
            if description is None:
                continue
            if self._layout.upload_bytes(path.stem).exists():
                self._take_up(description, believe_dates=believe_dates)
            elif self._layout.object_bytes(path.stem).exists():
                moved.append(description)
        kept = {*self._uploads, *(d.id for d in moved)}
        self._disk.remove([p for p in folder.iterdir() if p.name.partition(".")[0] not in kept])
        return moved

    def _described(self, id: str) -> UploadDescription | None:
        try:
            found = UploadDescription.from_json(self._layout.upload_description(id).read_bytes())
        except (ValueError, TypeError, Refusal) as damaged:
            _log.warning("the description of unfinished upload %s is damaged (%s): it is dropped", id, damaged)
            return None
        return found if found.id == id else None

    def _take_up(self, description: UploadDescription, *, believe_dates: bool) -> None:
        offsets = OffsetFile(self._layout.upload_offset(description.id), disk=self._disk)
        try:
            offset = offsets.read()
            have = self._layout.upload_bytes(description.id).stat().st_size
        except FileNotFoundError:
            return
        if have < offset:
            _log.warning("upload %s lost bytes that were durable: it starts again", description.id)
            offset = 0
        idle = self._idle_for(description.id) if believe_dates else 0.0
        self._uploads[description.id] = Upload(description, offset=offset, offsets=offsets, active=self.now() - idle)

    def _idle_for(self, id: str) -> float:
        return max(0.0, self._clock.now() - self._layout.upload_offset(id).stat().st_mtime)

    def create(self, description: UploadDescription) -> Upload:
        """Put an announced upload on the disk. Blocks. Raises OSError; the caller then calls `discard`."""
        offsets = OffsetFile(self._layout.upload_offset(description.id), disk=self._disk)
        self._disk.create(self._layout.upload_bytes(description.id))
        self._disk.create(self._layout.upload_offset(description.id))
        self._disk.save(self._layout.upload_description(description.id), description.to_json())
        self._disk.sync_folder(self._layout.uploads)
        return Upload(description, offset=0, offsets=offsets, active=self.now())

    def add(self, upload: Upload) -> None:
        """Make it known."""
        self._uploads[upload.id] = upload

    def find(self, id: str) -> Upload | None:
        """The unfinished upload of that id."""
        return self._uploads.get(id)

    def find_same(self, same: str, *, size: int, owner: str) -> Upload | None:
        """One that the same owner has announced for the same camera, segment, hash and size."""
        for upload in self._uploads.values():
            known = upload.description
            if known.size == size and known.owner == owner and known.announced.same == same:
                return upload
        return None

    def forget(self, upload: Upload) -> None:
        """It is an object now, or nothing."""
        self._uploads.pop(upload.id, None)

    def discard(self, id: str) -> None:
        """Remove what lies on the disk; the description last, so that a crash in between ends the same way. Blocks."""
        at = self._layout
        self._disk.remove([at.upload_bytes(id), at.upload_offset(id), at.upload_description(id)])

    def open(self, upload: Upload) -> DataFile:
        """Its bytes, cut to what is durable. Blocks. Raises OSError."""
        if upload.digest.upto > whole_blocks(upload.offset):
            # It has read back bytes that are cut off now, and that may come again as others.
            upload.digest = RunningDigest()
        file = DataFile(self._layout.upload_bytes(upload.id), disk=self._disk)
        try:
            file.cut_to(upload.offset)
        except OSError:
            file.close()
            raise
        return file

    def free(self) -> int:
        """Bytes that the disk still has room for. Blocks."""
        return self._disk.free(self._layout.uploads)

    def count(self, owner: str) -> int:
        """How many one owner has."""
        return sum(upload.description.owner == owner for upload in self._uploads.values())

    def missing_bytes(self) -> int:
        """What uploads that are being worked on will still need."""
        since = self.now() - _RECENT
        return sum(u.size - u.offset for u in self._uploads.values() if u.busy or u.active >= since)

    def idle(self, *, longer_than: float) -> list[Upload]:
        """Those of which nothing was heard for that many seconds."""
        before = self.now() - longer_than
        return [u for u in self._uploads.values() if not u.busy and u.active < before]

    def all(self) -> list[Upload]:
        """Every one."""
        return list(self._uploads.values())
