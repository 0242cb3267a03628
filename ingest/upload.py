"""Bring one segment's spool copy to the store. The offset is asked at every resume, never remembered.

Nothing is sent, and nothing announced, of a copy that was not read again and found to be what was pulled; what was read is sent through the
same descriptor, and looked at before each request. Between two requests, and never in the middle of one, it may be another one's turn: the store
keeps what it has, and the rest goes when the turn comes round.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ingest.activity import Activity
from ingest.errors import Hold, ObjectGone, Stop, StoreDown, Unproven
from ingest.goodput import Piece
from ingest.lanes import Lanes
from ingest.ledger import Ledger, parts, segments
from ingest.ledger.segments import Segment
from ingest.model import SegmentDescription, Span
from ingest.reread import Rereading, SpoolCopy, SpoolUnread, unread
from ingest.store.base import Slices, Store
from ingest.store.slices import slices
from ingest.store.throttle import Bucket, throttled

__all__ = ["SpoolUnread", "Turn", "Uploading"]


class Turn(Protocol):
    """For how long a segment has its place."""

    def sent(self, size: int) -> None:
        """So many of its bytes went."""

    async def over(self) -> bool:
        """Asked between two requests: whether another one comes before the rest of it. Raises LedgerUnusable."""

    def rank(self) -> Any:
        """What the lanes compare: the least of those who wait is next."""

    def ahead(self) -> bool:
        """Whether it is evidence, as far as is known now: it waits for nobody's request."""


class Endless:
    """A turn of one that is alone."""

    def sent(self, size: int) -> None:
        """Nobody counts."""

    async def over(self) -> bool:
        """Never."""
        return False

    def rank(self) -> Any:
        """All alike."""
        return ()

    def ahead(self) -> bool:
        """Nobody is before it."""
        return False


