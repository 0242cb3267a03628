"""Whether a camera may be emptied now, and emptying it: what is proven, batch by batch, never beside an only copy.

Rules kept here: nothing is deleted from a camera that may hold the only copy of anything; each batch begins with a listing; of a mounted
volume nothing counts as gone until it was written out, mounted anew and listed; a card that is locked against writing is told once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Protocol

from ingest import events
from ingest.activity import Activity
from ingest.leave import Leave
from ingest.ledger import Ledger
from ingest.ledger.passed import since_proof
from ingest.ledger.segments import Segment
from ingest.model import WipePermit
from ingest.pull import Pulling, unstable_message
from ingest.visit import Visit, alone
from ingest.wipe import Locked, Wiping
from ingest.worker.pool import Worker

_FRUITLESS = 5
_LOCKED_FOR = 600.0


class Touch(Protocol):
    """How a docked camera is touched: the intake's own ways."""

    def lent(self, visit: Visit) -> contextlib.AbstractAsyncContextManager[Worker]:
        """A worker on the very thing that was docked."""

    async def list(self, visit: Visit, worker: Worker) -> None:
        """Take a listing and record it."""

    async def anew(self, visit: Visit) -> None:
        """Mount its volume anew where anything speaks against believing it."""

    async def segments(self, visit: Visit) -> Sequence[Segment]:
        """What was listed in this docking."""


class Emptying:
    """`leave`: how many seconds the site wants between confirmation and deletion."""

    def __init__(
        self, *, ledger: Ledger, activity: Activity, wiping: Wiping, pulling: Pulling, leave: Leave, touch: Touch
    ) -> None:
        self._ledger = ledger
        self._activity = activity
        self._wiping = wiping
        self._pulling = pulling
        self._leave = leave
        self._touch = touch

    async def of(self, visit: Visit, mine: Sequence[Segment]) -> bool | None:
        """Empty it of what may go. None: there is nothing (more) to delete; True: nothing can be done now; False: look at it again.

        Raises CameraGone, Unreadable, WorkerDied, Retry and Stop (the store), LedgerUnusable.
        """
        if self._only_copy(visit, mine) or self._locked(visit):
            return True
        if await self._in_grace(visit, mine) or await self._wipe(visit, mine):
            return False
        return None

    async def _in_grace(self, visit: Visit, mine: Sequence[Segment]) -> bool:
        """Whether anything has to stay on the camera a while yet, only because the site wants that. Counted on a clock that nobody sets."""
        grace = self._leave.now.grace
        waits = visit.to_wipe(mine) if grace else []
        clock = self._ledger.clock
        ages = await self._ledger.read(lambda db: [since_proof(db.execute, clock, one.id) for one in waits])
        return any((age or 0.0) < grace for age in ages)

    def _only_copy(self, visit: Visit, mine: Sequence[Segment]) -> bool:
        """Whether the camera may hold the only copy of anything: then nothing at all is deleted from it (P3), and it says why."""
        found = alone(visit, mine)
        if found is None:
            visit.unsafe = ""
            return False
        path, why = found
        doing = self._activity.cameras.get(visit.camera.id)
        if doing is None or doing.reason != "only_copy":
            self._ledger.publish(events.CameraUnsafe(camera=visit.camera.id, bay=visit.bay, path=path, error=why))
        message = f"nothing is deleted from it while it may hold the only copy of {path}: {why}"
        visit.unsafe = message
        self._activity.camera(visit.camera.id, "failed", reason="only_copy", message=message)
        return True

    def _locked(self, visit: Visit) -> bool:
        """Whether its card does not let anything be deleted; it says so until the camera is docked anew, and it is tried now and then."""
        if visit.locked and time.monotonic() >= visit.locked_until:
            visit.locked = ""
        if visit.locked:
            message = f"its footage is safe, and cannot be deleted from it: {visit.locked}"
            self._activity.camera(visit.camera.id, "failed", reason="locked", message=message)
        return bool(visit.locked)

    async def _wipe(self, visit: Visit, mine: Sequence[Segment]) -> bool:
        """Wipe what is proven. Returns whether to look at the camera again: wiped is what is seen gone."""
        ready = visit.to_wipe(mine)
        if not ready:
            return False
        await self._wiping.provable()
        wiped = 0
        for batch in self._wiping.batches(ready, remounts=visit.volume is not None and visit.volume.remounts):
            visit.suspect = visit.volume is not None  # wiped is what a fresh mount shows, whatever ends this
            try:
                async with self._touch.lent(visit) as worker:
                    await self._touch.list(visit, worker)
                    if alone(visit, await self._touch.segments(visit)) is not None:
                        break  # it wrote something meanwhile: that comes first
                    permit = await self._wiping.batch(
                        batch, worker=worker, camera=visit.camera.id, device=visit.device, volume=visit.volume
                    )
            except Locked as error:
                visit.locked, visit.locked_until = error.message, time.monotonic() + _LOCKED_FOR
                break
            if permit is None:
                break  # it is looked at again first
            wiped += await self._seen_gone(visit, permit)
        if self._wiping.written and visit.patient:
            self._activity.camera(visit.camera.id, "waiting", message=next(iter(self._wiping.written.values())))
            visit.written += 1
            return True
        visit.last_seen = None
        visit.fruitless = 0 if wiped else visit.fruitless + 1
        if wiped:
            visit.changed.set()
        if visit.fruitless >= _FRUITLESS:
            visit.fruitless = 0
            written = [one for one in ready if one.id in self._wiping.written]
            await self._hold((*self._wiping.unlike, *written, *ready)[0])
        return True

    async def _hold(self, segment: Segment) -> None:
        """Round after round nothing could be deleted: one that stands in the way is left out, and told."""
        if self._wiping.ran_out:
            slow = "it could not be read again within the ten minutes that a proof is good for: the camera is too slow. It stays on the camera"
            await self._pulling.hold(segment, reason="not_deletable", error=slow)
        else:
            error = self._wiping.written.get(segment.id) or unstable_message(segment)
            await self._pulling.hold(segment, reason="source_unstable", error=error)

    async def _seen_gone(self, visit: Visit, permit: WipePermit) -> int:
        """How many are gone. Of a mounted volume that is what it lists once it was written out and mounted anew."""
        if visit.volume is not None:
            await self._touch.anew(visit)
            visit.last_seen = None
            async with self._touch.lent(visit) as worker:
                await self._touch.list(visit, worker)
            # The listing has closed the permit, if it was a whole one; else it stays open, so that a whole one can tell.
            return await self._wiping.gone(permit)
        mine = await self._touch.segments(visit)
        named = {one.segment for one in permit.segments}
        return sum(1 for one in mine if one.id in named and not one.on_camera)
