"""Delete from a camera what the store has proven, and see that it is gone. Nothing else in dockd deletes from cameras.

In this order, for a batch: read each file again through a descriptor that is kept; have the store attest each segment with a fresh nonce;
have the ledger issue a permit, committed; let the worker unlink what it holds, looking at the permit, the bytes and the file once
more; write down what was seen gone. A crash in between leaves an open permit, by which the next listing knows what happened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from ingest.activity import Activity
from ingest.errors import (
    CameraGone,
    DockdError,
    IntegrityFailed,
    SourceUnstable,
    StillWritten,
    Stop,
    StoreDown,
    Unreadable,
)
from ingest.leave import Leave
from ingest.ledger import Ledger, permits, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.model import WipePermit
from ingest.pace import REASON, Pace
from ingest.volume import Volume
from ingest.worker.pool import Worker

BATCH = 200
BATCH_BYTES = 2 << 30
REMOUNTED_BYTES = 256 << 20
LOT = 20  # unlinked between two looks at whether the permit still holds
BATCH_PATHS = 256 << 10  # bytes of paths: a permit travels to the worker in one frame


class Locked(Unreadable):
    """The card does not let anything be deleted (its lock, a worn-out card, a filesystem that the kernel does not write to)."""

    reason = "not_deletable"


class Wiping:
    """`attest` has segments proven once more by the store and returns the ids for which that worked; `pace` is how fast that is; `leave`: whether the
    site wants it."""

    def __init__(
        self, *, ledger: Ledger, activity: Activity, attest: Callable[[Sequence[Segment]], Awaitable[list[str]]],
        pace: Pace | None = None, leave: Leave | None = None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._leave = leave or Leave()
        self._activity = activity
        self._attest = attest
        self._pace = pace or Pace()
        self.unlike: list[
            Segment
        ] = []  # of the last batch: those that were not what they had been, or could not be read
        self.written: dict[
            str, str
        ] = {}  # in the last batch: what is said of those that somebody has open for writing, by id
        self.ran_out = False  # in the last batch: the permit, before all of it was used

    def batches(self, wanted: Sequence[Segment], *, remounts: bool = False) -> Iterator[list[Segment]]:
        """In order; each as large as can be proven in time, by what is known when its turn comes.

        `remounts`: they have to be read once more under the permit, from a camera that may be slow.
        """
        left = list(wanted)
        while left:
            batch = batches(left, most=min(REMOUNTED_BYTES if remounts else BATCH_BYTES, self._pace.most))[0]
            yield batch
            left = left[len(batch) :]

    async def provable(self) -> None:
        """Whether the store can be asked at all: no card is read again and again for one that cannot. Raises Retry and Stop (the store)."""
        if why := self._ledger.unconfirmed:
            raise permits.PermitRefused(permits.not_confirmed(why))
        await self._attest(())

    async def batch(
        self, wanted: Sequence[Segment], *, worker: Worker, camera: str, device: str, volume: Volume | None = None
    ) -> WipePermit | None:
        """Wipe these confirmed segments, and return the permit that was used for it; None where nothing could be done.

        A folder's files are seen gone, and that is written down, one by one. A `volume` is writable from the permit on: of its files
        nothing is concluded here. The caller mounts it anew and lists it: what is gone then was wiped, and a whole listing closes the permit.

        Where one of them is not what it was, or cannot be read, nothing is deleted: what lies there now may be an only copy, and the next
        listing tells (`unlike` names them).

        Raises CameraGone, Locked, Retry and Stop (the store, or the site that does not want it by now), LedgerUnusable. What could not be proven stays where it is.
        """
        self.ran_out, self.written = False, {}
        self.unlike = [one for one in wanted if not await self._read_again(one, worker=worker, camera=camera)]
        if self.unlike:
            await worker.drop()
            return None
        held = list(wanted)
        try:
            permit = await self._permit(held, camera=camera, device=device)
        except BaseException:
            with contextlib.suppress(DockdError):
                await worker.drop()
            raise
        if permit is None:
            return None
        if volume is None:
            await self._use(permit, worker=worker, seen=True)
            await self.over(permit)
            return permit
        await self._unlock(volume, permit, held, worker=worker, camera=camera)
        await self._use(permit, worker=worker, seen=False)
        return permit

    async def _unlock(
        self, volume: Volume, permit: WipePermit, held: Sequence[Segment], *, worker: Worker, camera: str
    ) -> None:
        """Make it writable. What was let go of for that is read again: only what is held since is deleted."""
        try:
            if volume.remounts:
                root, device = worker.root, worker.device
                await worker.close()
                await volume.writable()
                await worker.open(root)
                if worker.device != device:
                    raise CameraGone("another camera lies in its place since it was mounted anew")
                for segment in held:
                    await self._read_again(segment, worker=worker, camera=camera)
            else:
                await volume.writable()
        except Unreadable as error:
            with contextlib.suppress(DockdError):
                await worker.drop()
            await self.over(permit)
            raise Locked(error.message) from error

    async def over(self, permit: WipePermit) -> None:
        """Nothing more is deleted under it, and nothing that was is left to be seen."""
        await self._ledger.commit(lambda tx: permits.close(tx, permit, gone=_wiped(tx.execute, permit)))

    async def gone(self, permit: WipePermit) -> int:
        """How many of its segments were wiped, as far as that is written down."""
        return len(await self._ledger.read(lambda db: _wiped(db.execute, permit)))

    async def _permit(self, held: Sequence[Segment], *, camera: str, device: str) -> WipePermit | None:
        attested = await self._pace.kept(self._attest(held), size=sum(one.size for one in held))
        if attested is None and len(held) == 1:
            message = self._pace.too_slow(held[0].size)
            await self._ledger.commit(lambda tx: segments.hold(tx, held[0].id, reason=REASON, error=message))
        if not attested:
            return None

        def issue(tx: Transaction) -> WipePermit:
            self._leave.check(tx.execute, tx.clock, attested)
            return permits.issue(tx, camera=camera, device=device, segments=attested)

        return await self._ledger.commit(issue)

    async def _read_again(self, segment: Segment, *, worker: Worker, camera: str) -> bool:
        """Whether the file is still those bytes; it is held open then."""
        self._activity.camera(camera, "wiping", path=segment.path, total=segment.size)
        try:
            found = await worker.prove(
                segment.listed, segment=segment.id, progress=lambda _what, done: self._activity.moved(camera, done)
            )
        except StillWritten as error:
            self.written[segment.id] = error.message
            return False
        except SourceUnstable:
            return False  # the next listing tells what lies there now
        except Unreadable as error:
            message = error.message
            await self._ledger.commit(lambda tx: segments.hold(tx, segment.id, reason="copy_failed", error=message))
            return False
        if found == segment.sha256:
            return True
        await self._ledger.commit(lambda tx: segments.replaced(tx, segment.id))
        return False

    async def _use(self, permit: WipePermit, *, worker: Worker, seen: bool) -> None:
        """Let the worker delete, lot by lot; before each lot the permit is looked at again. `seen`: what it saw go is written down as gone."""
        # Whatever ends this while a lot is under way (the camera, the worker, Ctrl-C) leaves the permit open: the next listing tells
        # which of them are gone, and that it was dockd.
        for start in range(0, len(permit.segments), LOT):
            lot = [one.segment for one in permit.segments[start : start + LOT]]
            if why := await self._ledger.read(lambda db, lot=lot: self._over(db.execute, permit, lot)):  # type: ignore[misc]
                await worker.drop()
                if seen:  # else its names stay, so that the listing of the volume mounted anew can tell what was deleted under it
                    await self.over(permit)
                raise Stop(f"permit {permit.id} {why}: nothing more is deleted under it")
            await self._lot(permit, lot, worker=worker, seen=seen)
        await worker.drop()

    def _over(self, execute: Callable[..., Any], permit: WipePermit, lot: Sequence[str]) -> str:
        """Why nothing more is to be deleted under it, in words; empty where this lot may be."""
        if not permits.valid(execute, permit):
            return "does not hold any more"
        why = self._leave.why_not(execute, self._ledger.clock, lot)
        return f"is not used any more, as {why}" if why else ""

    async def _lot(self, permit: WipePermit, named: Sequence[str], *, worker: Worker, seen: bool) -> None:
        """Raises CameraGone after writing down what was seen before."""
        gone, kept = await worker.wipe(permit, only=named)

        def write(tx: Transaction) -> None:
            for one, how in gone.items() if seen else ():
                _gone(tx, one, permit=permit.id, seen=how)
            for one, error in kept.items():
                if isinstance(error, (Unreadable, IntegrityFailed)):
                    reason = "not_deletable" if isinstance(error, Unreadable) else error.reason
                    segments.hold(tx, one, reason=reason, error=error.message)

        await self._ledger.commit(write)
        self.written |= {one: error.message for one, error in kept.items() if isinstance(error, StillWritten)}
        self.ran_out = self.ran_out or any(isinstance(error, StoreDown) for error in kept.values())
        for error in kept.values():
            if isinstance(error, CameraGone):
                raise error


def _wiped(execute: Callable[..., Any], permit: WipePermit) -> list[str]:
    rows = [segments.get(execute, one.segment) for one in permit.segments]
    return [row.id for row in rows if row.wiped_at is not None and not row.on_camera]


def _gone(tx: Transaction, segment: str, *, permit: int, seen: str) -> None:
    """It was deleted under the permit; if the store lost it in that very moment, that is said as it is."""
    row = segments.get(tx.execute, segment)
    if row.in_store and row.wipe_permit == permit:
        segments.wiped(tx, segment, permit=permit, seen=seen)
    elif row.on_camera:
        segments.vanished(tx, segment, error=f"dockd deleted it under permit {permit} while the store was losing it")


def batches(wanted: Sequence[Segment], *, most: int = BATCH_BYTES) -> list[list[Segment]]:
    """Cut into batches of bounded count and size (`most` bytes, but for one that is larger by itself), in order."""
    found: list[list[Segment]] = [[]]
    size = paths = 0
    for segment in wanted:
        size += segment.size
        paths += len(segment.path)
        if found[-1] and (len(found[-1]) >= BATCH or size > most or paths > BATCH_PATHS):
            found.append([])
            size, paths = segment.size, len(segment.path)
        found[-1].append(segment)
    return [batch for batch in found if batch]
