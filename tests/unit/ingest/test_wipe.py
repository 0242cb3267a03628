"""How a wipe is cut into batches: bounded in count, bytes and path bytes, in order, nothing left out; and by how fast a store proves."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.activity import Activity
from ingest.clock import Clock
from ingest.emptying import Emptying
from ingest.errors import StoreDown
from ingest.leave import Leave
from ingest.ledger import segments
from ingest.ledger.segments import Segment
from ingest.model import Digest, Listed
from ingest.pace import FIRST, Pace
from ingest.pull import Pulling
from ingest.visit import Visit
from ingest.wipe import BATCH, BATCH_BYTES, BATCH_PATHS, Wiping, batches
from ingest.worker.pool import Worker, WorkerPool
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at


def segment(size: int, path: int) -> Segment:
    fields: dict[str, Any] = dict.fromkeys(Segment.__dataclass_fields__)
    return Segment(**fields | {"size": size, "path": b"p" * path})


sizes = st.sampled_from([0, 1, 1000, BATCH_BYTES // 3, BATCH_BYTES - 1, BATCH_BYTES, 2 * BATCH_BYTES])
paths = st.sampled_from([1, 100, 16_000])


@given(st.lists(st.builds(segment, sizes, paths), max_size=60))
def test_batches(wanted: list[Segment]) -> None:
    found = batches(wanted)
    assert [one for batch in found for one in batch] == wanted
    for batch in found:
        assert 1 <= len(batch) <= BATCH
        assert len(batch) == 1 or sum(one.size for one in batch) <= BATCH_BYTES
        assert len(batch) == 1 or sum(len(one.path) for one in batch) <= BATCH_PATHS


def test_many_small_ones() -> None:
    assert [len(batch) for batch in batches([segment(1, 1)] * (2 * BATCH + 1))] == [BATCH, BATCH, 1]


def test_none() -> None:
    assert batches([]) == []


async def confirmed(dock: Dock, worker: Worker) -> list[Segment]:
    """What lies on the camera, as if it had been pulled and confirmed; the smallest first."""
    files, _skipped, _change_times = await worker.listing()
    return sorted([await _confirmed(dock, file) for file in files], key=lambda one: one.size)


async def _confirmed(dock: Dock, file: Listed) -> Segment:
    digest = Digest(size=file.size, sha256=hashlib.sha256(b"x" * file.size).hexdigest(), xxh3_128="0" * 32)
    one = str(await dock.write(lambda tx: segments.listed(tx, camera=CAMERA.id, docking=dock.docking, file=file)))
    await dock.write(lambda tx: segments.copied(tx, one, digest=digest, second_read="direct"))
    receipt = await dock.receipt(one)
    await dock.write(lambda tx: segments.confirmed(tx, receipt))
    return await dock.segment(one)


async def test_what_cannot_be_proven_in_time_even_alone_is_held_and_the_rest_is_wiped(tmp_path: Path) -> None:
    camera, spool = tmp_path / "CAM", tmp_path / "spool"
    camera.mkdir()
    spool.mkdir()
    for size in (100, 200, 300, 100_000):
        (camera / f"{size}.mp4").write_bytes(b"x" * size)
    asked: list[int] = []
    pool = WorkerPool(parallel=1, spool=spool, silence=5.0)
    async with dock_at(tmp_path) as dock:
        real = Clock()  # the worker looks at the permit by the machine's own
        dock.clock.boot, dock.clock.boot_name = real.boottime_ns(), real.boot_id

        async def attest(wanted: Sequence[Segment]) -> list[str]:
            """Over a line of 100 kB a second."""
            asked.append(sum(one.size for one in wanted))
            await asyncio.sleep(asked[-1] / 100_000)
            for one in wanted:
                await dock.attest(one.id)
            return [one.id for one in wanted]

        wiping = Wiping(ledger=dock.ledger, activity=Activity(), attest=attest, pace=Pace(good_for=0.5))
        try:
            async with pool.lent(os.fsencode(camera)) as worker:
                ready = await confirmed(dock, worker)
                for _ in range(4):
                    rows = [await dock.segment(one.id) for one in ready]
                    left = [one for one in rows if one.on_camera and one.held is None]
                    for batch in wiping.batches(left):
                        await wiping.batch(batch, worker=worker, camera=CAMERA.id, device=worker.device)
        finally:
            await pool.close()
        rows = [await dock.segment(one.id) for one in ready]
        assert asked[0] == 100_600  # all at once, at first
        assert [one.held for one in rows] == [None, None, None, "unproven_in_time"]
        assert "could not prove its 100000 bytes" in str(rows[-1].held_message)
        assert [path.name for path in camera.iterdir()] == ["100000.mp4"]


async def test_the_first_batch_of_an_unknown_line_is_no_large_one(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:

        async def attest(wanted: Sequence[Segment]) -> list[str]:
            return [one.id for one in wanted]

        wiping = Wiping(ledger=dock.ledger, activity=Activity(), attest=attest)
        found = wiping.batches([segment(FIRST // 2, 1)] * 20)
        assert len(next(found)) == 2


@pytest.mark.parametrize("how", ["other bytes", "another time", "gone"])
async def test_nothing_is_deleted_beside_a_file_that_is_not_what_it_was(tmp_path: Path, how: str) -> None:
    """What lies there now may be the only copy of something: nobody asks the store, and nothing is deleted."""
    camera, spool = tmp_path / "CAM", tmp_path / "spool"
    camera.mkdir()
    spool.mkdir()
    for size in (100, 200, 300):
        (camera / f"{size}.mp4").write_bytes(b"x" * size)
    asked: list[str] = []
    pool = WorkerPool(parallel=1, spool=spool, silence=5.0)
    async with dock_at(tmp_path) as dock:

        async def attest(wanted: Sequence[Segment]) -> list[str]:
            asked.extend(one.id for one in wanted)
            return [one.id for one in wanted]

        wiping = Wiping(ledger=dock.ledger, activity=Activity(), attest=attest)
        try:
            async with pool.lent(os.fsencode(camera)) as worker:
                ready = await confirmed(dock, worker)
                victim = camera / "200.mp4"
                if how == "gone":
                    victim.unlink()
                else:
                    victim.write_bytes(b"y" * 200)
                if how == "another time":
                    os.utime(victim, (1, 1))
                permit = await wiping.batch(ready, worker=worker, camera=CAMERA.id, device=worker.device)
        finally:
            await pool.close()
    assert (permit, asked) == (None, [])
    assert [one.path for one in wiping.unlike] == [b"200.mp4"]
    assert {path.name for path in camera.iterdir()} >= {"100.mp4", "300.mp4"}


async def test_no_card_is_read_again_for_a_store_that_cannot_be_asked(tmp_path: Path) -> None:
    """Not at each of the tries, for as long as the store is away."""
    (tmp_path / "CAM").mkdir()
    (tmp_path / "spool").mkdir()
    (tmp_path / "CAM" / "A.MP4").write_bytes(b"x" * 1000)
    pool, activity = WorkerPool(parallel=1, spool=tmp_path / "spool", silence=5.0), Activity()
    async with dock_at(tmp_path) as dock:

        async def away(_wanted: Sequence[Segment]) -> list[str]:
            raise StoreDown("it is away")

        class Touch:
            def __getattr__(self, name: str) -> Any:
                raise AssertionError(f"the camera is asked for {name}")

        emptying = Emptying(
            ledger=dock.ledger, activity=activity, wiping=Wiping(ledger=dock.ledger, activity=activity, attest=away),
            pulling=cast(Pulling, None), leave=Leave(), touch=cast(Any, Touch()),
        )  # fmt: skip
        try:
            async with pool.lent(os.fsencode(tmp_path / "CAM")) as worker:
                ready = await confirmed(dock, worker)
        finally:
            await pool.close()
        visit = Visit(camera=CAMERA, root=os.fsencode(tmp_path / "CAM"))
        visit.begin(dock.docking)
        with pytest.raises(StoreDown):
            await emptying.of(visit, ready)
        assert not activity.cameras
