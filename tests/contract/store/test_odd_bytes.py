"""Bytes that are no text where an address, a digest or a receipt's word belongs: no answer at all, and never a crash of whoever keeps it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from ingest.errors import Garbled
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import asked, claimed, delivered, described
from tests.simulators.stores.honest import HonestStore, Shelf, Thing
from tests.simulators.stores.running import Running

SHORT = Patience(stall=10.0, answer=10.0, settle=10.0)
DIGEST = base64.b64encode(hashlib.sha256(b"x").digest())
LONG = b"x" * 5000


@contextlib.asynccontextmanager
async def raw(location: bytes = b"/files/x", digest: bytes = b"sha-256=:%s:" % DIGEST) -> AsyncIterator[TusStore]:
    """A plain tus server that gives digests, and puts these bytes into its headers as they are."""
    answers = {
        b"GET": b"404 Not Found\r\n",
        b"OPTIONS": b"204 No Content\r\nTus-Version: 1.0.0\r\nWant-Repr-Digest: sha-256=10\r\n",
        b"POST": b"201 Created\r\nLocation: %s\r\n" % location,
        b"HEAD": b"200 OK\r\nUpload-Offset: 1\r\nUpload-Length: 1\r\nRepr-Digest: %s\r\n" % digest,
    }

    lines: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 %sContent-Length: 0\r\n\r\n" % answers[head.split(b" ")[0]])
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    store = TusStore(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/files/", patience=SHORT)
    try:
        await store.identify()
        yield store
    finally:
        await store.close()
        server.close()
        async with asyncio.timeout(15):
            await asyncio.gather(*filter(None, lines))


async def test_what_is_plain_is_taken() -> None:
    async with raw() as store:
        segment = described(b"x")
        claim = await claimed(store, await store.announce(segment), segment)
    assert claim.sha256 == segment.digest.sha256


@pytest.mark.parametrize("location", [b"/files/abc\xff", "/files/é".encode(), b"/files/a\tb", b"/files/" + LONG])
async def test_an_address_that_is_no_plain_text(location: bytes) -> None:
    async with raw(location=location) as store:
        with pytest.raises(Garbled, match="Location that is no plain text"):
            await store.announce(described(b"x"))


@pytest.mark.parametrize("more", [b", \xff", b", \xc3\xa9=:AA==:", b", " + LONG])
async def test_a_digest_that_is_no_plain_text(more: bytes) -> None:
    async with raw(digest=b"sha-256=:%s:" % DIGEST + more) as store:
        segment = described(b"x")
        with pytest.raises(Garbled, match="gives none that can be read"):
            await claimed(store, await store.announce(segment), segment)


class Says(HonestStore):
    """Receipts, signed, with this word in them."""

    def __init__(self, shelf: Shelf, **words: Any) -> None:
        super().__init__(shelf)
        self.words = words

    def claims(self, request: web.Request, name: str, thing: Thing) -> dict[str, Any]:
        return {**super().claims(request, name, thing), **self.words}


@pytest.mark.parametrize("name", ["iss", "sub", "stored_at", "attested_at"])
@pytest.mark.parametrize("word", ["\ud800", "a\nb", "\x1b[31m", "x" * 2000, 7, None])
async def test_a_receipt_whose_words_are_no_text(name: str, word: object) -> None:
    with Running(HonestStore()) as running:
        store = TusStore(running.url, patience=SHORT)
        try:
            await store.identify()
            upload, segment = await delivered(store, b"footage")
            running.store = Says(running.store.shelf, **{name: word})
            with pytest.raises(Garbled, match="does not say whose it is"):
                await claimed(store, upload, segment)
        finally:
            await store.close()


@pytest.mark.parametrize("size", [-1, 1 << 63, 10**4000, 1.0, True], ids=["-1", "2^63", "4001 digits", "1.0", "true"])
async def test_a_receipt_for_so_many_bytes_as_no_file_has(size: object) -> None:
    with Running(HonestStore()) as running:
        store = TusStore(running.url, patience=SHORT)
        try:
            await store.identify()
            upload, segment = await delivered(store, b"footage")
            running.store = Says(running.store.shelf, size=size)
            with pytest.raises(Garbled, match="does not say which bytes"):
                await claimed(store, upload, segment)
        finally:
            await store.close()


async def test_a_well_known_document_that_leads_to_no_plain_address() -> None:
    class Leads(HonestStore):
        def document(self) -> dict[str, Any]:
            return {**super().document(), "upload": "/files/\udcff"}

    with Running(Leads()) as running:
        store = TusStore(running.url, patience=SHORT)
        with pytest.raises(Garbled, match="no plain text"):
            await asked(store, "who", "", described(b""), b"")
        await store.close()
