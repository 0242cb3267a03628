"""Input that means harm: it gets a 4xx or a closed connection, never a 5xx, never a hang."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from ingest.central import CentralStore
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, patch_head

METHODS = [b"GET", b"HEAD", b"POST", b"PATCH", b"DELETE", b"OPTIONS", b"PUT", b"TRACE", b"CONNECT", b"\x00", b"get"]
PATHS = [b"/", b"/files/", b"/files/%s", b"/files/%s/receipt", b"/files/..%2f..", b"*", b"/files/\xff", b"//files//"]
PATHS += [
    b"/api/v1/segments?limit=%s",
    b"/.well-known/dockd-store",
    b"http://other/files/",
    b"/files/%s/receipt?nonce=%s",
]
HEADERS = [
    b"Tus-Resumable: 1.0.0",
    b"Upload-Length: 5",
    b"Upload-Length: -5",
    b"Upload-Offset: 0",
    b"Content-Length: 3",
]
HEADERS += [b"Content-Length: x", b"Transfer-Encoding: chunked", b"Content-Type: application/offset+octet-stream"]
HEADERS += [b"Upload-Metadata: sha256 \xff\xfe", b"Upload-Metadata: " + b"a QQ==," * 900, b"Upload-Checksum: sha256 =="]
HEADERS += [b"Range: bytes=9-1", b"Expect: 100-continue", b"Expect: tea", b"Upgrade: websocket", b"X: " + b"y" * 20_000]
HEADERS += [b": empty", b"Host: a\r\nHost: b", b"Want-Repr-Digest: sha-256=99, ((", b"Content-Encoding: gzip"]
BODIES = [b"", b"abc", b"5\r\nabcde\r\n0\r\n\r\n", b"zz\r\n", b"\x1f\x8b" + b"\0" * 30, b"GET / HTTP/1.1\r\n\r\n"]


def request(dice: random.Random, known: bytes) -> bytes:
    path = dice.choice(PATHS)
    path = path.replace(b"%s", dice.choice([known, b"0" * 32, b"%00", os.fsencode("ÿ" * 3)]))
    headers = dice.sample(HEADERS, dice.randrange(0, 7))
    line = dice.choice(METHODS) + b" " + path + dice.choice([b" HTTP/1.1", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9", b""])
    sent = b"\r\n".join([line, b"Connection: close", *headers]) + b"\r\n\r\n" + dice.choice(BODIES)
    if dice.random() < 0.2:
        mangled = bytearray(sent)
        for _ in range(dice.randrange(1, 6)):
            mangled[dice.randrange(len(mangled))] = dice.randrange(256)
        return bytes(mangled)
    return sent


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[CentralStore]:
    async with CentralStore(tmp_path / "root", settings=replace(SMALL, idle_timeout=0.3, max_connections=40)) as store:
        yield store


@pytest.mark.parametrize("seed", range(8))
async def test_garbage_gets_4xx_and_never_hangs(
    impatient: CentralStore, session: aiohttp.ClientSession, seed: int
) -> None:
    client = TusClient(impatient.url, session)
    known = (await client.stored(b"12345")).encode()[7:]
    open_upload = (await client.created(5)).encode()[7:]
    dice = random.Random(seed)

    async def one(sent: bytes) -> None:
        answered = await client.raw(sent)
        assert not answered.startswith(b"HTTP/1.1 5") or b"Retry-After" in answered, (sent, answered)

    for _ in range(6):
        await asyncio.gather(*(one(request(dice, dice.choice([known, open_upload]))) for _ in range(15)))
    assert (await client.ask("GET", f"/files/{known.decode()}")).body == b"12345"


async def test_what_is_no_http_gets_a_problem_document(client: TusClient) -> None:
    answered = await client.raw(b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n")
    assert answered.startswith(b"HTTP/1.0 400 ")
    assert b"application/problem+json" in answered
    answered = await client.raw(b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n")
    assert answered.startswith(b"HTTP/1.0 400 ")


async def test_a_connection_that_says_nothing_is_closed(impatient: CentralStore) -> None:
    where = urlsplit(impatient.url)
    for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(said)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_dripping_upload_is_cut_and_keeps_what_came(
    impatient: CentralStore, session: aiohttp.ClientSession
) -> None:
    client = TusClient(impatient.url, session)
    path = await client.created(50_000)
    where = urlsplit(impatient.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(patch_head(path, at=0, length=50_000) + b"x" * 5_000)
    answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    while not answer.done():
        writer.write(b"y")
        await asyncio.wait([answer], timeout=0.05)
    assert (await answer).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert 5_000 <= await client.offset(path) < 6_000


async def test_more_connections_than_allowed_get_503(tmp_path: Path) -> None:
    patient = replace(SMALL, idle_timeout=60.0, max_connections=40)  # none of them makes room before the last has come
    async with CentralStore(tmp_path / "root", settings=patient) as store:
        where = urlsplit(store.url)
        held = [await asyncio.open_connection(where.hostname, where.port) for _ in range(40)]
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 503 ")
        for _, each in [*held, (reader, writer)]:
            each.close()
        await asyncio.gather(*(each.wait_closed() for _, each in held), writer.wait_closed(), return_exceptions=True)


async def test_pipelined_bytes_after_a_refused_body_are_no_request(client: TusClient) -> None:
    path = await client.created(100)
    smuggled = b"DELETE " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n\r\n"
    answered = await client.raw(patch_head(path, at=50, length=50 + len(smuggled)) + b"x" * 50 + smuggled)
    assert answered.count(b"HTTP/1.1 ") == 1
    assert await client.offset(path) == 0


async def test_addresses_that_are_not_there_and_methods_that_are_not_meant(client: TusClient) -> None:
    assert (await client.ask("GET", "/")).problem["status"] == 404
    refused = await client.ask("PUT", "/files/" + "0" * 32, data=b"x")
    assert (refused.problem["status"], "PATCH" in refused.headers["Allow"]) == (405, True)
