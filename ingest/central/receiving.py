"""From announced to stored: creation, receiving, completion.

The one place that says in which order the parts work; it knows no HTTP, only chunks of bytes and refusals. Rules: the
same (camera, segment, sha256) announced again is the same upload or object, once that object has been seen to be there;
a wrong hash leaves nothing; a cut line, a full disk and a closing store leave the offset where the disk is.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import weakref
from collections.abc import AsyncIterator
from functools import partial

from ingest.central.buffers import BufferPool
from ingest.central.descriptions import UploadDescription
from ingest.central.hashing import StoppedError
from ingest.central.index import Index, Row
from ingest.central.layout import Layout
from ingest.central.objects import Objects
from ingest.central.reception import Reception
from ingest.central.records import Records
from ingest.central.refusals import Refusal, busy, full
from ingest.central.settings import StoreSettings
from ingest.central.threads import Threads
from ingest.central.tus import Checksum
from ingest.central.uploads import Upload, Uploads

_log = logging.getLogger(__name__)
_FULL = {errno.ENOSPC, errno.EDQUOT}


class LineCutError(Exception):
    """The client went away, or said something that is no HTTP body."""


class LineSilentError(Exception):
    """Nothing, or next to nothing, came for too long."""


class Receiving:
    """Creation, receiving and completion over the parts that do them."""

    def __init__(
        self,
        layout: Layout,
        *,
        uploads: Uploads,
        objects: Objects,
        index: Index,
        records: Records,
        threads: Threads,
        settings: StoreSettings,
    ) -> None:
        self._layout = layout
        self._uploads = uploads
        self._objects = objects
        self._index = index
        self._records = records
        self._threads = threads
        self._settings = settings
        self._buffers = BufferPool(size=settings.buffer)
        self._receiving = 0
        self._announcing: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def announce(self, description: UploadDescription) -> Upload | Row:
        """A new upload, or what the same announcement made earlier. Raises Refusal 413, 429, 507."""
        same = description.announced.same
        if same is None:
            return await self._create(description)
        lock = self._announcing.setdefault(same, asyncio.Lock())
        async with lock:
            known = self._uploads.find_same(same, size=description.size, owner=description.owner)
            if known is not None:
                return known
            row = await self._index.find_same(same)
            if row is not None and row.description.size == description.size:
                # Never believed from the index alone: a store that lost a file must not refuse it as known.
                object = row.description
                if await self._threads.disk(lambda: self._objects.present(object)):
                    return row
            return await self._create(description)

    async def _create(self, description: UploadDescription) -> Upload:
        limits = self._settings
        if description.size > limits.max_size:
            raise Refusal(
                413, "too-large", f"{description.size} bytes are more than this store takes ({limits.max_size})"
            )
        if self._uploads.count(description.owner) >= limits.max_unfinished:
            raise busy("too many unfinished uploads: finish or end some first", after=60, status=429)
        await self._check_space(description.size)
        try:
            upload = await self._threads.disk(lambda: self._uploads.create(description))
        except OSError as failed:
            await self._threads.disk(lambda: self._uploads.discard(description.id))
            raise _disk_refusal(failed, description.id) from failed
        self._uploads.add(upload)
        return upload

    async def _check_space(self, needed: int) -> None:
        free = await self._threads.disk(self._uploads.free)
        if free - self._settings.keep_free - self._uploads.missing_bytes() < needed:
            raise full(f"the store has no room for {needed} more bytes: wait, and tell its operator")

    async def receive(self, upload: Upload, chunks: AsyncIterator[bytes], *, checksum: Checksum | None) -> int:
        """Take the bytes of one request; the caller holds the upload. Gives the offset reached, durable.

        If that is the upload's size, it is an object. Raises Refusal; what is kept then is what `upload.offset` says.
        """
        if self._receiving >= self._settings.max_receiving:
            raise busy("too many uploads at once: try again shortly", after=2)
        self._receiving += 1
        try:
            if upload.sealed is not None:
                # All bytes were here before, and what came after them failed: only that is done again.
                await self._complete(upload, sha256=upload.sealed)
                return upload.size
            return await self._received(upload, chunks, checksum=checksum)
        except OSError as failed:
            raise _disk_refusal(failed, upload.id) from failed
        finally:
            self._receiving -= 1
            upload.active = self._uploads.now()

    async def _received(self, upload: Upload, chunks: AsyncIterator[bytes], *, checksum: Checksum | None) -> int:
        reception = Reception(
            upload,
            file=await self._threads.disk(lambda: self._uploads.open(upload)),
            path=self._layout.upload_bytes(upload.id),
            threads=self._threads,
            buffers=self._buffers,
            window=self._settings.sync_window,
            sync_every=self._settings.sync_every,
            checksum=checksum,
        )
        try:
            sha256 = await self._pour(reception, chunks)
            if sha256 is None:
                return upload.offset
            await self._complete(upload, sha256=sha256)
            return upload.size
        finally:
            await reception.close()

    async def _pour(self, reception: Reception, chunks: AsyncIterator[bytes]) -> str | None:
        try:
            async for chunk in chunks:
                await reception.take(chunk)
            return await reception.finish()
        except Refusal:
            await reception.undo()
            raise
        except LineCutError as cut:
            await reception.keep()
            raise Refusal(408, "cut", "the request ended before its body did: ask with HEAD and go on") from cut
        except LineSilentError as silent:
            await reception.keep()
            raise Refusal(408, "silent", "no data came for too long: ask with HEAD and go on from there") from silent
        except StoppedError as stopped:
            await reception.keep()
            raise busy("the store is closing: come back", after=5) from stopped
        except OSError:
            await reception.keep()
            raise

    async def _complete(self, upload: Upload, *, sha256: str) -> None:
        expected = upload.description.announced.sha256
        if expected is not None and expected != sha256:
            await self._refuse(upload, found=sha256, expected=expected)
        upload.sealed = sha256
        object = await self._threads.disk(lambda: self._objects.shelve(upload.description, sha256=sha256))
        await self._objects.publish(object, discard=self._uploads.discard)
        self._uploads.forget(upload)

    async def _refuse(self, upload: Upload, *, found: str, expected: str) -> None:
        await self._records.note(
            "upload.refused", object=upload.id, who=upload.description.owner, announced=expected, found=found
        )
        await self.end(upload)
        raise Refusal(
            460,
            "digest",
            f"the {upload.size} bytes that lie on this store's disk have the SHA-256 {found}, "
            f"announced was {expected}: nothing was kept, send it again from the start",
            extra={"sha256": found, "announced": expected},
        )

    async def end(self, upload: Upload) -> None:
        """Forget an unfinished upload and remove its bytes."""
        self._uploads.forget(upload)
        await self._threads.disk(lambda: self._uploads.discard(upload.id))

    async def take_up(self, *, believe_dates: bool) -> None:
        """At start: go on with what is unfinished; what had become an object before it was in the index is put there."""
        moved = await self._threads.disk(lambda: self._uploads.load(believe_dates=believe_dates))
        for description in moved:
            object = await self._threads.disk(partial(self._objects.described, description.id))
            await self._objects.publish(object, discard=self._uploads.discard)


def _disk_refusal(failed: OSError, id: str) -> Refusal:
    if failed.errno in _FULL:
        return full("the store's disk is full: what came so far is kept, ask with HEAD later and go on")
    _log.error("the disk failed under upload %s: %s", id, failed)
    return Refusal(500, "disk", "the store's disk gave an error: what is durable is kept, ask with HEAD and go on")
