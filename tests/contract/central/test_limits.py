"""Too large, too many, too full: each says so, and what was durable stays."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from ingest.central import CentralStore, StoreInUseError
from ingest.central.buffers import aligned_buffer
from ingest.central.disk import Disk
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import Answer, TusClient, announced, until

CONTENT = os.urandom(400_000)


class SmallDisk(Disk):
    """Says that it has `free` bytes."""

    def __init__(self, *, free: int) -> None:
        self._free = free

    def free(self, path: Path) -> int:
        return self._free


class FullDisk(Disk):
    """Has `room` bytes left for uploads, and says so only when they are written."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        if self.room < len(view):
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(view)
        super().write(fd, view, at=at)


class HiccupDisk(Disk):
    """Is full for one write, and has room again for the next."""

    def __init__(self) -> None:
        self.fails = 1 << 30

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        self.fails -= 1
        if self.fails == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(fd, view, at=at)


class FailingSync(Disk):
    """Loses what it was given, once: sync fails, and the kernel forgets."""

    def __init__(self) -> None:
        self.fails = 1 << 30

    def sync(self, fd: int) -> None:
        self.fails -= 1
        if self.fails == 0:
            raise OSError(errno.EIO, "Input/output error")
        super().sync(fd)


class LyingDisk(Disk):
    """Writes other bytes than it was given, and says nothing."""

    def __init__(self) -> None:
        self.lies = False

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        super().write(fd, view, at=at)
        if self.lies and len(view) > 1000:
            changed = bytearray(view)
            changed[500] ^= 1
            place = aligned_buffer(len(changed))
            place[:] = changed
            super().write(fd, place, at=at)


class FailingMove(Disk):
    """Fails at `fail` only, and only until it is mended."""

    def __init__(self, fail: str) -> None:
        self.fail = fail

    def save(self, path: Path, content: bytes, *, part: Path | None = None) -> None:
        if self.fail == "save" and path.parent.parent.name == "objects":
            raise OSError(errno.ENOSPC, "No space left on device")
        super().save(path, content, part=part)

    def move(self, source: Path, target: Path) -> None:
        if self.fail == "move" and source.suffixes == [".part"] and target.parent.name != "uploads":
            raise OSError(errno.EIO, "Input/output error")
        super().move(source, target)

    def sync_folder(self, path: Path) -> None:
        if self.fail == "sync_folder" and path.parent.name == "objects":
            raise OSError(errno.EIO, "Input/output error")
        super().sync_folder(path)


