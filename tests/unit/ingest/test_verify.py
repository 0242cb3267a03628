"""What lies where a segment of an earlier docking lay: only its content says whether it is that."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.activity import Activity
from ingest.ledger import cameras, segments
from ingest.ledger.segments import Segment
from ingest.model import Listed
from ingest.verify import settle
from ingest.worker.pool import Worker, WorkerPool
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at
from tests.unit.ingest.test_wipe import confirmed

SIZE = 300


@asynccontextmanager
async def docked_before(folder: Path) -> AsyncIterator[tuple[Dock, Worker, Segment, Path]]:
    """A camera with one file that was confirmed in its first docking, and is docked anew."""
    path = folder / "CAM" / "a.mp4"
    path.parent.mkdir()
    (folder / "spool").mkdir()
    path.write_bytes(b"x" * SIZE)
    pool = WorkerPool(parallel=1, spool=folder / "spool", silence=5.0)
    async with dock_at(folder) as dock:
        try:
            async with pool.lent(os.fsencode(path.parent)) as worker:
                (segment,) = await confirmed(dock, worker)
                dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=2, source="x"))
                yield dock, worker, segment, path
        finally:
            await pool.close()


async def settled(dock: Dock, worker: Worker, segment: Segment) -> tuple[Listed, list[Segment]]:
    """The file as it is listed now, and all segments at its path once it is settled."""
    ((file,), _skipped, _change_times) = await worker.listing()
    told: list[Segment] = []
    assert await settle(
        [(segment, file)], worker=worker, ledger=dock.ledger, camera=CAMERA.id, docking=dock.docking, activity=Activity(),
        settled=told.append,
    )  # fmt: skip
    assert told == [segment]
    return file, await dock.ledger.read(lambda db: cameras.at_path(db.execute, CAMERA.id, b"a.mp4"))


async def test_the_same_bytes_are_the_same_segment(tmp_path: Path) -> None:
    async with docked_before(tmp_path) as (dock, worker, segment, _path):
        _file, (row,) = await settled(dock, worker, segment)
        assert (row.id, row.docking, row.on_camera, row.in_store) == (segment.id, dock.docking, 1, 1)


@pytest.mark.parametrize("bit", [0, 8 * SIZE - 1])
async def test_other_bytes_of_the_same_look_are_another_segment(tmp_path: Path, bit: int) -> None:
    async with docked_before(tmp_path) as (dock, worker, segment, path):
        content = bytearray(b"x" * SIZE)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        os.utime(path, ns=(segment.mtime_ns, segment.mtime_ns))
        file, rows = await settled(dock, worker, segment)
        assert (file.size, file.mtime_ns) == (segment.size, segment.mtime_ns)
        old, new = sorted(rows, key=lambda row: row.id != segment.id)
        assert (old.id, old.on_camera, old.in_store) == (segment.id, 0, 1)
        assert (new.on_camera, new.in_spool, new.in_store, new.sha256) == (1, 0, 0, None)


@pytest.mark.parametrize("same", [True, False])
async def test_what_is_back_at_the_place_of_one_that_is_gone(tmp_path: Path, same: bool) -> None:
    async with docked_before(tmp_path) as (dock, worker, segment, path):
        await dock.write(lambda tx: segments.vanished(tx, segment.id, error="it was not there"))
        path.write_bytes((b"x" if same else b"y") * SIZE)
        _file, rows = await settled(dock, worker, await dock.segment(segment.id))
        there = [row for row in rows if row.on_camera]
        assert [row.id == segment.id for row in there] == [same]
