"""A sender whose line died without a word comes back over another one, and is told what really arrived."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from ingest.central import CentralStore, StoreSettings
from ingest.central.disk import Disk
from tests.contract.central.tus_client import TUS, TusClient, announced, until

CONTENT = bytes(range(256)) * 2000
PATIENT = StoreSettings(keep_free=0, idle_timeout=60.0, sync_window=64 << 20, sync_every=60.0)


async def half_sent(
    client: TusClient, path: str, *, token: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A PATCH of which half came, and then nothing more."""
    where = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"PATCH {path} HTTP/1.1\r\nHost: store\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n{token}"
    head += f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
    writer.write(head.encode() + CONTENT[: len(CONTENT) // 2])
    await writer.drain()
    return reader, writer


async def test_who_asks_again_is_told_what_arrived_and_may_go_on(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with CentralStore(tmp_path / "root", settings=PATIENT) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        reader, writer = await half_sent(client, path)
        # Nothing of it is durable yet: only the end of that request makes it so, and that is a minute away.
        answer = await until(lambda: client.head(path), lambda answer: answer.offset > 0)
        assert answer.offset == len(CONTENT) // 2
        assert (await client.patch(path, answer.offset, CONTENT[answer.offset :])).offset == len(CONTENT)
        assert await reader.read() == b""
        writer.close()


class SlowDisk(Disk):
    """Takes a while for each buffer, so that bytes wait for it in memory."""

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        time.sleep(0.05)
        super().write(fd, view, at=at)


async def test_all_that_came_before_the_cut_is_kept(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    slow = replace(PATIENT, buffer=32 << 10)
    async with CentralStore(tmp_path / "root", settings=slow, disk=SlowDisk()) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        _reader, writer = await half_sent(client, path)
        writer.close()
        answer = await until(
            lambda: client.patch(path, 1, b""), lambda answer: answer.status == 409 and answer.offset > 0
        )
        assert answer.offset == len(CONTENT) // 2


async def test_who_has_no_part_in_it_ends_nothing(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("one\nother\n")
    tokens.chmod(0o600)
    async with CentralStore(tmp_path / "root", settings=PATIENT, token_file=tokens) as store:
        client, other = TusClient(store.url, session, token="one"), TusClient(store.url, session, token="other")
        path = await client.created(len(CONTENT), announced(CONTENT))
        _reader, writer = await half_sent(client, path, token="Authorization: Bearer one\r\n")
        with pytest.raises(TimeoutError):
            await until(lambda: other.head(path), lambda answer: answer.offset > 0, seconds=1.5)
        assert (await client.ask("DELETE", path, headers=TUS)).status == 423
        writer.write(CONTENT[len(CONTENT) // 2 :])
        await until(lambda: client.head(path), lambda answer: answer.offset == len(CONTENT))
        writer.close()
