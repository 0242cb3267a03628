"""Whether a camera may go out is asked of the dock as it is: its disk, and what its record book says of the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.page.facts import Sources
from dockd.page.view import LOOK_AT_MOST_EVERY, View
from ingest.ledger import Ledger, cameras, segments, stores
from ingest.model import Digest, Listed, StoreIdentity, folder_camera
from ingest.standing import StoreState
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.station_clock import StationClock

CAMERA = folder_camera(b"CAM")
STORE = StoreIdentity(id="store-1", url="http://store", method="receipt", durable=True, keys=("K",))


class Scene:
    """A camera whose footage is all copied, and that has waited for an hour for a store that is away."""

    def __init__(self, ledger: Ledger, sources: Sources) -> None:
        self.ledger = ledger
        self.sources = replace(sources, store_state=lambda: StoreState(word="down", message="no connection in 10 s"))
        self.view = View(self.sources)

    async def state(self) -> str:
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        return str((await self.view.look()).bays[1]["state"])

    async def problems(self) -> set[str]:
        return {str(one["problem"]) for one in (await self.view.look()).problems}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    found = sources(tmp_path, ledger)
    found.spool.prepare()
    docking = await ledger.commit(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="t"))
    file = Listed(path=b"a.mp4", size=10, mtime_ns=1, ctime_ns=0, dev=1, ino=1)
    segment = await ledger.commit(lambda tx: segments.listed(tx, camera=CAMERA.id, docking=docking, file=file))
    digest = Digest(size=10, sha256="a" * 64, xxh3_128="b" * 32)
    await ledger.commit(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))
    await ledger.commit(lambda tx: stores.pin(tx, STORE))
    visit = found.rack.bays[1].visit
    assert visit is not None
    visit.docking, visit.room = docking, 100 << 30
    found.activity.camera(CAMERA.id, "waiting")
    found.activity.cameras[CAMERA.id] = replace(found.activity.cameras[CAMERA.id], since=time.monotonic() - 3600)
    try:
        yield Scene(ledger, found)
    finally:
        await ledger.close()


async def test_nobody_is_usable_while_the_disk_of_the_spool_is_not_there(scene: Scene) -> None:
    assert await scene.state() == "usable"
    folder = scene.sources.spool.folder
    folder.rename(folder.with_name("away"))
    folder.mkdir()
    scene.sources.activity.moved(CAMERA.id, 0)
    assert await scene.state() == "unconfirmed"


async def copied(ledger: Ledger, docking: int, path: bytes) -> None:
    file = Listed(path=path, size=10, mtime_ns=1, ctime_ns=0, dev=1, ino=1)
    segment = await ledger.commit(lambda tx: segments.listed(tx, camera=CAMERA.id, docking=docking, file=file))
    digest = Digest(size=10, sha256="a" * 64, xxh3_128="b" * 32)
    await ledger.commit(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))


async def test_a_restart_does_not_take_back_what_was_offered(tmp_path: Path) -> None:
    """It is counted from the record, not from when this process first saw it wait; what is copied meanwhile begins it anew."""
    clock = StationClock()
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
    try:
        found = replace(sources(tmp_path, ledger), clock=clock)
        found.spool.prepare()
        docking = await ledger.commit(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="t"))
        await copied(ledger, docking, b"a.mp4")
        visit = found.rack.bays[1].visit
        assert visit is not None
        visit.docking, visit.room = docking, 100 << 30
        found.activity.camera(CAMERA.id, "waiting")  # since this very moment, as far as the process knows
        assert await Scene(ledger, found).state() == "unconfirmed"
        clock.pass_by(found.settings.ready.usable_after + 60)
        started = Scene(ledger, found)
        assert await started.state() == "usable"
        await copied(ledger, docking, b"b.mp4")
        assert await started.state() == "unconfirmed", "its newest footage waits since now"
    finally:
        await ledger.close()


async def test_nobody_is_usable_while_copies_cannot_be_read(scene: Scene) -> None:
    scene.sources.activity.spool("read", "a copy cannot be read")
    assert await scene.state() == "unconfirmed"
    scene.sources.activity.spool("read", "")
    assert await scene.state() == "usable"


async def test_a_store_that_was_caught_stays_so_when_its_line_dies(scene: Scene) -> None:
    assert await scene.state() == "usable"
    await scene.ledger.commit(lambda tx: stores.caught(tx, STORE.id, error="it kept other bytes"))
    assert await scene.state() == "unconfirmed"
    assert "store_dishonest" in await scene.problems()
    assert (await scene.view.look()).status["store"]["state"] == "dishonest"
    await scene.ledger.commit(lambda tx: stores.pin(tx, STORE))
    assert await scene.state() == "usable"
