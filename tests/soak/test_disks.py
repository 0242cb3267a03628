"""Disks that are full, read-only, failing and slow, at every stage: told in plain words, nothing lost, nothing wiped that should not be, and on it goes."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import Events, Running, running
from tests.oracle import Witness, always
from tests.program import Dock, StoreProcess, filled, store_at
from tests.recovery.disks import ext4, failing, tmpfs
from tests.recovery.stops import Chain, needs_strace

pytestmark = pytest.mark.timeout(0)
CHANCE = random.Random(4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with store_at(tmp_path_factory.mktemp("central") / "store") as running_store:
        yield running_store


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    needs_strace()
    chain = Chain(folder=tmp_path / "chain", seed=5)
    chain.options = ("--wipe", "--wait", "500 ms")
    try:
        yield chain
    finally:
        chain.store.kill()


def shift(count: int, size: int = 50_000) -> dict[str, bytes]:
    return {f"DCIM/{n}.mp4": CHANCE.randbytes(size) for n in range(count)}


def problems(agent: Running) -> dict[str, str]:
    return {one["problem"]: one["text"] for one in agent.api("/problems")["problems"]}


# -- real filesystems, `dockd run` without a restart ---------------------------------------------------------------------


@pytest.mark.soak_short
def test_a_ledger_on_a_full_disk_goes_on_when_there_is_room(store: StoreProcess, tmp_path: Path) -> None:
    """Full before a docking, full in the middle of a camera's footage, and full while it is emptied."""
    with ext4(tmp_path / "state", size=24 << 20) as disk, tmpfs(disk.at / "spool", size=64 << 20) as spool:
        with running(tmp_path, store.url) as agent:
            witness = Witness(spool=spool.at, store=store.root)
            for number, when in enumerate(("before", "copying", "unconfirmed", "wiping")):
                name = f"CAM{number}"
                if when == "before":
                    disk.fill()
                witness.remember(agent.dock(name, shift(40)))
                if when != "before":
                    agent.until_state(name, when, "ready", timeout=60)
                    disk.fill()
                time.sleep(2)
                always(witness.faults)
                if when == "before":
                    bay = agent.until_state(name, "unknown")
                    assert "is full: make room; dockd goes on by itself" in bay["why"]
                    assert "ledger_unusable" in problems(agent)
                disk.make_room()
                agent.until_state(name, "ready", timeout=60)
                agent.until(lambda: "ledger_unusable" not in problems(agent), "the problem is over")
                always(witness.faults)
            said = agent.stop()
            assert said.code == 0
            assert "Traceback" not in said.err
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
        assert Dock(state=tmp_path / "state", url=store.url).custody_faults() == ""


@pytest.mark.soak_short
@pytest.mark.parametrize("leave", [0, 4096, 70_000, 250_000, 1_000_000])
def test_a_spool_on_a_full_disk_goes_on_when_there_is_room(store: StoreProcess, tmp_path: Path, leave: int) -> None:
    """Full before a copy, in the middle of one, at its description: whatever is left is used up at another moment."""
    with ext4(tmp_path / "state" / "spool", size=24 << 20) as disk:
        dock = Dock(state=tmp_path / "state", url=store.url)
        camera = filled(tmp_path / "CAM", shift(4, size=120_000))
        witness = Witness(spool=dock.spool, store=store.root)
        witness.remember(camera)
        disk.fill(leave=leave)
        run = dock.ingest(camera, options=("--wipe", "--wait", "500 ms", "--limit", "8 Mbit/s"))
        assert run.code in (0, 3), run.said
        full = "dock room is full" in run.err or "is full; it goes on by itself" in run.err
        assert full == (leave < 4 * 120_000), run.said
        assert "Traceback" not in run.err
        always(witness.faults)
        disk.make_room()
        run = dock.ingest(camera)
        assert run.code == 0, run.said
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
        assert os.listdir(dock.spool) == []


@pytest.mark.soak_short
def test_a_spool_that_is_remounted_read_only_and_back(store: StoreProcess, tmp_path: Path) -> None:
    """Nothing can be copied meanwhile, and nothing given up; what is there is delivered. Nothing needs a restart."""
    with ext4(tmp_path / "state" / "spool", size=48 << 20) as disk, running(tmp_path, store.url) as agent:
        witness = Witness(spool=disk.at, store=store.root)
        disk.read_only(True)
        witness.remember(agent.dock("CAM0", shift(3)))
        agent.until(lambda: "spool_failed" in problems(agent), "it is told")
        bay = agent.until_state("CAM0", "queued")
        assert "nothing is wrong with the camera" in bay["why"]
        assert "camera.failed" not in [line["event.action"] for line in agent.log()]
        assert agent.ask("/readyz").status == 503
        disk.read_only(False)
        agent.until_state("CAM0", "ready")
        assert problems(agent) == {}
        store.stop()
        witness.remember(agent.dock("CAM1", shift(3)))
        agent.until_state("CAM1", "unconfirmed")
        disk.read_only(True)
        store.start()
        agent.until_state("CAM1", "ready", timeout=90)
        always(witness.faults)
        disk.read_only(False)
        agent.until(lambda: os.listdir(disk.at) == [], "what was released is removed when its disk lets it")
        assert agent.stop().code == 0
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


