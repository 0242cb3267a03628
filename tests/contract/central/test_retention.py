"""A month passes, or a clock jumps: what is deleted, what is kept, and what is on record about it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from ingest.central import CentralStore
from ingest.central.disk import Disk
from ingest.central.settings import StoreSettings
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, announced
from tests.unit.ingest.central.set_clock import DAY, SetClock

CONTENT = os.urandom(30_000)
QUIET = replace(SMALL, sweep_every=1e6)


class StubbornDisk(Disk):
    """Does not remove what `keeps` names; `halfway`: only after the bytes are gone."""

    def __init__(self) -> None:
        self.keeps: set[str] = set()
        self.halfway = False

    def remove(self, paths: Sequence[Path]) -> None:
        if self.keeps & {path.name for path in paths}:
            if self.halfway:
                super().remove(paths[:1])
            raise OSError(errno.EIO, "Input/output error")
        super().remove(paths)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@asynccontextmanager
async def serving(
    root: Path,
    clock: SetClock,
    session: aiohttp.ClientSession,
    settings: StoreSettings = QUIET,
    disk: Disk | None = None,
) -> AsyncIterator[tuple[CentralStore, TusClient]]:
    async with CentralStore(root, settings=settings, clock=clock, disk=disk) as store:
        yield store, TusClient(store.url, session)


async def test_what_is_not_evidential_goes_after_31_days_and_is_on_record(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    async with serving(root, clock, session) as (store, client):
        plain = await client.stored(CONTENT, announced(CONTENT, segment="plain"))
        kept = await client.stored(CONTENT, announced(CONTENT, segment="kept", evidential="true"))
        marked = await client.stored(CONTENT, announced(CONTENT, segment="marked"))
        await client.ask("POST", f"/api/v1/segments/{marked[7:]}/evidential")
        clock.pass_(31 * DAY - 5)
        assert (await store.sweep()).deleted == 0
        assert (await client.receipt(plain)).status == 200
        clock.pass_(10)
        assert (await store.sweep()).deleted == 1
        for path in (kept, marked):
            assert (await client.ask("GET", path)).body == CONTENT
        assert not (root / "objects" / plain[7:9] / plain[7:]).exists()
        for ask in (client.head(plain), client.ask("GET", plain), client.receipt(plain)):
            assert (await ask).status == 410
        assert (await client.ask("POST", f"/api/v1/segments/{plain[7:]}/evidential")).status == 410
        (entry,) = [e for e in await store.records.entries() if e.action == "object.deleted"]
        assert (entry.about, entry.who, entry.detail["segment"]) == (plain[7:], "store", "plain")
        listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert [f"/files/{s['id']}" for s in listed] == [kept, marked]
        assert await client.created(len(CONTENT), announced(CONTENT, segment="plain")) != plain


async def test_the_later_of_capture_and_upload_counts(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    async with serving(root, clock, session) as (store, client):
        await client.stored(b"1", announced(b"1", captured_at="2001-01-01T00:00:00Z"))
        ahead = await client.stored(b"2", announced(b"2", captured_at="2027-03-01T00:00:00Z"))  # now is 2027-01-15
        clock.pass_(32 * DAY)
        assert (await store.sweep()).deleted == 1
        assert (await client.ask("GET", ahead)).body == b"2"
        for _ in range(8):
            clock.pass_(6 * DAY)
            await store.sweep()
        assert (await client.head(ahead)).status == 410


async def test_nothing_is_deleted_by_a_clock_that_jumped(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    async with serving(root, clock, session) as (store, client):
        path = await client.stored(CONTENT)
        clock.jump(400 * DAY)
        swept = await store.sweep()
        assert (swept.deleted, swept.held_back) == (0, "the clock jumped less than a day ago")
        clock.jump(-400 * DAY)
        clock.pass_(3600)
        assert (await store.sweep()).held_back is not None
        assert (await client.ask("GET", path)).body == CONTENT


async def test_nothing_is_deleted_by_a_clock_that_is_not_synchronised(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    clock.in_step = False
    async with serving(root, clock, session) as (store, client):
        path = await client.stored(CONTENT)
        clock.pass_(400 * DAY)
        assert (await store.sweep()).held_back == "the clock is not synchronised"
        assert (await client.ask("GET", path)).status == 200


async def test_a_restart_with_a_clock_far_ahead_deletes_nothing(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    settings = replace(QUIET, clock="as-is")
    clock.in_step = None
    async with serving(root, clock, session, settings) as (_, client):
        path = await client.stored(CONTENT)
    clock.jump(400 * DAY)
    async with serving(root, clock, session, settings) as (store, client):
        assert "a week ahead" in str((await store.sweep()).held_back)
        assert (await client.ask("GET", path)).status == 200


async def test_marking_wins_any_race_with_deletion(root: Path, clock: SetClock, session: aiohttp.ClientSession) -> None:
    async with serving(root, clock, session) as (store, client):
        paths = [await client.stored(bytes([n]), announced(bytes([n]), segment=f"s{n}")) for n in range(40)]
        clock.pass_(32 * DAY)
        marking = [client.ask("POST", f"/api/v1/segments/{path[7:]}/evidential") for path in reversed(paths)]
        sweeping = asyncio.create_task(store.sweep())
        marked = await asyncio.gather(*marking)
        swept = await sweeping
        answers = dict(zip(reversed(paths), marked, strict=True))
        kept = [path for path in paths if answers[path].status == 200]
        assert {answers[path].status for path in paths} <= {200, 410}
        assert swept.deleted == len(paths) - len(kept)
        for n, path in enumerate(paths):
            got = await client.ask("GET", path)
            assert (got.status, got.body) == (200, bytes([n])) if path in kept else got.status == 410
        deleted = {e.about for e in await store.records.entries() if e.action == "object.deleted"}
        assert deleted == {path[7:] for path in paths if path not in kept}
    async with serving(root, clock, session) as (store, _):
        assert (await store.sweep()).deleted == 0


async def test_what_was_marked_after_it_was_found_due_is_not_deleted(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    async with serving(root, clock, session) as (store, client):
        path = await client.stored(CONTENT)
        clock.pass_(32 * DAY)
        now = clock.now()
        assert await store.index.due(before=now, limit=10) == [path[7:]]
        assert (await client.ask("POST", f"/api/v1/segments/{path[7:]}/evidential")).status == 200
        removed: list[str] = []
        assert await store.index.delete(path[7:], before=now, remove=lambda: removed.append(path)) is None
        assert removed == []
        assert (await store.sweep()).deleted == 0


async def test_a_deletion_that_a_crash_cut_short(root: Path, clock: SetClock, session: aiohttp.ClientSession) -> None:
    async with serving(root, clock, session) as (store, client):
        before = await client.stored(b"1", announced(b"1", segment="bytes are still there"))
        behind = await client.stored(b"2", announced(b"2", segment="bytes are gone"))
        for path in (before, behind):
            await store.index.set_state(path[7:], "deleting")
        (root / "objects" / behind[7:9] / behind[7:]).unlink()
    async with serving(root, clock, session) as (store, client):
        assert (await client.ask("POST", f"/api/v1/segments/{before[7:]}/evidential")).status == 200
        assert (await client.head(behind)).status == 410
        deleted = [e.about for e in await store.records.entries() if e.action == "object.deleted"]
        assert deleted == [behind[7:]]


async def test_what_could_not_be_removed_is_not_vouched_for_and_can_still_be_kept_for_good(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    disk = StubbornDisk()
    async with serving(root, clock, session, disk=disk) as (store, client):
        paths = [await client.stored(bytes([n]), announced(bytes([n]), segment=f"s{n}")) for n in range(3)]
        stuck, wanted, other = paths
        disk.keeps = {stuck[7:], wanted[7:]}
        clock.pass_(32 * DAY)
        assert (await store.sweep()).deleted == 1, "one that cannot be removed keeps none of the others"
        for path in (stuck, wanted):
            assert (await client.receipt(path)).status == 410
            assert (await client.head(path, **{"Want-Repr-Digest": "sha-256=10"})).status == 410
        assert (await client.ask("POST", f"/api/v1/segments/{wanted[7:]}/evidential")).status == 200
        assert (await client.ask("GET", wanted)).body == b"\1"
        assert (await client.receipt(wanted)).status == 200
        disk.keeps = set()
        assert (await store.sweep()).deleted == 1
        assert (await client.ask("POST", f"/api/v1/segments/{stuck[7:]}/evidential")).status == 410
        deleted = [e.about for e in await store.records.entries() if e.action == "object.deleted"]
        assert deleted == [other[7:], stuck[7:]]
    async with serving(root, clock, session) as (store, client):
        assert (await store.sweep()).deleted == 0
        assert (await client.ask("GET", wanted)).body == b"\1"


async def test_marking_is_told_when_only_the_bytes_are_gone(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    disk = StubbornDisk()
    disk.halfway = True
    async with serving(root, clock, session, disk=disk) as (store, client):
        path = await client.stored(CONTENT)
        disk.keeps = {path[7:]}
        clock.pass_(32 * DAY)
        assert (await store.sweep()).deleted == 0
        assert (await client.ask("POST", f"/api/v1/segments/{path[7:]}/evidential")).status == 410
        assert (await client.receipt(path)).status == 410
        disk.keeps = set()
        assert (await store.sweep()).deleted == 1
        assert [e.action for e in await store.records.entries(object=path[7:])] == ["object.deleted"]


async def test_what_was_about_to_be_deleted_is_looked_at_anew_when_it_is_kept_after_all(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    disk = StubbornDisk()
    async with serving(root, clock, session, disk=disk) as (store, client):
        path = await client.stored(CONTENT)
        disk.keeps = {path[7:]}
        clock.pass_(32 * DAY)
        await store.sweep()
        (root / "objects" / path[7:9] / path[7:]).write_bytes(b"\0" * len(CONTENT))
        assert (await client.ask("POST", f"/api/v1/segments/{path[7:]}/evidential")).status == 200
        assert (await client.receipt(path)).problem["type"] == "urn:dockd:store:damaged"


async def test_unfinished_uploads_expire(root: Path, clock: SetClock, session: aiohttp.ClientSession) -> None:
    async with serving(root, clock, session) as (store, client):
        old, fresh = await client.created(100), await client.created(100)
        await client.patch(old, 0, b"x" * 50)
        clock.pass_(6 * DAY)
        await client.patch(fresh, 0, b"x" * 50)
        clock.jump(100 * DAY)  # a clock that is set makes nobody late
        assert (await store.sweep()).expired == 0
        clock.pass_(1.1 * DAY)
        assert (await store.sweep()).expired == 1
        assert (await client.head(old)).status == 410
        assert await client.offset(fresh) == 50
        assert not [name for name in os.listdir(root / "uploads") if name.startswith(old[7:])]


async def test_an_object_is_read_again_when_the_last_look_is_a_day_old(
    root: Path, clock: SetClock, session: aiohttp.ClientSession
) -> None:
    async with serving(root, clock, session) as (store, client):
        path = await client.stored(CONTENT)
        bytes_at = root / "objects" / path[7:9] / path[7:]
        rotten = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
        bytes_at.write_bytes(rotten)
        assert (await client.receipt(path)).status == 200  # the last look is good for a day
        clock.pass_(DAY + 1)
        refused = await client.receipt(path)
        assert (refused.status, refused.problem["type"]) == (410, "urn:dockd:store:damaged")
        assert (await client.head(path, **{"Want-Repr-Digest": "sha-256=10"})).status == 410
        assert (await client.receipt(path)).status == 410
        again = await client.stored(CONTENT)
        assert again != path
        assert (await client.receipt(again)).status == 200
        bytes_at.write_bytes(CONTENT)
        assert (await client.receipt(path)).status == 200
        actions = [e.action for e in await store.records.entries(object=path[7:])]
        assert actions == ["object.damaged", "object.sound"]


async def test_repr_digest_reads_again_too(root: Path, clock: SetClock, session: aiohttp.ClientSession) -> None:
    async with serving(root, clock, session) as (_, client):
        path = await client.stored(CONTENT)
        (root / "objects" / path[7:9] / path[7:]).write_bytes(b"\0" * len(CONTENT))
        clock.pass_(DAY + 1)
        assert (await client.head(path, **{"Want-Repr-Digest": "sha-256=10"})).status == 410