async def test_above_the_largest_size_413(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with CentralStore(tmp_path / "root", settings=replace(SMALL, max_size=1000)) as store:
        client = TusClient(store.url, session)
        assert (await client.create(1000)).status == 201
        assert (await client.create(1001)).problem["type"].endswith("too-large")


async def test_below_the_floor_of_free_space_507(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    settings = replace(SMALL, keep_free=1 << 20)
    async with CentralStore(tmp_path / "root", settings=settings, disk=SmallDisk(free=3 << 20)) as store:
        client = TusClient(store.url, session)
        refused = await client.create((2 << 20) + 1)
        assert (refused.status, refused.headers["Retry-After"]) == (507, "60")
        assert (await client.create(2 << 20)).status == 201


async def test_what_others_are_still_sending_is_reserved(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with CentralStore(tmp_path / "root", settings=SMALL, disk=SmallDisk(free=3 << 20)) as store:
        client = TusClient(store.url, session)
        assert [(await client.create(1 << 20)).status for _ in range(4)] == [201, 201, 201, 507]


async def test_a_disk_that_fills_keeps_the_offset(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    disk = FullDisk(1 << 30)
    async with CentralStore(tmp_path / "root", settings=SMALL, disk=disk) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        disk.room = 200_000
        assert (await client.patch(path, 0, CONTENT)).status == 507
        disk.room = 1 << 30
        offset = await client.offset(path)
        assert 0 < offset <= 200_000
        assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)
        assert (await client.ask("GET", path)).body == CONTENT


@pytest.mark.parametrize("fails", [1, 3, 5])
async def test_nothing_is_kept_behind_a_write_that_failed(
    tmp_path: Path, session: aiohttp.ClientSession, fails: int
) -> None:
    disk = HiccupDisk()
    async with CentralStore(tmp_path / "root", settings=replace(SMALL, sync_window=1 << 30), disk=disk) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        disk.fails = fails
        assert (await client.patch(path, 0, CONTENT)).status == 507
        offset = await client.offset(path)
        assert offset == (fails - 1) * SMALL.buffer
        assert (tmp_path / "root" / "uploads" / f"{path[7:]}.part").read_bytes() == CONTENT[:offset]
        assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)


@pytest.mark.parametrize("fails", [1, 2, 3])
async def test_what_could_not_be_synced_is_not_counted(
    tmp_path: Path, session: aiohttp.ClientSession, fails: int
) -> None:
    disk = FailingSync()
    async with CentralStore(tmp_path / "root", settings=SMALL, disk=disk) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        disk.fails = fails
        answer = await client.patch(path, 0, CONTENT)
        assert answer.problem["type"].endswith(":disk")
        offset = await client.offset(path)
        assert offset < len(CONTENT) if fails > 1 else offset == 0
        assert os.stat(tmp_path / "root" / "uploads" / f"{path[7:]}.part").st_size == offset
        assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)
        assert (await client.ask("GET", path)).body == CONTENT


async def test_what_the_disk_made_of_it_is_what_is_hashed(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    disk = LyingDisk()
    async with CentralStore(tmp_path / "root", settings=SMALL, disk=disk) as store:
        client = TusClient(store.url, session)
        announcing = await client.created(len(CONTENT), announced(CONTENT))
        silent = await client.created(len(CONTENT))
        disk.lies = True
        assert (await client.patch(announcing, 0, CONTENT)).problem["type"].endswith(":digest")
        assert (await client.patch(silent, 0, CONTENT)).status == 204
        disk.lies = False
        on_disk = (await client.ask("GET", silent)).body
        assert on_disk != CONTENT
        (listed,) = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert listed["sha256"] == hashlib.sha256(on_disk).hexdigest()


@pytest.mark.parametrize("fail", ["save", "move", "sync_folder"])
async def test_completion_that_failed_is_made_good(tmp_path: Path, session: aiohttp.ClientSession, fail: str) -> None:
    disk = FailingMove(fail)
    async with CentralStore(tmp_path / "root", settings=SMALL, disk=disk) as store:
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        assert (await client.patch(path, 0, CONTENT)).status in (500, 507)
        offset = await client.offset(path)
        assert offset < len(CONTENT)
        assert (await client.receipt(path)).status == 404
        disk.fail = ""
        assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)
        assert (await client.receipt(path)).status == 200
        assert len((await client.ask("GET", "/api/v1/segments")).json()["segments"]) == 1
    async with CentralStore(tmp_path / "root", settings=SMALL) as store:
        assert (await TusClient(store.url, session).ask("GET", path)).body == CONTENT


async def test_too_many_unfinished_uploads_429(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with CentralStore(tmp_path / "root", settings=replace(SMALL, max_unfinished=3)) as store:
        client = TusClient(store.url, session)
        paths = [await client.created(10) for _ in range(3)]
        refused = await client.create(10)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
        await client.patch(paths[0], 0, b"0123456789")
        assert (await client.create(10)).status == 201


async def test_too_many_at_once_503(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with CentralStore(tmp_path / "root", settings=replace(SMALL, max_receiving=1)) as store:
        client = TusClient(store.url, session)
        one, two = await client.created(10), await client.created(10)
        entered, going_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"01234"
            entered.set()
            await going_on.wait()
            yield b"56789"

        first = asyncio.create_task(client.patch(one, 0, slowly()))
        await entered.wait()
        refused = await client.patch(two, 0, b"0123456789")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        going_on.set()
        assert (await first).status == 204
        assert (await client.patch(two, 0, b"0123456789")).status == 204


async def test_closing_cuts_who_is_sending_and_keeps_what_came(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for n in range(0, 200_000, 20_000):
            yield CONTENT[n : n + 20_000]
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(CentralStore(tmp_path / "root", settings=SMALL))
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        sending = asyncio.create_task(client.patch(path, 0, endless()))
        await until(lambda: client.head(path), lambda answer: answer.offset >= 65536)
        async with asyncio.timeout(8):
            await stack.aclose()
        (cut,) = await asyncio.gather(sending, return_exceptions=True)
        assert isinstance(cut, aiohttp.ClientError) or (isinstance(cut, Answer) and cut.status == 503)
    async with CentralStore(tmp_path / "root", settings=SMALL) as store:
        client = TusClient(store.url, session)
        offset = await client.offset(path)
        assert offset >= 65536
        assert (await client.patch(path, offset, CONTENT[offset:])).offset == len(CONTENT)


async def test_one_process_a_root(tmp_path: Path) -> None:
    async with CentralStore(tmp_path / "root", settings=SMALL):
        with pytest.raises(StoreInUseError, match="another process"):
            async with CentralStore(tmp_path / "root", settings=SMALL):
                pass
    async with CentralStore(tmp_path / "root", settings=SMALL):
        assert (tmp_path / "root").stat().st_mode & 0o777 == 0o700