@pytest.mark.parametrize(
    "error",
    [
        pytest.param("ENOSPC", marks=pytest.mark.soak_short),
        pytest.param("EROFS", marks=pytest.mark.soak_short),
        pytest.param("EIO", marks=pytest.mark.soak),
    ],
)
def test_a_ledger_that_cannot_be_written_for_a_while(store: StoreProcess, tmp_path: Path, error: str) -> None:
    """A running agent's ledger fails at every write, while a camera is docked and while one is being served; then it works again."""
    with running(tmp_path, store.url) as agent:
        witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
        witness.remember(agent.dock("CAM0", shift(30)))
        agent.until_state("CAM0", "copying", "unconfirmed", "wiping", "ready")
        assert agent.process is not None
        with failing(agent.process.pid, f"pwrite64:error={error}", f"fdatasync:error={error}"):
            witness.remember(agent.dock("CAM1", shift(5)))
            agent.until_state("CAM1", "unknown")
            assert "ledger_unusable" in problems(agent)
            time.sleep(2)
            always(witness.faults)
        for camera in ("CAM0", "CAM1"):
            agent.until_state(camera, "ready", timeout=60)
        agent.until(lambda: problems(agent) == {}, "the problem is over")
        said = agent.stop()
        assert said.code == 0
        assert [line for line in said.err.splitlines() if "Traceback" in line] == []
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert Dock(state=tmp_path / "state", url=store.url).custody_faults() == ""


@pytest.mark.soak_short
def test_the_very_first_start_on_a_disk_with_less_and_less_room(store: StoreProcess, tmp_path: Path) -> None:
    """Key, ledger and spool: each is made whole or not at all, wherever the room ends."""
    for step, leave in enumerate((0, 4096, 12288, 32768, 100_000, 200_000)):
        with ext4(tmp_path / f"{step}" / "state", size=8 << 20) as disk:
            dock = Dock(state=disk.at, url=store.url)
            camera = filled(tmp_path / f"{step}" / "CAM", shift(2, size=1000))
            witness = Witness(spool=dock.spool, store=store.root)
            witness.remember(camera)
            disk.fill(leave=leave)
            run = dock.ingest(camera, options=("--wipe", "--wait", "500 ms"))
            assert run.code in (0, 3), run.said
            assert run.code == 0 or "full" in run.err or "No space left" in run.err, run.said
            assert "Traceback" not in run.err, run.said
            always(witness.faults)
            disk.make_room()
            run = dock.ingest(camera)
            assert run.code == 0, run.said
            assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
            assert dock.custody_faults() == ""


@pytest.mark.soak_short
def test_a_log_on_a_full_disk_keeps_nobody_from_work(store: StoreProcess, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "logs", size=1 << 20) as disk:
        with running(tmp_path, store.url, more=f'[log]\nfile = "{disk.at}/dockd.log"\n') as agent:
            witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
            disk.fill()
            witness.remember(agent.dock("CAM0", shift(3)))
            agent.until_state("CAM0", "ready")
            assert "the log cannot be written (No space left on device); dockd goes on" in agent.said
            disk.make_room()
            witness.remember(agent.dock("CAM1", shift(3)))
            agent.until_state("CAM1", "ready")
            assert agent.stop().code == 0
        assert "agent.stopped" in (disk.at / "dockd.log").read_text()
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


