"""Shares that freeze, fill up, turn read-only, or go away under the dock: real filesystems. Whole docks on such are in tests/soak/test_directory.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ingest.errors import Refused, StoreDown, StoreFull, WrongStore
from ingest.store.directory import DirectoryStore
from ingest.store.directory.porters import MOST_LEFT
from ingest.store.line import Patience
from tests.contract.store.exam import claimed, delivered, described, slices_of
from tests.recovery.disks import SmallDisk, ext4, needs_mounts, tmpfs

CONTENT = os.urandom(1_000_000)
SIZE = len(CONTENT)
SHORT = Patience(stall=0.4, answer=5.0, settle=0.4)
PATIENT = Patience(stall=10.0, answer=10.0, settle=10.0)


async def always_founds() -> bool:
    return True


@contextlib.asynccontextmanager
async def opened(root: Path, *, patience: Patience = PATIENT) -> AsyncIterator[DirectoryStore]:
    store = DirectoryStore(root, founds=always_founds, patience=patience)
    try:
        await store.identify()
        yield store
    finally:
        await store.close()


async def send(store: DirectoryStore, upload: str, start: int, end: int) -> int:
    return await store.send(upload, offset=start, length=end - start, size=SIZE, slices=slices_of(CONTENT, until=end))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with ext4(tmp_path / "share", size=32 << 20) as disk:
        yield disk


@contextlib.contextmanager
def frozen(disk: SmallDisk) -> Iterator[None]:
    """Whatever writes to it hangs in the kernel, and no signal ends that: as on a share whose server is gone."""
    needs_mounts("fsfreeze")
    done = subprocess.run(["fsfreeze", "--freeze", str(disk.at)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this filesystem cannot be frozen: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(disk.at)], check=True)


def hanging_in(disk: SmallDisk) -> list[int]:
    """Processes that wait in the kernel, uninterruptibly, and are porters."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{entry}/cmdline").read_bytes()
            threads = [Path(f"/proc/{entry}/task/{one}/stat").read_text() for one in os.listdir(f"/proc/{entry}/task")]
            if b"ingest.store.porter" in words and any(one.rpartition(") ")[2][0] == "D" for one in threads):
                roots = [os.readlink(f"/proc/{entry}/fd/{fd}") for fd in os.listdir(f"/proc/{entry}/fd")]
                found += [int(entry)] if any(one.startswith(str(disk.at)) for one in roots) else []
    return found


@pytest.mark.timeout(60)
async def test_a_share_that_hangs_never_blocks_the_agent(disk: SmallDisk) -> None:
    segment = described(CONTENT)
    async with opened(disk.at) as patient:
        upload = await patient.announce(segment)
        await send(patient, upload, 0, 300_000)
    store = DirectoryStore(disk.at, founds=always_founds, patience=SHORT)
    await store.identify()
    with frozen(disk):
        for _try in range(MOST_LEFT):
            began = time.monotonic()
            with pytest.raises(StoreDown, match=r"the share does not answer"):
                await send(store, upload, 300_000, SIZE)
            assert time.monotonic() - began < 5.0
        assert len(hanging_in(disk)) == MOST_LEFT, (
            "killed, and still there: nothing in this test would be shown by less"
        )
        began = time.monotonic()
        with pytest.raises(StoreDown, match=rf"{MOST_LEFT} processes hang in it"):
            await send(store, upload, 300_000, SIZE)
        assert time.monotonic() - began < 3.0
        assert len(hanging_in(disk)) == MOST_LEFT
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(StoreDown):
                offset = await store.offset(upload, size=SIZE)
                break
    await store.close()
    async with opened(disk.at) as patient:
        await send(patient, upload, offset, SIZE)
        await patient.finish(upload, segment)
        assert (await claimed(patient, upload, segment)).sha256 == segment.digest.sha256


