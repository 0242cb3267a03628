"""The half that needs the store: queue, upload, confirm, release. Readable as a list of steps; each step is a stage's own file.

It goes on by itself whatever the store does. While a store is down, one probe at a time looks for it; segments are not blamed for that and
keep their turn. What is wrong with one segment delays or holds that segment alone. What is wrong with the store's word stops
every deletion.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest import events
from ingest.activity import Activity
from ingest.confirm import Confirming, describe
from ingest.errors import (
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
    StoreDown,
    Unproven,
    WrongStore,
)  # fmt: skip
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.release import Releasing
from ingest.spool import Spool
from ingest.store.base import Store
from ingest.store.throttle import Bucket
from ingest.trust import Trust
from ingest.upload import Uploading, backoff

StoreWord = Literal["connected", "slow", "down", "wrong-store", "dishonest", "unknown"]
_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class DeliverySettings:
    """`chunk` bytes in one request at most; `retry_max` and `keep_confirmed` in seconds; `pin` a store id or key thumbprint."""

    station: str = "station"
    parallel: int = 2
    chunk: int = 64 << 20
    retry_max: float = 600.0
    keep_confirmed: float = 0.0
    pin: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoreState:
    """What is known of the store: `since` seconds since the epoch, `message` plain words, `last_success` likewise or None."""

    word: StoreWord = "unknown"
    since: float = 0.0
    message: str = ""
    last_success: float | None = None
    id: str | None = None
    honest: bool | None = None


class Delivery:
    """Brings what is spooled to the store and proves it there. `run()` until cancelled; `attest()` for whoever wants to wipe."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, store: Store, bucket: Bucket, settings: DeliverySettings, activity: Activity,
        observe: Callable[[str, float], None] = lambda _what, _seconds: None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._settings = settings
        self._trust = Trust(ledger=ledger, store=store, station=settings.station, wanted=settings.pin)
        self._uploading = Uploading(
            ledger=ledger, spool=spool, store=store, bucket=bucket, chunk=settings.chunk, activity=activity
        )
        self._confirming = Confirming(ledger=ledger, store=store, station=settings.station)
        self._releasing = Releasing(
            ledger=ledger, spool=spool, keep_confirmed=settings.keep_confirmed, trusted=self.trusted, attest=self.attest
        )
        self._observe = observe
        self.state = StoreState(since=ledger.clock.now())
        self._pinned: Pinned | None = None
        self._failures = 0
        self._closed_until = 0.0
        self._stopped: Stop | None = None
        self._probe = asyncio.Lock()
        self._busy: set[str] = set()
        self._work = asyncio.Event()
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(
            event, (events.SegmentCopied, events.SegmentRecovered, events.SegmentUnheld, events.SegmentStoreLost)
        ):
            self._work.set()

    def wake(self) -> None:
        """Look at the queue now, and try the store now."""
        self._closed_until = 0.0
        self._work.set()

    async def run(self) -> None:
        """Deliver until cancelled. Raises LedgerUnusable, and nothing else that a store or a disk could cause."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_at_store(), name="delivery-store")
            group.create_task(self._hand_out(), name="delivery-queue")
            group.create_task(self._releasing.run(), name="delivery-release")

    # -- the store as a whole ------------------------------------------------------------------------------------------

    async def _look_at_store(self) -> None:
        """See who the store is at the start, and again every five minutes."""
        while True:
            with contextlib.suppress(Retry, Hold, Stop):
                await self.trusted()
            await asyncio.sleep(min(300.0, max(0.5, self._closed_until - time.monotonic())))
            if self.state.word == "connected":
                self._pinned = None

    async def trusted(self) -> Pinned:
        """The pinned store, known to be the one that answers, and to refuse wrong bytes. Raises Retry, Stop."""
        async with self._probe:
            wait = self._closed_until - time.monotonic()
            if wait > 0:
                if self._stopped is not None:
                    raise self._stopped
                raise StoreDown(self.state.message or "the store is being waited for", after=wait)
            if self._pinned is not None:
                return self._pinned
            try:
                pinned = await self._trust.recognise()
                await self._trust.honest(pinned)
            except DockdError as error:
                self._store_failed(error)
                raise
            self._pinned = pinned
            self._store_works(pinned)
            return pinned

    def _store_works(self, pinned: Pinned | None = None) -> None:
        self._failures, self._closed_until, self._stopped = 0, 0.0, None
        now = self._ledger.clock.now()
        word = self.state
        if word.word != "connected":
            self._ledger.publish(events.StoreChanged(state="connected", error="it answers"))
            self._work.set()
        store = pinned.id if pinned else word.id
        since = word.since if word.word == "connected" else now
        self.state = StoreState(word="connected", since=since, last_success=now, id=store, honest=True)

    def _store_failed(self, error: DockdError) -> None:
        """Close the door for a while: doubled each time, capped, jittered, never under what the store asked for."""
        if isinstance(error, LedgerUnusable):
            raise error
        self._failures += 1
        self._pinned = None
        floor = error.after if isinstance(error, Retry) else 0.0
        wait = backoff(self._failures - 1, longest=self._settings.retry_max, chance=random.random(), floor=floor)  # noqa: S311
        self._closed_until = time.monotonic() + wait
        self._stopped = error if isinstance(error, Stop) else None
        word: StoreWord = "down"
        if isinstance(error, StoreDishonest):
            word = "dishonest"
        elif isinstance(error, WrongStore):
            word = "wrong-store"
        now = self._ledger.clock.now()
        since = self.state.since if self.state.word == word else now
        if (self.state.word, self.state.message) != (word, error.message):
            self._ledger.publish(events.StoreChanged(state=word, error=error.message))
        self.state = StoreState(
            word=word, since=since, message=error.message, last_success=self.state.last_success, id=self.state.id,
            honest=False if word == "dishonest" else self.state.honest,
        )  # fmt: skip

    # -- the queue -----------------------------------------------------------------------------------------------------

    async def _hand_out(self) -> None:
        """Give the next segments to at most `parallel` senders."""
        async with asyncio.TaskGroup() as senders:
            while True:
                self._work.clear()
                wait = await self._start_next(senders)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._work.wait()

    async def _start_next(self, senders: asyncio.TaskGroup) -> float:
        """Start what can be started; returns how long to wait for a change, seconds."""
        room = self._settings.parallel - len(self._busy)
        if room <= 0:
            return 60.0
        try:
            await self.trusted()
        except (Retry, Stop, Hold):
            return max(0.2, self._closed_until - time.monotonic())
        now = self._ledger.clock.now()
        found = await self._ledger.read(
            lambda db: queue.next_uploads(
                db.execute, now=now, longest=self._settings.retry_max, busy=self._busy, count=room
            )
        )
        for segment in found:
            self._busy.add(segment.id)
            senders.create_task(self._deliver(segment), name=f"upload-{segment.id}")
        if len(found) == room:
            return 60.0
        moment = await self._ledger.read(lambda db: queue.next_time(db.execute))
        return 60.0 if moment is None or self._busy else min(60.0, max(0.2, moment - now))

    async def _deliver(self, segment: Segment) -> None:
        """Upload one segment and have it confirmed; what goes wrong is sorted here."""
        try:
            pinned = await self.trusted()
            began = time.monotonic()
            upload = await self._uploading.send(segment, describe(segment, station=self._settings.station))
            await self._confirming.confirm(segment, upload=upload, pinned=pinned)
            self._observe("deliver", time.monotonic() - began)
            self._store_works(pinned)
        except LedgerUnusable:
            raise
        except DockdError as error:
            await self._not_delivered(segment, error)
        finally:
            self._busy.discard(segment.id)
            self._work.set()
            self._releasing.wake()

    async def _not_delivered(self, segment: Segment, error: DockdError) -> None:
        match error:
            case IntegrityFailed():
                await self._spool_rotted(segment, error.message)
            case Hold():
                await self._hold(segment, error)
            case HistoryConflict():
                await self._history_went_back(error)
            case Stop():
                await self._store_is_not_believed(segment, error)
            case Unproven():
                await self._unproven(segment, error)
            case ObjectGone() | Garbled():
                await self._delay(segment, error)
            case _:
                self._store_failed(error)

    async def _hold(self, segment: Segment, error: DockdError) -> None:
        await self._ledger.commit(lambda tx: segments.hold(tx, segment.id, reason=error.reason, error=error.message))

    async def _delay(self, segment: Segment, error: DockdError) -> None:
        floor = error.after if isinstance(error, Retry) else 0.0
        chance = random.random()  # noqa: S311 - jitter
        wait = backoff(segment.attempts, longest=self._settings.retry_max, chance=chance, floor=floor)
        await self._ledger.commit(lambda tx: segments.delay(tx, segment.id, seconds=wait, error=error.message))

    async def _unproven(self, segment: Segment, error: Unproven) -> None:
        """The store has other bytes, or cannot say: is it our copy? If not, send it anew, and after some tries hold it."""
        if not await self._uploading.spool_is_true(segment):
            await self._spool_rotted(segment, "its bytes are no longer those that were pulled")
            return
        if segment.attempts + 1 >= _TRIES:
            await self._hold(segment, error)
        else:
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))
            await self._delay(segment, error)

    async def _spool_rotted(self, segment: Segment, error: str) -> None:
        """Take it out of the copies; keep what is left of the file aside, for it may be all there is."""

        def rot(tx: Transaction) -> None:
            segments.rotted(tx, segment.id, error=error)

        await self._ledger.commit(rot)
        path = self._spool.file(segment.id)
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".rotted"))

    async def _store_is_not_believed(self, segment: Segment, error: Stop) -> None:
        if isinstance(error, StoreDishonest) and self.state.id is not None:
            await self._trust.caught(self.state.id, error.message)
            await self._hold(segment, error)
        self._store_failed(error)

    async def _history_went_back(self, conflict: HistoryConflict) -> None:
        """Open a new chain that names what the store last saw, in sight of everybody; only then is the store asked again."""
        self._store_failed(conflict)
        if conflict.seq is None or conflict.head is None:
            return
        store, seq, head = self.state.id or "unknown", conflict.seq, conflict.head

        def restore(tx: Transaction) -> None:
            if (tx.end.seq, tx.end.hash) == (seq, head) or tx.end.seq > seq + 1_000_000_000:
                return
            tx.record(
                events.CustodyRestored(
                    store=store, store_seq=seq, store_head=head, own_seq=tx.end.seq, own_head=tx.end.hash
                ),
                continue_after=seq,
            )

        await self._ledger.commit(restore)

    # -- proof for those who delete --------------------------------------------------------------------------------------

    async def attest(self, wanted: Sequence[Segment]) -> list[str]:
        """Have each confirmed segment proven once more, now; returns the ids for which that worked.

        Raises Retry where the store cannot be asked, Stop where it is not to be believed. A segment that the store has lost is queued
        again by this.
        """
        pinned = await self.trusted()
        limit = asyncio.Semaphore(8)

        async def one(segment: Segment) -> str | None:
            async with limit:
                return await self._attest_one(segment, pinned)

        found = await asyncio.gather(*(one(segment) for segment in wanted), return_exceptions=True)
        for result in found:
            if isinstance(result, HistoryConflict):
                await self._history_went_back(result)
            if isinstance(result, DockdError):
                if not isinstance(result, HistoryConflict):
                    self._store_failed(result)
                raise result
            if isinstance(result, BaseException):
                raise result
        return [result for result in found if isinstance(result, str)]

    async def _attest_one(self, segment: Segment, pinned: Pinned) -> str | None:
        try:
            await self._confirming.attest(segment, pinned=pinned)
        except (ObjectGone, Unproven) as error:
            message = error.message
            await self._ledger.commit(lambda tx: segments.store_lost(tx, segment.id, error=message))
            return None
        except StoreDishonest as error:
            await self._trust.caught(pinned.id, error.message)
            raise
        return segment.id
