"""What a camera tells of itself: charge and clock, asked while it is read; and its clock, set where it is wrong and the camera is the site's.

The offset found at a docking stays with what is listed in it: the evidence keeps both clocks. Nothing is ever written to a camera that
nobody has named as the site's, its clock included (P3).
"""

from __future__ import annotations

import time

from ingest import events
from ingest.ledger import Ledger, cameras
from ingest.model import Vitals
from ingest.visit import Visit
from ingest.worker.pool import Worker

_ASK_AGAIN = 15.0


class Telling:
    """`max_clock_offset`: seconds beyond which a clock is set."""

    def __init__(self, *, ledger: Ledger, max_clock_offset: float) -> None:
        self._ledger = ledger
        self.max_clock_offset = max_clock_offset

    async def docked(self, visit: Visit) -> None:
        """What the camera told before it was docked counts for this docking."""
        if visit.vitals.clock_offset_seconds is not None:
            await self._clock_is(visit, visit.vitals.clock_offset_seconds)

    async def ask(self, visit: Visit, worker: Worker) -> None:
        """Ask where it is due: at the first listing, and now and then where the camera answers at all. Raises CameraGone, LedgerUnusable."""
        answers = visit.vitals != Vitals()
        if visit.listed_once and not (answers and time.monotonic() - visit.asked_at > _ASK_AGAIN):
            return
        visit.asked_at = time.monotonic()
        vitals = await worker.vitals()
        if vitals == Vitals():
            return
        offset = vitals.clock_offset_seconds
        if offset is not None and (visit.clock_offset is None or not visit.listed_once):
            await self._clock_is(visit, offset)
        if offset is not None and abs(offset) > self.max_clock_offset and visit.ours and await worker.set_clock():
            said = events.ClockSet(camera=visit.camera.id, bay=visit.bay, offset_seconds=round(offset))
            await self._ledger.commit(lambda tx: tx.record(said))
            vitals = await worker.vitals()
        visit.vitals = vitals
        visit.told(vitals)

    async def _clock_is(self, visit: Visit, offset: float) -> None:
        visit.clock_offset = offset
        await self._ledger.commit(lambda tx: cameras.clock_measured(tx, visit.docking, offset=offset))
