"""A ledger, a spool and a delivery over a store in memory: what the delivery's tests begin with."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from ingest.activity import Activity
from ingest.delivery import Delivery, DeliverySettings
from ingest.ledger import Ledger, cameras, segments
from ingest.ledger.segments import Segment
from ingest.model import CameraId, Digest, Listed
from ingest.spool import Description, Spool
from ingest.store.throttle import Bucket
from tests.simulators.stores.in_memory import InMemoryStore
from tests.unit.ingest.station_clock import StationClock

CAMERA = CameraId(profile="folder", serial="CAM01")


@dataclass(kw_only=True)
class Station:
    """Everything that a delivery works with."""

    ledger: Ledger
    spool: Spool
    store: InMemoryStore
    clock: StationClock
    delivery: Delivery
    docking: int

    async def spooled(self, *contents: bytes) -> list[str]:
        """Segments that were pulled: their ids, oldest first."""
        return [await self._one(number, content) for number, content in enumerate(contents)]

    async def of_camera(self, camera: CameraId, content: bytes, *, number: int = 0, captured: float = 0.0) -> str:
        """A segment of another camera, `captured` seconds after the epoch."""
        await self.ledger.commit(lambda tx: cameras.docked(tx, camera, bay=None, source="test"))
        return await self._one(number, content, camera=camera, captured=captured or number)

    async def _one(
        self, number: int, content: bytes, *, camera: CameraId = CAMERA, captured: float | None = None
    ) -> str:
        digest = Digest(
            size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128=xxhash.xxh3_128_hexdigest(content)
        )
        path = b"%d.mp4" % number
        at = number if captured is None else captured
        listed = Listed(path=path, size=len(content), mtime_ns=int(at * 10**9), ctime_ns=0, dev=1, ino=number)
        segment = await self.ledger.commit(
            lambda tx: segments.listed(tx, camera=camera.id, docking=self.docking, file=listed)
        )
        with self.spool.part(segment) as part:
            os.write(part.fd, content)
            part.publish(
                Description(
                    segment=segment, camera={"profile": "folder", "serial": camera.serial, "card": ""}, path=path, digest=digest, mtime_ns=0,
                    captured_at=0.0,
                )
            )  # fmt: skip
        await self.ledger.commit(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))
        return segment

    async def row(self, segment: str) -> Segment:
        return await self.ledger.read(lambda db: segments.get(db.execute, segment))

    async def actions(self, segment: str | None = None) -> list[str]:
        query = "SELECT action FROM custody WHERE ? IS NULL OR segment = ? ORDER BY seq"
        return await self.ledger.read(lambda db: [row[0] for row in db.execute(query, (segment, segment))])

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """The delivery runs."""
        task = asyncio.create_task(self.delivery.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[], Any], *, seconds: float = 40) -> None:
        """Let it work until something is so: a coroutine function, or a plain one."""
        changed = asyncio.Event()
        self.ledger.subscribe(lambda _event, _seq: changed.set())
        async with asyncio.timeout(seconds):
            while True:
                changed.clear()
                found = condition()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await changed.wait()

    async def confirmed(self, *wanted: str) -> bool:
        return all([(await self.row(one)).confirmed_at is not None for one in wanted])


@contextlib.asynccontextmanager
async def station(
    folder: Path,
    *,
    store: InMemoryStore | None = None,
    parallel: int = 2,
    keep_confirmed: float = 0.0,
    chunk: int = 64 << 20,
    turn: int = 64 << 20,
) -> AsyncIterator[Station]:
    """A station in a folder, taken down afterwards."""
    clock = StationClock()
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys", clock=clock)
    try:
        spool = Spool(folder / "spool", keep_free=0)
        spool.prepare()
        docking = await ledger.commit(lambda tx: cameras.docked(tx, CAMERA, bay=None, source="test"))
        far = store or InMemoryStore()
        settings = DeliverySettings(
            parallel=parallel, retry_max=0.2, keep_confirmed=keep_confirmed, chunk=chunk, turn=turn
        )
        delivery = Delivery(
            ledger=ledger, spool=spool, store=far, bucket=Bucket(None), settings=settings, activity=Activity()
        )
        yield Station(ledger=ledger, spool=spool, store=far, clock=clock, delivery=delivery, docking=docking)
    finally:
        await ledger.close()
