"""The directory adapter and its porters: who it is, who it is no more, and processes that hang, die or are cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.errors import ObjectGone, StoreDown, Unproven, WrongStore
from ingest.model import SegmentDescription
from ingest.store.description import describing
from ingest.store.directory import DirectoryStore
from ingest.store.directory.porters import MOST_LEFT, Porters
from ingest.store.line import Patience
from tests.contract.store.exam import claimed, delivered, described, slices_of

CONTENT = os.urandom(300_000)
SIZE = len(CONTENT)
SHORT = Patience(stall=0.8, answer=5.0, settle=5.0)


async def always() -> bool:
    return True


async def never() -> bool:
    return False


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    root.mkdir()
    return root


@pytest.fixture
async def store(root: Path) -> AsyncIterator[DirectoryStore]:
    store = DirectoryStore(root, founds=always, patience=SHORT)
    await store.identify()
    yield store
    await store.close()


async def send(store: DirectoryStore, upload: str, start: int, end: int) -> int:
    return await store.send(upload, offset=start, length=end - start, size=SIZE, slices=slices_of(CONTENT, until=end))


def parts(root: Path) -> list[str]:
    return [name for name in os.listdir(root / ".dockd/incoming") if name.endswith(".part")]


# -- who it is -------------------------------------------------------------------------------------------------------------


async def test_a_folder_without_a_marker_is_no_store_where_one_is_pinned(root: Path) -> None:
    store = DirectoryStore(root, founds=never, patience=SHORT)
    try:
        for asked in (store.identify(), store.announce(described(CONTENT))):
            with pytest.raises(WrongStore, match="no store's marker in .*: is the share mounted"):
                await asked
    finally:
        await store.close()
    assert os.listdir(root) == []


async def test_two_docks_that_find_it_at_once_know_one_store(root: Path) -> None:
    docks = [DirectoryStore(root, founds=always, patience=SHORT) for _ in range(3)]
    found = await asyncio.gather(*(dock.identify() for dock in docks))
    assert len({one.id for one in found}) == 1
    assert (found[0].method, found[0].durable, found[0].keys) == ("read-back", False, ())
    for dock in docks:
        await dock.close()


async def every_question(store: DirectoryStore, upload: str, segment: SegmentDescription) -> list[BaseException]:
    asked = (
        store.announce(described(CONTENT)), store.offset(upload, size=SIZE), send(store, upload, 0, SIZE), store.finish(upload, segment),
        store.explain(upload, segment, custody=b"{}"), claimed(store, upload, segment), store.part(upload, offset=0, length=1, size=SIZE),
        store.withdraw(upload),
    )  # fmt: skip
    found = [await asyncio.gather(question, return_exceptions=True) for question in asked]
    return [one for (one,) in found if isinstance(one, BaseException)]


async def test_a_share_that_went_away_or_is_another_one_gets_and_proves_nothing(
    store: DirectoryStore, root: Path
) -> None:
    upload, segment = await delivered(store, CONTENT)
    root.rename(root.with_name("the share"))
    root.mkdir()
    errors = await every_question(store, upload, segment)
    assert [type(one) for one in errors] == [WrongStore] * 8
    assert os.listdir(root) == []
    other = DirectoryStore(root, founds=always, patience=SHORT)
    await other.identify()
    await other.close()
    errors = await every_question(store, upload, segment)
    assert [type(one) for one in errors] == [WrongStore] * 8
    assert os.listdir(root) == [".dockd-store"]


async def test_what_was_begun_with_one_store_goes_to_no_other(store: DirectoryStore, root: Path) -> None:
    """Even where the adapter has been told of the other one meanwhile: whether that is the pinned one is for others to say."""
    upload = await store.announce(described(CONTENT))
    root.rename(root.with_name("the share"))
    root.mkdir()
    await store.identify()
    with pytest.raises(WrongStore, match="another store now"):
        await send(store, upload, 0, SIZE)


async def test_each_request_is_told_of(root: Path) -> None:
    told: list[str] = []
    store = DirectoryStore(
        root, founds=always, observe=lambda what, seconds: told.append(what) if seconds > 0 else None
    )
    await delivered(store, CONTENT)
    await store.close()
    assert told[:4] == ["WHO", "FOUND", "SWEEP", "BEGIN"]
    assert set(told[4:]) == {"LOOK", "TAKE", "FINISH"}


# -- what is there ---------------------------------------------------------------------------------------------------------


async def test_a_byte_that_flips_on_the_share_is_seen(store: DirectoryStore, root: Path) -> None:
    upload, segment = await delivered(store, CONTENT)
    first = await claimed(store, upload, segment)
    with (root / upload).open("r+b") as file:
        file.seek(SIZE // 2)
        file.write(bytes([CONTENT[SIZE // 2] ^ 1]))
    second = await claimed(store, upload, segment)
    assert first.sha256 == segment.digest.sha256 != second.sha256
    os.truncate(root / upload, SIZE - 1)
    with pytest.raises(Unproven, match=f"{SIZE - 1} bytes of it where {SIZE} were sent"):
        await claimed(store, upload, segment)


async def test_a_folder_explains_itself(store: DirectoryStore, root: Path) -> None:
    upload, segment = await delivered(store, CONTENT)
    for custody in (b'{"entries": []}', b'{"entries": [1]}' * 200_000):
        await store.explain(upload, segment, custody=custody)
        assert (root / f"{upload}.json").read_bytes() == describing(segment)
        assert (root / f"{upload}.custody.json").read_bytes() == custody
    await store.explain(upload, segment, custody=b"{}", since="1a2b3c4d")
    assert (root / f"{upload}.custody.json").read_bytes() == custody
    assert (root / f"{upload}.custody-1a2b3c4d.json").read_bytes() == b"{}"


async def test_an_address_of_another_kind_of_store_is_gone(store: DirectoryStore) -> None:
    for upload in ("../../../../etc/passwd", "http://store/files/1", "a/b/c/d/e/\udcff", "", "a/b/c/d/e/f"):
        with pytest.raises(ObjectGone):
            await store.offset(upload, size=SIZE)
        with pytest.raises(ObjectGone):
            await claimed(store, upload, described(CONTENT))


# -- processes -------------------------------------------------------------------------------------------------------------


def porters_of(pid: int) -> list[int]:
    """The porters that this process has started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                parent = Path(f"/proc/{entry}/stat").read_text().rpartition(") ")[2].split()[1]
            except OSError:
                continue
            if b"ingest.store.porter" in words and int(parent) == pid:
                found.append(int(entry))
    return found


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] != "Z"
    except OSError:
        return False


