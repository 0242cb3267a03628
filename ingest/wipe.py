"""Delete from a camera what the store has proven, and see that it is gone. Nothing else in dockd deletes from cameras.

In this order, for a batch: read each file again through a descriptor that is kept; have the store attest each segment with a fresh nonce;
have the ledger issue a permit, committed; let the worker unlink what it holds, looking at the permit, the bytes and the file once
more; write down what was seen gone. A crash in between leaves an open permit, by which the next listing knows what happened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence

from ingest.activity import Activity
from ingest.errors import CameraGone, DockdError, SourceUnstable, Stop, Unreadable
from ingest.ledger import Ledger, permits, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.model import Listed, WipePermit
from ingest.worker.pool import Worker

BATCH = 200
BATCH_BYTES = 2 << 30
BATCH_PATHS = 256 << 10  # bytes of paths: a permit travels to the worker in one frame


class Wiping:
    """`attest` has segments proven once more by the store and returns the ids for which that worked."""

    def __init__(
        self, *, ledger: Ledger, activity: Activity, attest: Callable[[Sequence[Segment]], Awaitable[list[str]]]
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._activity = activity
        self._attest = attest

    async def batch(self, wanted: Sequence[Segment], *, worker: Worker, camera: str, device: str, docking: int) -> int:
        """Wipe these confirmed segments; returns how many are seen gone.

        Raises CameraGone, Retry and Stop (the store), LedgerUnusable. What could not be proven stays where it is.
        """
        held = [one for one in wanted if await self._read_again(one, worker=worker, camera=camera, docking=docking)]
        if not held:
            return 0
        try:
            permit = await self._permit(held, camera=camera, device=device)
        except BaseException:
            with contextlib.suppress(DockdError):
                await worker.drop()
            raise
        if permit is None:
            await worker.drop()
            return 0
        return await self._use(permit, worker=worker)

    async def _permit(self, held: Sequence[Segment], *, camera: str, device: str) -> WipePermit | None:
        attested = await self._attest(held)
        if not attested:
            return None
        return await self._ledger.commit(lambda tx: permits.issue(tx, camera=camera, device=device, segments=attested))

    async def _read_again(self, segment: Segment, *, worker: Worker, camera: str, docking: int) -> bool:
        """Whether the file is still those bytes; it is held open then."""
        self._activity.camera(camera, "wiping", path=segment.path, total=segment.size)
        try:
            found = await worker.prove(
                segment.listed, segment=segment.id, progress=lambda _what, done: self._activity.moved(camera, done)
            )
        except SourceUnstable:
            return False  # the next listing tells what lies there now
        except Unreadable as error:
            message = error.message
            await self._ledger.commit(lambda tx: segments.hold(tx, segment.id, reason="copy_failed", error=message))
            return False
        if found == segment.sha256:
            return True
        await self._ledger.commit(lambda tx: _replaced(tx, segment, docking=docking))
        return False

    async def _use(self, permit: WipePermit, *, worker: Worker) -> int:
        """Let the worker delete, and write down what it saw."""
        if not await self._ledger.read(lambda db: permits.valid(db.execute, permit)):
            raise Stop(f"permit {permit.id} is not the ledger's: nothing is deleted")
        gone, kept = await worker.wipe(permit)
        lost_sight = [error for error in kept.values() if isinstance(error, CameraGone)]

        def write(tx: Transaction) -> None:
            for one, seen in gone.items():
                segments.wiped(tx, one, permit=permit.id, seen=seen)
            for one, error in kept.items():
                if isinstance(error, Unreadable):
                    segments.hold(tx, one, reason="not_deletable", error=error.message)
            if not lost_sight:  # else the permit stays open: the next listing tells which of them are gone
                permits.close(tx, permit, gone=list(gone))

        await self._ledger.commit(write)
        if lost_sight:
            raise lost_sight[0]
        return len(gone)


def _replaced(tx: Transaction, segment: Segment, *, docking: int) -> None:
    """Other bytes of the same size and time lie where the segment was: those are a segment of their own."""
    segments.vanished(tx, segment.id, error="other bytes of the same size and time lie at its place")
    listed: Listed = segment.listed
    segments.listed(tx, camera=segment.camera, docking=docking, file=listed)


def batches(wanted: Sequence[Segment]) -> list[list[Segment]]:
    """Cut into batches of bounded count and size, in order."""
    found: list[list[Segment]] = [[]]
    size = paths = 0
    for segment in wanted:
        size += segment.size
        paths += len(segment.path)
        if found[-1] and (len(found[-1]) >= BATCH or size > BATCH_BYTES or paths > BATCH_PATHS):
            found.append([])
            size, paths = segment.size, len(segment.path)
        found[-1].append(segment)
    return [batch for batch in found if batch]
