"""Bring one segment's spool copy to the store. The offset is asked at every resume, never remembered."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from ingest.activity import Activity
from ingest.errors import IntegrityFailed, ObjectGone, Retry, StoreDown, Unproven
from ingest.ledger import Ledger, segments
from ingest.ledger.segments import Segment
from ingest.model import SegmentDescription
from ingest.spool import Spool
from ingest.store.base import Slices, Store
from ingest.store.slices import slices
from ingest.store.throttle import Bucket, throttled

_SMALLEST = 1 << 20
_BAD_DISK = frozenset({errno.EIO, errno.ENOENT, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA, errno.EISDIR, errno.ELOOP})


class SpoolUnread(Retry):
    """The spool's copy could not be read just now: is it still what was pulled?"""

    reason = "spool_unread"


class Uploading:
    """Sends segments. `chunk`: the most bytes in one request."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, store: Store, bucket: Bucket, chunk: int, activity: Activity
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._store = store
        self._bucket = bucket
        self._chunk = chunk
        self._piece = chunk
        self._reached: dict[str, int] = {}
        self._activity = activity

    async def send(
        self, segment: Segment, described: SegmentDescription, *, progress: Callable[[], None] = lambda: None
    ) -> str:
        """Send what the store does not have yet; returns the object's address. `progress`: the store has taken something.

        Raises Retry (of many kinds: line, store, an upload that expired), Hold, IntegrityFailed where the spool's copy is not whole,
        SpoolUnread where it could not be read this time.
        """
        size = described.digest.size
        self._spool_is_whole(segment)
        upload = segment.upload or await self._begin(segment, described)
        try:
            offset = await self._store.offset(upload, size=size)
            if offset > self._reached.get(segment.id, 0):
                progress()
            while offset < size:
                self._reached[segment.id] = offset
                offset = await self._send_some(segment, upload, offset=offset, size=size)
                progress()
        except (ObjectGone, Unproven):
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))
            self._reached.pop(segment.id, None)
            raise
        finally:
            self._activity.upload_over(segment.id)
        self._reached[segment.id] = size
        return upload

    def over(self, segment: str) -> None:
        """It is proven: how far it had come is of no use any more."""
        self._reached.pop(segment, None)

    async def _send_some(self, segment: Segment, upload: str, *, offset: int, size: int) -> int:
        """One request; smaller ones while the line is bad, so that something arrives."""
        length = min(self._piece, size - offset)
        try:
            reached = await self._store.send(
                upload, offset=offset, length=length, size=size, slices=self._slices(segment, length=length)
            )
        except StoreDown:
            self._piece = max(_SMALLEST, self._piece // 4)
            raise
        except (OSError, EOFError) as error:
            raise SpoolUnread(f"its spool file could not be read: {_plainly(error)}") from error
        if reached != offset + length:
            raise Unproven(
                f"the store says that it has {reached} bytes where {offset + length} were sent: it did not keep what it took"
            )
        self._piece = min(self._chunk, self._piece * 2)
        return reached

    async def _begin(self, segment: Segment, described: SegmentDescription) -> str:
        upload = await self._store.announce(described)
        await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, upload))
        return upload

    def _slices(self, segment: Segment, *, length: int) -> Slices:
        path = self._spool.file(segment.id)

        def from_offset(start: int) -> AsyncIterator[bytes]:
            return self._counted(throttled(slices(path, offset=start, length=length), self._bucket), segment, start)

        return from_offset

    async def _counted(self, source: AsyncIterator[bytes], segment: Segment, start: int) -> AsyncIterator[bytes]:
        done = start
        try:
            async for block in source:
                done += len(block)
                yield block
                self._activity.sent(segment.id, segment.size, done, len(block))
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    def _spool_is_whole(self, segment: Segment) -> None:
        try:
            found = os.stat(self._spool.file(segment.id)).st_size
        except OSError as error:
            raise IntegrityFailed(f"its spool file cannot be read: {error.strerror}") from error
        if found != segment.size:
            raise IntegrityFailed(f"its spool file has {found} bytes, {segment.size} were pulled")

    async def spool_is_true(self, segment: Segment) -> bool:
        """Whether the spool's bytes are still the ones that were pulled: hashed again, from the disk.

        Raises SpoolUnread where that cannot be known now (no descriptors, no memory).
        """
        try:
            return await asyncio.to_thread(_hash_of, str(self._spool.file(segment.id))) == segment.sha256
        except OSError as error:
            if error.errno in _BAD_DISK:
                return False
            raise SpoolUnread(f"its spool file could not be read: {_plainly(error)}") from error


def _hash_of(path: str) -> str:
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plainly(error: OSError | EOFError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def backoff(attempts: int, *, longest: float, chance: float, floor: float = 0.0) -> float:
    """Seconds to wait before the next try: doubled, capped first, then jittered (half to whole), never under `floor`.

    `chance` is from [0, 1).
    """
    capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))
    return max(floor, capped * (0.5 + chance / 2))