@pytest.mark.soak_short
@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_store_whose_disk_takes_nothing(tmp_path: Path, trouble: str) -> None:
    settings = tmp_path / "store.toml"
    settings.write_text('[store]\nkeep_free = "0 B"\n')
    with (
        ext4(tmp_path / "far", size=32 << 20) as disk,
        store_at(disk.at / "store", "--config", str(settings)) as store,
    ):
        dock = Dock(state=tmp_path / "state", url=store.url)
        camera = filled(tmp_path / "CAM", shift(3, size=900_000))
        witness = Witness(spool=dock.spool, store=store.root)
        assert dock.ingest(filled(tmp_path / "EARLIER", shift(1))).code == 0
        witness.remember(camera)
        store.stop()
        if trouble == "full":
            disk.fill(leave=1 << 20)
        store.start()
        with store_cannot_write(store) if trouble == "read-only" else contextlib.nullcontext():
            run = dock.ingest(camera, options=("--wipe", "--wait", "1 s"))
            assert run.code == 3, run.said
            assert "Traceback" not in run.err, run.said
            assert len(witness.emptied()) == 3
            always(witness.faults)
        disk.make_room()
        run = dock.ingest(camera)
        assert run.code == 0, run.said
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def store_cannot_write(store: StoreProcess) -> contextlib.AbstractContextManager[None]:
    """As on a disk that was remounted read-only under it; the kernel does not remount one that files are open on."""
    assert store._process is not None
    calls = ("pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "unlink")
    return failing(store._process.pid, *(f"{call}:error=EROFS" for call in calls))


# -- a slow disk -----------------------------------------------------------------------------------------------------------


@pytest.mark.soak_short
def test_a_slow_disk_times_nobody_out(store: StoreProcess, tmp_path: Path) -> None:
    """Each sync takes half a second and each read of a spool or camera 50 ms: nothing is blamed, the page lives, the end is in time."""
    beats: list[float] = []
    with running(tmp_path, store.url) as agent:
        witness = Witness(spool=tmp_path / "state" / "spool", store=store.root)
        assert agent.process is not None
        slow = ("fdatasync:delay_exit=500000", "fsync:delay_exit=500000", "preadv,preadv2:delay_exit=50000")
        with failing(agent.process.pid, *slow):
            events = Events(agent.url)
            listening = threading.Thread(target=_count_beats, args=(events, beats), daemon=True)
            listening.start()
            witness.remember(agent.dock("CAM0", shift(4, size=3_000_000)))
            agent.until_state("CAM0", "ready", timeout=180)
            late = lag_over(agent, 0.25)
            witness.remember(agent.dock("CAM1", shift(4, size=3_000_000)))
            agent.until_state("CAM1", "copying", "unconfirmed", timeout=60)
            always(witness.faults)
            assert agent.stop(within=10).code == 0
        listening.join(timeout=10)
        events.close()
        levels = {line["log.level"] for line in agent.log()}
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 10.0
    assert late <= 3, "a loop that waited for the disk itself would be late at each of its syncs"
    assert levels <= {"debug", "info"}, "nobody was blamed for being slow"
    assert witness.faults() == []


def _count_beats(events: Events, beats: list[float]) -> None:
    try:
        while True:
            events.next()
            beats.append(time.monotonic())
    except (EOFError, OSError, ValueError):
        return


def lag_over(agent: Running, seconds: float) -> int:
    """How often the event loop was later than that."""
    counts = {}
    for line in agent.ask("/metrics").body.decode().splitlines():
        if line.startswith("dockd_event_loop_lag_seconds_bucket"):
            counts[line.split('le="')[1].split('"')[0]] = int(float(line.split()[-1]))
    return counts["+Inf"] - counts[str(seconds)]


# -- every write -----------------------------------------------------------------------------------------------------------


@pytest.mark.soak_short
@pytest.mark.parametrize(
    ("call", "number", "error"),
    [
        ("fallocate", 2, "EIO"), ("pwritev,pwritev2", 3, "ENOSPC"), ("pwritev,pwritev2", 1, "EROFS"), ("rename", 5, "EIO"), ("fsync", 6, "EIO"),
        ("pwrite64", 30, "EIO"), ("pwrite64", 90, "EROFS"), ("pwrite64", 150, "ENOSPC"), ("fdatasync", 12, "ENOSPC"),
    ],
)  # fmt: skip
def test_a_disk_that_fails_from_some_call_on(call: str, number: int, error: str, chain: Chain) -> None:
    chain.goes_on()
    run = chain.disk_fails(call, number, error)
    assert run.code in (0, 1, 3), run.said
    assert "Traceback" not in run.err, run.said
    assert "the camera cannot" not in run.err, run.said
    chain.close()


@pytest.mark.soak
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "pwritev,pwritev2", "fallocate", "rename", "fsync"])
def test_a_disk_that_fails_from_every_call_on(call: str, error: str, chain: Chain) -> None:
    """From the first, the second, … call of each kind on, until a run does not get that far any more."""
    chain.goes_on()
    missed = 0
    for number in itertools.count(1):
        run = chain.disk_fails(call, number, error)
        assert "Traceback" not in run.err, (number, run.said)
        assert "the camera cannot" not in run.err, (number, run.said)
        missed = missed + 1 if run.code == 0 else 0
        if missed == 3:
            print(f"{call} {error}: {number - 3} stages")
            assert number > 3, f"{call} is never called"
            break
    chain.close()
