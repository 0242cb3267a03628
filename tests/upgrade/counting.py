"""Between a dock and its store: passes everything on byte for byte, and counts what of each upload came through.

    with Counter(store_url) as counter:
        ...  # counter.url for the dock; counter.sent: every request that carried bytes of a segment

It runs in a thread of its own. `far` may be named anew while it stands (the store came back under another address).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_HEAD = 64 << 10
_BLOCK = 64 << 10


@dataclass(kw_only=True)
class Sent:
    """One request with bytes of an upload. `passed`: how many came through; `status` 0: it was cut before the store answered."""

    path: str
    offset: int
    passed: int = 0
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Made:
    """An upload that the store made: where, and what it was announced as."""

    path: str
    metadata: dict[str, bytes]


class Counter:
    """`made` and `sent`, in order. They grow in another thread: look at them when nothing is under way, or at their lengths alone."""

    def __init__(self, far: str) -> None:
        self.far = far
        self.made: list[Made] = []
        self.sent: list[Sent] = []
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="counter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def passed(self) -> int:
        """Bytes of segments that came through so far."""
        return sum(one.passed for one in list(self.sent))

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=_HEAD)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for _ in range(5):  # connections are told of their end in the loop's next turns
            await asyncio.sleep(0)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the dock, and one to the store for it; requests follow one another, as HTTP/1.1 has it."""
        self._open.add(writer)
        back: asyncio.StreamWriter | None = None
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                where = urlsplit(self.far)
                there, back = await asyncio.open_connection(where.hostname, where.port, limit=_HEAD)
                self._open.add(back)
                while await self._exchange(reader, writer, there, back):
                    pass
        finally:
            for one in (writer, back):
                if one is not None:
                    one.transport.abort()
                    self._open.discard(one)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> bool:  # fmt: skip
        """One request and its answer; whether another one may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, fields = _understood(head)
        sent = Sent(path=path, offset=int(fields.get("upload-offset", 0)))
        carries = method == "PATCH" or (method == "POST" and "upload-metadata" in fields and _length(fields))
        if carries:
            self.sent.append(sent)
        back.write(head)

        async def give() -> None:
            left = _length(fields)
            while left:
                block = await reader.read(min(_BLOCK, left))
                if not block:
                    raise asyncio.IncompleteReadError(b"", left)
                back.write(block)
                await back.drain()
                left -= len(block)
                sent.passed += len(block)

        giving = asyncio.create_task(give())
        # What the dock cuts is cut at the store, too; an answer that comes early is passed on at once.
        taking = asyncio.create_task(self._answer(method, fields, sent, there, writer))
        done, _ = await asyncio.wait((giving, taking), return_when=asyncio.FIRST_EXCEPTION)
        for task in (giving, taking):
            if task not in done:
                task.cancel()
        gone = await asyncio.gather(giving, taking, return_exceptions=True)
        return not any(isinstance(one, BaseException) for one in gone)

    async def _answer(
        self, method: str, asked: dict[str, str], sent: Sent, there: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:  # fmt: skip
        head = await there.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 1"):  # an interim answer: the other one follows
            writer.write(head)
            head = await there.readuntil(b"\r\n\r\n")
        _version, status, fields = _understood(head)
        sent.status = int(status)
        if method == "POST" and status == "201" and "location" in fields:
            path = urlsplit(fields["location"]).path
            self.made.append(Made(path=path, metadata=_metadata(asked.get("upload-metadata", ""))))
        writer.write(head)
        left = 0 if method == "HEAD" or status in ("204", "304") else _length(fields)
        if fields.get("transfer-encoding"):
            raise OSError("an answer of unknown length: nothing that is counted here gives one")
        while left:
            block = await there.read(min(_BLOCK, left))
            if not block:
                raise asyncio.IncompleteReadError(b"", left)
            writer.write(block)
            left -= len(block)
        await writer.drain()


def _understood(head: bytes) -> tuple[str, str, dict[str, str]]:
    """The first line's first two words, and the fields by their names in small letters."""
    lines = head.decode("latin-1").split("\r\n")
    first, second, *_ = lines[0].split(" ")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return first, second, {name.lower(): value.strip() for name, _, value in pairs}


def _length(fields: dict[str, str]) -> int:
    return int(fields.get("content-length", 0))


def _metadata(header: str) -> dict[str, bytes]:
    pairs = (pair.strip().partition(" ") for pair in header.split(",") if pair.strip())
    return {key: base64.b64decode(value) for key, _, value in pairs}
