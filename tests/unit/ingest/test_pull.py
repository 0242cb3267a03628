"""What a camera whose footage does not fit costs the others: the room that is kept for it, and the event loop's time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from ingest.activity import Activity
from ingest.errors import SpoolFull, Unreadable
from ingest.events import Event, SpoolGoesOn
from ingest.intake import Intake, IntakeSettings
from ingest.ledger import Ledger, Transaction, cameras, segments
from ingest.ledger.segments import Segment
from ingest.model import CameraId, Listed, Vitals, folder_camera
from ingest.pull import Pulling
from ingest.room import Claim
from ingest.spool import Spool, with_its_description
from ingest.visit import Visit
from ingest.worker.pool import Worker, WorkerPool

MB = 1 << 20
CAMERA = folder_camera(b"A")
NOBODY = cast(Worker, None)  # what does not fit is not read


class Disk(Spool):
    """A spool on a disk of 100 MB, of which `left` are left. It counts how often it is asked."""

    left = 0
    asked = 0
    there = True

    def in_place(self) -> bool:
        return self.there

    def free(self) -> int:
        self.asked += 1
        return self.left - self._promised

    def size(self) -> int:
        return 100 * MB


@dataclass
class Reader:
    """Lists files of `sizes`, until the card fails."""

    sizes: Sequence[int]
    fails: bool = False
    device: str = "d"
    room: int | None = None

    async def vitals(self) -> Vitals:
        return Vitals()

    async def listing(self) -> tuple[list[Listed], list[object], list[int]]:
        if self.fails:
            raise Unreadable("the card gives errors")
        return [_file(number, size) for number, size in enumerate(self.sizes)], [], [0] * len(self.sizes)


@dataclass
class Pool:
    worker: Reader

    @contextlib.asynccontextmanager
    async def lent(self, _root: bytes) -> AsyncIterator[Reader]:
        yield self.worker


def _file(number: int, size: int) -> Listed:
    return Listed(path=b"%d" % number, size=size, mtime_ns=(10**9 + number) * 10**9, ctime_ns=0, dev=1, ino=number)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    yield opened
    await opened.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    disk = Disk(tmp_path / "spool", keep_free=0)
    disk.prepare()
    return disk


async def listed(ledger: Ledger, sizes: Sequence[int], *, camera: CameraId = CAMERA) -> list[Segment]:
    docking = await ledger.commit(lambda tx: cameras.docked(tx, camera, bay=1, source="test"))

    def list_all(tx: Transaction) -> None:
        for number, size in enumerate(sizes):
            segments.listed(tx, camera=camera.id, docking=docking, file=_file(number, size))

    await ledger.commit(list_all)
    return await ledger.read(lambda db: cameras.in_docking(db.execute, docking))


def waiting_of(camera: str, size: int) -> Claim:
    return Claim(segment=f"of-{camera}", camera=camera, size=size, captured_at=2e9)


async def test_as_large_as_one_that_did_not_fit_is_not_tried_again(ledger: Ledger, disk: Disk) -> None:
    pulling = Pulling(ledger=ledger, spool=disk, activity=Activity())
    files = await listed(ledger, [MB] * 40)
    asked = disk.asked
    pulled = await pulling.all(files, worker=NOBODY, camera=CAMERA)
    assert isinstance(pulled.waiting, SpoolFull)
    assert len(pulling.room.line) == 8
    assert disk.asked - asked < 10, "each of a card's thousands would be tried, at each pass of each camera"


async def test_others_have_their_turn_between_files_that_do_not_fit(ledger: Ledger, disk: Disk) -> None:
    pulling = Pulling(ledger=ledger, spool=disk, activity=Activity())
    files = await listed(ledger, [MB - number for number in range(30)])  # each smaller than the one before
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await pulling.all(files, worker=NOBODY, camera=CAMERA)
    beside.cancel()
    assert turns >= 30


async def test_the_line_goes_by_the_stations_clock(ledger: Ledger, disk: Disk) -> None:
    pulling = Pulling(ledger=ledger, spool=disk, activity=Activity())
    ahead, right = folder_camera(b"ahead"), folder_camera(b"right")
    year = 365 * 86400.0
    for camera, offset, age in ((right, 0.0, 3600.0), (ahead, 20 * year, 86400.0)):
        files = [
            replace(one, captured_at=one.listed_at - age + offset, clock_offset=offset)
            for one in await listed(ledger, [MB], camera=camera)
        ]
        await pulling.all(files, worker=NOBODY, camera=camera)
    assert [one.camera for one in pulling.room.line] == [ahead.id, right.id]


async def test_nothing_is_kept_where_the_spool_fails(ledger: Ledger, disk: Disk) -> None:
    pulling = Pulling(ledger=ledger, spool=disk, activity=Activity())
    files = await listed(ledger, [MB])
    await pulling.all(files, worker=NOBODY, camera=CAMERA)
    assert pulling.room.line
    disk.there = False
    await pulling.all(files, worker=NOBODY, camera=CAMERA)
    assert pulling.room.line == []


async def test_nothing_is_kept_for_a_camera_that_fails(ledger: Ledger, disk: Disk) -> None:
    pool = Pool(Reader(sizes=[60 * MB]))
    intake = Intake(
        ledger=ledger, spool=disk, pool=cast(WorkerPool, pool), activity=(activity := Activity()), attest=_nobody,
        settings=IntakeSettings(rest=0.02),
    )  # fmt: skip
    visit = Visit(camera=CAMERA, root=b"/nowhere", bay=1)
    session = asyncio.create_task(intake.session(visit, once=False))
    room = intake._pulling.room
    await _until(lambda: bool(room.line))
    pool.worker.fails = True
    visit.changed.set()
    await _until(lambda: activity.cameras[CAMERA.id].phase == "failed")
    disk.left = 60 * MB
    room.grew()
    with room.taken(waiting_of("B", 10 * MB)):
        assert not visit.waits_for_room, "it is not woken when there is room, so it looks as any other does"
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)


@pytest.mark.parametrize("taken", [False, True])
async def test_dockd_that_ends_makes_no_room(taken: bool, ledger: Ledger, disk: Disk) -> None:
    said: list[type[Event]] = []
    ledger.subscribe(lambda event, _seq: said.append(type(event)))
    intake = Intake(
        ledger=ledger, spool=disk, pool=cast(WorkerPool, Pool(Reader(sizes=[60 * MB]))), activity=(activity := Activity()), attest=_nobody,
        settings=IntakeSettings(rest=0.02),
    )  # fmt: skip
    visit = Visit(camera=CAMERA, root=b"/nowhere", bay=1)
    session = asyncio.create_task(intake.session(visit, once=False))
    await _until(lambda: activity.spool_full)
    visit.taken = taken
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)
    assert (SpoolGoesOn in said) == taken
    assert intake._pulling.room.line == []


async def test_who_is_refused_for_others_is_told_so(disk: Disk, ledger: Ledger) -> None:
    room = Pulling(ledger=ledger, spool=disk, activity=Activity()).room
    disk.left = 50 * MB
    room.wait("A", [Claim(segment="first", camera="A", size=60 * MB, captured_at=1.0)])
    room.grew()
    with pytest.raises(SpoolFull, match="are kept for evidential or older footage"), room.taken(waiting_of("B", MB)):
        raise AssertionError
    disk.left = with_its_description(0)
    with pytest.raises(SpoolFull, match="left above spool.keep_free; it goes on"), room.taken(waiting_of("B", MB)):
        raise AssertionError


async def _nobody(_wanted: Sequence[Segment]) -> list[str]:
    return []


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what it waits for is told to nobody
            await asyncio.sleep(0.01)
