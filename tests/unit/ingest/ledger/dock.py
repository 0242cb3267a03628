"""A ledger with one camera, and the few steps that most tests begin with."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from ingest.clock import Clock
from ingest.ledger import Ledger, Transaction, cameras, segments, stores
from ingest.ledger.segments import Segment
from ingest.model import CameraId, Digest, Listed, Receipt, StoreIdentity, folder_camera

CAMERA = folder_camera(b"CAM")
STORE = StoreIdentity(id="store-1", url="http://store", method="receipt", durable=True, keys=("K",))
DIGEST = Digest(size=10, sha256="a" * 64, xxh3_128="b" * 32)


class SetClock(Clock):
    """A clock that a test sets: `time` seconds since the epoch, `boot` nanoseconds since boot."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.boot, self.boot_name = 1_800_000_000.0, 10**12, "boot-1"

    def now(self) -> float:
        return self.time

    def boottime_ns(self) -> int:
        return self.boot

    @property
    def boot_id(self) -> str:
        return self.boot_name


@dataclasses.dataclass
class Dock:
    """A ledger, its clock, and one docking of CAMERA."""

    ledger: Ledger
    clock: SetClock
    docking: int = 0
    nonces: int = 0

    async def write(self, work: Callable[[Transaction], Any]) -> Any:
        return await self.ledger.commit(work)

    async def segment(self, segment: str) -> Segment:
        return await self.ledger.read(lambda db: segments.get(db.execute, segment))

    async def listed(self, path: bytes = b"a", **changes: int) -> str:
        file = Listed(path=path, **({"size": 10, "mtime_ns": 10**18, "ctime_ns": 1, "dev": 1, "ino": 1} | changes))
        return str(await self.write(lambda tx: segments.listed(tx, camera=CAMERA.id, docking=self.docking, file=file)))

    async def copied(self, path: bytes = b"a", digest: Digest = DIGEST) -> str:
        segment = await self.listed(path)
        await self.write(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))
        return segment

    async def receipt(self, segment: str, **changes: Any) -> Receipt:
        self.nonces += 1
        row = await self.segment(segment)
        receipt = Receipt(
            segment=segment, camera=row.camera, store=STORE.id, object=f"o-{segment}", method="receipt", size=row.size,
            sha256=row.sha256 or "", durable=True, stored_at="", attested_at="", nonce=f"n{self.nonces}", head=None, raw="jws",
            asked_boottime_ns=self.clock.boot, boot_id=self.clock.boot_id,
        )  # fmt: skip
        return dataclasses.replace(receipt, **changes)

    async def confirmed(self, path: bytes = b"a") -> str:
        segment = await self.copied(path)
        receipt = await self.receipt(segment)
        await self.write(lambda tx: segments.confirmed(tx, receipt))
        return segment

    async def attested(self, path: bytes = b"a") -> str:
        segment = await self.confirmed(path)
        await self.attest(segment)
        return segment

    async def attest(self, segment: str, **changes: Any) -> None:
        receipt = await self.receipt(segment, **changes)
        await self.write(lambda tx: segments.attested(tx, receipt))

    async def actions(self) -> list[str]:
        rows = await self.ledger.read(lambda db: db.execute("SELECT action FROM custody ORDER BY seq").fetchall())
        return [row[0] for row in rows]


@contextlib.asynccontextmanager
async def dock_at(
    folder: Path, *, camera: CameraId = CAMERA, pinned: bool = True, clock: SetClock | None = None
) -> AsyncIterator[Dock]:
    clock = clock or SetClock()
    ledger = await Ledger.open(folder / "ledger.db", keys=folder / "keys", clock=clock)
    dock = Dock(ledger=ledger, clock=clock)
    try:
        dock.docking = await dock.write(lambda tx: cameras.docked(tx, camera, bay=1, source="x"))
        if pinned:
            await dock.write(lambda tx: stores.pin(tx, STORE))
            await dock.write(lambda tx: stores.honest(tx, STORE.id))
        yield dock
    finally:
        await ledger.close()
