"""What these tests say to the store, and nothing of how the store is made."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

TUS = {"Tus-Resumable": "1.0.0"}
NONCE = "nonce-0123456789"


def metadata(**said: str | bytes) -> str:
    """An Upload-Metadata header."""
    pairs = []
    for key, value in said.items():
        raw = value if isinstance(value, bytes) else value.encode("utf-8")
        pairs.append(f"{key} {base64.b64encode(raw).decode('ascii')}".rstrip())
    return ",".join(pairs)


def announced(content: bytes, *, camera: str = "CAM1", segment: str = "seg-1", **more: str) -> str:
    return metadata(camera=camera, segment=segment, sha256=hashlib.sha256(content).hexdigest(), **more)


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.headers
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        assert {"type", "title", "detail"} <= found.keys()
        return found

    @property
    def offset(self) -> int:
        return int(self.headers["Upload-Offset"])

    def json(self) -> Any:
        return json.loads(self.body)


class TusClient:
    def __init__(self, url: str, session: aiohttp.ClientSession, *, token: str | None = None) -> None:
        self.url = url
        self._session = session
        self._auth = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, data: Any = None) -> Answer:
        if isinstance(data, bytes) and len(data) > 1 << 20:
            data = io.BytesIO(data)
        async with self._session.request(
            method,
            self.url + path,
            headers={**self._auth, **(headers or {})},
            data=data,
            skip_auto_headers=["Content-Type"],
        ) as got:
            return Answer(got.status, got.headers, await got.read())

    async def create(self, size: int, said: str = "", **more: str) -> Answer:
        headers = {**TUS, "Upload-Length": str(size), **more}
        if said:
            headers["Upload-Metadata"] = said
        return await self.ask("POST", "/files/", headers=headers)

    async def created(self, size: int, said: str = "") -> str:
        answer = await self.create(size, said)
        assert answer.status == 201, answer
        location: str = answer.headers["Location"]
        return urlsplit(location).path

    async def patch(self, path: str, at: int, data: Any, **more: str) -> Answer:
        headers = {**TUS, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        return await self.ask("PATCH", path, headers={**headers, **more}, data=data)

    async def head(self, path: str, **more: str) -> Answer:
        return await self.ask("HEAD", path, headers={**TUS, **more})

    async def offset(self, path: str) -> int:
        answer = await self.head(path)
        assert answer.status == 200, answer
        return answer.offset

    async def stored(self, content: bytes, said: str | None = None) -> str:
        """Upload it whole; gives the path of the object."""
        path = await self.created(len(content), announced(content) if said is None else said)
        if content:
            answer = await self.patch(path, 0, content)
            assert answer.status == 204, answer
            assert answer.offset == len(content)
        return path

    async def receipt(self, path: str, **query: str | int) -> Answer:
        asked = {"nonce": NONCE, **query}
        text = "&".join(f"{key}={value}" for key, value in asked.items())
        return await self.ask("GET", f"{path}/receipt?{text}")

    async def raw(self, sent: bytes, *, cut: bool = False) -> bytes:
        """Bytes to the socket, bytes from it; `cut` closes without reading."""
        where = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(sent)
            await writer.drain()
            if cut:
                return b""
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def until(ask: Callable[[], Awaitable[Answer]], good: Callable[[Answer], bool], *, seconds: float = 10) -> Answer:
    """Ask until the answer is good: the store tells nobody when it has taken bytes in, it has to be asked."""
    async with asyncio.timeout(seconds):
        while not good(answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return answer


def patch_head(path: str, *, at: int, length: int, **more: str) -> bytes:
    """The head of a PATCH, for raw sockets."""
    lines = [
        f"PATCH {path} HTTP/1.1",
        "Host: store",
        "Tus-Resumable: 1.0.0",
        f"Upload-Offset: {at}",
        "Content-Type: application/offset+octet-stream",
        f"Content-Length: {length}",
        "Connection: close",
        *(f"{key.replace('_', '-')}: {value}" for key, value in more.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
