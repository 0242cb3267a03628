"""What is deleted by age, and when: unfinished uploads that nobody goes on with, and objects past their time.

Rules: evidential objects are never due; marking and deleting run on one thread, so whichever comes first is seen by the
other; nothing is deleted by a clock that is not trusted; every deletion is in the log for good.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from ingest.central.index import Index
from ingest.central.objects import Objects
from ingest.central.receiving import Receiving
from ingest.central.records import Records
from ingest.central.settings import StoreSettings
from ingest.central.threads import Threads
from ingest.central.trusted_time import StoreClock, TrustedTime
from ingest.central.uploads import Uploads

_log = logging.getLogger(__name__)
_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep did. `held_back` says why nothing was deleted by age, in plain words."""

    deleted: int = 0
    expired: int = 0
    held_back: str | None = None


class Retention:
    """One sweep at a time."""

    def __init__(
        self,
        *,
        settings: StoreSettings,
        clock: StoreClock,
        uploads: Uploads,
        receiving: Receiving,
        objects: Objects,
        index: Index,
        records: Records,
        threads: Threads,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._time = TrustedTime(clock, as_is=settings.clock == "as-is")
        self._uploads = uploads
        self._receiving = receiving
        self._objects = objects
        self._index = index
        self._records = records
        self._threads = threads
        self._said: str | None = None

    async def finish_deletions(self) -> None:
        """At start: where a crash came into a deletion, either it happened or it did not."""
        for row in await self._index.being_deleted():
            if await self._threads.disk(partial(self._objects.present, row.description)):
                await self._index.set_state(row.id, "kept")
            else:
                await self._objects.note_deleted(row, why="retention, finished after a restart")
                await self._index.forget(row.id)

    async def sweep(self) -> Swept:
        """Remove what is due now."""
        expired = await self._expire()
        latest, last = await self._index.latest_stored(), await self._records.last_clock_seen()
        reason = await self._threads.disk(lambda: self._time.why_not(latest_stored=latest, last_trusted=last))
        if reason is not None:
            if reason != self._said:
                _log.warning("nothing is deleted by age: %s", reason)
            self._said = reason
            return Swept(expired=expired, held_back=reason)
        self._said = None
        now = self._clock.now()
        await self._records.clock_seen(now)
        return Swept(expired=expired, deleted=await self._delete(before=now - self._settings.retention))

    async def _delete(self, *, before: float) -> int:
        deleted = await self._delete_each(await self._index.undeleted(before=before, limit=_AT_ONCE), before=before)
        while due := await self._index.due(before=before, limit=_AT_ONCE):
            gone = await self._delete_each(due, before=before)
            deleted += gone
            if not gone:
                break
        return deleted

    async def _delete_each(self, due: list[str], *, before: float) -> int:
        deleted = 0
        for id in due:
            try:
                deleted += await self._objects.delete_due(id, before=before, why="retention")
            except OSError as failed:  # one that cannot be removed keeps none of the others
                _log.error("object %s is past its time and could not be removed (%s): tried again at the next sweep", id, failed)  # fmt: skip
        return deleted

    async def _expire(self) -> int:
        # Idleness is counted on CLOCK_BOOTTIME: no setting of the clock makes an upload old.
        idle = self._uploads.idle(longer_than=self._settings.unfinished)
        for upload in idle:
            with upload.held():
                await self._records.note(
                    "upload.expired", object=upload.id, who="store", size=upload.size, offset=upload.offset
                )
                await self._receiving.end(upload)
        return len(idle)
