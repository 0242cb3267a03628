"""The half that needs the camera: list, settle, pull, wait for the store's proof, wipe, look again. One session a docked camera.

A session is a loop of passes over a freshly opened camera. It ends when the camera leaves (it is cancelled then), or, for a
one-shot, when a pass finds nothing more to do. Nothing is concluded from a camera that is not present at the end of a listing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from ingest import events
from ingest.activity import Activity
from ingest.emptying import Emptying
from ingest.errors import CameraGone, DockdError, LedgerUnusable, Retry, SpoolFull, Stop, Unreadable
from ingest.leave import Leave, Wish
from ingest.ledger import Ledger, Transaction, cameras, segments
from ingest.ledger.segments import Segment
from ingest.list import Seen, record
from ingest.model import legible
from ingest.pull import Pulling, unstable_message
from ingest.spool import Spool
from ingest.telling import Telling
from ingest.verify import settle
from ingest.visit import Visit
from ingest.wipe import Wiping
from ingest.worker.pool import Worker, WorkerDied, WorkerPool

_PASSES = 5
_LOOK_AGAIN = 60.0


@dataclass(frozen=True, kw_only=True)
class IntakeSettings:
    """`wipe`: whether deletion is wanted at all; `grace`: seconds between confirmation and deletion; `rest`: seconds between passes.

    `turn`: seconds after which a camera that is being copied lets others that wait have their turn. `max_clock_offset`: seconds beyond
    which a camera's clock is set, where that can be done. `min_room`: bytes that one must still be able to record to go out unconfirmed.
    """

    wipe: bool = True
    grace: float = 0.0
    rest: float = 5.0
    turn: float = 60.0
    max_clock_offset: float = 60.0
    min_room: int = 8 << 30


class Intake:
    """Runs sessions. `attest` is the delivery's."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, pool: WorkerPool, activity: Activity, settings: IntakeSettings,
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._pool = pool
        self._activity = activity
        self._settings = settings
        self._pulling = Pulling(ledger=ledger, spool=spool, activity=activity, wake=self._wake)
        self._leave = Leave(Wish(wipe=settings.wipe, grace=settings.grace))
        wiping = Wiping(ledger=ledger, activity=activity, attest=attest, leave=self._leave)
        self._emptying = Emptying(
            ledger=ledger, activity=activity, wiping=wiping, pulling=self._pulling, leave=self._leave, touch=self
        )
        self._telling = Telling(ledger=ledger, max_clock_offset=settings.max_clock_offset)
        self._visits: dict[str, Visit] = {}
        self._ledger_failed = ""
        ledger.subscribe(self._hear)

    @property
    def wish(self) -> Wish:
        """Whether cameras are emptied, as it is now."""
        return self._leave.now

    def wishes(self, wish: Wish) -> None:
        """Whether cameras are emptied from now on: no permit is written, and nothing more deleted under one, against it."""
        self._leave.now = wish
        self._look_again()

    def follow(self, *, max_clock_offset: float, min_room: int) -> None:
        """These settings of `IntakeSettings` from now on; what is under way goes on."""
        self._settings = replace(self._settings, max_clock_offset=max_clock_offset, min_room=min_room)
        self._telling.max_clock_offset = max_clock_offset
        self._pulling.look_for_room()  # what is never filled of the spool's disk may be less now
        self._look_again()

    def _look_again(self) -> None:
        for visit in self._visits.values():
            visit.changed.set()

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, events.StoreChanged):
            self._look_again()
        elif isinstance(event, events.SegmentReleased):
            self._pulling.made_room()
        if event.camera in self._visits and event.segment is not None:
            self._visits[event.camera].changed.set()

    def _wake(self, camera: str) -> None:
        if camera in self._visits:
            self._visits[camera].changed.set()

    async def session(self, visit: Visit, *, once: bool) -> None:
        """Everything for one docked camera. `once`: return when nothing more can be done now, else go on until cancelled.

        Raises CameraGone (only with `once`), LedgerUnusable.
        """
        try:
            await self._session(visit, once=once)
        except LedgerUnusable as error:
            self.say_ledger(error.message)
            raise

    async def _session(self, visit: Visit, *, once: bool) -> None:
        camera = visit.camera.id
        visit.begin(
            await self._ledger.commit(
                lambda tx: cameras.docked(
                    tx, visit.camera, bay=visit.bay, source=legible(visit.root), place=visit.place
                )
            )
        )
        self.say_ledger("")
        self._visits[camera] = visit
        self._activity.camera(camera, "reading")
        stays = False
        try:
            await self._telling.docked(visit)
            await self._try_again(visit)
            await self._passes(visit, once=once)
        except asyncio.CancelledError:
            stays = not visit.taken
            raise
        except Exception:
            await self._not_writable(visit)
            raise
        finally:
            self._visits.pop(camera, None)
            self._pulling.left(camera, stays=stays)
            self._activity.camera_left(camera)
            with contextlib.suppress(LedgerUnusable):
                await self._ledger.commit(
                    lambda tx: cameras.undocked(tx, visit.docking, taken=visit.taken, may_go=self._may_go(visit))
                )

    def _may_go(self, visit: Visit) -> bool:
        """Whether all of it was looked at, and it has room for more: then it may be away for a while with what is safe here still on it."""
        if self._activity.spool_failed or not self._spool.in_place():
            return False  # nobody knows whether it is safe here
        looked_at = visit.listed_once and visit.ours and not (visit.hidden or visit.unsettled or visit.unsafe)
        least = self._settings.min_room
        return looked_at and (least == 0 or (visit.room is not None and visit.room >= least))

    def say_ledger(self, error: str) -> None:
        """What keeps the ledger from being written, once; empty: nothing any more."""
        if error and error != self._ledger_failed:
            self._ledger.publish(events.LedgerFails(error=error))
        elif self._ledger_failed and not error:
            self._ledger.publish(events.LedgerWorks())
        self._ledger_failed = error

    async def _not_writable(self, visit: Visit) -> None:
        """A session that ends while its camera stays leaves no card writable behind."""
        if visit.suspect and visit.volume is not None:
            with contextlib.suppress(DockdError):
                await visit.volume.fresh()

    async def _try_again(self, visit: Visit) -> None:
        """A new docking is a changed condition for what went wrong before; what a caught store has brought about waits for a person's pin."""
        held = await self._ledger.read(lambda db: cameras.held(db.execute, visit.camera.id))

        def release(tx: Transaction) -> None:
            for one in held:
                segments.unhold(tx, one)

        if held:
            await self._ledger.commit(release)

    async def _passes(self, visit: Visit, *, once: bool) -> None:
        visit.patient = not once
        while True:
            visit.changed.clear()
            rest, written = self._settings.rest, visit.written
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
            if visit.written > written:  # each look at a file that grows is written down: not oftener than it helps
                await asyncio.sleep(min(_LOOK_AGAIN, rest * visit.written))
                continue
            visit.written = 0
            if visit.waits_for_room:  # it is woken when there is some
                rest = min(_LOOK_AGAIN, 12 * rest)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await visit.changed.wait()

    def trouble(self, visit: Visit, message: str) -> None:
        """Something that is not this camera's fault keeps its session from running."""
        self._activity.camera(visit.camera.id, "failed", message=message, reason="dock")

    def _failed(self, visit: Visit, error: CameraGone | Unreadable) -> bool:
        """Say what failed. Returns whether it is the camera's doing; a worker that died is replaced, a few times."""
        visit.last_seen, visit.suspect = None, True
        visit.waits_for_room = False
        self._pulling.left(visit.camera.id)  # others are not to wait for one that does not come
        hangs = isinstance(error, WorkerDied)
        reason = "bay_fault" if hangs and visit.bay is not None else "copy_failed"
        before = self._activity.cameras.get(visit.camera.id)
        self._activity.camera(visit.camera.id, "failed", message=error.message, reason=reason)
        if hangs:
            visit.workers_lost += 1
            if before is None or before.message != error.message:  # one that hangs on is told once
                self._ledger.publish(events.WorkerLost(camera=visit.camera.id, bay=visit.bay, error=error.message))
            return visit.workers_lost >= _PASSES
        self._ledger.publish(events.CameraFailed(camera=visit.camera.id, bay=visit.bay, error=error.message))
        return True

    # -- one pass ------------------------------------------------------------------------------------------------------

    async def _one_pass(self, visit: Visit) -> bool:
        """List, pull, wipe what is proven. Returns whether nothing more can be done with this camera as it is."""
        await self.anew(visit)
        async with self.lent(visit) as worker:
            over_at = time.monotonic() + self._settings.turn
            await self.list(visit, worker, enough=lambda: time.monotonic() > over_at and bool(self._activity.queued))
            if not visit.yielded:
                await self._pull(visit, worker, over_at=over_at)
        if visit.yielded:
            return False
        self._recovered(visit)
        if not await self._proven(visit):
            return False
        if visit.unsettled and visit.unsettled_passes < _PASSES:
            visit.unsettled_passes += 1
            return False
        mine = await self.segments(visit)
        if self.wish.wipe and visit.wipe:
            if (done := await self._emptying.of(visit, mine)) is not None:
                return done
            mine = await self.segments(visit)
        else:
            visit.unsafe, visit.locked = "", ""  # of a time when it was to be emptied
        await self._done(visit, mine)
        return True

    @contextlib.asynccontextmanager
    async def lent(self, visit: Visit) -> AsyncIterator[Worker]:
        """A worker on the very thing that was docked. Raises CameraGone where another lies in its place by now, WorkerDied."""
        async with self._pool.lent(visit.root) as worker:
            visit.device = visit.device or worker.device
            if worker.device != visit.device:
                raise CameraGone(f"{legible(visit.root)} is another camera now: it was exchanged while it was read")
            yield worker

    async def anew(self, visit: Visit) -> None:
        """After anything failed, nothing is believed of a mount that was there before: a pulled cable leaves one that lists as empty.

        Raises CameraGone, Unreadable, WorkerDied (a reader that hangs keeps it from being unmounted).
        """
        if visit.suspect and visit.volume is not None:
            await self._pool.none_left_on(visit.root)
            await visit.volume.fresh()
        visit.suspect = False

    def _recovered(self, visit: Visit) -> None:
        """A pass went through: what failed before is over."""
        doing = self._activity.cameras.get(visit.camera.id)
        if doing is not None and doing.phase == "failed" and doing.reason not in ("only_copy", "locked"):
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
            if doing is None or doing.phase != "waiting" or doing.reason:
                self._activity.camera(visit.camera.id, "waiting")
            try:
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + max(0.0, patience - time.monotonic())
                ):
                    await visit.changed.wait()
            except TimeoutError:
                return False
            await asyncio.sleep(0.05)  # confirmations come in crowds

    async def segments(self, visit: Visit) -> list[Segment]:
        """What was listed in this docking, oldest capture first."""
        return await self._ledger.read(lambda db: cameras.in_docking(db.execute, visit.docking))

    async def list(self, visit: Visit, worker: Worker, *, enough: Callable[[], bool] = lambda: False) -> None:
        """Take a listing; record it if it says anything new."""
        visit.yielded = False
        await self._telling.ask(visit, worker)
        files, skipped, change_times = await worker.listing()
        visit.room = worker.room
        seen = visit.seen(
            Seen(files=tuple(files), skipped=tuple(skipped), change_times=change_times),
            known=await self._known(visit),
        )
        if seen == visit.last_seen:
            return
        camera, first = visit.camera.id, not visit.listed_once
        unsettled = {one.id for one in visit.unsettled}
        found = await self._ledger.commit(
            lambda tx: record(
                tx,
                camera=camera,
                docking=visit.docking,
                device=None if visit.volume is not None and visit.camera.card else visit.device,
                seen=seen,
                first=first,
                unsettled=unsettled,
                rules=visit.rules,
                clock_offset=visit.clock_offset,
            )
        )
        visit.last_seen, visit.listed_once = seen, True
        visit.skipped = seen.skipped
        visit.unsettled = [segment for segment, _file in found.unsure]  # until each of them has been read
        visit.yielded = not await settle(
            found.unsure, worker=worker, ledger=self._ledger, camera=camera, docking=visit.docking, activity=self._activity,
            settled=visit.unsettled.remove, enough=enough,
        )  # fmt: skip
        if visit.unsettled:
            visit.last_seen = None

    async def _known(self, visit: Visit) -> set[bytes]:
        """Paths at which the ledger has segments on this camera; nobody asks where the rules pass nothing over."""
        if not visit.rules.ignorable:
            return set()
        return await self._ledger.read(lambda db: {one.path for one in cameras.on_camera(db.execute, visit.camera.id)})

    async def _pull(self, visit: Visit, worker: Worker, *, over_at: float) -> None:
        wanted = [
            one for one in await self.segments(visit)
            if one.on_camera and not one.in_spool and not one.in_store and one.held is None
        ]  # fmt: skip
        pulled = await self._pulling.all(
            wanted, worker=worker, camera=visit.camera,
            enough=lambda: time.monotonic() > over_at and bool(self._activity.queued),
        )  # fmt: skip
        visit.waits_for_room = isinstance(pulled.waiting, SpoolFull)
        for segment in pulled.unstable:
            written = pulled.written.get(segment.id)
            if written is not None and visit.patient:
                self._activity.camera(visit.camera.id, "waiting", message=written)
                continue
            visit.last_seen = None
            visit.unstable[segment.id] = visit.unstable.get(segment.id, 0) + 1
            if visit.unstable[segment.id] >= _PASSES:
                message = written or unstable_message(segment)
                await self._pulling.hold(segment, reason="source_unstable", error=message)
        visit.written += bool(pulled.written and visit.patient)
        if pulled.waiting is not None:
            reason, message = pulled.waiting.reason, pulled.waiting.message
            self._activity.camera(visit.camera.id, "waiting", message=message, reason=reason)

    async def _done(self, visit: Visit, mine: Sequence[Segment]) -> None:
        camera = visit.camera.id
        doing = self._activity.cameras.get(camera)
        if doing is not None and doing.phase == "done":
            return
        wiped = sum(1 for one in mine if one.wiped_at is not None)
        if wiped and not any(one.on_camera and visit.rules.wiped(one.path) for one in mine):
            event = events.CameraEmptied(camera=camera, docking=visit.docking, wiped=wiped)
            await self._ledger.commit(lambda tx: tx.record(event))
        self._activity.camera(camera, "done")
