"""What the tus adapter makes of each answer, at each request: the table of `ingest.store.answers`, over real sockets."""

from __future__ import annotations

import email.utils
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest
from aiohttp import web

from ingest.errors import (
    DockdError,
    Garbled,
    HistoryConflict,
    NeverStorable,
    ObjectGone,
    Refused,
    StoreBusy,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
    Withheld,
)
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import asked, claimed, delivered, described, slices_of
from tests.simulators.stores import lies
from tests.simulators.stores.honest import HonestStore, Shelf, Thing
from tests.simulators.stores.running import Running

SHORT = Patience(stall=10.0, answer=10.0, settle=10.0)
MEANINGS: dict[int, type[DockdError]] = {
    400: NeverStorable, 413: NeverStorable, 415: NeverStorable, 422: NeverStorable, 401: Refused, 403: Refused, 404: ObjectGone,
    410: ObjectGone, 409: UploadBlocked, 423: UploadBlocked, 429: StoreBusy, 503: StoreBusy, 507: StoreFull, 460: Unproven, 301: StoreDown,
    307: StoreDown, 500: StoreDown, 502: StoreDown, 418: StoreDown, 412: StoreDown,
}  # fmt: skip


@pytest.fixture
def running() -> Iterator[Running]:
    with Running(HonestStore()) as running:
        yield running


@pytest.fixture
async def store(running: Running) -> AsyncIterator[TusStore]:
    store = TusStore(running.url, patience=SHORT)
    await store.identify()
    yield store
    await store.close()


def answers(running: Running, what: str, status: int, **more: object) -> None:
    running.store = lies.Answers(running.store.shelf, what, status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", MEANINGS)
@pytest.mark.parametrize("what", ["POST", "HEAD", "PATCH", "receipt"])
async def test_each_status_at_each_request(running: Running, store: TusStore, what: str, status: int) -> None:
    content = os.urandom(100_000)
    segment = described(content)
    upload = await store.announce(segment)
    if what == "receipt":
        await store.send(upload, offset=0, length=len(content), size=len(content), slices=slices_of(content))
    answers(running, what, status, headers={"Location": "http://127.0.0.1:1/"})
    expected = MEANINGS[status]
    if what == "POST" and status in (404, 410):
        expected = StoreDown  # not of an upload: the address is wrong
    if what == "receipt" and status == 409:
        expected = HistoryConflict
    with pytest.raises(expected, match=str(status) if expected is not HistoryConflict else "custody") as raised:
        await asked(store, what, upload, segment, content)
    assert type(raised.value) is expected


@pytest.mark.parametrize("status", [400, 401, 413, 422, 460, 503, 507])
async def test_an_answer_in_the_middle_of_the_body_is_heard(running: Running, store: TusStore, status: int) -> None:
    """Refused before the end, by a server that reads no further: the status counts, and not the cut line."""
    content = os.urandom(8 << 20)
    upload = await store.announce(described(content))
    problem = json.dumps({"title": "no", "detail": "the reason in its own words"}).encode()
    answers(running, "PATCH", status, early=True, body=problem)
    with pytest.raises(MEANINGS[status], match="the reason in its own words"):
        await store.send(upload, offset=0, length=len(content), size=len(content), slices=slices_of(content))
    running.store = HonestStore(running.store.shelf)
    await delivered(store, b"the next request has a line of its own")


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7), ("0", 0, 0), ("date", 100, 121), ("-5", 0, 0), ("soon", 0, 0), ("", 0, 0), ("99999999999", 86400, 86400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400, 86400), ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0), ("1e9", 0, 0), ("٣", 0, 0),
    ],
)  # fmt: skip
async def test_retry_after_is_a_floor(running: Running, store: TusStore, header: str, low: float, high: float) -> None:
    said = email.utils.formatdate(time.time() + 120, usegmt=True) if header == "date" else header
    answers(running, "HEAD", 503, headers={"Retry-After": said})
    upload = f"{running.url}/files/x"
    with pytest.raises(StoreBusy) as raised:
        await store.offset(upload, size=1)
    assert low <= raised.value.after <= high


