"""The watchdog's word stops when a part is stuck, and not when it has nothing to do, waits for a moment that it named, or takes its time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dockd.ops.notify import Notify
from dockd.ops.watching import Watch, starting, watched
from ingest.ledger import Ledger, Transaction
from ingest.steps import Steps

PATIENCE = 100.0


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def part(time: Time) -> tuple[Steps, Watch]:
    steps = Steps("delivery", patience=PATIENCE, now=time)
    return steps, Watch([steps], now=time)


def test_nothing_to_do_is_not_stuck() -> None:
    time = Time()
    _steps, watch = part(time)
    for _ in range(5):
        time.now += 1e6
        assert watch.stuck() == []


def test_a_step_may_take_its_time_and_no_longer() -> None:
    time = Time()
    steps, watch = part(time)
    with steps.one():
        assert watch.stuck() == []
        time.now += PATIENCE
        assert watch.stuck() == []
        time.now += 1
        assert watch.stuck() == ["delivery (101 s)"]
    assert watch.stuck() == []


def test_a_long_read_that_moves_is_not_stuck() -> None:
    time = Time()
    steps, watch = part(time)
    with steps.one():
        for _ in range(20):
            time.now += PATIENCE - 1
            steps.moved()
            assert watch.stuck() == []


def test_a_store_that_is_down_for_days_is_waited_for_until_the_moment_that_was_named() -> None:
    time = Time()
    steps, watch = part(time)
    steps.rests(3 * 86400)
    for _ in range(3):
        time.now += 86400
        assert watch.stuck() == []
    time.now += 1  # it should have gone on by now; how long it has not is counted from here
    assert watch.stuck() == []
    time.now += PATIENCE + 1
    assert watch.stuck() != []
    steps.rests(60)
    assert watch.stuck() == []


def test_one_that_gets_on_does_not_hide_another() -> None:
    time = Time()
    busy, hung = (Steps(name, patience=PATIENCE, now=time) for name in ("ledger", "delivery"))
    watch = Watch([busy, hung], now=time)
    with hung.one():
        for _ in range(4):
            time.now += PATIENCE / 2
            busy.moved()
            watch.stuck()
        assert watch.stuck() == ["delivery (150 s)"]


class HungLedger:
    """A ledger whose writer thread is held up inside a transaction, as by a disk that does not answer."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.hangs = threading.Event()

    def write(self, _tx: Transaction) -> None:
        self.hangs.set()
        self.go_on.wait(30)

    def read(self, _db: sqlite3.Connection) -> None:
        self.hangs.set()
        self.go_on.wait(30)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    yield opened
    await opened.close()


@pytest.mark.parametrize("what", ["commit", "read"])
async def test_a_ledger_that_hangs_is_stuck_and_one_that_is_idle_is_not(ledger: Ledger, what: str) -> None:
    time, hung = Time(), HungLedger()
    watch = Watch([ledger.committing, ledger.reading], now=time)
    time.now += 1e6
    assert watch.stuck() == []
    task = asyncio.create_task(ledger.commit(hung.write) if what == "commit" else ledger.read(hung.read))
    await asyncio.to_thread(hung.hangs.wait, 30)
    assert watch.stuck() == []
    time.now += ledger.committing.patience + 1
    assert len(watch.stuck()) == 1
    hung.go_on.set()
    await task
    assert watch.stuck() == []


@contextmanager
def systemd(tmp_path: Path) -> Iterator[tuple[socket.socket, Notify]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        yield heard, Notify(str(tmp_path / "notify"), watchdog=0.02)


async def test_systemd_hears_that_it_gets_on_until_it_is_stuck_and_then_what(tmp_path: Path) -> None:
    time = Time()
    steps, watch = part(time)
    loop = asyncio.get_running_loop()
    with systemd(tmp_path) as (heard, notify):
        heard.setblocking(False)
        task = asyncio.create_task(watched(watch, notify))
        for _ in range(3):
            assert await loop.sock_recv(heard, 4096) == b"WATCHDOG=1"
        with steps.one():
            watch.stuck()
            time.now += PATIENCE + 1
            while (word := await loop.sock_recv(heard, 4096)) == b"WATCHDOG=1":
                pass
            assert word == b"STATUS=Stuck: delivery (101 s)"
            for _ in range(5):
                await asyncio.sleep(0.01)  # rounds in which nothing may be said
            with pytest.raises(BlockingIOError):
                heard.recv(4096)
        assert await loop.sock_recv(heard, 4096) == b"WATCHDOG=1"
        task.cancel()


async def test_who_is_not_watched_says_nothing() -> None:
    await watched(Watch([]), Notify(None))


@pytest.mark.parametrize("gets_on", [True, False])
def test_a_start_asks_for_time_only_while_it_uses_processor_or_disk(tmp_path: Path, *, gets_on: bool) -> None:
    used = 0.0
    looked = threading.Semaphore(0)

    def use() -> float:
        nonlocal used
        used += 1.0 if gets_on else 0.001
        looked.release()
        return used

    with systemd(tmp_path) as (heard, notify):
        with starting(notify, every=0.001, used=use):
            for _ in range(4):
                assert looked.acquire(timeout=30)
        heard.setblocking(False)
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(heard.recv(4096))
        assert set(said) == ({b"EXTEND_TIMEOUT_USEC=90000000\nWATCHDOG=1"} if gets_on else set())


def test_a_start_speaks_as_often_as_its_watch_asks(tmp_path: Path) -> None:
    """The first word of a start winds systemd's watch up; one that is more impatient than a start's own rhythm would end each start after it."""
    looked = threading.Semaphore(0)

    def use() -> float:
        looked.release()
        return 0.0

    with systemd(tmp_path) as (_heard, notify):
        notify.watchdog = 0.04
        with starting(notify, every=3600.0, used=use):
            for _ in range(3):
                assert looked.acquire(timeout=20)
