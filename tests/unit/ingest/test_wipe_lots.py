"""What is looked at again while a wipe is under way: the permit before each lot, and the device that lies there once it is writable."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.activity import Activity
from ingest.clock import Clock
from ingest.errors import CameraGone, DockdError, Stop
from ingest.leave import Leave
from ingest.ledger import stores
from ingest.ledger.segments import Segment
from ingest.model import WipePermit
from ingest.wipe import LOT, Wiping
from ingest.worker.pool import Worker, WorkerPool
from tests.unit.ingest.ledger.dock import CAMERA, STORE, Dock, dock_at
from tests.unit.ingest.test_wipe import confirmed


class ToldAfterEachLot(Worker):
    """A worker of which somebody waits for a lot to be over."""

    after: Callable[[], Awaitable[None]]

    async def wipe(
        self, permit: WipePermit, *, only: Sequence[str] | None = None
    ) -> tuple[dict[str, str], dict[str, DockdError]]:
        found = await super().wipe(permit, only=only)
        await self.after()
        return found


@dataclass(kw_only=True)
class Scene:
    """A dock, a camera of some files that are all confirmed, and a worker on it."""

    dock: Dock
    camera: Path
    worker: Worker
    wiping: Wiping
    ready: list[Segment]

    @property
    def left(self) -> int:
        """Files still on the camera."""
        return len(list(self.camera.iterdir()))


@asynccontextmanager
async def scene(
    folder: Path, *, files: int, leave: Leave | None = None, meanwhile: Callable[[], None] = lambda: None
) -> AsyncIterator[Scene]:
    """`meanwhile` is called when the store has attested."""
    camera, spool = folder / "CAM", folder / "spool"
    camera.mkdir()
    spool.mkdir()
    for size in range(files):
        (camera / f"{size}.mp4").write_bytes(b"x" * size)
    pool = WorkerPool(parallel=1, spool=spool, silence=5.0)
    async with dock_at(folder) as dock:
        real = Clock()  # the worker looks at the permit by the machine's own
        dock.clock.boot, dock.clock.boot_name = real.boottime_ns(), real.boot_id

        async def attest(wanted: Sequence[Segment]) -> list[str]:
            for one in wanted:
                await dock.attest(one.id)
            meanwhile()
            return [one.id for one in wanted]

        wiping = Wiping(ledger=dock.ledger, activity=Activity(), attest=attest, leave=leave)
        try:
            async with pool.lent(os.fsencode(camera)) as worker:
                ready = await confirmed(dock, worker)
                yield Scene(dock=dock, camera=camera, worker=worker, wiping=wiping, ready=ready)
        finally:
            await pool.close()


async def test_a_store_that_is_caught_between_two_lots_ends_the_deletion(tmp_path: Path) -> None:
    async with scene(tmp_path, files=2 * LOT + 1) as now:

        async def caught() -> None:
            await now.dock.write(lambda tx: stores.caught(tx, STORE.id, error="it lied"))

        now.worker.__class__ = ToldAfterEachLot
        now.worker.after = caught  # type: ignore[attr-defined]
        with pytest.raises(Stop, match="does not hold any more"):
            await now.wiping.batch(now.ready, worker=now.worker, camera=CAMERA.id, device=now.worker.device)
        assert now.left == LOT + 1
        rows = [await now.dock.segment(one.id) for one in now.ready]
        assert sum(row.on_camera for row in rows) == LOT + 1


class ExchangedMeanwhile:
    """A volume that has to be unmounted to become writable; another card with the same files is in its place by then."""

    remounts = True

    def __init__(self, camera: Path) -> None:
        self.camera = camera

    async def fresh(self) -> None: ...

    async def writable(self) -> None:
        was = self.camera.rename(self.camera.with_name("was"))
        self.camera.mkdir()
        for path in was.iterdir():
            path.rename(self.camera / path.name)


async def test_another_card_in_its_place_once_it_is_writable_is_left_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, files=3) as now:
        volume = ExchangedMeanwhile(now.camera)
        with pytest.raises(CameraGone, match="another camera lies in its place"):
            await now.wiping.batch(
                now.ready, worker=now.worker, camera=CAMERA.id, device=now.worker.device, volume=volume
            )
        assert now.left == 3
