"""Bring the descriptions in the spool up to what people have marked since: a ledger that is rebuilt from the spool knows it then.

Rules kept here: what is to be written is a row (`ingest.ledger.marks`), so that a restart goes on with it; a description is replaced whole, and
durably; a disk that does not take it is tried again, and keeps nobody from anything else: neither other copies from their descriptions, nor who
waits for this, for longer than a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from ingest import events
from ingest.ledger import Ledger, marks, segments
from ingest.spool import Marked, Spool

_REST = 30.0
_PATIENCE = 3.0
_NEWS = (events.SegmentEvidential, events.SegmentMovedUp, events.SegmentCopied, events.SegmentRecovered)
log = logging.getLogger(__name__)


class Describing:
    """One at a time: two that write the same description would put an older one over a newer one. `patience`: how long `now` waits, seconds."""

    def __init__(self, *, ledger: Ledger, spool: Spool, patience: float = _PATIENCE) -> None:
        self._ledger = ledger
        self._spool = spool
        self._patience = patience
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[bool]] = set()
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
            await self._all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST):
                    await self._news.wait()

    async def _all(self) -> None:
        """Each that waits, once: one that cannot be written is left for the next round."""
        after = ""
        while waiting := await self._lot(after):
            for segment in waiting:
                await self._write(segment)
            after = waiting[-1]

    async def _lot(self, after: str) -> list[str]:
        return await self._ledger.read(lambda db: marks.undescribed(db.execute, after=after))

    async def now(self, segment: str) -> bool:
        """Write what is marked of it beside its copy, if it has one. Returns whether that is durable by now: a disk that takes long is waited for elsewhere.

        Raises LedgerUnusable, KeyError.
        """
        writing = asyncio.create_task(self._write(segment), name=f"describe-{segment}")
        self._under_way.add(writing)
        writing.add_done_callback(self._over)
        done, _ = await asyncio.wait({writing}, timeout=self._patience)
        return writing.result() if done else False

    def _over(self, writing: asyncio.Task[bool]) -> None:
        self._under_way.discard(writing)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            # whoever waits still is told of it; else the row stays, and it is written at the next round
            log.info("%s: %s", writing.get_name(), error)

    async def _write(self, segment: str) -> bool:
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
