"""Whole docks that deliver to a share: ended before every call of their porters, on a share that hangs, and on one that rots."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.store.test_exam_directory import Sitting
from tests.oracle import always
from tests.program import Dock, ended, filled
from tests.recovery.disks import SmallDisk, ext4, tmpfs
from tests.recovery.every_stop import Kind, made_in, needs_stopper, under_stopper
from tests.recovery.shares import ShareScene, ShareWitness, share_at
from tests.recovery.test_directory_faults import CONTENT, SIZE, frozen, hanging_in, opened
from tests.recovery.test_directory_stops import CALLS, run, stopped

KINDS = [Kind(role="porter", call=call, alone=alone) for alone in (False, True) for call in CALLS]
SHORT = (1, 4)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with ext4(tmp_path / "share", size=32 << 20) as disk:
        yield disk


@pytest.mark.soak
@pytest.mark.soak_short
class TestDirectoryInMemory(Sitting):
    """The exam once more, on a filesystem that takes O_DIRECT without meaning it."""

    __test__ = True

    @pytest.fixture
    def root(self, tmp_path: Path) -> Iterator[Path]:
        with tmpfs(tmp_path / "share", size=64 << 20) as disk:
            yield disk.at


@pytest.mark.soak
@pytest.mark.soak_short
@pytest.mark.timeout(300)
def test_one_process_is_ended_before_every_call(tmp_path: Path) -> None:
    needs_stopper()
    _code, made = run(tmp_path / "counted")
    for call in CALLS:
        for number in range(1, made["agent", call] + 1):
            stopped(tmp_path / f"{call}-{number}", call, number)


def scene(folder: Path, name: str) -> ShareScene:
    return ShareScene(folder=folder, store=share_at(folder / "share"), name=name)


def counted(folder: Path) -> Counter[tuple[str, str]]:
    """How many calls of each kind the porters of a run make that nobody stops."""
    needs_stopper()
    all_of_it = scene(folder, "counted")
    all_of_it.ends_well(all_of_it.ingest(*under_stopper(folder / "log")))
    return made_in(folder / "log")


def stop(folder: Path, kind: Kind, number: int) -> bool:
    """End the dock (or one porter) before that call, look, start it again, look. Returns whether the call was ever made."""
    one = scene(folder, f"{kind.id}-{number}")
    log = folder / "calls.log"
    first = one.ingest(*under_stopper(log, at=(kind, number)))
    always(one.witness.faults)
    reached = log.read_text().endswith("\nstopped\n")
    assert first.code in ((0, 1) if kind.alone or not reached else (-signal.SIGKILL,)), first.said
    one.ends_well(one.ingest())
    return reached


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS, ids=[kind.id for kind in KINDS])
def test_docks_are_ended_before_every_call_of_their_porters(kind: Kind, tmp_path: Path) -> None:
    made = counted(tmp_path / "counted")["porter", kind.call]
    assert made
    reached = [number for number in range(1, made + 1) if stop(tmp_path / str(number), kind, number)]
    print(f"\n{kind.id}: {len(reached)} stops of {made}")
    assert len(reached) >= 0.75 * made, "how many there are depends on which porter is lent to whom"


@pytest.mark.soak_short
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS[::3], ids=[kind.id for kind in KINDS[::3]])
def test_docks_are_ended_before_some_calls_of_their_porters(kind: Kind, tmp_path: Path) -> None:
    needs_stopper()
    for number in SHORT:
        assert stop(tmp_path / str(number), kind, number)


@pytest.mark.soak
@pytest.mark.soak_short
@pytest.mark.timeout(60)
async def test_dockd_ends_while_a_write_hangs(disk: SmallDisk, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": CONTENT})
    async with opened(disk.at):
        pass
    dock = Dock(state=tmp_path / "state", url=str(disk.at))
    with frozen(disk):
        running = dock.start(camera)
        async with asyncio.timeout(20):
            while not hanging_in(disk):  # noqa: ASYNC110 - nobody tells of that
                await asyncio.sleep(0.02)
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        run = ended(running, timeout=20)
        assert time.monotonic() - began < 10.0, run.said
    assert (camera / "a.mp4").read_bytes() == CONTENT
    run = dock.ingest(camera)
    assert run.code == 0, run.said
    witness = ShareWitness(spool=dock.spool, store=disk.at)
    assert [one.content for one in witness.stored()] == [(SIZE, hashlib.sha256(CONTENT).hexdigest())]


@pytest.mark.soak
@pytest.mark.soak_short
@pytest.mark.timeout(60)
def test_what_rots_on_the_share_is_found_before_a_camera_is_emptied(tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": CONTENT, "b.mp4": b"other"})
    share = tmp_path / "share"
    share.mkdir()
    dock = Dock(state=tmp_path / "state", url=str(share))
    witness = ShareWitness(spool=dock.spool, store=share)
    witness.remember(camera)
    run = dock.ingest(camera, options=())
    assert run.code == 0, run.said
    [rotten] = [path for path in share.glob("*/*/*/*/*/*_a.mp4_*") if path.suffix != ".json"]
    with rotten.open("r+b") as file:
        file.seek(SIZE // 2)
        file.write(bytes([CONTENT[SIZE // 2] ^ 1]))
    run = dock.ingest(camera, options=("--wipe",))
    always(witness.faults)
    assert run.code == 0, run.said
    assert (witness.emptied(), witness.delivered()) == ([], []), "it was brought anew first"
    assert rotten.stat().st_size == SIZE, "and what rotted lies there still"
    assert rotten.with_name(rotten.name + "-2").read_bytes() == CONTENT
