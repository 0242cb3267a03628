"""Proof once more, for those who delete: each segment asked for now, with a nonce of its own.

Rules: what the store cannot say of one segment costs the others nothing. That it does not have what it had proven is believed of its proof
alone (the receipt's own 404, the digest's, the read-back's), said twice, the second time after it has been seen who says so. Where that would
be the last copy, it is in doubt first, and asked for on two later occasions before it is called lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from ingest import events
from ingest.confirm import Confirming
from ingest.errors import (
    DockdError,
    HistoryConflict,
    Hold,
    ObjectGone,
    Retry,
    StoreDishonest,
    StoreDown,
    Unanswered,
    Unforeseen,
    Unproven,
)  # fmt: skip
from ingest.ledger import Ledger, proofs, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import IN_DOUBT, Segment
from ingest.ledger.stores import Pinned
from ingest.link import Link, agreed, unforeseen
from ingest.setbacks import Setbacks

_AT_ONCE = 8
_LOSSES = 3
_ASKINGS = 3  # occasions, before the last copy is given up
_APART = 60.0  # seconds between two of them
_ASK = "Look at the store; then try it again: dock the camera again, or run the ingest of it again, or pin the store anew (dockd store pin)"
_DOUBT = (
    "the store has proven it before and says now that it does not have it; it is asked again before it is called lost"
)
_ANSWERED = (
    events.SegmentConfirmed, events.SegmentAttested, events.SegmentFoundInStore, events.SegmentStoreLost, events.SegmentLost,
    events.SegmentWiped, events.SegmentReleased,
)  # fmt: skip
log = logging.getLogger(__name__)


class Attesting:
    """`setbacks` are those of all who ask the store for single segments; `retry_max` in seconds."""

    def __init__(
        self, *, ledger: Ledger, link: Link, confirming: Confirming, setbacks: Setbacks, retry_max: float
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._confirming = confirming
        self._setbacks = setbacks
        self._apart = min(_APART, retry_max)
        self._longest = retry_max
        self._missed: Counter[str] = Counter()
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, _ANSWERED) and event.segment is not None:
            self._missed.pop(event.segment, None)
            self._setbacks.over(event.segment)

    async def some(self, wanted: Sequence[Segment]) -> list[str]:
        """Have each confirmed segment proven once more, now; returns the ids for which that worked.

        Raises Retry where none could be asked, Stop where the store is not to be believed. A segment that the store has lost is queued
        again by this.
        """
        pinned = await self._link.trusted_to_delete()
        limit = asyncio.Semaphore(_AT_ONCE)
        proven: set[str] = set()
        failures: list[tuple[Segment, Retry]] = []

        async def one(segment: Segment) -> None:
            async with limit:
                if not self._setbacks.due(segment.id) or (len(failures) >= _AT_ONCE and not proven):
                    return
                try:
                    if await self._one(segment, pinned):
                        proven.add(segment.id)
                except Retry as error:
                    failures.append((segment, error))

        found = await asyncio.gather(*(one(segment) for segment in wanted), return_exceptions=True)
        for result in found:
            await self._stopped(result)
        if proven:
            self._link.standing.works()
        await self._failed(failures, others=bool(proven))
        return [segment.id for segment in wanted if segment.id in proven]

    async def _stopped(self, result: BaseException | None) -> None:
        """Raises what is wrong with more than one segment."""
        if isinstance(result, HistoryConflict) and await self._link.went_back(result):
            raise agreed() from result
        if isinstance(result, DockdError):
            self._link.standing.failed(result, doubt=True)
        if result is not None:
            raise result

    async def _failed(self, failures: Sequence[tuple[Segment, Retry]], *, others: bool) -> None:
        """Each has a turn of its own later. Where nothing else worked, that is said: of the store, or, time after time, of these."""
        times = [self._setbacks.failed(segment.id, error) for segment, error in failures]
        if not failures:
            return
        error = failures[0][1]
        if not others and min(times) == 1:
            self._link.standing.failed(error, doubt=True)
            raise error
        await self._ledger.commit(lambda tx: self._later(tx, failures))
        if not others:
            raise Unanswered(error.message)

    def _later(self, tx: Transaction, failures: Sequence[tuple[Segment, Retry]]) -> None:
        """The release looks for others first."""
        for segment, _error in failures:
            row = segments.get(tx.execute, segment.id)
            if row.in_store and row.in_spool:
                segments.not_before(tx, row.id, tx.now + self._apart)

    async def _one(self, segment: Segment, pinned: Pinned) -> bool:
        """Whether it was proven. Raises Retry, Stop."""
        missing: Retry | None = None
        try:
            for again in (False, True):
                if again:
                    pinned = await self._seen_again()
                try:
                    return await self._proven(segment, pinned)
                except (ObjectGone, Unproven) as error:
                    missing = error
        except StoreDishonest as error:
            await self._link.caught(pinned.id, error.message)
            raise
        except Hold as error:  # a question that it does not like says nothing of the segment
            raise StoreDown(error.message) from error
        except DockdError:
            raise
        except Exception as error:
            log.exception("segment %s could not be proven again", segment.id)
            trouble = Unforeseen(f"it could not be proven again: {unforeseen(error)}")
            await self._ledger.commit(
                lambda tx: segments.delay(tx, segment.id, seconds=self._apart, error=trouble.message)
            )
            return False
        await self._missing(segment, missing or ObjectGone("it is not there"))
        return False

    async def _seen_again(self) -> Pinned:
        """The pinned store, which has said just now who it is."""
        try:
            return await self._link.recognised_since(time.monotonic())
        except (ObjectGone, Unproven) as error:  # of its name, and of no segment
            raise StoreDown(error.message) from error

    async def _proven(self, segment: Segment, pinned: Pinned) -> bool:
        """A store that was pinned since the last proof gives two: its own word alone counts."""
        for _ in range(1 if segment.store == pinned.id else 2):
            async with self._link.standing.impatient("a proof", size=segment.size):
                if not await self._confirming.attest(segment, pinned=pinned):
                    return False
        return True

    async def _missing(self, segment: Segment, error: Retry) -> None:
        """The store does not have it: sent again from another copy, in doubt where there is none, and lost when it has said so often enough."""
        if not self._setbacks.due(segment.id):
            return  # somebody else has heard it on this occasion
        self._missed[segment.id] += 1
        times = self._missed[segment.id]
        if await self._ledger.commit(lambda tx: _not_there(tx, segment, error, times=times)):
            self._setbacks.failed(segment.id, error, least=self._apart)


def _not_there(tx: Transaction, segment: Segment, error: Retry, *, times: int) -> bool:
    """Write down that the store says so for the `times`th time. Returns whether it is asked again. Losing it time after time is for a person."""
    row = segments.get(tx.execute, segment.id)
    if not row.in_store or row.object != segment.object:
        return False  # somebody else has found that out
    if times < _ASKINGS and not (row.on_camera or row.in_spool):
        segments.hold(tx, row.id, reason=IN_DOUBT, error=_DOUBT)
        return True
    segments.store_lost(tx, row.id, error=error.message, object=row.object)
    lost = proofs.times_lost(tx.execute, row.id)
    if lost >= _LOSSES and (row.on_camera or row.in_spool):
        text = f"the store has lost it {lost} times after it had proven it: {error.message}. {_ASK}"
        segments.hold(tx, row.id, reason="store_lost", error=text)
    return False
