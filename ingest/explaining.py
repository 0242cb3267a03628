"""What has to be said of a segment at the store, beside its bytes: tags and lock of evidence, and what lies beside it there for people.

Rules: the segment's row is read anew when its bytes are there, for it may have become evidence on its way; its tags and its lock come before its proof
counts. A description is no proof: it is tried first, and if it cannot be laid, the proof is asked for all the same. Then it is tried
again a few times as long as this process lives, and what stays without one is told. Either way it is that segment's trouble alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from ingest.errors import DockdError, LedgerUnusable, Refused, Retry
from ingest.ledger import Ledger, excerpt, segments
from ingest.ledger.segments import Segment
from ingest.model import SegmentDescription
from ingest.setbacks import Setbacks
from ingest.store.base import Store

_TRIES = 5
_APART = 60.0
_MOST = 10_000  # whose descriptions are waited for at once
log = logging.getLogger(__name__)


class Explaining:
    """Marks and describes segments at `store`. `describe`: what a store is told of a segment; `longest`: seconds from one try to the next, at most."""

    def __init__(
        self, *, ledger: Ledger, store: Store, describe: Callable[[Segment], SegmentDescription], longest: float
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._describe = describe
        self._longest = longest
        self._setbacks = Setbacks(longest=longest)
        self._waiting: dict[str, str] = {}
        self._woken = asyncio.Event()

    async def marked(self, segment: Segment, *, upload: str) -> Segment:
        """The segment as its row is now, tagged and locked by that. Raises Retry, Hold."""
        row = await self._ledger.read(lambda db: segments.get(db.execute, segment.id))
        try:
            await self._store.mark(upload, self._describe(row))
        except Refused as error:  # the store takes the rest of it: no other segment waits for that
            raise Retry(f"it cannot be marked as evidential at the store: {error.message}", after=error.after) from error  # fmt: skip
        return row

    async def tried(self, segment: Segment, *, upload: str) -> DockdError | None:
        """Lay its description and its custody record beside it; returns why that could not be done. Raises LedgerUnusable."""
        custody, since = await self._ledger.read(
            lambda db: (excerpt.of(db.execute, segment.id), excerpt.since(db.execute))
        )
        try:
            await self._store.explain(upload, self._describe(segment), custody=custody, since=since)
        except LedgerUnusable:
            raise
        except DockdError as error:
            return error
        self._over(segment.id)
        return None

    async def anew(self, segment: Segment, upload: str) -> None:
        """It has become something else since what lies beside it was written. Raises LedgerUnusable."""
        if (error := await self.tried(segment, upload=upload)) is not None:
            self.later(segment.id, error, upload=upload)

    def later(self, segment: str, error: DockdError, *, upload: str) -> None:
        """It is proven, and has no description yet: it is tried again."""
        times = self._setbacks.failed(segment, error, least=min(self._longest, _APART))
        if times >= _TRIES or (segment not in self._waiting and len(self._waiting) >= _MOST):
            log.warning(
                "segment %s is proven; what it is could not be laid beside it in the store, and is not tried again: %s", segment, error.message
            )  # fmt: skip
            self._over(segment)
            return
        if times == 1:
            log.warning("segment %s: what it is could not be laid beside it in the store; it is tried again: %s", segment, error.message)  # fmt: skip
        self._waiting[segment] = upload
        self._woken.set()

    async def run(self) -> None:
        """Try again what waits, until cancelled. Raises LedgerUnusable."""
        while True:
            self._woken.clear()
            for segment, upload in [one for one in self._waiting.items() if self._setbacks.due(one[0])]:
                await self._again(segment, upload=upload)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._setbacks.soonest()):
                    await self._woken.wait()

    async def _again(self, segment: str, *, upload: str) -> None:
        row = await self._ledger.read(lambda db: segments.get(db.execute, segment))
        if (error := await self.tried(row, upload=upload)) is not None:
            self.later(segment, error, upload=upload)

    def _over(self, segment: str) -> None:
        self._waiting.pop(segment, None)
        self._setbacks.over(segment)
