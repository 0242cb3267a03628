"""Tell the store what has become evidence after it had the bytes, until it knows.

Rules kept here: the pinned store alone is told, and only of what it has; what waits is a row of the ledger (`ingest.ledger.marks`), with its next
try, so that a restart goes on with it; what could not be told is told again, for ever; a store that has no marks is told of as such, once. An
object that is gone from the store is no mark's affair: the store is asked to prove it, and what follows from that follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from ingest import events
from ingest.errors import DockdError, LedgerUnusable, ObjectGone, Retry, WrongStore
from ingest.ledger import Ledger, marks, segments
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.model import SegmentDescription
from ingest.setbacks import backoff
from ingest.store.answers import LONGEST_RETRY_AFTER
from ingest.store.base import Store

_CANNOT = "this store has no marks for evidence: its operator has to be told, so that it is not deleted there by age"
_REST = 60.0
_AGAIN = 2.0
_NEWS = (
    events.SegmentEvidential, events.SegmentConfirmed, events.SegmentFoundInStore, events.SegmentAttested, events.StoreChanged, events.StorePinned,
)  # fmt: skip
log = logging.getLogger(__name__)


class Marking:
    """`trusted`: the pinned store, known to be the one that answers; `attest`: has segments proven; `explained(segment, upload)`: lays beside the
    object what it is now; `describe`: what a store is told of a segment; `longest`: seconds from one try to the next, at most.
    """

    def __init__(
        self, *, ledger: Ledger, store: Store, trusted: Callable[[], Awaitable[Pinned]],
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]], explained: Callable[[Segment, str], Awaitable[None]],
        describe: Callable[[Segment], SegmentDescription], longest: float,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._trusted = trusted
        self._attest = attest
        self._explained = explained
        self._describe = describe
        self._longest = longest
        self._news = asyncio.Event()
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, _NEWS):
            self._news.set()

    async def run(self) -> None:
        """Tell whatever is to be told, until cancelled. Raises LedgerUnusable."""
        while True:
            self._news.clear()
            wait = await self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def _tell(self) -> float:
        """Once; returns how long to wait for something new, seconds."""
        now, longest = self._ledger.clock.now(), LONGEST_RETRY_AFTER + 2 * self._longest
        while some := await self._ledger.read(lambda db: marks.waiting(db.execute, now=now, longest=longest)):
            try:
                pinned = await self._trusted()
            except LedgerUnusable:
                raise
            except DockdError:
                return _AGAIN  # nobody is told anything now
            for segment in some:
                await self._one(segment, pinned)
        moment = await self._ledger.read(lambda db: marks.next_time(db.execute))
        return _REST if moment is None else min(_REST, max(0.05, moment - self._ledger.clock.now()))

    async def _one(self, name: str, pinned: Pinned) -> None:
        row = await self._ledger.read(lambda db: segments.get(db.execute, name))
        object = row.object
        if not row.in_store or object is None:
            await self._failed(row, Retry("the store has no object of it"))
            return
        try:
            if row.store != pinned.id:
                raise WrongStore("it was proven by another store than the one that is pinned now")
            marked = await self._store.mark(object, self._describe(row))
        except LedgerUnusable:
            raise
        except DockdError as error:
            await self._failed(row, error)
            return
        late = await self._ledger.read(lambda db: marks.is_late(db.execute, name))
        if late:
            await self._explained(row, object)
        await self._ledger.commit(lambda tx: marks.told(tx, name, object=object, cannot="" if marked else _CANNOT))

    async def _failed(self, row: Segment, error: DockdError) -> None:
        times = await self._ledger.read(lambda db: marks.tries(db.execute, row.id))
        floor = error.after if isinstance(error, Retry) else 0.0
        wait = backoff(times, longest=self._longest, chance=random.random(), floor=floor)  # noqa: S311 - jitter
        await self._ledger.commit(lambda tx: marks.failed(tx, row.id, seconds=wait, error=error.message))
        if isinstance(error, ObjectGone):
            await self._is_it_there(row)

    async def _is_it_there(self, row: Segment) -> None:
        """What the store says of it is for those to judge who ask for proofs; one that cannot be asked now is asked with the next try."""
        try:
            await self._attest([row])
        except LedgerUnusable:
            raise
        except DockdError as error:
            log.info("segment %s: the store does not say whether it has it: %s", row.id, error.message)
