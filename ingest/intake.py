"""The half that needs the camera: list, settle, pull, wait for the store's proof, wipe, look again. One session a docked camera.

A session is a loop of passes over a freshly opened camera. It ends when the camera leaves (it is cancelled then), or, for a
one-shot, when a pass finds nothing more to do. Nothing is concluded from a camera that is not present at the end of a listing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from ingest import events
from ingest.activity import Activity
from ingest.errors import CameraGone, LedgerUnusable, Retry, Stop, Unreadable
from ingest.ledger import Ledger, Transaction, cameras, segments
from ingest.ledger.segments import Segment
from ingest.list import Seen, record
from ingest.model import CameraId, Skipped, legible
from ingest.pull import Pulling, unstable_message
from ingest.spool import Spool
from ingest.verify import settle
from ingest.wipe import Wiping
from ingest.worker.pool import Worker, WorkerDied, WorkerPool

_PASSES = 5
_LOOK_AGAIN = 60.0


@dataclass(frozen=True, kw_only=True)
class IntakeSettings:
    """`wipe`: whether deletion is wanted at all; `grace`: seconds between confirmation and deletion; `rest`: seconds between passes."""

    wipe: bool = True
    grace: float = 0.0
    rest: float = 5.0


@dataclass(kw_only=True)
class Visit:
    """One camera in one place. `device` names the thing itself, `root` where it can be read. `taken`: it left before we ended.

    `skipped`: what the last listing passed over; `unsafe`: why nothing may be deleted from it now, empty where it may.
    """

    camera: CameraId
    root: bytes
    bay: int | None = None
    device: str = ""
    wipe: bool = True
    taken: bool = False
    docking: int = 0
    unstable: dict[str, int] = field(default_factory=dict)
    fruitless: int = 0
    workers_lost: int = 0
    unsettled_passes: int = 0
    last_seen: Seen | None = None
    listed_once: bool = False
    skipped: tuple[Skipped, ...] = ()
    unsafe: str = ""
    unsettled: list[Segment] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, docking: int) -> None:
        """A docking of its own: nothing that was seen in an earlier one counts in it."""
        self.docking, self.last_seen, self.listed_once = docking, None, False
        self.unstable, self.fruitless, self.workers_lost, self.unsettled_passes = {}, 0, 0, 0
        self.skipped, self.unsafe, self.unsettled = (), "", []

    @property
    def hidden(self) -> tuple[Skipped, ...]:
        """What was passed over and may have footage behind it."""
        return tuple(item for item in self.skipped if item.hides)


class Intake:
    """Runs sessions. `attest` is the delivery's."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, pool: WorkerPool, activity: Activity, settings: IntakeSettings,
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._pool = pool
        self._activity = activity
        self._settings = settings
        self._pulling = Pulling(ledger=ledger, spool=spool, activity=activity)
        self._wiping = Wiping(ledger=ledger, activity=activity, attest=attest)
        self._visits: dict[str, Visit] = {}
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, (events.SegmentReleased, events.StoreChanged)):
            for visit in self._visits.values():
                visit.changed.set()
        elif event.camera in self._visits and event.segment is not None:
            self._visits[event.camera].changed.set()

    async def session(self, visit: Visit, *, once: bool) -> None:
        """Everything for one docked camera. `once`: return when nothing more can be done now, else go on until cancelled.

        Raises CameraGone (only with `once`), LedgerUnusable.
        """
        camera = visit.camera.id
        visit.begin(
            await self._ledger.commit(
                lambda tx: cameras.docked(tx, visit.camera, bay=visit.bay, source=legible(visit.root))
            )
        )
        self._visits[camera] = visit
        self._activity.camera(camera, "reading")
        try:
            await self._try_again(visit)
            await self._passes(visit, once=once)
        finally:
            self._visits.pop(camera, None)
            self._activity.camera_left(camera)
            with contextlib.suppress(LedgerUnusable):
                await self._ledger.commit(lambda tx: cameras.undocked(tx, visit.docking, taken=visit.taken))

    async def _try_again(self, visit: Visit) -> None:
        """A new docking is a changed condition for what went wrong before; what a caught store has brought about waits for a person's pin."""
        held = await self._ledger.read(
            lambda db: segments.ids(
                db.execute,
                "camera = ? AND on_camera = 1 AND held IS NOT NULL AND held <> 'dishonest'",
                (visit.camera.id,),
            )
        )

        def release(tx: Transaction) -> None:
            for one in held:
                segments.unhold(tx, one)

        if held:
            await self._ledger.commit(release)

    async def _passes(self, visit: Visit, *, once: bool) -> None:
        while True:
            visit.changed.clear()
            rest = self._settings.rest
            try:
                settled = await self._one_pass(visit)
            except (CameraGone, Unreadable) as error:
                if self._failed(visit, error) and once:
                    raise
                settled = False
            except LedgerUnusable:
                raise
            except (Retry, Stop) as error:  # the store: the delivery says what and tries again; this waits with it
                self._activity.camera(visit.camera.id, "waiting", message=error.message)
                settled, rest = False, min(rest, 1.0)
            if settled and once:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await visit.changed.wait()

    def trouble(self, visit: Visit, message: str) -> None:
        """Something that is not this camera's fault keeps its session from running."""
        self._activity.camera(visit.camera.id, "failed", message=message, reason="dock")

    def _failed(self, visit: Visit, error: CameraGone | Unreadable) -> bool:
        """Say what failed. Returns whether it is the camera's doing; a worker that died is replaced, a few times."""
        visit.last_seen = None
        self._activity.camera(visit.camera.id, "failed", message=error.message, reason="copy_failed")
        if isinstance(error, WorkerDied):
            visit.workers_lost += 1
            self._ledger.publish(events.WorkerLost(camera=visit.camera.id, bay=visit.bay, error=error.message))
            return visit.workers_lost >= _PASSES
        self._ledger.publish(events.CameraFailed(camera=visit.camera.id, bay=visit.bay, error=error.message))
        return True

    # -- one pass ------------------------------------------------------------------------------------------------------

    async def _one_pass(self, visit: Visit) -> bool:
        """List, pull, wipe what is proven. Returns whether nothing more can be done with this camera as it is."""
        async with self._lent(visit) as worker:
            await self._list(visit, worker)
            await self._pull(visit, worker)
        self._recovered(visit)
        if not await self._proven(visit):
            return False
        if visit.unsettled and visit.unsettled_passes < _PASSES:
            visit.unsettled_passes += 1
            return False
        mine = await self._segments(visit)
        if self._settings.wipe and visit.wipe:
            if self._only_copy(visit, mine):
                return True
            if await self._in_grace(mine):
                return False
            if await self._wipe(visit, mine):
                return False
            mine = await self._segments(visit)
        await self._done(visit, mine)
        return True

    @contextlib.asynccontextmanager
    async def _lent(self, visit: Visit) -> AsyncIterator[Worker]:
        """A worker on the very thing that was docked. Raises CameraGone where another lies in its place by now, WorkerDied."""
        async with self._pool.lent(visit.root) as worker:
            visit.device = visit.device or worker.device
            if worker.device != visit.device:
                raise CameraGone(f"{legible(visit.root)} is another camera now: it was exchanged while it was read")
            yield worker

    def _recovered(self, visit: Visit) -> None:
        """A pass went through: what failed before is over."""
        doing = self._activity.cameras.get(visit.camera.id)
        if doing is not None and doing.phase == "failed" and doing.reason != "only_copy":
            self._activity.camera(visit.camera.id, "reading")

    async def _proven(self, visit: Visit) -> bool:
        """Wait until nothing of this camera is on its way to the store. False: look at the camera again first."""
        patience = time.monotonic() + _LOOK_AGAIN
        while True:
            visit.changed.clear()
            pending, undelivered = await self._ledger.read(lambda db: cameras.open_ends(db.execute, visit.docking))
            if pending:
                return False
            if not undelivered:
                return True
            doing = self._activity.cameras.get(visit.camera.id)
            if doing is None or doing.phase != "waiting":
                self._activity.camera(visit.camera.id, "waiting")
            try:
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + max(0.0, patience - time.monotonic())
                ):
                    await visit.changed.wait()
            except TimeoutError:
                return False
            await asyncio.sleep(0.05)  # confirmations come in crowds

    async def _segments(self, visit: Visit) -> list[Segment]:
        return await self._ledger.read(lambda db: cameras.in_docking(db.execute, visit.docking))

    async def _list(self, visit: Visit, worker: Worker) -> None:
        """Take a listing; record it if it says anything new."""
        files, skipped, change_times = await worker.listing()
        seen = Seen(files=tuple(files), skipped=tuple(skipped), change_times=change_times)
        if seen == visit.last_seen:
            return
        camera, first = visit.camera.id, not visit.listed_once
        unsettled = {one.id for one in visit.unsettled}
        found = await self._ledger.commit(
            lambda tx: record(
                tx,
                camera=camera,
                docking=visit.docking,
                device=visit.device,
                seen=seen,
                first=first,
                unsettled=unsettled,
            )
        )
        visit.last_seen, visit.listed_once = seen, True
        visit.skipped = seen.skipped
        visit.unsettled = [segment for segment, _file in found.unsure]  # until each of them has been read
        await settle(
            found.unsure, worker=worker, ledger=self._ledger, camera=camera, docking=visit.docking, activity=self._activity,
            settled=visit.unsettled.remove,
        )  # fmt: skip
        if visit.unsettled:
            visit.last_seen = None

    async def _pull(self, visit: Visit, worker: Worker) -> None:
        wanted = [
            one for one in await self._segments(visit)
            if one.on_camera and not one.in_spool and not one.in_store and one.held is None
        ]  # fmt: skip
        pulled = await self._pulling.all(wanted, worker=worker, camera=visit.camera)
        for segment in pulled.unstable:
            visit.last_seen = None
            visit.unstable[segment.id] = visit.unstable.get(segment.id, 0) + 1
            if visit.unstable[segment.id] >= _PASSES:
                await self._pulling.hold(segment, reason="source_unstable", error=unstable_message(segment))
        if pulled.waiting is not None:
            self._activity.camera(visit.camera.id, "waiting", message=pulled.waiting.message, reason="spool_full")

    async def _in_grace(self, mine: Sequence[Segment]) -> bool:
        """Whether anything has to stay on the camera a while yet, only because the site wants that."""
        now = self._ledger.clock.now()
        waits = [one for one in mine if one.on_camera and one.in_store and one.held is None]
        # a clock that was set back must not make it wait for the day that it comes from
        return any(abs(now - (one.confirmed_at or now)) < self._settings.grace for one in waits)

    def _only_copy(self, visit: Visit, mine: Sequence[Segment]) -> bool:
        """Whether the camera may hold the only copy of anything: then nothing at all is deleted from it (P3), and it says why."""
        found = _alone(visit, mine)
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

    async def _wipe(self, visit: Visit, mine: Sequence[Segment]) -> bool:
        """Wipe what is proven. Returns whether to look at the camera again: wiped is what is seen gone."""
        ready = [one for one in mine if one.on_camera and one.in_store and one.held is None]
        if not ready:
            return False
        wiped = 0
        for batch in self._wiping.batches(ready):
            async with self._lent(visit) as worker:
                await self._list(visit, worker)
                if _alone(visit, await self._segments(visit)) is not None:
                    break  # it wrote something meanwhile: that comes first
                wiped += await self._wiping.batch(batch, worker=worker, camera=visit.camera.id, device=visit.device)
        visit.last_seen = None
        visit.fruitless = 0 if wiped else visit.fruitless + 1
        if wiped:
            visit.changed.set()
        if visit.fruitless >= _PASSES:
            visit.fruitless = 0
            await self._pulling.hold(ready[0], reason="source_unstable", error=unstable_message(ready[0]))
        return True

    async def _done(self, visit: Visit, mine: Sequence[Segment]) -> None:
        camera = visit.camera.id
        doing = self._activity.cameras.get(camera)
        if doing is not None and doing.phase == "done":
            return
        wiped = sum(1 for one in mine if one.wiped_at is not None)
        if wiped and not any(one.on_camera for one in mine):
            event = events.CameraEmptied(camera=camera, docking=visit.docking, wiped=wiped)
            await self._ledger.commit(lambda tx: tx.record(event))
        self._activity.camera(camera, "done")


def _alone(visit: Visit, mine: Sequence[Segment]) -> tuple[str, str] | None:
    """Something of which the camera may hold the only copy, and why it was not copied; None if there is nothing like that."""
    for one in mine:
        if one.on_camera and not one.in_spool and not one.in_store:
            return legible(one.path), one.held_message or "it was not copied yet"
    for item in visit.hidden:
        return legible(item.path), item.message
    for one in visit.unsettled:
        return legible(one.path), "what lies there now could not be read"
    return None
