"""tus 1.0 as the contract has it, over a socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from ingest.central import CentralStore
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TUS, Answer, TusClient, announced, metadata, patch_head, until

CONTENT = os.urandom(300_001)


def reached(offset: int, answer: Answer) -> bool:
    return answer.offset >= offset


def of(path: str, root: Path) -> Path:
    id = path.rpartition("/")[2]
    return root / "objects" / id[:2] / id


async def test_options_say_what_the_store_can(client: TusClient) -> None:
    answer = await client.ask("OPTIONS", "/files/")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "checksum",
        "termination",
        "expiration",
    }
    assert "sha256" in answer.headers["Tus-Checksum-Algorithm"].split(",")
    assert int(answer.headers["Tus-Max-Size"]) > 4 << 30


async def test_upload_in_pieces_of_any_size_is_stored_byte_for_byte(client: TusClient, root: Path) -> None:
    path = await client.created(len(CONTENT), announced(CONTENT))
    at = 0
    for size in (1, 4095, 4096, 4097, 65_536, 100_000, 7):
        answer = await client.patch(path, at, CONTENT[at : at + size])
        assert answer.status == 204
        at += size
        assert answer.offset == at == await client.offset(path)
        assert "Upload-Expires" in answer.headers
    answer = await client.patch(path, at, CONTENT[at:])
    assert (answer.status, answer.offset) == (204, len(CONTENT))
    head = await client.head(path)
    assert (head.offset, head.headers["Upload-Length"]) == (len(CONTENT), str(len(CONTENT)))
    assert of(path, root).read_bytes() == CONTENT
    assert not list((root / "uploads").iterdir())


async def test_head_gives_back_the_metadata_as_sent(client: TusClient) -> None:
    said = metadata(filename="a b.mp4", dock="dock-7", x_unknown=b"\xff\x00", flag="")
    path = await client.created(10, said)
    assert (await client.head(path)).headers["Upload-Metadata"] == said
    await client.patch(path, 0, b"0123456789")
    head = await client.head(path)
    assert head.headers["Upload-Metadata"] == said
    assert head.headers["Cache-Control"] == "no-store"


async def test_an_empty_segment_is_complete_at_creation(client: TusClient, root: Path) -> None:
    path = await client.stored(b"")
    assert await client.offset(path) == 0
    head = await client.head(path, **{"Want-Repr-Digest": "sha-256=10"})
    assert head.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256().digest()).decode()}:"
    assert of(path, root).stat().st_size == 0


async def test_creation_with_upload(client: TusClient) -> None:
    headers = {
        **TUS,
        "Upload-Length": str(len(CONTENT)),
        "Upload-Metadata": announced(CONTENT),
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await client.ask("POST", "/files/", headers=headers, data=CONTENT[:1000])
    assert (answer.status, answer.offset) == (201, 1000)
    path = urlsplit(answer.headers["Location"]).path
    assert (await client.patch(path, 1000, CONTENT[1000:])).offset == len(CONTENT)


async def test_creation_with_the_whole_upload(client: TusClient) -> None:
    headers = {
        **TUS,
        "Upload-Length": str(len(CONTENT)),
        "Content-Type": "application/offset+octet-stream",
    }
    answer = await client.ask("POST", "/files/", headers=headers, data=CONTENT)
    assert (answer.status, answer.offset) == (201, len(CONTENT))
    assert "Upload-Expires" not in answer.headers
    assert (await client.ask("GET", answer.headers["Location"])).body == CONTENT


async def test_chunked_body_without_a_length(client: TusClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT[:5]
        yield CONTENT[5:]

    path = await client.created(len(CONTENT), announced(CONTENT))
    assert (await client.patch(path, 0, pieces())).offset == len(CONTENT)


async def test_chunked_body_beyond_the_announced_length_never_becomes_an_object(client: TusClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 20
        yield b"y" * 5

    path = await client.created(20)
    assert (await client.patch(path, 0, pieces())).status == 413
    assert await client.offset(path) < 20
    assert (await client.patch(path, 0, b"z" * 20)).offset == 20
    assert (await client.ask("GET", path)).body == b"z" * 20


async def test_wrong_offset_gets_409_and_the_right_one(client: TusClient) -> None:
    path = await client.created(100)
    await client.patch(path, 0, b"x" * 40)
    for at in (0, 39, 41, 100):
        answer = await client.patch(path, at, b"y")
        assert (answer.status, answer.offset) == (409, 40)
        assert answer.problem["offset"] == 40
    assert await client.offset(path) == 40


async def test_repeating_the_last_patch_after_its_answer_was_lost(client: TusClient) -> None:
    path = await client.stored(CONTENT)
    again = await client.patch(path, 0, CONTENT)
    assert (again.status, again.offset) == (409, len(CONTENT))
    nothing = await client.patch(path, len(CONTENT), b"")
    assert (nothing.status, nothing.offset) == (204, len(CONTENT))
    assert (await client.patch(path, len(CONTENT), b"more")).status == 413


async def test_body_longer_than_announced_is_refused_before_it_is_read(client: TusClient) -> None:
    path = await client.created(10)
    assert (await client.patch(path, 0, b"x" * 11)).problem["type"].endswith("too-long")
    assert await client.offset(path) == 0


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_checksum_right_and_wrong(client: TusClient, algorithm: str) -> None:
    def checksum(data: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"

    path = await client.created(len(CONTENT), announced(CONTENT))
    first, rest = CONTENT[:150_000], CONTENT[150_000:]
    assert (await client.patch(path, 0, first, **{"Upload-Checksum": checksum(first)})).status == 204
    wrong = await client.patch(path, len(first), b"\0" * len(rest), **{"Upload-Checksum": checksum(rest)})
    assert (wrong.status, wrong.problem["offset"]) == (460, len(first))
    assert await client.offset(path) == len(first)
    right = await client.patch(path, len(first), rest, **{"Upload-Checksum": checksum(rest)})
    assert (right.status, right.offset) == (204, len(CONTENT))
    assert (await client.ask("GET", path)).body == CONTENT


async def test_checksum_that_cannot_be_understood_is_refused(client: TusClient) -> None:
    path = await client.created(5)
    for value in ("md5 AAAA", "sha256 AAAA", "sha256", "sha256 " + "!" * 44):
        assert (await client.patch(path, 0, b"12345", **{"Upload-Checksum": value})).status == 400
    assert await client.offset(path) == 0


async def test_wrong_digest_is_refused_and_nothing_is_kept(client: TusClient, root: Path) -> None:
    lied = announced(CONTENT)
    path = await client.created(len(CONTENT), lied)
    other = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    answer = await client.patch(path, 0, other)
    assert answer.status == 460
    assert answer.problem["sha256"] == hashlib.sha256(other).hexdigest()
    assert not list((root / "uploads").iterdir())
    assert not list((root / "objects").glob("*/*"))
    assert (await client.head(path)).status == 410
    assert (await client.receipt(path)).status == 410
    assert (await client.ask("GET", "/api/v1/segments")).json() == {"segments": [], "next": None}
    again = await client.created(len(CONTENT), lied)
    assert again != path
    assert (await client.patch(again, 0, CONTENT)).status == 204


async def test_termination_of_an_own_unfinished_upload(client: TusClient, root: Path) -> None:
    path = await client.created(100)
    await client.patch(path, 0, b"x" * 10)
    assert (await client.ask("DELETE", path, headers=TUS)).status == 204
    assert (await client.head(path)).status == 410
    assert not list((root / "uploads").iterdir())


async def test_a_finished_object_is_never_terminated(client: TusClient) -> None:
    path = await client.stored(CONTENT)
    answer = await client.ask("DELETE", path, headers=TUS)
    assert answer.status == 403
    assert "retention" in answer.problem["detail"]
    assert (await client.ask("GET", path)).body == CONTENT


async def test_expiry_is_announced_as_an_http_date(client: TusClient) -> None:
    answer = await client.create(10)
    expires = parsedate_to_datetime(answer.headers["Upload-Expires"])
    now = parsedate_to_datetime(answer.headers["Date"])
    assert 6.9 < (expires - now).total_seconds() / 86400 < 7.1


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "DELETE"])
@pytest.mark.parametrize("version", [None, "0.2.2", "1.0"])
async def test_other_versions_get_412(client: TusClient, method: str, version: str | None) -> None:
    path = "/files/" if method == "POST" else await client.created(5)
    headers = {"Upload-Length": "5", "Upload-Offset": "0"} | ({"Tus-Resumable": version} if version else {})
    answer = await client.ask(method, path, headers=headers)
    assert (answer.status, answer.headers["Tus-Version"]) == (412, "1.0.0")


async def test_what_is_not_announced_is_refused(client: TusClient) -> None:
    for more in ({"Upload-Defer-Length": "1"}, {"Upload-Concat": "partial"}):
        assert (await client.create(5, **more)).status == 400
    assert (await client.ask("POST", "/files/", headers=TUS)).problem["detail"].startswith("the header Upload")


@pytest.mark.parametrize("length", ["-1", "1e3", "", " 5 x", "99999999999999999999", "٥"])
async def test_lengths_that_are_no_numbers(client: TusClient, length: str) -> None:
    headers = {**TUS, "Upload-Length": length}
    assert (await client.ask("POST", "/files/", headers=headers)).status == 400


@pytest.mark.parametrize(
    "said",
    [
        "camera !!!",
        "sha256 " + base64.b64encode(b"abc").decode(),
        "a QQ==,a QQ==",
        "ключ QQ==",
        ",",
        "a" * 8193,
        "captured_at " + base64.b64encode(b"yesterday").decode(),
        "evidential bWF5YmU=",
    ],
)
async def test_metadata_that_cannot_be_understood(client: TusClient, said: str) -> None:
    assert (await client.create(5, said)).status == 400


async def test_any_tus_client_may_upload_without_metadata(client: TusClient) -> None:
    path = await client.created(3)
    await client.patch(path, 0, b"abc")
    listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
    assert [(s["camera"], s["segment"], s["size"]) for s in listed] == [(None, None, 3)]


async def test_wrong_content_type_gets_415(client: TusClient) -> None:
    path = await client.created(3)
    assert (await client.patch(path, 0, b"abc", **{"Content-Type": "text/plain"})).status == 415
    assert (await client.patch(path, 0, b"abc", **{"Content-Encoding": "gzip"})).status == 415
    assert await client.offset(path) == 0


async def test_method_override(client: TusClient) -> None:
    path = await client.created(3)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = await client.ask("POST", path, headers={**headers, "X-HTTP-Method-Override": "PATCH"}, data=b"abc")
    assert (answer.status, answer.offset) == (204, 3)
    assert (await client.ask("POST", path, headers=headers)).status == 405


async def test_a_cut_connection_keeps_what_came(client: TusClient) -> None:
    path = await client.created(len(CONTENT), announced(CONTENT))
    where = urlsplit(client.url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(patch_head(path, at=0, length=len(CONTENT)) + CONTENT[:200_000])
    await until(lambda: client.head(path), lambda answer: answer.offset >= 65536)
    writer.close()
    await writer.wait_closed()
    await until(lambda: client.patch(path, 0, b""), lambda answer: answer.status == 409)
    offset = await client.offset(path)
    assert 65536 <= offset <= 200_000
    assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)


async def test_a_slow_line_becomes_durable_though_no_window_fills(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with CentralStore(tmp_path / "slow", settings=replace(SMALL, sync_every=0.0)) as store:
        client = TusClient(store.url, session)
        path = await client.created(10_000, announced(CONTENT[:10_000]))
        steps = [asyncio.Event() for _ in range(3)]

        async def slowly() -> AsyncIterator[bytes]:
            for first, step in zip((0, 777, 5555), steps, strict=True):
                yield CONTENT[first : {0: 777, 777: 5555, 5555: 10_000}[first]]
                await step.wait()

        sending = asyncio.create_task(client.patch(path, 0, slowly()))
        steps[0].set()
        await until(lambda: client.head(path), lambda answer: answer.offset >= 777)
        steps[1].set()
        await until(lambda: client.head(path), lambda answer: answer.offset >= 5555)
        # All bytes are here now, but not yet the end of the request: this is no object, and does not look like one.
        for _ in range(20):
            assert await client.offset(path) < 10_000
        steps[2].set()
        assert (await sending).offset == 10_000
        assert (await client.ask("GET", path)).body == CONTENT[:10_000]


async def test_bytes_that_never_became_an_object_are_not_in_its_hash(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with CentralStore(tmp_path / "slow", settings=replace(SMALL, sync_every=0.0)) as store:
        client = TusClient(store.url, session)
        path = await client.created(50_000)
        head = patch_head(path, at=0, length=0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        where = urlsplit(client.url)
        _, writer = await asyncio.open_connection(where.hostname, where.port)
        for first in range(0, 50_000, 10_000):
            writer.write(head + b"2710\r\n" + CONTENT[first : first + 10_000] + b"\r\n")
            head = b""
            await until(lambda: client.head(path), partial(reached, first))
        writer.close()
        await writer.wait_closed()
        await until(lambda: client.patch(path, 50_000, b""), lambda answer: answer.status == 409)
        offset = await client.offset(path)
        other = CONTENT[:offset] + bytes(50_000 - offset)
        assert (await client.patch(path, offset, other[offset:])).offset == 50_000
        (listed,) = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert listed["sha256"] == hashlib.sha256(other).hexdigest()


async def test_a_second_writer_gets_423_and_disturbs_nothing(client: TusClient) -> None:
    path = await client.created(len(CONTENT), announced(CONTENT))
    going_on, entered = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield CONTENT[:1000]
        entered.set()
        await going_on.wait()
        yield CONTENT[1000:]

    first = asyncio.create_task(client.patch(path, 0, slowly()))
    await entered.wait()
    # The store may not have begun to read yet.
    second = await until(lambda: client.patch(path, 5, b""), lambda answer: answer.status != 409)
    assert second.status == 423
    assert second.headers["Retry-After"]
    assert (await client.ask("DELETE", path, headers=TUS)).status == 423
    assert await client.offset(path) <= 1000
    going_on.set()
    assert (await first).offset == len(CONTENT)


async def test_repr_digest_only_when_complete_and_wanted(client: TusClient) -> None:
    path = await client.created(len(CONTENT), announced(CONTENT))
    wanted = {"Want-Repr-Digest": "sha-256=10"}
    assert "Repr-Digest" not in (await client.head(path, **wanted)).headers
    await client.patch(path, 0, CONTENT)
    assert "Repr-Digest" not in (await client.head(path)).headers
    assert "Repr-Digest" not in (await client.head(path, **{"Want-Repr-Digest": "sha-512=3"})).headers
    expected = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert (await client.head(path, **wanted)).headers["Repr-Digest"] == f"sha-256=:{expected}:"


async def test_expect_100_continue_is_refused_before_the_body(client: TusClient) -> None:
    path = await client.created(100)
    answered = await client.raw(patch_head(path, at=7, length=93, Expect="100-continue"))
    assert answered.startswith(b"HTTP/1.1 409 ")
    taken = await client.raw(patch_head(path, at=0, length=100, Expect="100-continue") + b"x" * 100)
    assert taken.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 ")


@pytest.mark.parametrize("id", ["x", "0" * 31, "0" * 33, "A" * 32, "..%2f..%2fstore.json", "%00", "g" * 32, "0" * 32])
async def test_ids_that_nobody_was_given(client: TusClient, id: str) -> None:
    for method in ("HEAD", "PATCH", "DELETE", "GET"):
        headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        assert (await client.ask(method, f"/files/{id}", headers=headers)).status == 404
    assert (await client.receipt(f"/files/{id}")).status == 404
    assert (await client.ask("POST", f"/api/v1/segments/{id}/evidential")).status == 404