async def test_one_that_dies_is_replaced_and_what_was_synced_counts(store: DirectoryStore) -> None:
    segment = described(CONTENT)
    upload = await store.announce(segment)
    await send(store, upload, 0, 100_000)

    async def cut(offset: int) -> AsyncIterator[bytes]:
        yield CONTENT[offset : offset + 50_000]
        for pid in porters_of(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        yield CONTENT[offset + 50_000 :]

    with pytest.raises(StoreDown, match="ended"):
        await store.send(upload, offset=100_000, length=SIZE - 100_000, size=SIZE, slices=cut)
    assert await store.offset(upload, size=SIZE) == 100_000
    await send(store, upload, 100_000, SIZE)
    await store.finish(upload, segment)
    assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256


async def test_one_that_hangs_is_left_behind_and_nothing_waits(store: DirectoryStore) -> None:
    segment = described(CONTENT)
    upload = await store.announce(segment)
    [pid] = porters_of(os.getpid())
    os.kill(pid, signal.SIGSTOP)
    began, late = time.monotonic(), 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            slept = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - slept - 0.01)

    watching = asyncio.create_task(watch())
    with pytest.raises(StoreDown, match=r"the share does not answer \(is its server there\?\)"):
        await send(store, upload, 0, SIZE)
    watching.cancel()
    assert time.monotonic() - began < 4.0
    assert late < 1.0
    assert await store.offset(upload, size=SIZE) == 0
    await send(store, upload, 0, SIZE)
    assert porters_of(os.getpid()) != [pid]


async def test_waiting_for_our_own_disk_costs_the_share_no_patience(store: DirectoryStore) -> None:
    upload = await store.announce(described(CONTENT))

    async def slow(offset: int) -> AsyncIterator[bytes]:
        yield CONTENT[:1000]
        await asyncio.sleep(SHORT.stall + 0.3)
        yield CONTENT[1000:]

    assert await store.send(upload, offset=0, length=SIZE, size=SIZE, slices=slow) == SIZE


async def test_one_that_is_cut_off_is_not_used_again(store: DirectoryStore) -> None:
    upload = await store.announce(described(CONTENT))
    [pid] = porters_of(os.getpid())

    async def endless(offset: int) -> AsyncIterator[bytes]:
        yield CONTENT[:1000]
        await asyncio.Event().wait()

    sending = asyncio.create_task(store.send(upload, offset=0, length=SIZE, size=SIZE, slices=endless))
    await asyncio.sleep(0.2)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await send(store, upload, await store.offset(upload, size=SIZE), SIZE)
    assert pid not in porters_of(os.getpid())


async def test_no_more_are_left_behind_than_agreed() -> None:
    porters = Porters(patience=SHORT)
    hanging = []
    for number in range(MOST_LEFT):
        async with porters.lent() as porter:
            hanging.append(Hanging(number))
            porters._leave(hanging[-1])  # type: ignore[arg-type]  # one that the kernel does not end
            assert porter.reusable
    assert porters.left_behind == MOST_LEFT
    async with porters.lent() as porter:
        assert porter.reusable, "one that answers is used on"
        os.kill(porter.pid, signal.SIGKILL)
        with pytest.raises(StoreDown):
            await porter.ask({"op": "who", "folder": b"/tmp".hex()}, within=5.0)
    with pytest.raises(StoreDown, match=r"3 processes hang in it|4 processes hang in it"):
        async with porters.lent():
            raise AssertionError
    for one in hanging:
        one.over.set()
    await asyncio.sleep(0)
    async with porters.lent() as porter:
        assert porter.reusable
    await porters.close()


class Hanging:
    """A porter that SIGKILL does not end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.over = asyncio.Event()

    def leave(self) -> None:
        pass

    async def gone(self) -> None:
        await self.over.wait()


async def test_a_clean_end_waits_for_nobody_long() -> None:
    porters = Porters(patience=SHORT)
    porters._leave(Hanging(1))  # type: ignore[arg-type]
    began = time.monotonic()
    await porters.close(patience=0.2)
    assert time.monotonic() - began < 1.0


async def test_a_porter_ends_with_its_agent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib, os\n"
        "from ingest.store.directory import DirectoryStore\n"
        "async def main():\n"
        "    async def always(): return True\n"
        f"    store = DirectoryStore(pathlib.Path({str(tmp_path)!r}), founds=always)\n"
        "    await store.identify()\n"
        "    print('there', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert agent.stdout is not None
    assert await agent.stdout.readline() == b"there\n"
    [pid] = porters_of(agent.pid)
    agent.kill()
    await agent.wait()
    async with asyncio.timeout(15):
        while running(pid):  # noqa: ASYNC110 - the kernel tells nobody but its parent, which is gone
            await asyncio.sleep(0.01)
    assert (tmp_path / ".dockd-store").exists()
