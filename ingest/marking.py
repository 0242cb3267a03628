"""Tell the store what has become evidence after it had the bytes, until it knows.

Rules kept here: the pinned store alone is told, and only of what it has; what waits is a row of the ledger (`ingest.ledger.marks`), with its next
try, so that a restart goes on with it; what could not be told is told again, for ever; that a store has no marks counts only where
it says anew who it is, is told of once, and is asked again at each start and each day. An object that is gone from the store is no mark's affair:
the store is asked to prove it, and what follows from that follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
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
_APART = 1.0
_ASK_AGAIN = 24 * 3600.0
_NEWS = (
    events.SegmentEvidential, events.SegmentConfirmed, events.SegmentFoundInStore, events.SegmentAttested, events.StoreChanged, events.StorePinned,
    events.StoreWentBack,
)  # fmt: skip
log = logging.getLogger(__name__)


class Marking:
    """`trusted`: the pinned store, known to be the one that answers; `recognised(moment)`: it, that has said so after a moment; `attest`: has segments proven; `explained(segment, upload)`: lays beside the
    object what it is now; `describe`: what a store is told of a segment; `longest`: seconds from one try to the next, at most.
    """

    def __init__(
        self, *, ledger: Ledger, store: Store, trusted: Callable[[], Awaitable[Pinned]], recognised: Callable[[float], Awaitable[Pinned]],
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]], explained: Callable[[Segment, str], Awaitable[None]],
        describe: Callable[[Segment], SegmentDescription], longest: float,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._trusted = trusted
        self._recognised = recognised
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
        asked = -math.inf
        while True:
            self._news.clear()
            if time.monotonic() - asked >= _ASK_AGAIN:
                asked = time.monotonic()
                await self._ledger.commit(marks.ask_one_again)
            wait = await self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def _tell(self) -> float:
        """Each that is due, once, whatever the clock does meanwhile; returns how long to wait for something new, seconds."""
        tried: set[str] = set()
        while due := await self._due():
            some = [segment for segment in due if segment not in tried]
            if not some:
                return _APART
            tried.update(some)
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

    async def _due(self) -> list[str]:
        now, longest = self._ledger.clock.now(), LONGEST_RETRY_AFTER + 2 * self._longest
        return await self._ledger.read(lambda db: marks.waiting(db.execute, now=now, longest=longest))

    async def _one(self, name: str, pinned: Pinned) -> None:
        row = await self._ledger.read(lambda db: segments.get(db.execute, name))
        object = row.object
        if not row.in_store or object is None:
            await self._failed(row, Retry("the store has no object of it"))
            return
        try:
            if row.store != pinned.id:
                raise WrongStore("it was proven by another store than the one that is pinned now")
            marked = await self._mark(object, self._describe(row), pinned)
        except LedgerUnusable:
            raise
        except DockdError as error:
            await self._failed(row, error)
            return
        late = await self._ledger.read(lambda db: marks.is_late(db.execute, name))
        if late:
            await self._explained(row, object)
        await self._ledger.commit(lambda tx: marks.told(tx, name, object=object, cannot="" if marked else _CANNOT))

    async def _mark(self, object: str, described: SegmentDescription, pinned: Pinned) -> bool:
        """Whether the store knows. That it has no marks is believed of one that is known to be the pinned one still: another may answer for a moment."""
        if await self._store.mark(object, described):
            return True
        if (await self._recognised(time.monotonic())).id != pinned.id:
            raise WrongStore("another store was pinned meanwhile")
        return await self._store.mark(object, described)

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
