"""Giving an object's bytes to those who may read.

Rules: the log entry is committed before the first byte leaves; the entity tag is the hash, so a range can never be
joined to other bytes; the disk is read in threads; the answer is never something that a browser would run.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial

from aiohttp import web

from ingest.central import tus
from ingest.central.index import Row
from ingest.central.objects import Objects
from ingest.central.records import Records
from ingest.central.refusals import Refusal
from ingest.central.threads import Threads

_PIECE = 1 << 20


class Reading:
    """GET of an object."""

    def __init__(self, *, objects: Objects, records: Records, threads: Threads, idle: float) -> None:
        self._objects = objects
        self._records = records
        self._threads = threads
        self._idle = idle

    async def answer(self, request: web.Request, row: Row, *, who: str) -> web.StreamResponse:
        """200 or 206 with the bytes, 304 if the client has them. Raises Refusal 416; OSError."""
        object = row.description
        tag = f'"{object.sha256}"'
        headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        asked = request.headers.get("Range") if request.headers.get("If-Range", tag) == tag else None
        part = tus.parse_range(asked, size=object.size)
        first, end = part or (0, object.size)
        await self._records.note("object.read", object=row.id, who=who, first=first, end=end)
        headers |= {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Length": str(end - first),
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{object.size}"
        response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
        fd = await self._threads.disk(partial(self._open, row))
        try:
            await self._send(request, response, fd, first=first, end=end)
        finally:
            await self._threads.disk(partial(os.close, fd))
        return response

    def _open(self, row: Row) -> int:
        try:
            return os.open(self._objects.path(row.id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Refusal(410, "gone", f"object {row.id} has just been deleted") from None

    async def _send(self, request: web.Request, response: web.StreamResponse, fd: int, *, first: int, end: int) -> None:
        await response.prepare(request)
        at = first
        while at < end:
            piece = await self._threads.disk(partial(os.pread, fd, min(_PIECE, end - at), at))
            if not piece:
                # The length was promised: only a broken connection tells the client that it was not kept.
                raise ConnectionResetError("the object is shorter than its description says")
            try:
                async with asyncio.timeout(self._idle):
                    await response.write(piece)
            except TimeoutError:
                raise ConnectionResetError("the client takes nothing any more") from None
            at += len(piece)
        await response.write_eof()