async def test_a_conflict_names_what_the_store_has_seen(running: Running, store: TusStore) -> None:
    upload, segment = await delivered(store, b"footage")
    answers(running, "receipt", 409, body=json.dumps({"seq": 41, "head": "cd" * 32}).encode())
    with pytest.raises(HistoryConflict) as raised:
        await claimed(store, upload, segment)
    assert (raised.value.seq, raised.value.head) == (41, "cd" * 32)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"seq": "41"}', b'{"seq": true, "head": "%s"}' % (b"cd" * 32), b'{"seq": -1, "head": "%s"}' % (b"cd" * 32),
        b'{"seq": 41, "head": "CD"}', b"[" * 50_000, b'{"seq": 1.5, "head": "%s"}' % (b"cd" * 32), b"\xff" * 50,
    ],
)  # fmt: skip
async def test_a_conflict_that_names_nothing_is_one_all_the_same(
    running: Running, store: TusStore, body: bytes
) -> None:
    upload, segment = await delivered(store, b"footage")
    answers(running, "receipt", 409, body=body)
    with pytest.raises(HistoryConflict) as raised:
        await claimed(store, upload, segment)
    assert raised.value.seq is None


@pytest.mark.parametrize("offset", ["", "-1", "1e3", "0x10", "٣", "9" * 40, "1.0", " "])
async def test_an_offset_that_is_no_number(running: Running, store: TusStore, offset: str) -> None:
    answers(running, "HEAD", 200, headers={"Upload-Offset": offset} if offset else {})
    with pytest.raises(Garbled):
        await store.offset(f"{running.url}/files/x", size=1)


async def test_an_offset_beyond_the_end_proves_nothing(running: Running, store: TusStore) -> None:
    answers(running, "HEAD", 200, headers={"Upload-Offset": "1000"})
    with pytest.raises(Unproven, match="says that it has 1000 bytes of 1"):
        await store.offset(f"{running.url}/files/x", size=1)


async def test_fewer_bytes_are_said_to_be_fewer(running: Running, store: TusStore) -> None:
    running.store = lies.LosesTheSecondHalf(Shelf())
    content = os.urandom(50_000)
    upload = await store.announce(described(content))
    reached = await store.send(upload, offset=0, length=50_000, size=50_000, slices=slices_of(content))
    assert reached == 25_000


async def test_an_upload_without_an_address(running: Running, store: TusStore) -> None:
    answers(running, "POST", 201)
    with pytest.raises(Garbled, match="without Location"):
        await store.announce(described(b"x"))


@pytest.mark.parametrize("address", ["http://[::1", "http://h:99999999/x", "//[", "\x7f"])
async def test_an_upload_at_an_address_that_is_none(running: Running, store: TusStore, address: str) -> None:
    answers(running, "POST", 201, headers={"Location": address})
    with pytest.raises((Garbled, StoreDown, ObjectGone)):
        await store.offset(await store.announce(described(b"x")), size=1)


async def test_what_a_store_says_is_made_harmless(running: Running, store: TusStore) -> None:
    answers(running, "HEAD", 503, body=b"")
    body = json.dumps({"detail": "\x1b[31mred\nline\u202e" + "x" * 5000}).encode()
    answers(running, "POST", 422, body=body)
    with pytest.raises(NeverStorable) as raised:
        await store.announce(described(b"x"))
    assert raised.value.message.isprintable()
    assert len(raised.value.message) < 600


# -- a part of a segment -----------------------------------------------------------------------------------------------