class Uploading:
    """Sends segments. `chunk`: the most bytes in one request; `lanes`: how many of those at once, all segments together."""

    def __init__(
        self, *, ledger: Ledger, rereading: Rereading, store: Store, bucket: Bucket, chunk: int, activity: Activity, lanes: Lanes
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._lanes = lanes
        self._rereading = rereading
        self._store = store
        self._bucket = bucket
        self._piece = Piece(chunk)
        self._reached: dict[str, int] = {}
        self._activity = activity

    def resize(self, chunk: int) -> None:
        """The most bytes in one request, from the next one on."""
        self._piece.resize(chunk)

    async def send(
        self, segment: Segment, described: SegmentDescription, *, progress: Callable[[], None] = lambda: None, turn: Turn | None = None,
    ) -> str | None:  # fmt: skip
        """Send what the store does not have yet; returns the object's address. `progress`: the store has taken something.

        None where its `turn` was over before all of it was there.

        Raises Retry (of many kinds: line, store, an upload that expired), Hold, SpoolCopyBad where the spool's copy is not whole,
        SpoolUnread where it could not be read this time.
        """
        size = described.digest.size
        turn = turn or Endless()
        try:
            async with self._rereading.of(segment.id, described.digest) as copy:
                described = await self._with_parts(segment, described, copy, turn)
                if segment.upload is None:
                    await copy.sound()
                upload = segment.upload or await self._begin(segment, described)
                lacking = await self._store.lacking(upload, size=size)
                if lacking is None:
                    whole = await self._in_order(segment, upload, copy, size=size, progress=progress, turn=turn)
                else:
                    whole = await self._in_parts(
                        segment, described, upload, copy, lacking=lacking, progress=progress, turn=turn
                    )
                if not whole:
                    return None
                await self._store.finish(upload, described)
        except (ObjectGone, Unproven):
            await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, None))
            self._reached.pop(segment.id, None)
            raise
        finally:
            self._activity.upload_over(segment.id)
        self._reached[segment.id] = size
        return upload

    async def _with_parts(
        self, segment: Segment, described: SegmentDescription, copy: SpoolCopy, turn: Turn
    ) -> SegmentDescription:
        """With the digests of its parts, where the store wants them: known, or read from the copy now."""
        wanted = self._piece.part(limit=self._limit(segment, turn))
        part_size = self._store.part_size(described.digest.size, wanted=wanted, upload=segment.upload)
        if part_size is None:
            return described
        known = await self._ledger.read(lambda db: parts.known(db.execute, segment.id))
        if known is None or known.size != part_size:
            found = known = await copy.in_parts(part_size)
            await self._ledger.commit(lambda tx: parts.keep(tx, segment.id, found))
        return replace(described, parts=known)

    async def _in_order(
        self, segment: Segment, upload: str, copy: SpoolCopy, *, size: int, progress: Callable[[], None], turn: Turn
    ) -> bool:
        """One request after another; whether all of it is there now."""
        offset = await self._store.offset(upload, size=size)
        if offset > self._reached.get(segment.id, 0):
            progress()
        while offset < size:
            await copy.sound()
            self._reached[segment.id] = offset
            async with self._lanes.one(turn.rank, ahead=turn.ahead) as mine:
                if not mine:  # another one comes first: what was sent stays sent
                    return False
                offset = await self._send_some(segment, upload, copy, offset=offset, size=size, turn=turn)
            progress()
            if offset < size and await turn.over():
                self._reached[segment.id] = offset
                return False
        return True

    async def _in_parts(
        self, segment: Segment, described: SegmentDescription, upload: str, copy: SpoolCopy, *, lacking: Sequence[Span],
        progress: Callable[[], None], turn: Turn,
    ) -> bool:  # fmt: skip
        """What the store lacks, as many parts at once as there are lanes; the first that fails ends the others. Whether all is there now."""
        size = described.digest.size
        there = size - sum(span.length for span in lacking)
        if there > self._reached.get(segment.id, 0):
            progress()
        self._reached[segment.id] = there

        async def part(span: Span) -> bool:
            async with self._lanes.one(turn.rank, ahead=turn.ahead) as mine:
                if not mine:  # another one comes first
                    return False
                await copy.sound()
                await self._send_part(segment, described, upload, copy, span, turn=turn)
            self._reached[segment.id] = self._reached.get(segment.id, 0) + span.length
            progress()
            return True

        waiting = list(reversed(lacking))
        over = asyncio.Event()

        async def one_after_another() -> None:
            while waiting and not over.is_set():
                span = waiting.pop()
                if not await part(span):
                    waiting.append(span)
                    over.set()
                elif waiting and not over.is_set() and await turn.over():
                    over.set()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._lanes.most, len(lacking))):
                    group.create_task(one_after_another())
        except ExceptionGroup as failures:
            raise worst(failures) from failures
        return not waiting

    async def _send_part(
        self, segment: Segment, described: SegmentDescription, upload: str, copy: SpoolCopy, span: Span, *, turn: Turn
    ) -> None:
        known, began = described.parts, time.monotonic()
        try:
            reached = await self._store.send(
                upload, offset=span.offset, length=span.length, size=described.digest.size,
                slices=self._slices(segment, copy, length=span.length, turn=turn),
                sha256=known.sha256[span.offset // known.size] if known is not None else None,
            )  # fmt: skip
        except StoreDown:
            self._cut(began=began)
            raise
        except (OSError, EOFError) as error:
            raise unread(error) from error
        self._piece.worked(span.length, seconds=time.monotonic() - began)
        if reached != span.offset + span.length:
            raise Unproven("the store did not keep a part that it took")

    def over(self, segment: str) -> None:
        """It is proven: how far it had come is of no use any more."""
        self._reached.pop(segment, None)
        self._rereading.forget(segment)

    async def _send_some(
        self, segment: Segment, upload: str, copy: SpoolCopy, *, offset: int, size: int, turn: Turn
    ) -> int:
        """One request; smaller ones while the line is bad, so that something arrives. Of one with a digest of its own a cut leaves nothing."""
        checked = await self._store.checks()
        limit = self._limit(segment, turn)
        wanted = self._piece.part(limit=limit) if checked else self._piece.next(limit=limit, alone=self._lanes.alone)
        length = min(wanted, size - offset)
        sha256 = await copy.digest_of(Span(offset=offset, length=length)) if checked else None
        began = time.monotonic()
        try:
            reached = await self._store.send(
                upload, offset=offset, length=length, size=size, slices=self._slices(segment, copy, length=length, turn=turn), sha256=sha256,
            )  # fmt: skip
        except StoreDown:
            self._cut(began=began)
            raise
        except (OSError, EOFError) as error:
            raise unread(error) from error
        if reached != offset + length:
            raise Unproven(
                f"the store says that it has {reached} bytes where {offset + length} were sent: it did not keep what it took"
            )
        self._piece.worked(length, seconds=time.monotonic() - began)
        return reached

    def _limit(self, segment: Segment, turn: Turn) -> float | None:
        """Bytes per second that one request for it may have of what the site allows; None for any number."""
        rate = self._bucket.rate
        free = rate is None or (self._bucket.bypass and (segment.evidential or turn.ahead()))
        return None if free or rate is None else rate / self._lanes.sharing

    def _cut(self, *, began: float) -> None:
        self._piece.cut(began=began, now=time.monotonic())
        self._lanes.cut()

    async def _begin(self, segment: Segment, described: SegmentDescription) -> str:
        upload = await self._store.announce(described)
        await self._ledger.commit(lambda tx: segments.uploading_to(tx, segment.id, upload))
        return upload

    def _slices(self, segment: Segment, copy: SpoolCopy, *, length: int, turn: Turn) -> Slices:
        lane = self._bucket.lane(segment.camera, evidential=bool(segment.evidential) or turn.ahead())

        def from_offset(start: int) -> AsyncIterator[bytes]:
            return self._counted(throttled(slices(copy.fd, offset=start, length=length), lane), segment, start, turn)

        return from_offset

    async def _counted(
        self, source: AsyncIterator[bytes], segment: Segment, start: int, turn: Turn
    ) -> AsyncIterator[bytes]:
        done = start
        try:
            async for block in source:
                done += len(block)
                yield block
                self._activity.sent(segment.id, segment.size, done, len(block))
                turn.sent(len(block))
                self._lanes.moved(len(block))
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def see_spool(self, segment: Segment) -> None:
        """See that the spool's bytes are still the ones that were pulled, by SHA-256: read again, from the disk, whatever was seen before.

        Raises SpoolCopyBad where they are not, SpoolUnread where that cannot be known now.
        """
        async with self._rereading.of(segment.id, segment.digest) as copy:
            await copy.sound(anew=True)


def worst(failures: ExceptionGroup) -> Exception:
    """Of what went wrong at once, that which says most: what stops everything, then what holds the segment, then the first."""
    found = _leaves(failures)
    for kind in (Stop, Hold):
        for error in found:
            if isinstance(error, kind):
                return error
    return found[0]


def _leaves(failures: ExceptionGroup) -> list[Exception]:
    return [
        leaf
        for error in failures.exceptions
        for leaf in (_leaves(error) if isinstance(error, ExceptionGroup) else [error])
    ]
