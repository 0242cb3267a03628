"""A spool copy that went bad: told, kept aside, pulled again where its camera has it, held where that camera is away. And the daily look for such.

Rules kept here: the bad bytes leave their name before the ledger says so, for a camera that is docked is pulled again at once, under that name;
a segment whose only copy is on a camera that is not docked is held, and says what to do; nothing is called bad for a disk that gives errors
while another copy may be behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass

from ingest.activity import Activity
from ingest.errors import IntegrityFailed
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.reread import Rereading, SpoolDiskFailed, SpoolUnread
from ingest.spool import Spool

REASON = "spool_rotted"
_AWAY = "its copy on the dock went bad; the camera still has it: dock it again"
_DAY = 86400.0
_BATCH = 100
_IDLE = 3.0  # times as long as a copy was read, nothing is: cameras and the store come first
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Rot:
    """What is done about copies that went bad."""

    ledger: Ledger
    spool: Spool
    activity: Activity
    rereading: Rereading

    async def found(self, segment: Segment, error: str) -> None:
        """Its spool copy is no longer what was pulled. Nothing happens where somebody else has seen to that already."""
        self.rereading.forget(segment.id)
        with contextlib.suppress(OSError):  # it is not there, or its disk takes nothing: the ledger has it all the same
            await asyncio.to_thread(self.spool.put_aside, segment.id)
        away = segment.camera not in self.activity.cameras

        def write(tx: Transaction) -> bool:
            row = segments.get(tx.execute, segment.id)
            if not row.in_spool:
                return False
            segments.rotted(tx, row.id, error=error)
            if away and row.on_camera and not row.in_store:
                segments.hold(tx, row.id, reason=REASON, error=_AWAY)
                return True
            return False

        if await self.ledger.commit(write) and segment.camera in self.activity.cameras:
            await self.ledger.commit(lambda tx: segments.unhold(tx, segment.id))  # it was docked in that moment

    async def disk_fails(self, segment: Segment, error: SpoolDiskFailed) -> bool:
        """The dock's disk cannot give these bytes now. With the camera's copy left nobody waits for that disk; returns whether that was so."""
        row = await self.ledger.read(lambda db: segments.get(db.execute, segment.id))
        if row.on_camera or row.in_store:
            await self.found(segment, error.message)
        return bool(row.on_camera or row.in_store)


class Scrubbing:
    """Reads what waits in the spool again, once in `every` seconds: a copy that went bad is found while its camera may still be near.

    `busy`: segments that are being sent now.
    """

    def __init__(
        self, *, ledger: Ledger, rereading: Rereading, rot: Rot, busy: Collection[str], every: float = _DAY
    ) -> None:
        self._ledger = ledger
        self._rereading = rereading
        self._rot = rot
        self._busy = busy
        self._every = every

    async def run(self) -> None:
        """Go through the spool, one copy at a time, until cancelled. Raises LedgerUnusable."""
        while True:
            began = time.monotonic()
            await self.once()
            await asyncio.sleep(max(0.0, self._every - (time.monotonic() - began)))

    async def once(self) -> int:
        """Read all that was pulled so long ago; returns how many that were."""
        after, read = "", 0
        while some := await self._some(after):
            for segment in some:
                read += await self._one(segment)
            after = some[-1].id
        return read

    async def _some(self, after: str) -> list[Segment]:
        before = self._ledger.clock.now() - self._every
        return await self._ledger.read(
            lambda db: queue.resting(db.execute, after=after, pulled_before=before, count=_BATCH)
        )

    async def _one(self, segment: Segment) -> bool:
        if segment.id in self._busy:
            return False
        began = time.monotonic()
        try:
            async with self._rereading.of(segment.id, segment.digest) as copy:
                await copy.sound(anew=True)
        except IntegrityFailed as error:
            await self._rot.found(segment, error.message)
        except SpoolDiskFailed as error:
            await self._rot.disk_fails(segment, error)
        except SpoolUnread as error:
            log.warning("segment %s waits in the spool and could not be read again: %s", segment.id, error.message)
        await asyncio.sleep(_IDLE * (time.monotonic() - began))
        return True