async def test_a_full_share_is_told_and_goes_on(disk: SmallDisk) -> None:
    segment = described(CONTENT)
    async with opened(disk.at) as store:
        upload = await store.announce(segment)
        await send(store, upload, 0, 100_000)
        disk.fill()
        with pytest.raises(StoreFull, match="no room"):
            await send(store, upload, 100_000, SIZE)
        assert await store.offset(upload, size=SIZE) == 100_000
        disk.make_room()
        await send(store, upload, 100_000, SIZE)
        await store.finish(upload, segment)
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256


async def test_a_share_that_turns_read_only_is_for_a_person(disk: SmallDisk) -> None:
    async with opened(disk.at) as store:
        upload, segment = await delivered(store, CONTENT)
        disk.read_only(True)
        with pytest.raises(Refused, match="mounted read-only"):
            await store.announce(described(CONTENT))
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256
        disk.read_only(False)
        await delivered(store, CONTENT)


async def test_a_share_that_is_unmounted_confirms_nothing(disk: SmallDisk) -> None:
    async with opened(disk.at) as store:
        upload, segment = await delivered(store, CONTENT)
        half = await store.announce(described(CONTENT))
        subprocess.run(["umount", "-l", str(disk.at)], check=True)
        assert os.listdir(disk.at) == []
        for question in (
            claimed(store, upload, segment), send(store, half, 0, SIZE), store.announce(described(CONTENT)), store.finish(upload, segment),
        ):  # fmt: skip
            with pytest.raises(WrongStore, match="is the share mounted"):
                await question
        assert os.listdir(disk.at) == [], "nothing was written to the local disk"
        subprocess.run(["mount", "-o", "loop", str(disk.at.with_name("share.img")), str(disk.at)], check=True)
        await store.identify()
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256


async def test_what_rots_below_the_page_cache_is_seen(disk: SmallDisk) -> None:
    """The disk has other bytes than this machine remembers: read-back that asked the memory would prove them."""
    image = disk.at.with_name("share.img")
    async with opened(disk.at) as store:
        upload, segment = await delivered(store, CONTENT)
        assert (disk.at / upload).read_bytes() == CONTENT
        place = image.read_bytes().find(CONTENT[:4096])
        assert place > 0
        with image.open("r+b") as below:
            below.seek(place)
            below.write(bytes([CONTENT[0] ^ 1]))
        assert (disk.at / upload).read_bytes() == CONTENT, "that is what is remembered"
        assert (await claimed(store, upload, segment)).sha256 != segment.digest.sha256


async def test_another_store_that_is_mounted_in_its_place(tmp_path: Path) -> None:
    needs_mounts()
    share, other = tmp_path / "share", tmp_path / "other"
    share.mkdir()
    other.mkdir()
    async with opened(other):
        pass
    async with opened(share) as store:
        upload, segment = await delivered(store, CONTENT)
        half = await store.announce(described(CONTENT))
        shutil.copytree(share / "station", other / "station")
        subprocess.run(["mount", "--bind", str(other), str(share)], check=True)
        try:
            for question in (
                claimed(store, upload, segment),
                send(store, half, 0, SIZE),
                store.finish(upload, segment),
            ):
                with pytest.raises(WrongStore, match="another store now"):
                    await question
        finally:
            subprocess.run(["umount", str(share)], check=True)
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256


async def test_a_copy_of_the_share_on_another_disk_is_looked_at_again(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    async with opened(share) as store:
        upload, segment = await delivered(store, CONTENT)
        shutil.copytree(share, tmp_path / "copy")
        with tmpfs(share, size=8 << 20):
            shutil.copytree(tmp_path / "copy", share, dirs_exist_ok=True)
            with pytest.raises(StoreDown, match="mounted anew"):
                await claimed(store, upload, segment)


async def test_another_filesystem_inside_the_share_is_not_entered(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    async with opened(share) as store:
        with tmpfs(share / "station", size=8 << 20) as inner:
            with pytest.raises(Refused, match="another filesystem is mounted at station"):
                await delivered(store, CONTENT)
            assert os.listdir(inner.at) == []
