"""The honesty check: what counts as honest is a refusal of these very bytes, and nothing else."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ingest.central import CentralStore
from ingest.errors import DockdError, Garbled, HistoryConflict, Retry, StoreDishonest, StoreDown
from ingest.model import SegmentDescription
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import HEAD, described, slices_of
from tests.contract.store.test_exam import SMALL
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Kind, Shelf, Thing
from tests.simulators.stores.running import Running

SHORT = Patience(stall=10.0, answer=10.0, settle=10.0)


def bait() -> tuple[SegmentDescription, bytes]:
    true = os.urandom(100_000)
    return described(true), bytes([true[0] ^ 1]) + true[1:]


async def tempt(store: TusStore) -> None:
    segment, wrong = bait()
    await store.identify()
    await store.tempt(segment, slices_of(wrong), nonce=secrets.token_urlsafe(24), head=HEAD, dock="dock-1")


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(HonestStore()) as running:
        yield running


async def tempted(running: Running, store: HonestStore) -> None:
    running.store = store
    adapter = TusStore(running.url + ("" if store.kind == "receipts" else "/files/"), patience=SHORT)
    try:
        await tempt(adapter)
    finally:
        await adapter.close()


async def test_the_embedded_store_refuses_the_bytes_with_460(tmp_path: Path) -> None:
    async with CentralStore(tmp_path / "root", settings=SMALL) as central:
        store = TusStore(central.url, patience=SHORT)
        await tempt(store)
        refused = [entry for entry in await central.records.entries() if entry.action == "upload.refused"]
        assert len(refused) == 1
        assert not [path for path in (tmp_path / "root" / "objects").rglob("*") if path.is_file()]
        await store.close()


@pytest.mark.parametrize("kind", ["receipts", "digests", "plain"])
async def test_honest_stores_pass(running: Running, kind: Kind) -> None:
    await tempted(running, HonestStore(kind=kind))


class TakesAndDrops(HonestStore):
    """Takes wrong bytes without a word, and keeps nothing of them."""

    async def patch(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        answer = await super().patch(request, name, thing)
        self.shelf.things.pop(name, None)
        return answer if answer.status != 460 else web.Response(status=204, headers={"Upload-Offset": str(thing.size)})


class TrueDigests(HonestStore):
    """Takes wrong bytes, and says truly what they are."""

    kind = "digests"

    def checks(self, thing: Thing) -> bool:
        return True


@pytest.mark.parametrize("store", [TakesAndDrops(), TrueDigests()], ids=lambda store: type(store).__name__)
async def test_to_prove_nothing_of_wrong_bytes_is_honest(running: Running, store: HonestStore) -> None:
    await tempted(running, store)


class SignsTruly(HonestStore):
    """Takes wrong bytes under a right name, and signs for what they really are."""

    def checks(self, thing: Thing) -> bool:
        return True


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (lies.VouchesForWhatWasAnnounced(), "signed for them: its receipts prove nothing"),
        (SignsTruly(), "signed for them: its receipts prove nothing"),
        (lies.VouchesForWhatWasAnnounced(kind="digests"), "its digests prove nothing"),
    ],
    ids=["receipt", "true-receipt", "digest"],
)
async def test_who_vouches_for_them_is_caught(running: Running, store: HonestStore, said: str) -> None:
    with pytest.raises(StoreDishonest, match=said):
        await tempted(running, store)


NOTHING_KNOWN: dict[str, tuple[Any, ...]] = {
    "busy at the beginning": ("POST", 503), "full": ("POST", 507), "no credentials": ("POST", 401), "forbidden": ("HEAD", 403),
    "never storable, whatever it is": ("POST", 400), "the wrong address": ("POST", 404), "lost at once": ("HEAD", 404),
    "busy with the bytes": ("PATCH", 503), "too large": ("PATCH", 413), "gone": ("PATCH", 404), "broken": ("PATCH", 500),
    "redirected": ("PATCH", 307),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING_KNOWN)
async def test_busy_down_and_full_are_not_honest(running: Running, case: str) -> None:
    what, status = NOTHING_KNOWN[case]
    with pytest.raises(DockdError) as raised:
        await tempted(running, lies.Answers(Shelf(), what, status))
    assert not isinstance(raised.value, StoreDishonest)


class RefusesTheQuestion(SignsTruly):
    """Takes the wrong bytes, and then finds fault with the question for a receipt."""

    status = 400

    async def receipt(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
        return web.json_response({}, status=self.status)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500, 503, 507])
async def test_a_question_that_is_refused_says_nothing_of_the_bytes(running: Running, status: int) -> None:
    store = RefusesTheQuestion()
    store.status = status
    with pytest.raises(DockdError) as raised:
        await tempted(running, store)
    assert not isinstance(raised.value, StoreDishonest)


async def test_a_conflict_of_histories_is_told(running: Running) -> None:
    store = RefusesTheQuestion()
    store.status = 409
    with pytest.raises(HistoryConflict):
        await tempted(running, store)


async def test_garbage_says_nothing(running: Running) -> None:
    class Garbage(lies.GarbageForReceipts, SignsTruly):
        pass

    with pytest.raises(Garbled):
        await tempted(running, Garbage())


async def test_a_store_that_takes_a_part_says_nothing(running: Running) -> None:
    with pytest.raises(Retry, match="a part of the honesty check only"):
        await tempted(running, lies.LosesTheSecondHalf())


async def test_a_line_that_is_cut_says_nothing(running: Running) -> None:
    with pytest.raises(Retry, match="cut|reached"):
        await tempted(running, lies.CutsInTheMiddle(after=1000, times=9))


class OneUpload(HonestStore):
    """Every upload is the one that it has: names them by something that all have in common."""

    async def create(self, request: web.Request) -> web.StreamResponse:
        answer = await super().create(request)
        name = answer.headers["Location"].rpartition("/")[2]
        made = self.shelf.things.pop(name)
        self.shelf.things.setdefault("one", Thing(size=made.size, said=made.said, bytes=bytearray(b"footage")))
        self.shelf.things["one"].size = made.size
        answer.headers["Location"] = "/files/one"
        return answer


@pytest.mark.parametrize("kind", ["receipts", "digests"])
async def test_an_upload_that_is_not_empty_gets_no_byte(running: Running, kind: Kind) -> None:
    store = OneUpload(kind=kind)
    with pytest.raises(StoreDown, match="has 7 bytes of an upload that was begun just now"):
        await tempted(running, store)
    assert store.shelf.things["one"].bytes == b"footage"
    assert not any(asked.startswith("PATCH") for asked in store.shelf.asked)


async def test_it_looks_like_any_other_segment(running: Running) -> None:
    """The same requests in the same order, with the same parameters, or a liar would know it."""
    shelf = Shelf()
    seen: list[tuple[str, list[str]]] = []

    class Notes(SignsTruly):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            kind = request.path.rpartition("/")[2] if request.path.endswith("receipt") else request.method
            seen.append((kind, sorted(request.query) + sorted(set(request.headers) - {"Content-Length"})))
            return await super().answer(request)

    async def ordinary() -> AsyncIterator[None]:
        yield

    with pytest.raises(StoreDishonest):
        await tempted(running, Notes(shelf))
    baited = [one for one in seen if one[0] != "GET"]
    seen.clear()
    running.store = Notes(shelf)
    store = TusStore(running.url, patience=SHORT)
    await store.identify()
    content = os.urandom(100_000)
    segment = described(content)
    upload = await store.announce(segment)
    await store.offset(upload, size=len(content))
    await store.send(upload, offset=0, length=len(content), size=len(content), slices=slices_of(content))
    await store.claim(upload, segment, nonce=secrets.token_urlsafe(24), head=HEAD, dock="dock-1")
    await store.close()
    assert [one for one in seen if one[0] != "GET"] == baited
