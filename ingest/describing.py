"""Bring the descriptions in the spool up to what people have marked since: a ledger that is rebuilt from the spool knows it then.

Rules kept here: what is to be written is a row (`ingest.ledger.marks`), so that a restart goes on with it; a description is replaced whole, and
durably; a disk that does not take it is tried again, and keeps nobody from anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ingest import events
from ingest.ledger import Ledger, marks, segments
from ingest.spool import Marked, Spool

_REST = 30.0
_NEWS = (events.SegmentEvidential, events.SegmentMovedUp, events.SegmentCopied, events.SegmentRecovered)
log = logging.getLogger(__name__)


class Describing:
    """One at a time: two that write the same description would put an older one over a newer one."""

    def __init__(self, *, ledger: Ledger, spool: Spool) -> None:
        self._ledger = ledger
        self._spool = spool
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._failed = False
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, _NEWS):
            self._news.set()

    async def run(self) -> None:
        """Write whatever is to be written, until cancelled. Raises LedgerUnusable."""
        while True:
            self._news.clear()
            while waiting := await self._ledger.read(lambda db: marks.undescribed(db.execute)):
                if not all([await self.now(segment) for segment in waiting]):
                    break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST):
                    await self._news.wait()

    async def now(self, segment: str) -> bool:
        """Write what is marked of it beside its copy, if it has one. Returns whether that is durable. Raises LedgerUnusable, KeyError."""
        async with self._turn:
            row, by, up = await self._ledger.read(
                lambda db: (
                    segments.get(db.execute, segment), marks.who(db.execute, segment, "segment.evidential"),
                    marks.who(db.execute, segment, "segment.moved_up"),
                )
            )  # fmt: skip
            said = Marked(evidential=bool(row.evidential), evidential_by=by, moved_up=row.priority, moved_up_by=up)
            if row.in_spool:
                try:
                    await asyncio.to_thread(self._spool.redescribe, segment, said)
                except (OSError, ValueError) as error:
                    if not self._failed:
                        log.warning("what was marked of segment %s cannot be written beside its copy: %s; it is tried again", segment, error)  # fmt: skip
                    self._failed = True
                    return False
            self._failed = False
            await self._ledger.commit(
                lambda tx: marks.described(tx, segment, evidential=said.evidential, moved_up=said.moved_up)
            )
            return True
