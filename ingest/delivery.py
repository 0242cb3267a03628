"""The half that needs the store: queue, upload, confirm, release. Readable as a list of steps; each step is a stage's own file.

It goes on by itself whatever the store does. While a store is down, one probe at a time looks for it; segments are not blamed for that and
keep their turn. What is wrong with one segment delays or holds that segment alone. What is wrong with the store's word stops
every deletion.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest import events
from ingest.activity import Activity
from ingest.attest import Attesting
from ingest.confirm import Confirming, OtherBytes, describe
from ingest.describing import Describing
from ingest.errors import (
    AddressTaken,
    DockdError,
    Garbled,
    HistoryConflict,
    Hold,
    IntegrityFailed,
    LedgerUnusable,
    ObjectGone,
    Retry,
    Stop,
    StoreDishonest,
    Unforeseen,
    Unproven,
    UploadBlocked,
)  # fmt: skip
from ingest.explaining import Explaining
from ingest.goodput import lanes_under
from ingest.lanes import Lanes
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.link import Link, unforeseen
from ingest.marking import Marking
from ingest.places import TURN, Places, Turn
from ingest.release import Releasing
from ingest.reread import Rereading, SpoolCopyBad, SpoolDiskFailed, SpoolUnread
from ingest.rot import Rot, Scrubbing
from ingest.sample import Sampling
from ingest.seek import Seeking
from ingest.setbacks import Setbacks, backoff
from ingest.spool import Spool
from ingest.spool_watch import SpoolWatch
from ingest.standing import StoreState, StoreWord
from ingest.steps import Steps
from ingest.store.answers import LONGEST_RETRY_AFTER
from ingest.store.base import Store
from ingest.store.throttle import Bucket
from ingest.upload import Uploading
from ingest.went_back import AskingAgain

__all__ = ["Delivery", "DeliverySettings", "StoreState", "StoreWord"]
_NEW_WORK = (
    events.SegmentCopied, events.SegmentRecovered, events.SegmentUnheld, events.SegmentStoreLost, events.SegmentEvidential, events.SegmentMovedUp,
)  # fmt: skip
# Seconds: a store may be silent for five minutes at the end of a body, and read a segment of 4 GiB again before it answers; a dock may read it first.
_PATIENCE = 1200.0
_TRIES = 5
_MANY_TRIES = 10  # where it may well be over by itself: a lock that is left over, a machine that is short of something
_PIN = "Look at the store; then pin it anew (dockd store pin): what is held because of it is tried again then"
_ASK = "Look at the store; then try it again: dock the camera again, or run the ingest of it again, or pin the store anew (dockd store pin)"
_ASK_DOCK = "It is kept where it is: see to the dock's disk; it goes on by itself when it can be read"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """`parallel` requests at once at most; `chunk` bytes in one request at most, `turn` in one turn at least; `retry_max`, `keep_confirmed` and `scrub_every` in seconds; `pin` a store id or key thumbprint."""

    station: str = "station"
    parallel: int = 8
    chunk: int = 64 << 20
    turn: int = TURN
    retry_max: float = 600.0
    keep_confirmed: float = 0.0
    pin: str | None = None
    scrub_every: float = 86400.0


class Delivery:
    """Brings what is spooled to the store and proves it there. `run()` until cancelled; `attest()` for whoever wants to wipe."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, store: Store, bucket: Bucket, settings: DeliverySettings, activity: Activity,
        observe: Callable[[str, float], None] = lambda _what, _seconds: None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._settings = settings
        self._store = store
        self._link = Link(
            ledger=ledger, store=store, station=settings.station, wanted=settings.pin, bucket=bucket, retry_max=settings.retry_max,
            believed=self._believed_again,
        )  # fmt: skip
        rereading = Rereading(spool)
        self._rot = Rot(ledger=ledger, spool=spool, activity=activity, rereading=rereading)
        self._spool_watch = SpoolWatch(
            ledger=ledger, spool=spool, activity=activity, rereading=rereading, bad=self._rot.found
        )
        self._lanes = lanes = Lanes(settings.parallel, limited=lambda: lanes_under(bucket.rate))
        self._uploading = Uploading(
            ledger=ledger,
            rereading=rereading,
            store=store,
            bucket=bucket,
            chunk=settings.chunk,
            activity=activity,
            lanes=lanes,
        )
        sampling = Sampling(store)
        self._confirming = Confirming(
            ledger=ledger, store=store, station=settings.station, gate=self._link.gate,
            differs=lambda one, upload: sampling.differs(upload, file=spool.file(one.id), size=one.size),
            there=lambda one, upload: sampling.there(upload, size=one.size),
            holds=lambda one, upload: sampling.holds(upload, size=one.size, sha256=one.digest.sha256),
        )  # fmt: skip
        self._explaining = Explaining(
            ledger=ledger, store=store, describe=lambda one: describe(one, station=settings.station), longest=settings.retry_max
        )  # fmt: skip
        self._setbacks = Setbacks(longest=settings.retry_max)
        self._attesting = Attesting(
            ledger=ledger, link=self._link, confirming=self._confirming, setbacks=self._setbacks, retry_max=settings.retry_max
        )  # fmt: skip
        self._releasing = Releasing(
            ledger=ledger, spool=spool, keep_confirmed=settings.keep_confirmed, trusted=self._link.trusted_to_delete,
            attest=self.attest,
        )  # fmt: skip
        self._seeking = Seeking(
            ledger=ledger, store=store, trusted=self._link.trusted, attest=self.attest,
            prove=lambda one, upload, pinned: self._confirming.found(one, upload=upload, pinned=pinned),
            describe=lambda one: describe(one, station=settings.station), failed=self._seeking_failed, setbacks=self._setbacks,
        )  # fmt: skip
        self._describing = Describing(ledger=ledger, spool=spool)
        self._marking = Marking(
            ledger=ledger, store=store, trusted=self._link.trusted, recognised=self._link.recognised_since, attest=self.attest,
            explained=self._explaining.anew, describe=lambda one: describe(one, station=settings.station), longest=settings.retry_max,
        )  # fmt: skip
        self._asking_again = AskingAgain(ledger=ledger, attest=self.attest, setbacks=self._setbacks)
        self._observe = observe
        self._standing = self._link.standing
        self._cuts: dict[str, int] = {}
        self._blamed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        # What lies further ahead comes from a clock that jumped.
        self._longest_wait = LONGEST_RETRY_AFTER + 2 * settings.retry_max
        self._places = Places(ledger=ledger, lanes=lanes, longest=self._longest_wait, turn=settings.turn)
        self._scrubbing = Scrubbing(
            ledger=ledger, rereading=rereading, rot=self._rot, busy=self._places.busy, every=settings.scrub_every
        )
        self.handing_out = Steps("the queue to the store", patience=_PATIENCE)
        self.sending = Steps("sending to the store", patience=_PATIENCE)
        activity.sending = self.sending.moved
        self._work = asyncio.Event()
        lanes.changed = lanes.queued = self._work.set
        bucket.subscribe(lanes.look)
        ledger.subscribe(self._hear)

    @property
    def state(self) -> StoreState:
        """How the store stands."""
        return self._standing.state

    async def trusted(self) -> Pinned:
        """The pinned store, known to be the one that answers, and to refuse wrong bytes. Raises Retry, Stop."""
        return await self._link.trusted()

    async def trusted_now(self) -> Pinned:
        """`trusted`, and seen in this very run to refuse wrong bytes, whatever was seen before. Raises Retry, Stop."""
        return await self._link.trusted_to_delete()

    def follow(self, *, parallel: int, chunk: int, keep_confirmed: float) -> None:
        """These settings of `DeliverySettings` from now on: requests that are under way go on, and the next ones are as many and as large as this says."""
        self._lanes.resize(parallel)
        self._uploading.resize(chunk)
        self._releasing.keep(keep_confirmed)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, events.SegmentUnheld) and event.segment is not None:
            self._blamed.pop(event.segment, None)
        if isinstance(event, (events.SegmentEvidential, events.SegmentMovedUp)) and event.segment is not None:
            self._places.moved(event.segment)
        if isinstance(event, _NEW_WORK):
            self._work.set()
        if isinstance(event, events.SegmentHeld) and event.reason == segments.IN_DOUBT:
            self._seeking.wake()

    async def nothing_in_doubt(self) -> None:
        """Wait until the store has been asked for everything of which no copy is known. Raises LedgerUnusable."""
        await self._asking_again.over()
        await self._seeking.over()

    def _believed_again(self) -> None:
        self._work.set()
        self._seeking.wake()

    async def _seeking_failed(self, error: DockdError) -> None:
        if isinstance(error, HistoryConflict):
            await self._history_differs(error)
            return
        if isinstance(error, AddressTaken):
            await self._whose_address(error)
        if isinstance(error, StoreDishonest) and self.state.id is not None:
            await self._link.caught(self.state.id, error.message)
        self._standing.failed(error, doubt=True)

    def wake(self) -> None:
        """Look at the queue now, and try the store now."""
        self._standing.open()
        self._setbacks.try_now()
        self._work.set()
        self._seeking.wake()

    async def run(self) -> None:
        """Deliver until cancelled. Raises LedgerUnusable, and nothing else that a store or a disk could cause."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._spool_watch.run(), name="delivery-spool")
            group.create_task(self._scrubbing.run(), name="delivery-scrub")
            group.create_task(self._link.kept(), name="delivery-store")
            group.create_task(self._hand_out(), name="delivery-queue")
            group.create_task(self._releasing.run(), name="delivery-release")
            group.create_task(self._seeking.run(), name="delivery-seek")
            group.create_task(self._explaining.run(), name="delivery-explain")
            group.create_task(self._asking_again.run(), name="delivery-ask-again")
            group.create_task(self._marking.run(), name="delivery-mark")
            group.create_task(self._describing.run(), name="delivery-describe")

    async def beside(self, segment: str) -> bool:
        """Write what people have marked of it beside its copy in the spool, now; whether that is durable. Raises LedgerUnusable, KeyError."""
        return await self._describing.now(segment)

    # -- the queue -----------------------------------------------------------------------------------------------------

    async def _hand_out(self) -> None:
        """Give the next segments to as many senders as there are places."""
        async with asyncio.TaskGroup() as senders:
            while True:
                self._work.clear()
                with self.handing_out.one():
                    wait = await self._start_next(senders)
                self.handing_out.rests(wait)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._work.wait()

    async def _start_next(self, senders: asyncio.TaskGroup) -> float:
        """Start what can be started; returns how long to wait for a change, seconds."""
        try:
            await self._link.trusted()
        except LedgerUnusable:
            raise
        except (Retry, Stop):
            return max(0.2, self._standing.closed_for())
        for segment in await self._places.next():
            turn = self._places.begin(segment)
            senders.create_task(self._one_turn(segment, turn), name=f"upload-{segment.id}")
        look = queue.next_wait if self._places.busy else queue.next_time  # whoever ends looks again
        moment = await self._ledger.read(lambda db: look(db.execute))
        return 60.0 if moment is None else min(60.0, max(0.2, moment - self._ledger.clock.now()))

    async def _one_turn(self, segment: Segment, turn: Turn) -> None:
        with self.sending.one():
            await self._deliver(segment, turn)

    async def _deliver(self, segment: Segment, turn: Turn) -> None:
        """Upload one segment and have it confirmed; what goes wrong is sorted here."""
        try:
            pinned = await self._link.trusted()
        except LedgerUnusable:
            raise
        except DockdError:
            self._handed_back(segment)  # it was not even tried, and keeps its turn
            return
        try:
            try:
                await self._bring(segment, pinned, turn)
            except LedgerUnusable:
                raise
            except DockdError as error:
                await self._not_delivered(segment, error)
        except LedgerUnusable:
            raise
        except Exception as error:  # whatever it is, it is this segment's alone
            log.exception("segment %s could not be delivered", segment.id)
            trouble = Unforeseen(f"it could not be delivered: {unforeseen(error)}")
            await self._again_or_hold(segment, trouble, tries=_MANY_TRIES)
        finally:
            self._handed_back(segment)

    async def _bring(self, segment: Segment, pinned: Pinned, turn: Turn) -> None:
        """Upload, and the proof; or as much of the upload as its turn lasts."""
        began = time.monotonic()
        described = describe(segment, station=self._settings.station)
        upload = await self._uploading.send(segment, described, progress=lambda: self._moved(segment), turn=turn)
        if upload is None:
            return
        segment = await self._explaining.marked(segment, upload=upload)
        undescribed = await self._explaining.tried(segment, upload=upload)
        async with self._standing.impatient("a proof", size=segment.size):
            await self._confirming.confirm(segment, upload=upload, pinned=pinned)
        if undescribed is not None:
            self._explaining.later(segment.id, undescribed, upload=upload)
        self._observe("deliver", time.monotonic() - began)
        self._cuts.pop(segment.id, None)
        self._blamed.pop(segment.id, None)
        self._uploading.over(segment.id)
        self._standing.works()

    def _handed_back(self, segment: Segment) -> None:
        self._places.end(segment)
        self._work.set()
        self._releasing.wake()

    def _moved(self, segment: Segment) -> None:
        """The store has taken bytes of it: the line works, whatever its proofs are worth."""
        self._cuts.pop(segment.id, None)
        self._standing.moves()

    async def _not_delivered(self, segment: Segment, error: DockdError) -> None:
        match error:
            case IntegrityFailed() | SpoolUnread():
                await self._unsound(segment, error)
            case Hold():
                await self._hold(segment, error.reason, error.message)
            case HistoryConflict():
                await self._history_differs(error)
            case Stop():
                await self._store_is_not_believed(segment, error)
            case Unproven():
                await self._unproven(segment, error)
            case ObjectGone():
                await self._again_or_hold(segment, error)
            case Garbled():
                await self._delay(segment, error)
                self._standing.suspect(error)
            case UploadBlocked():
                await self._blocked(segment, error)
            case _ if type(error) is Retry:
                await self._again_or_hold(segment, error, tries=_MANY_TRIES)
            case _:
                await self._cut(segment, error)

    async def _history_differs(self, error: HistoryConflict) -> None:
        if not await self._link.went_back(error):
            self._standing.failed(error, doubt=True)

    async def _cut(self, segment: Segment, error: DockdError) -> None:
        """The store failed. Its segments keep their turn; one that fails twice in a row, and may be the cause, lets the others go first."""
        self._cuts[segment.id] = self._cuts.get(segment.id, 0) + 1
        self._standing.failed(error, doubt=True)
        if self._cuts[segment.id] >= 2:
            await self._delay(segment, error, beyond=self._standing.closed_for())

    async def _hold(self, segment: Segment, reason: str, message: str) -> None:
        await self._ledger.commit(lambda tx: segments.hold(tx, segment.id, reason=reason, error=message))

    async def _delay(self, segment: Segment, error: DockdError, *, beyond: float = 0.0) -> None:
        """Try it again later: later than `beyond` seconds from now, so that others are tried first when the store is."""
        floor = error.after if isinstance(error, Retry) else 0.0
        chance = random.random()  # noqa: S311 - jitter
        wait = backoff(segment.attempts, longest=self._settings.retry_max, chance=chance, floor=floor) + max(
            0.0, beyond
        )
        seconds = min(wait, self._longest_wait)
        await self._ledger.commit(lambda tx: segments.delay(tx, segment.id, seconds=seconds, error=error.message))

    async def _unproven(self, segment: Segment, error: DockdError) -> None:
        """The store has other bytes, or cannot say: is it our copy? If not, send it anew, and after some tries hold it."""
        if await self._our_copy_is_true(segment):
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))
            await self._again_or_hold(segment, error)

    async def _our_copy_is_true(self, segment: Segment) -> bool:
        """Whether the spool has what was pulled. If not, or if that cannot be known now, it is seen to."""
        try:
            await self._uploading.see_spool(segment)
        except (SpoolCopyBad, SpoolUnread) as error:
            await self._unsound(segment, error)
            return False
        return True

    async def _unsound(self, segment: Segment, error: IntegrityFailed | SpoolUnread) -> None:
        """Another copy takes its place; where there is none, one that could not be read is tried again, and then held."""
        if isinstance(error, IntegrityFailed):
            await self._rot.found(segment, error)
        elif not self._spool.in_place():  # no segment is to blame for a disk that is not there
            await self._delay(segment, error)
        elif not (isinstance(error, SpoolDiskFailed) and await self._rot.disk_fails(segment, error)):
            await self._again_or_hold(segment, error, tries=_MANY_TRIES, ask=_ASK_DOCK)

    async def _again_or_hold(self, segment: Segment, error: DockdError, *, tries: int = _TRIES, ask: str = _ASK) -> int:
        """Hold it when the same has happened `tries` times since it last went well; returns how often it has."""
        self._blamed[segment.id][error.reason] += 1
        times = self._blamed[segment.id][error.reason]
        if times >= tries:
            await self._hold(segment, error.reason, f"{error.message} (at each of {tries} tries). {ask}")
        else:
            await self._delay(segment, error)
        return times

    async def _blocked(self, segment: Segment, error: DockdError) -> None:
        """Somebody else has hold of that upload, for all that the store says: after some tries it is sent as another one."""
        if await self._again_or_hold(segment, error, tries=_MANY_TRIES) == _TRIES:
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))

    async def _store_is_not_believed(self, segment: Segment, error: Stop) -> None:
        if isinstance(error, OtherBytes) and not await self._our_copy_is_true(segment):
            return
        if isinstance(error, AddressTaken):
            await self._whose_address(error)
        if isinstance(error, StoreDishonest) and self.state.id is not None:
            await self._link.caught(self.state.id, error.message)
            await self._hold(segment, error.reason, f"{error.message}. {_PIN}")
        self._standing.failed(error, doubt=True)

    async def _whose_address(self, error: AddressTaken) -> None:
        """Whether what lay there is still there is asked now, before the store is believed no more; what it cannot say now stays in doubt."""
        await self._ledger.commit(lambda tx: segments.asked_again(tx, error.others))
        for name in error.others:
            row = await self._ledger.read(lambda db, name=name: segments.get(db.execute, name))  # type: ignore[misc]
            if not row.in_store:
                continue
            try:
                await self._attesting.some([row])
            except LedgerUnusable:
                raise
            except DockdError as unanswered:
                log.warning("segment %s could not be asked for again: %s", name, unanswered.message)

    # -- proof for those who delete --------------------------------------------------------------------------------------

    async def attest(self, wanted: Sequence[Segment]) -> list[str]:
        """Have each confirmed segment proven once more, now; returns the ids for which that worked. Raises Retry, Stop."""
        return await self._attesting.some(wanted)

    def in_vain(self) -> str | None:
        """What single segments wait for, that the store does not answer for, for a person; None where none does."""
        return self._setbacks.said()
