"""Bring one segment's spool copy to the store. The offset is asked at every resume, never remembered."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

from ingest.activity import Activity
from ingest.errors import IntegrityFailed, ObjectGone, Unproven
from ingest.ledger import Ledger, segments
from ingest.ledger.segments import Segment
from ingest.model import SegmentDescription
from ingest.spool import Spool
from ingest.store.base import Slices, Store
from ingest.store.slices import slices
from ingest.store.throttle import Bucket, throttled


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
        self._activity = activity

    async def send(self, segment: Segment, described: SegmentDescription) -> str:
        """Send what the store does not have yet; returns the object's address.

        Raises Retry (of many kinds: line, store, an upload that expired), Hold, IntegrityFailed where the spool's copy is not whole.
        """
        size = described.digest.size
        self._spool_is_whole(segment)
        upload = segment.upload or await self._begin(segment, described)
        try:
            offset = await self._store.offset(upload, size=size)
            while offset < size:
                length = min(self._chunk, size - offset)
                reached = await self._store.send(
                    upload, offset=offset, length=length, size=size, slices=self._slices(segment, length=length)
                )
                if reached != offset + length:
                    raise Unproven(f"the store says that it has {reached} bytes where {offset + length} were sent")
                offset = reached
        except (ObjectGone, Unproven):
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))
            raise
        finally:
            self._activity.upload_over(segment.id)
        return upload

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
        async for block in source:
            done += len(block)
            yield block
            self._activity.sent(segment.id, segment.size, done, len(block))

    def _spool_is_whole(self, segment: Segment) -> None:
        try:
            found = os.stat(self._spool.file(segment.id)).st_size
        except OSError as error:
            raise IntegrityFailed(f"its spool file cannot be read: {error.strerror}") from error
        if found != segment.size:
            raise IntegrityFailed(f"its spool file has {found} bytes, {segment.size} were pulled")

    async def spool_is_true(self, segment: Segment) -> bool:
        """Whether the spool's bytes are still the ones that were pulled: hashed again, from the disk."""
        return await asyncio.to_thread(_hash_of, str(self._spool.file(segment.id))) == segment.sha256


def _hash_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def backoff(attempts: int, *, longest: float, chance: float, floor: float = 0.0) -> float:
    """Seconds to wait before the next try: doubled, capped first, then jittered (half to whole), never under `floor`.

    `chance` is from [0, 1).
    """
    capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))
    return max(floor, capped * (0.5 + chance / 2))
