"""Conversations in worker processes: apart from the cameras that are read, bounded, killed when they hang; passwords only where they belong."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.camera.unlock import Conversation
from ingest.errors import CameraGone, Unreadable
from ingest.worker.pool import Worker, WorkerDied, WorkerPool
from ingest.worker.unlocking import converse_in_worker, read_password

SPEC = Conversation(become_disk="DISK")
NOWHERE = 99  # bus and number of a device that no machine has


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    (tmp_path / "spool").mkdir()
    pool = WorkerPool(parallel=1, spool=tmp_path / "spool", silence=10.0)
    yield pool
    await pool.close()


async def test_no_such_camera_and_no_slot_taken(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "CAM").mkdir()
    async with pool.lent(os.fsencode(tmp_path / "CAM")) as worker:
        with pytest.raises((CameraGone, Unreadable), match="usb:099,099|libusb|pyusb"):
            await converse_in_worker(pool, SPEC, bus=NOWHERE, device=NOWHERE)
        assert await worker.listing() == ([], [], await change_times(worker))


async def change_times(worker: Worker) -> bool:
    return (await worker.listing())[2]


async def test_an_mtp_camera_that_is_not_there(pool: WorkerPool) -> None:
    with pytest.raises((CameraGone, Unreadable), match="usb:099,099|libusb|pyusb"):
        async with pool.lent(b"mtp:usb:099,099"):
            raise AssertionError
    with pytest.raises(Unreadable, match="names no USB device"):
        async with pool.lent(b"mtp:ptpip:10.0.0.1"):
            raise AssertionError


class Hangs(WorkerPool):
    """As with a device that answers nothing and cannot be let go of."""

    async def _start(self, root: bytes) -> Worker:
        worker = await super()._start(root)
        self.pid = worker.pid
        os.kill(worker.pid, signal.SIGSTOP)
        return worker


async def test_a_conversation_that_hangs_is_killed(tmp_path: Path) -> None:
    pool = Hangs(parallel=1, spool=tmp_path)
    began = time.monotonic()
    with pytest.raises(WorkerDied, match="did not end its conversation"):
        await converse_in_worker(pool, SPEC, bus=NOWHERE, device=NOWHERE, timeout=0.3)
    assert time.monotonic() - began < 5
    await pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pool.pid, 0)


async def test_never_more_than_a_few_at_once(tmp_path: Path) -> None:
    pool = WorkerPool(parallel=1, spool=tmp_path)
    running = most = 0

    async def one(number: int) -> None:
        nonlocal running, most
        async with pool.apart(b"%d" % number):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(one(number) for number in range(9)))
    assert most <= 4
    await pool.close()


async def test_the_password_is_read_from_its_file_before_anything_is_said(pool: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        await converse_in_worker(pool, SPEC, bus=NOWHERE, device=NOWHERE, password_file=tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"x" * 300, b"a\0b"])
def test_a_file_without_a_password(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(Unreadable, match="holds no password") as caught:
        read_password(tmp_path / "password")
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("content", [b"sword fish", b"sword fish\n", b"sword fish\r\n"])
def test_a_file_with_a_password(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    assert read_password(tmp_path / "password") == "sword fish"


def test_a_worker_that_reads_folders_loads_nothing_for_usb() -> None:
    code = "import sys; import ingest.worker.child; print([m for m in sys.modules if m.split('.')[0] in ('usb', 'gphoto2', 'ctypes.util')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
