"""Real worker processes: lent, given back, lost, hung, and never left behind for good."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.errors import CameraGone, SourceUnstable, Unreadable
from ingest.model import CameraId, Listed, PermittedSegment, WipePermit
from ingest.worker.pool import Worker, WorkerDied, WorkerPool

CAMERA = CameraId(profile="folder", serial="CAM")
CONTENT = b"footage" * 100
SEGMENT = "0123456789abcdef" * 2


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "CAM").mkdir()
    (tmp_path / "CAM" / "a.mp4").write_bytes(CONTENT)
    (tmp_path / "spool").mkdir()
    return os.fsencode(tmp_path / "CAM")


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(parallel=2, spool=tmp_path / "spool", silence=5.0)
    yield pool
    await pool.close()


async def only(worker: Worker) -> Listed:
    files, _skipped, _change_times = await worker.listing()
    (file,) = files
    return file


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline, f"worker {pid} lives on"
        await asyncio.sleep(0.01)


def leave_for(root: bytes, file: Listed, *, device: str, sha256: str, seconds: float = 60.0) -> WipePermit:
    named = PermittedSegment(segment=SEGMENT, path=file.path, size=file.size, sha256=sha256)
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 1e9)
    return WipePermit(id=1, camera="CAM", device=device, segments=(named,), deadline_ns=deadline, boot_id=boot)


async def test_a_copy_and_what_it_is(pool: WorkerPool, root: bytes, tmp_path: Path) -> None:
    async with pool.lent(root) as worker:
        file = await only(worker)
        digest, second_read = await worker.pull(
            file, segment=SEGMENT, camera=CAMERA, captured_at=1.0, spool=tmp_path / "spool"
        )
    assert (digest.size, digest.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert second_read in ("direct", "dontneed", "cached")
    assert (tmp_path / "spool" / SEGMENT).read_bytes() == CONTENT


async def test_one_worker_serves_many_cameras_in_turn(pool: WorkerPool, root: bytes) -> None:
    pids = set()
    for _ in range(3):
        async with pool.lent(root) as worker:
            pids.add(worker.pid)
    assert len(pids) == 1


async def test_never_more_than_agreed(pool: WorkerPool, root: bytes) -> None:
    running = most = 0
    both = asyncio.Event()

    async def one() -> None:
        nonlocal running, most
        async with pool.lent(root):
            running += 1
            most = max(most, running)
            if running == 2:
                both.set()
            await both.wait()
            running -= 1

    await asyncio.gather(*(one() for _ in range(6)))
    assert most == 2


async def test_errors_come_through_as_what_they_are(pool: WorkerPool, root: bytes, tmp_path: Path) -> None:
    async with pool.lent(root) as worker:
        file = await only(worker)
        (tmp_path / "CAM" / "a.mp4").write_bytes(b"other")
        with pytest.raises(SourceUnstable, match="a.mp4"):
            await worker.compare(file)
        assert (await worker.listing())[0][0].size == 5, "and it goes on"
    with pytest.raises(CameraGone, match="none is not there"):
        async with pool.lent(os.fsencode(tmp_path / "none")):
            raise AssertionError
    with pytest.raises(Unreadable):
        async with pool.lent(os.fsencode(tmp_path / "CAM" / "a.mp4")):
            raise AssertionError


async def test_a_worker_that_dies_is_replaced_and_swept(pool: WorkerPool, root: bytes, tmp_path: Path) -> None:
    async with pool.lent(root) as worker:
        pid = worker.pid
        left = tmp_path / "spool" / f"{SEGMENT}.{pid}.ab.part"
        others = tmp_path / "spool" / f"{SEGMENT}.{pid}0.ab.part"
        left.touch()
        others.touch()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="ended"):
            await worker.listing()
    async with pool.lent(root) as worker:
        assert worker.pid != pid
        await only(worker)
    await pool.close()
    assert (left.exists(), others.exists()) == (False, True)


async def test_a_worker_that_hangs_is_left_behind(root: bytes, tmp_path: Path) -> None:
    pool = WorkerPool(parallel=1, spool=tmp_path / "spool", silence=3.0)
    async with pool.lent(root) as worker:
        pid = worker.pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(WorkerDied, match="left behind"):
            await worker.listing()
    async with pool.lent(root) as worker:
        assert worker.pid != pid
    await pool.close()
    await until_gone(pid)


async def test_a_loan_that_is_cut_short_does_not_come_back(pool: WorkerPool, root: bytes) -> None:
    """An answer that is still on its way must never be taken for the answer to the next question."""
    async with pool.lent(root) as first:
        pid = first.pid

    async def cut() -> None:
        async with pool.lent(root) as worker:
            assert worker.pid == pid
            os.kill(pid, signal.SIGSTOP)
            await worker.listing()

    task = asyncio.create_task(cut())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.lent(root) as worker:
        assert worker.pid != pid
        await only(worker)
    await until_gone(pid)


@pytest.mark.parametrize("program", [("true",), ("echo", "hello, this is no frame"), ("false",)], ids=lambda p: p[0])
async def test_what_does_not_start_as_a_worker_is_one_that_died(program: tuple[str, ...]) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe)
    with pytest.raises(WorkerDied, match="did not start"):
        await Worker(process, silence=10.0).ready()
    await process.wait()


async def test_nothing_outlives_the_pool(root: bytes, tmp_path: Path) -> None:
    pool = WorkerPool(parallel=2, spool=tmp_path / "spool")
    async with pool.lent(root) as one, pool.lent(root) as two:
        pids = {one.pid, two.pid}
    await pool.close()
    for pid in pids:
        await until_gone(pid)


async def test_a_worker_holds_no_secrets(pool: WorkerPool, root: bytes) -> None:
    os.environ["DOCKD_TEST_SECRET"] = "swordfish"
    try:
        async with pool.lent(root) as worker:
            environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
            links = {os.readlink(link) for link in Path(f"/proc/{worker.pid}/fd").iterdir()}
    finally:
        del os.environ["DOCKD_TEST_SECRET"]
    assert b"swordfish" not in environment
    assert not [link for link in links if link.startswith("socket:") or link.endswith((".db", "lock"))]


# -- the last look before a file is deleted ---------------------------------------------------------------------------


async def wipe(worker: Worker, leave: WipePermit) -> tuple[set[str], dict[str, str]]:
    gone, kept = await worker.wipe(leave)
    return set(gone), {segment: error.message for segment, error in kept.items()}


async def test_what_is_permitted_and_held_is_deleted(pool: WorkerPool, root: bytes) -> None:
    async with pool.lent(root) as worker:
        file = await only(worker)
        sha256 = await worker.prove(file, segment=SEGMENT)
        gone, kept = await wipe(worker, leave_for(root, file, device=worker.device, sha256=sha256))
    assert (gone, kept, os.listdir(root)) == ({SEGMENT}, {}, [])


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("never read again", "it was not read again"),
        ("other bytes", "not the ones that were confirmed"),
        ("another device", "for another device"),
        ("late", "the permit ran out"),
        ("another boot", "the permit ran out"),
        ("dropped", "it was not read again"),
        ("replaced", "changed after it was listed"),
        ("gone", "no longer there"),
    ],
)
async def test_what_does_not_fit_is_kept(case: str, why: str, pool: WorkerPool, root: bytes, tmp_path: Path) -> None:
    path = tmp_path / "CAM" / "a.mp4"
    async with pool.lent(root) as worker:
        file = await only(worker)
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        if case != "never read again":
            assert await worker.prove(file, segment=SEGMENT) == sha256
        if case == "dropped":
            await worker.drop()
        if case == "replaced":
            path.rename(tmp_path / "was")
            path.write_bytes(CONTENT[::-1])
            os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
        if case == "gone":
            path.rename(tmp_path / "was")
        leave = leave_for(
            root, file, device="9:9" if case == "another device" else worker.device,
            sha256="0" * 64 if case == "other bytes" else sha256, seconds=-1.0 if case == "late" else 60.0,
        )  # fmt: skip
        if case == "another boot":
            leave = WipePermit(**{**leave.__dict__, "boot_id": "other"})
        gone, kept = await wipe(worker, leave)
    assert gone == set()
    assert why in kept[SEGMENT]
    assert path.exists() == (case != "gone")


async def test_a_permit_is_used_once(pool: WorkerPool, root: bytes, tmp_path: Path) -> None:
    async with pool.lent(root) as worker:
        file = await only(worker)
        leave = leave_for(root, file, device=worker.device, sha256=await worker.prove(file, segment=SEGMENT))
        await worker.wipe(leave)
        (tmp_path / "CAM" / "a.mp4").write_bytes(CONTENT)
        gone, _kept = await wipe(worker, leave)
    assert (gone, os.listdir(root)) == (set(), [b"a.mp4"])


# -- a camera that hangs in the kernel --------------------------------------------------------------------------------


class HeldByTheKernel(WorkerPool):
    """As for a process in uninterruptible sleep: killed, and still there until the device answers."""

    def __init__(self, *, parallel: int, spool: Path, silence: float) -> None:
        super().__init__(parallel=parallel, spool=spool, silence=silence)
        self.device_answers = asyncio.Event()
        self.held = 0

    async def until_gone(self, worker: Worker) -> None:
        self.held += 1
        await self.device_answers.wait()
        await super().until_gone(worker)
        self.held -= 1


async def test_no_other_worker_for_a_camera_while_one_hangs_on_it(root: bytes, tmp_path: Path) -> None:
    pool = HeldByTheKernel(parallel=1, spool=tmp_path / "spool", silence=3.0)
    async with pool.lent(root) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="ended"):
            await worker.listing()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(WorkerDied, match="has not ended"):
            async with pool.lent(root):
                raise AssertionError
        assert time.monotonic() - began < 3, "said long before a new one would have been found to hang"
    assert pool.held == 1
    (tmp_path / "OTHER").mkdir()
    (tmp_path / "OTHER" / "b.mp4").write_bytes(CONTENT)
    asking = asyncio.create_task(once(pool, root))
    async with asyncio.timeout(15), pool.lent(os.fsencode(tmp_path / "OTHER")) as worker:
        await only(worker)  # the only slot is not held by a camera that waits for the kernel
    with pytest.raises(WorkerDied, match="has not ended"):
        await asking
    pool.device_answers.set()
    await once(pool, root)
    await pool.close()
    assert pool.held == 0


async def once(pool: WorkerPool, root: bytes) -> None:
    async with pool.lent(root) as worker:
        await only(worker)


NO_ROOM = """
import asyncio, os, resource, sys
from pathlib import Path
from ingest.worker.pool import WorkerDied, WorkerPool

async def main(root, spool):
    pool = WorkerPool(parallel=2, spool=Path(spool))
    async with pool.lent(root) as first:
        lowest = os.dup(0); os.close(lowest)
        before = len(os.listdir("/proc/self/fd"))
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        for room in range(6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + room, limit[1]))
            try:
                async with pool.lent(root):
                    print("lent", room)
            except WorkerDied as error:
                print(error.message)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            await first.listing()
    async with pool.lent(root) as again, pool.lent(root):
        await again.listing()
    await pool.close()
    print("goes on")

asyncio.run(main(os.fsencode(sys.argv[1]), sys.argv[2]))
"""


async def test_no_descriptors_left_is_one_worker_that_did_not_start(root: bytes, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-c", NO_ROOM, os.fsdecode(root), str(tmp_path / "spool"), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    lines = out.decode().splitlines()
    assert process.returncode == 0, err.decode()
    assert lines[0] == "no process to read this camera could be started: Too many open files"
    assert lines[-1] == "goes on"
