"""Reading back what is stored, whole and in ranges."""

from __future__ import annotations

import os

import pytest

from ingest.central import CentralStore
from tests.contract.central.tus_client import TusClient, announced

CONTENT = os.urandom(2_500_000)


@pytest.fixture
async def path(client: TusClient) -> str:
    return await client.stored(CONTENT)


async def test_whole(client: TusClient, path: str) -> None:
    answer = await client.ask("GET", path)
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["Content-Disposition"] == "attachment"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=1048570-1048590", 1048570, 1048591),
        ("bytes=2499999-", 2499999, 2500000),
        ("bytes=-5", 2499995, 2500000),
        ("bytes=-99999999", 0, 2500000),
        ("bytes=5-99999999", 5, 2500000),
    ],
)
async def test_range(client: TusClient, path: str, asked: str, first: int, end: int) -> None:
    answer = await client.ask("GET", path, headers={"Range": asked})
    assert (answer.status, answer.body) == (206, CONTENT[first:end])
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=2500000-", "bytes=-0", "bytes=9999999-99999999"])
async def test_range_outside(client: TusClient, path: str, asked: str) -> None:
    answer = await client.ask("GET", path, headers={"Range": asked})
    assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("asked", ["bytes=1-2,5-6", "lines=1-2", "bytes=5-2", "bytes=-", "x"])
async def test_ranges_that_are_not_understood_give_the_whole(client: TusClient, path: str, asked: str) -> None:
    answer = await client.ask("GET", path, headers={"Range": asked})
    assert (answer.status, len(answer.body)) == (200, len(CONTENT))


async def test_if_range_and_if_none_match(client: TusClient, path: str) -> None:
    tag = (await client.head(path)).headers["ETag"]
    same = await client.ask("GET", path, headers={"Range": "bytes=0-9", "If-Range": tag})
    other = await client.ask("GET", path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (same.status, other.status) == (206, 200)
    assert (await client.ask("GET", path, headers={"If-None-Match": tag})).status == 304


async def test_an_unfinished_upload_cannot_be_read(client: TusClient) -> None:
    path = await client.created(10)
    await client.patch(path, 0, b"12345")
    assert (await client.ask("GET", path)).status == 404


async def test_reads_are_in_the_log_for_good(client: TusClient, path: str, store: CentralStore) -> None:
    await client.ask("GET", path, headers={"Range": "bytes=7-9"})
    await client.ask("GET", "/api/v1/segments")
    (read,) = [e for e in await store.records.entries() if e.action == "object.read"]
    assert (read.about, read.detail) == (path.rpartition("/")[2], {"first": 7, "end": 10})
    assert [e.action for e in await store.records.entries()].count("segments.listed") == 1


async def test_evidential_from_the_start_and_later(client: TusClient, path: str) -> None:
    await client.stored(b"z", announced(b"z", evidential="true"))
    listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
    assert [segment["evidential"] for segment in listed] == [False, True]
    marked = await client.ask("POST", f"/api/v1/segments/{path.rpartition('/')[2]}/evidential")
    assert (marked.status, marked.json()["evidential"]) == (200, True)
