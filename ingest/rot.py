"""A spool copy that went bad: told, kept aside, pulled again where its camera has it, held where that camera is away. And the daily look for such.

Rules kept here: the bad bytes leave their name before the ledger says so, for a camera that is docked is pulled again at once, under that name;
a segment whose only copy is on a camera that is not docked is held, and says what to do; so is one of which this dock has spoilt copy after copy;
nothing is called bad for a disk that gives errors while another copy may be behind them. A finding is of one file: where another one has
the name by now, or the ledger has another copy in its row, nothing is concluded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from ingest.activity import Activity
from ingest.errors import IntegrityFailed
from ingest.ledger import Ledger, proofs, queue, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.reread import Rereading, SpoolCopyBad, SpoolDiskFailed, SpoolUnread
from ingest.spool import Spool

REASON = "spool_rotted"
_AWAY = "its copy on the dock went bad; the camera still has it: dock it again"
SPOILS = "spool_spoils"
_SPOILT = 3  # copies of one segment since its last proof
_DAY = 86400.0
_SPOILT_WORDS = (
    "this dock has spoilt {times} copies of it: its disk or its memory fails, and ops must look at the dock; "
    "the camera has it still: leave the camera in, or dock it at another dock"
)
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
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def found(self, segment: Segment, finding: IntegrityFailed | SpoolDiskFailed) -> None:
        """Its spool copy, as it was when `segment` was read from the ledger, is no longer what was pulled.

        Nothing happens where somebody else has seen to that already.
        """
        self.rereading.forget(segment.id)
        async with self._one_at_a_time:
            row = await self.ledger.read(lambda db: segments.get(db.execute, segment.id))
            if not _same_copy(row, segment) or not await asyncio.to_thread(self._name_given_up, segment.id, finding):
                return
            away = await self.ledger.commit(lambda tx: self._rotted(tx, segment, finding.message))
        if away and segment.camera in self.activity.cameras:
            await self.ledger.commit(lambda tx: segments.unhold(tx, segment.id))  # it was docked in that moment

    def _name_given_up(self, segment: str, finding: IntegrityFailed | SpoolDiskFailed) -> bool:
        """Put the bad bytes aside; False where what was found bad does not have the name any more, and something else has."""
        try:
            there = self.spool.lies_there(segment)
            if isinstance(finding, SpoolCopyBad) and there not in (None, finding.file):
                return False
            if there is not None:
                self.spool.put_aside(segment)
        except OSError as error:  # its disk takes nothing: the ledger has it all the same
            log.warning("the spool copy %s went bad and keeps its name: %s", segment, error.strerror)
        return True

    def _rotted(self, tx: Transaction, segment: Segment, error: str) -> bool:
        """Write it down. Returns whether it is held because its camera is away."""
        row = segments.get(tx.execute, segment.id)
        if not _same_copy(row, segment):
            return False
        segments.rotted(tx, row.id, error=error)
        if row.in_store or not row.on_camera:
            return False
        times = proofs.times_rotted(tx.execute, row.id)
        if times >= _SPOILT:
            segments.hold(tx, row.id, reason=SPOILS, error=_SPOILT_WORDS.format(times=times))
            return False
        if away := segment.camera not in self.activity.cameras:
            segments.hold(tx, row.id, reason=REASON, error=_AWAY)
        return away

    async def disk_fails(self, segment: Segment, error: SpoolDiskFailed) -> bool:
        """The dock's disk cannot give these bytes now. With the camera's copy left nobody waits for that disk; returns whether that was so."""
        row = await self.ledger.read(lambda db: segments.get(db.execute, segment.id))
        if row.on_camera or row.in_store:
            await self.found(segment, error)
        return bool(row.on_camera or row.in_store)


def _same_copy(row: Segment, before: Segment) -> bool:
    """Whether the spool copy of now is the one of before: pulled again, it is another one."""
    return bool(row.in_spool) and row.pulled_at == before.pulled_at


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

    async def _one(self, listed: Segment) -> bool:
        segment = await self._ledger.read(lambda db: segments.get(db.execute, listed.id))
        if segment.id in self._busy or segment.in_store or not _same_copy(segment, listed):
            return False  # much may have happened since it was listed
        began = time.monotonic()
        try:
            async with self._rereading.of(segment.id, segment.digest) as copy:
                await copy.sound(anew=True)
        except IntegrityFailed as error:
            await self._rot.found(segment, error)
        except SpoolDiskFailed as error:
            if not await self._rot.disk_fails(segment, error):
                log.warning(
                    "segment %s is on the dock alone, and its disk does not give it: %s", segment.id, error.message
                )
        except SpoolUnread as error:
            log.warning("segment %s waits in the spool and could not be read again: %s", segment.id, error.message)
        await asyncio.sleep(_IDLE * (time.monotonic() - began))
        return True