class GivesInstead(HonestStore):
    """Whoever asks for bytes gets this."""

    instead = web.Response(status=404)

    async def read(self, request: web.Request, _name: str, _thing: Thing) -> web.StreamResponse:
        said = dict(self.instead.headers)
        if self.chunked:
            answer = web.StreamResponse(headers={"Content-Type": "text/html"})
            answer.enable_chunked_encoding()
            await answer.prepare(request)
            await answer.write(b"<html>blocked by policy</html>" * 100)
            await answer.write_eof()
            return answer
        said.pop("Content-Length", None)
        return web.Response(status=self.instead.status, headers=said, body=self.instead.body)

    chunked = False


PAGE = b"<html>log in</html>"
NO_PARTS: dict[str, web.Response] = {
    "a page": web.Response(body=PAGE, headers={"Content-Type": "text/html"}),
    "a page that begins at the part": web.Response(status=206, body=PAGE, headers={"Content-Type": "text/html"}),
    "another encoding": web.Response(
        status=206, body=b"x" * 10, headers={"Content-Encoding": "gzip", "Content-Range": "bytes 0-9/1000"}
    ),
    "more than it says": web.Response(status=206, body=b"x" * 11, headers={"Content-Range": "bytes 0-9/1000"}),
    "another part": web.Response(status=206, body=b"x" * 10, headers={"Content-Range": "bytes 10-19/1000"}),
    **{str(status): web.Response(status=status) for status in (400, 404, 406, 410, 416, 422)},
    "302": web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
}
OTHER_LENGTHS: dict[str, web.Response] = {
    "a part of less": web.Response(status=206, body=b"x" * 10, headers={"Content-Range": "bytes 0-9/999"}),
    "all of less": web.Response(body=b"x" * 999),
    "nothing beyond": web.Response(status=416, headers={"Content-Range": "bytes */0"}),
}


async def part_given(running: Running, store: TusStore, instead: web.Response) -> bytes | None:
    upload, _segment = await delivered(store, os.urandom(1000))
    running.store = far = GivesInstead(running.store.shelf)
    far.instead = instead
    return await store.part(upload, offset=0, length=10, size=1000)


@pytest.mark.parametrize("instead", NO_PARTS)
async def test_what_is_no_part_says_nothing_of_the_bytes(running: Running, store: TusStore, instead: str) -> None:
    with pytest.raises(Withheld):
        await part_given(running, store, NO_PARTS[instead])


@pytest.mark.parametrize("instead", OTHER_LENGTHS)
async def test_another_length_is_not_taken_for_a_page(running: Running, store: TusStore, instead: str) -> None:
    with pytest.raises(Garbled, match="1000 were sent and proven") as raised:
        await part_given(running, store, OTHER_LENGTHS[instead])
    assert type(raised.value) is Garbled


@pytest.mark.parametrize("status", [401, 403, 405, 501])
async def test_a_store_that_says_that_it_gives_nothing(running: Running, store: TusStore, status: int) -> None:
    assert await part_given(running, store, web.Response(status=status)) is None


async def test_a_page_of_no_length_is_no_part(running: Running, store: TusStore) -> None:
    upload, _segment = await delivered(store, os.urandom(1000))
    running.store = far = GivesInstead(running.store.shelf)
    far.chunked = True
    with pytest.raises(Withheld):
        await store.part(upload, offset=0, length=10, size=1000)


async def test_a_fresh_question_goes_over_a_line_of_its_own(running: Running, store: TusStore) -> None:
    class Lines(HonestStore):
        seen: ClassVar[list[object]] = []

        async def read(self, request: web.Request, name: str, thing: Thing) -> web.StreamResponse:
            self.seen.append(request.transport)
            return await super().read(request, name, thing)

    upload, _segment = await delivered(store, os.urandom(1000))
    running.store = Lines(running.store.shelf)
    for fresh in (False, False, True, True):
        assert await store.part(upload, offset=0, length=10, size=1000, fresh=fresh) is not None
    assert [Lines.seen.index(one) for one in Lines.seen] == [0, 0, 2, 3]
