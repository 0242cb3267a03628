"""Bring a camera's segments into the spool, one after the other, oldest capture first.

A bad file is held and the rest goes on. A file that is still being written is left for the next pass. A spool that is full, or whose disk
fails, makes this camera wait, and is told as the dock's own. Only a camera that is gone ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial

from ingest import events
from ingest.activity import Activity
from ingest.errors import IntegrityFailed, SourceUnstable, SpoolFailed, SpoolFull, Unreadable
from ingest.ledger import Ledger, segments
from ingest.ledger.segments import Segment
from ingest.model import CameraId, Digest, legible
from ingest.spool import Spool
from ingest.worker.pool import Worker

_READS = 3


@dataclass(kw_only=True)
class Pulled:
    """What became of a camera's files: `unstable` changed under the read; for `waiting` the spool took no more."""

    copied: int = 0
    unstable: list[Segment] = field(default_factory=list)
    waiting: SpoolFull | SpoolFailed | None = None


class Pulling:
    """Pulls into one spool."""

    def __init__(self, *, ledger: Ledger, spool: Spool, activity: Activity) -> None:
        self._ledger = ledger
        self._spool = spool
        self._activity = activity
        self._wanted = 0

    async def all(
        self, wanted: Sequence[Segment], *, worker: Worker, camera: CameraId, enough: Callable[[], bool] = lambda: False
    ) -> Pulled:
        """Pull each of `wanted`, until it is `enough` for this turn. Raises CameraGone, LedgerUnusable."""
        if self._free() >= self._wanted:
            self._say_room()
        result, commits = Pulled(), _OneBehind()
        try:
            for segment in wanted:
                if result.copied and enough():
                    break
                try:
                    if segment.sha256 is not None and not await self._same(segment, worker=worker):
                        result.unstable.append(segment)
                        continue
                    read = await self._read(segment, worker=worker, camera=camera)
                    self._say_works()
                    await commits.begin(partial(self._commit, segment, *read))
                    result.copied += 1
                except SourceUnstable:
                    result.unstable.append(segment)
                except (Unreadable, IntegrityFailed) as error:
                    await self.hold(segment, reason=error.reason, error=error.message)
                except SpoolFull as error:
                    self._wanted = segment.size
                    self._say_full(error)
                    result.waiting = error
                    return result
                except SpoolFailed as error:
                    self._say_failed(error)
                    result.waiting = error
                    return result
        finally:
            await commits.over()
        return result

    async def _same(self, segment: Segment, *, worker: Worker) -> bool:
        """Whether a segment that was pulled before still has those bytes on the camera; if not, it is written down as gone from it."""
        if await worker.compare(segment.listed) == segment.sha256:
            return True
        await self._ledger.commit(lambda tx: segments.replaced(tx, segment.id))
        return False

    async def _commit(self, segment: Segment, digest: Digest, second_read: str) -> None:
        try:
            await self._ledger.commit(
                lambda tx: segments.copied(tx, segment.id, digest=digest, second_read=second_read)
            )
        except (
            SourceUnstable
        ):  # it was exchanged between two reads: those bytes are another segment, pulled in the next pass
            await asyncio.to_thread(self._spool.remove, segment.id)
            return
        self._activity.pulled(digest.size)

    async def _read(self, segment: Segment, *, worker: Worker, camera: CameraId) -> tuple[Digest, str]:
        """Two reads that agree, tried three times."""
        tries = 0
        while True:
            try:
                with self._spool.room_for(segment.size):
                    self._activity.camera(camera.id, "copying", path=segment.path, total=segment.size)
                    return await worker.pull(
                        segment.listed, segment=segment.id, camera=camera, captured_at=segment.captured_at,
                        spool=self._spool.folder, progress=lambda _what, done: self._activity.moved(camera.id, done),
                    )  # fmt: skip
            except IntegrityFailed:
                tries += 1
                if tries == _READS:
                    raise

    async def hold(self, segment: Segment, *, reason: str, error: str) -> None:
        """Keep it on the camera and say why."""
        await self._ledger.commit(lambda tx: segments.hold(tx, segment.id, reason=reason, error=error))

    def _say_full(self, error: SpoolFull) -> None:
        if not self._activity.spool_full:
            self._activity.spool_full = True
            free = max(0, self._free() + self._spool.keep_free)
            self._ledger.publish(events.SpoolWaits(free_bytes=free, keep_free=self._spool.keep_free))

    def _say_room(self) -> None:
        self._wanted = 0
        if self._activity.spool_full:
            self._activity.spool_full = False
            self._ledger.publish(events.SpoolGoesOn(free_bytes=max(0, self._free() + self._spool.keep_free)))

    def _free(self) -> int:
        """Room in the spool; less than none where its disk does not say."""
        try:
            return self._spool.free()
        except OSError:
            return -1

    def _say_failed(self, error: SpoolFailed) -> None:
        if self._activity.spool_failed != error.message:
            self._activity.spool_failed = error.message
            self._ledger.publish(events.SpoolFails(error=error.message))

    def _say_works(self) -> None:
        if self._activity.spool_failed:
            self._activity.spool_failed = ""
            self._ledger.publish(events.SpoolWorks())


class _OneBehind:
    """Lets the commit of one segment go on while the next is pulled; never two, and in order."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def begin(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Once the one before is over, begin this one. Raises what the one before raised."""
        await self.over()
        self._task = asyncio.create_task(work(), name="commit-copied")

    async def over(self) -> None:
        """Wait for the last one. Raises what it raised."""
        task, self._task = self._task, None
        if task is not None:
            await task


def unstable_message(segment: Segment) -> str:
    """For a file that would not hold still."""
    return (
        f"{legible(segment.path)} changed each time it was read: is the camera still recording? It stays on the camera"
    )
