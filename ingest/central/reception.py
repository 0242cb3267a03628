"""The bytes of one request on their way to the disk.

    loop: copy into a buffer ─▶ thread: write ─▶ thread: sync a window, note the offset, read it back, hash it

While one buffer is being written the next one fills, and while a window is synced and read back both go on. Rules:
`upload.offset` moves only after fdatasync of the bytes and of the offset's own record; bytes under a checksum do not
count before it is verified; whatever fails, what was durable stays durable and the file is cut to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from ingest.central.buffers import BLOCK, BufferPool
from ingest.central.data_file import DataFile
from ingest.central.hashing import whole_blocks
from ingest.central.refusals import Refusal
from ingest.central.threads import Threads
from ingest.central.tus import Checksum, too_long
from ingest.central.uploads import Upload

_BEHIND = 4  # windows: so far the read-back may fall behind before the line has to wait


class Reception:
    """One PATCH, or the body of one POST. The caller holds the upload, and ends with `finish`, `keep` or `undo`."""

    def __init__(
        self,
        upload: Upload,
        *,
        file: DataFile,
        path: Path,
        threads: Threads,
        buffers: BufferPool,
        window: int,
        sync_every: float,
        checksum: Checksum | None = None,
    ) -> None:
        self._upload = upload
        self._file = file
        self._path = path
        self._threads = threads
        self._buffers = buffers
        self._window = window
        self._sync_every = sync_every
        self._checksum = checksum
        self._verify = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._start = upload.offset
        self._buffer: memoryview | None = None
        self._from = self._fill = 0  # the part of the buffer that is filled
        self._written = upload.offset  # bytes up to here are in the file
        self._handed = upload.offset  # bytes up to here were given to a writer
        self._synced_to = upload.offset  # the last window that a sync was started for
        self._synced_when = time.monotonic()
        self._broken = False  # a write failed: what was taken after it has no place
        self._distrusted = False  # a sync failed: the kernel may have dropped what it could not write
        self._writing: asyncio.Future[None] | None = None
        self._syncing: asyncio.Future[None] | None = None

    @property
    def received(self) -> int:
        """The offset behind the last byte taken, durable or not."""
        return self._handed + self._fill - self._from

    async def take(self, chunk: bytes) -> None:
        """Take bytes off the line. Raises Refusal 413 beyond the announced length; OSError as the disk gives it."""
        if self.received + len(chunk) > self._upload.size:
            raise too_long(self._upload.size)
        rest = memoryview(chunk)
        while rest:
            buffer = self._buffer or await self._next_buffer()
            count = min(len(rest), len(buffer) - self._fill)
            buffer[self._fill : self._fill + count] = rest[:count]
            self._fill += count
            rest = rest[count:]
            if self._fill == len(buffer):
                await self._hand_over()
        if time.monotonic() - self._synced_when > self._sync_every and self._checksum is None:
            await self._hand_over()
            await self._wait_written()
            await self._wait_synced()
            await self._start_sync()

    async def _next_buffer(self) -> memoryview:
        buffer = self._buffers.take_free()
        if buffer is None:
            buffer = await self._threads.disk(self._buffers.make)
        self._buffer = buffer
        # The buffer lies in memory as the offset lies in its block: then the middle can go past the cache.
        self._from = self._fill = self._handed % BLOCK
        return buffer

    async def _hand_over(self) -> None:
        """Give the buffer to a writer, once the one before is done; start a sync when a window is full."""
        await self._wait_written()
        buffer, self._buffer = self._buffer, None
        if buffer is None:
            return
        first, behind, at = self._from, self._fill, self._handed
        self._handed += behind - first
        self._from = self._fill = 0
        self._writing = self._threads.disk(lambda: self._write(buffer, first, behind, at))
        if self._written - self._synced_to >= self._window:
            await self._start_sync()

    def _write(self, buffer: memoryview, first: int, behind: int, at: int) -> None:
        view = buffer[first:behind]
        try:
            if self._verify is not None:
                self._verify.update(view)
            self._file.write(view, at=at)
            self._written = at + len(view)
        except OSError:
            self._broken = True
            raise
        finally:
            self._buffers.give(buffer)

    async def _wait_written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _start_sync(self) -> None:
        still = self._syncing is not None and not self._syncing.done()
        if still and self._written - self._synced_to < _BEHIND * self._window:
            return
        await self._wait_synced()
        self._synced_to, self._synced_when = self._written, time.monotonic()
        to = self._written
        self._syncing = self._threads.hash(lambda: self._sync_window(to))

    async def _wait_synced(self) -> None:
        syncing, self._syncing = self._syncing, None
        if syncing is not None:
            await syncing

    def _sync_window(self, to: int) -> None:
        self._make_durable(to)
        self._upload.digest.advance(self._path, to=whole_blocks(to), stopped=self._threads.stopped)

    def _make_durable(self, to: int) -> None:
        """Bytes before `to` are written: sync them, then note it. An offset at the very end is not noted: see Uploads."""
        self._sync()
        if self._checksum is None and self._upload.offset < to < self._upload.size:
            self._upload.offsets.write(to)
            self._upload.offset = to

    def _sync(self) -> None:
        try:
            self._file.sync()
        except OSError:
            self._distrusted = True
            raise

    async def finish(self) -> str | None:
        """All bytes of the request are here: make them durable. Gives the whole file's SHA-256 if it is complete.

        Raises Refusal 460 for a wrong checksum, OSError, StoppedError; the caller then calls `undo` or `keep`.
        """
        await self._hand_over()
        await self._wait_written()
        await self._wait_synced()
        if self._checksum is not None and self._verify is not None:
            if self._verify.digest() != self._checksum.digest:
                raise Refusal(
                    460,
                    "checksum",
                    f"the bytes of this request are not what its Upload-Checksum ({self._checksum.algorithm}) says: "
                    "they were discarded, send them again",
                    headers={"Upload-Offset": str(self._start)},
                    extra={"offset": self._start},
                )
            self._checksum = None
        if self._written < self._upload.size:
            await self._threads.disk(lambda: self._make_durable(self._written))
            return None
        return await self._threads.hash(self._seal)

    def _seal(self) -> str:
        self._sync()
        self._upload.digest.advance(self._path, to=self._upload.size, stopped=self._threads.stopped)
        return self._upload.digest.hexdigest()

    async def keep(self) -> None:
        """The line was cut, or the disk is full: keep what is here. With a checksum, nothing of this request is."""
        if self._checksum is not None:
            await self.undo()
            return
        await self._settled()
        if not self._broken and not self._distrusted:
            await self._hand_over()
        await self._settled()
        self._drop_buffer()
        await self._threads.disk(self._keep)

    def _keep(self) -> None:
        if not self._distrusted:
            self._make_durable(self._written)
        self._file.cut_to(self._upload.offset)

    async def undo(self) -> None:
        """Nothing of this request counts: the offset goes back to where it began."""
        self._drop_buffer()
        await self._settled()
        await self._threads.disk(lambda: self._file.cut_to(self._upload.offset))

    async def _settled(self) -> None:
        """Wait for threads that still use the file; what they failed at has been or will be said elsewhere."""
        running = [future for future in (self._writing, self._syncing) if future is not None]
        self._writing = self._syncing = None
        await asyncio.gather(*running, return_exceptions=True)

    def _drop_buffer(self) -> None:
        if self._buffer is not None:
            self._buffers.give(self._buffer)
            self._buffer = None
            self._from = self._fill = 0

    async def close(self) -> None:
        """Let go of the file, after the threads have."""
        self._drop_buffer()
        await self._settled()
        close: Callable[[], None] = self._file.close
        await self._threads.disk(close)
