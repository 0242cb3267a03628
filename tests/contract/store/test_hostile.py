"""A store, or something on the way to it, that is hostile: endless, silent, elsewhere. Memory and time stay bounded, and the token stays home."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from ingest.errors import Garbled, ObjectGone, Retry, StoreDown, Unproven
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import asked, claimed, delivered, described, slices_of
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Kind, Shelf, Thing
from tests.simulators.stores.running import Running

PATIENT = Patience(stall=10.0, answer=10.0, settle=10.0)
IMPATIENT = Patience(stall=0.3, answer=0.3, settle=0.3)


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(HonestStore()) as running:
        yield running


@pytest.fixture
async def store(running: Running) -> AsyncIterator[TusStore]:
    store = TusStore(running.url, patience=PATIENT, token=lambda: "secret-token")
    await store.identify()
    yield store
    await store.close()


@pytest.fixture
async def impatient(running: Running) -> AsyncIterator[TusStore]:
    """Knows who it is, however often it had to ask on a busy machine."""
    store = TusStore(running.url, patience=IMPATIENT, token=lambda: "secret-token")
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(StoreDown):
                await store.identify()
                break
    yield store
    await store.close()


class EndlessEverywhere(HonestStore):
    """A gigabyte in answer to one kind of request."""

    def __init__(self, shelf: Shelf, what: str, *, kind: Kind = "receipts") -> None:
        super().__init__(shelf, kind=kind)
        self.what = what
        self.sent = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != self.what and not request.path.endswith(self.what):
            return await super().answer(request)
        answer = web.StreamResponse(
            status=201 if self.what == "POST" else 200, headers={"Content-Type": "application/json"}
        )
        answer.content_length = 1 << 30
        await answer.prepare(request)
        try:
            while self.sent < 1 << 30:
                await answer.write(b"e" * (64 << 10))
                self.sent += 64 << 10
        except ConnectionError:
            pass
        return answer


@pytest.mark.parametrize("what", ["receipt", "dockd-store", "POST", "OPTIONS"])
async def test_a_gigabyte_where_a_few_bytes_belong(running: Running, store: TusStore, what: str) -> None:
    upload, segment = await delivered(store, b"footage")
    endless = EndlessEverywhere(running.store.shelf, what, kind="plain" if what == "OPTIONS" else "receipts")
    running.store = endless
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Garbled, match="does not end"):
        await asked(store, what, upload, segment, b"footage")
    assert endless.sent < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB: both ends are in this process


async def test_a_gigabyte_where_a_segment_is_read_back(running: Running) -> None:
    endless = EndlessEverywhere(Shelf(), "GET", kind="plain")
    running.store = HonestStore(endless.shelf, kind="plain")
    store = TusStore(f"{running.url}/files/", patience=PATIENT)
    upload, segment = await delivered(store, b"footage")
    assert (await store.identify()).method == "read-back"
    running.store = endless
    with pytest.raises(Unproven, match="more than the 7 bytes that were sent"):
        await claimed(store, upload, segment)
    assert endless.sent < 64 << 20
    await store.close()


class EndlessRefusal(HonestStore):
    """A refusal of bytes whose explanation does not end."""

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        answer = web.StreamResponse(status=422)
        answer.content_length = 1 << 30
        await answer.prepare(request)
        try:
            for _ in range((1 << 30) >> 16):
                await answer.write(b"e" * (64 << 10))
        except ConnectionError:
            pass
        return answer


async def test_a_refusal_that_does_not_end(running: Running, store: TusStore) -> None:
    running.store = EndlessRefusal(running.store.shelf)
    upload = await store.announce(described(b"x" * 1000))
    began = time.monotonic()
    with pytest.raises(Exception, match="422"):
        await store.send(upload, offset=0, length=1000, size=1000, slices=slices_of(b"x" * 1000))
    assert time.monotonic() - began < 30


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["who", "POST", "HEAD", "receipt", "PATCH"])
async def test_silence_is_cut_and_not_asked_again_and_again(
    running: Running, store: TusStore, impatient: TusStore, what: str
) -> None:
    upload, segment = await delivered(store, b"footage")
    shelf = running.store.shelf
    running.store = lies.Silent(shelf)
    began = time.monotonic()
    with pytest.raises(StoreDown, match="no answer|nothing moved"):
        await asked(impatient, what, upload, segment, b"footage")
    assert 0.25 < time.monotonic() - began < 10


class StopsReading(HonestStore):
    """Takes the first bytes of a body, and then nothing more."""

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        await request.content.readany()
        await asyncio.sleep(3600)
        raise AssertionError


async def test_a_store_that_stops_reading_is_cut(running: Running, store: TusStore, impatient: TusStore) -> None:
    running.store = StopsReading(running.store.shelf)
    content = os.urandom(16 << 20)
    upload = await store.announce(described(content))
    with pytest.raises(StoreDown, match="nothing moved on the line"):
        await impatient.send(upload, offset=0, length=len(content), size=len(content), slices=slices_of(content))


class StopsInTheMiddle(HonestStore):
    """Gives the first half of an object, and then nothing more."""

    async def read(self, request: web.Request, _name: str, thing: Thing) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_length = thing.size
        await answer.prepare(request)
        await answer.write(bytes(thing.bytes[: thing.size // 2]))
        await asyncio.sleep(3600)
        return answer


async def test_a_read_back_that_stops_is_cut(running: Running) -> None:
    running.store = StopsInTheMiddle(Shelf(), kind="plain")
    store, impatient = (TusStore(f"{running.url}/files/", patience=one) for one in (PATIENT, IMPATIENT))
    upload, segment = await delivered(store, os.urandom(300_000))
    with pytest.raises(StoreDown, match="gave no more"):
        await claimed(impatient, upload, segment)
    await store.close()
    await impatient.close()


async def test_waiting_for_our_own_bandwidth_costs_the_store_no_patience(store: TusStore, impatient: TusStore) -> None:
    async def slow(_offset: int) -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.4)  # longer than the patience
            yield b"x" * 1000

    upload = await store.announce(described(b"x" * 3000))
    assert await impatient.send(upload, offset=0, length=3000, size=3000, slices=slow) == 3000


async def test_a_cut_line_is_tried_again_where_that_is_harmless(running: Running, store: TusStore) -> None:
    class CutsOnce(HonestStore):
        left = 1

        async def answer(self, request: web.Request) -> web.StreamResponse:
            if self.left:
                self.left -= 1
                assert request.transport is not None
                request.transport.abort()
            return await super().answer(request)

    upload, _segment = await delivered(store, b"footage")
    running.store = CutsOnce(running.store.shelf)
    assert await store.offset(upload, size=7) == 7


# -- elsewhere ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", ["POST", "HEAD", "PATCH", "receipt", "dockd-store"])
async def test_no_redirect_is_followed(running: Running, store: TusStore, what: str, status: int) -> None:
    upload, segment = await delivered(store, b"footage")
    with Running(HonestStore()) as other:
        headers = {"Location": f"{other.url}/files/"}
        running.store = lies.Answers(running.store.shelf, what, status, headers=headers)
        with pytest.raises(StoreDown, match="redirects are not followed"):
            await asked(store, what, upload, segment, b"footage")
        assert other.store.shelf.asked == []


async def test_an_address_at_another_server_is_not_asked(running: Running, store: TusStore) -> None:
    """An address that was remembered from another store: neither the token nor the footage goes there."""
    with Running(HonestStore()) as other:
        foreign = f"{other.url}/files/abc"
        segment = described(b"x")
        for ask in (
            store.offset(foreign, size=1),
            store.send(foreign, offset=0, length=1, size=1, slices=slices_of(b"x")),
            claimed(store, foreign, segment),
        ):
            with pytest.raises(
                ObjectGone, match="that is not there"
            ):  # asked of this store, under the same path: it may have moved
                await ask
        assert other.store.shelf.asked == []


async def test_an_address_at_another_server_is_no_address_of_a_plain_store(running: Running) -> None:
    """A store without keys is known by its address alone."""
    running.store = HonestStore(kind="plain")
    store = TusStore(f"{running.url}/files/", patience=PATIENT, token=lambda: "secret-token")
    await store.identify()
    with Running(HonestStore()) as other:
        with pytest.raises(ObjectGone, match="at another server"):
            await store.offset(f"{other.url}/files/abc", size=1)
        assert other.store.shelf.asked == []
    await store.close()


@pytest.mark.parametrize(
    "upload", ["http://elsewhere.example/files/", "https://127.0.0.1/files/", "//elsewhere/files/"]
)
async def test_a_well_known_document_that_leads_elsewhere(running: Running, upload: str) -> None:
    class Leads(HonestStore):
        def document(self) -> dict[str, object]:
            return super().document() | {"upload": upload}

    running.store = Leads()
    store = TusStore(running.url, patience=PATIENT)
    with pytest.raises(Unproven, match="leads to another server"):
        await store.identify()
    await store.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"[]", b"null", b"garbage", b"[" * 200_000, b'{"store_id": "", "upload": "/", "protocol": 1}',
        b'{"store_id": "s", "upload": "/", "protocol": 2, "jwks": {}}', b'{"store_id": "s", "upload": "/", "protocol": 1}',
        b'{"store_id": 5, "upload": "/", "protocol": 1}', b'{"store_id": "a\\nb", "upload": "/", "protocol": 1}',
        b'{"store_id": "s", "upload": "/", "protocol": 1, "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}}',
        b'{"store_id": "s", "upload": "http://[", "protocol": 1, "jwks": {"keys": []}}',
        b'{"store_id": "s", "upload": "/", "protocol": 1, "jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}',
    ],
)  # fmt: skip
async def test_a_malformed_well_known_document(running: Running, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    running.store = lies.Answers(Shelf(), "dockd-store", 200, headers=headers, body=body)
    store = TusStore(running.url, patience=PATIENT)
    with pytest.raises(Garbled):
        await store.identify()
    await store.close()


async def test_a_web_site_is_no_store(running: Running) -> None:
    running.store = lies.YesToEverything()
    store = TusStore(running.url, patience=PATIENT)
    with pytest.raises(StoreDown, match=r"does not speak tus 1\.0: is store\.url the address of its upload folder"):
        await store.identify()
    await store.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/files/", "http://no-such-host.invalid/files/"])
async def test_nobody_there(url: str) -> None:
    store = TusStore(url, patience=PATIENT)
    with pytest.raises(Retry, match="cannot be reached|no answer"):
        await store.identify()
    await store.close()


async def test_the_token_is_sent_with_every_request_and_read_each_time(running: Running) -> None:
    seen: list[str | None] = []

    class Notes(HonestStore):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            seen.append(request.headers.get("Authorization"))
            return await super().answer(request)

    tokens = (f"token-{number}" for number in range(100))
    running.store = Notes()
    store = TusStore(running.url, patience=PATIENT, token=lambda: next(tokens))
    await store.identify()
    upload, segment = await delivered(store, b"footage")
    await claimed(store, upload, segment)
    assert seen == [f"Bearer token-{number}" for number in range(len(seen))]
    assert len(seen) >= 5
    await store.close()
