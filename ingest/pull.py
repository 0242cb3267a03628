"""Bring a camera's segments into the spool, one after the other: evidential ones, then oldest capture first.

A bad file is held and the rest goes on. A file that is still being written is left for the next pass. One for which the dock has no room
waits on the camera, and smaller ones are taken in (ingest.room says who is next); what is as large as one that did not fit is not tried
before room has come. A spool whose disk fails makes this camera wait, and is told as the dock's own. Only a camera that is gone ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial

from ingest import events
from ingest.activity import Activity
from ingest.errors import CameraGone, IntegrityFailed, SourceUnstable, SpoolFailed, SpoolFull, StillWritten, Unreadable
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.segments import Segment
from ingest.model import CameraId, Digest, legible
from ingest.room import Claim, Room
from ingest.spool import Spool
from ingest.spool_watch import spool_works, tell_spool
from ingest.worker.pool import Worker

_READS = 3
_FILE_GOES = 0.2  # seconds from the ledger's word to the file's removal, and a little more


@dataclass(kw_only=True)
class Pulled:
    """What became of a camera's files: those in `ids` were copied; `unstable` changed under the read; for `waiting` the spool took no more.

    `written`: what is said of those of the unstable that somebody has open for writing, by id.
    """

    ids: set[str] = field(default_factory=set)
    unstable: list[Segment] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)
    waiting: SpoolFull | SpoolFailed | None = None

    def changed(self, segment: Segment, error: SourceUnstable) -> None:
        """It is left for the next pass."""
        self.unstable.append(segment)
        if isinstance(error, StillWritten):
            self.written[segment.id] = error.message

    @property
    def copied(self) -> int:
        """How many."""
        return len(self.ids)


class Pulling:
    """Pulls into one spool. `wake(camera)` is called for one that waited and for which there is room now."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, activity: Activity, wake: Callable[[str], None] = lambda _camera: None
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._activity = activity
        self._wake = wake
        self._looking: asyncio.TimerHandle | None = None
        self.room = Room(spool)

    async def all(
        self, wanted: Sequence[Segment], *, worker: Worker, camera: CameraId, enough: Callable[[], bool] = lambda: False
    ) -> Pulled:
        """Pull each of `wanted`, until it is `enough` for this turn. Raises CameraGone, LedgerUnusable."""
        result, commits, refused = Pulled(), _OneBehind(), _Refused(self.room)
        waiting: list[Claim] = []
        try:
            for claim, segment in _in_order(wanted):
                if result.copied and enough():
                    waiting += [one for one in self.room.line if one.camera == camera.id and one not in waiting]
                    break
                if refused.as_large_as(claim):
                    waiting.append(claim)
                    continue
                try:
                    if segment.sha256 is not None and not await self._same(segment, worker=worker):
                        result.unstable.append(segment)
                        continue
                    read = await self._read(segment, worker=worker, camera=camera)
                    self._say_works()
                    await commits.begin(partial(self._commit, segment, *read))
                    result.ids.add(segment.id)
                except SourceUnstable as error:
                    result.changed(segment, error)
                except (Unreadable, IntegrityFailed) as error:
                    await self.hold(segment, reason=error.reason, error=error.message)
                except SpoolFull as error:
                    waiting.append(claim)
                    refused.add(claim)
                    result.waiting = self._full(claim, error)
                    await asyncio.sleep(0)  # a card may have thousands that do not fit
                except SpoolFailed as error:
                    self._say_failed(error)
                    self.left(camera.id)  # it does not come for what is kept
                    result.waiting = error
                    return result
        except CameraGone:
            self.left(camera.id)  # nothing is kept for one that does not answer
            raise
        finally:
            await commits.over()
        self.room.wait(camera.id, [one for one in waiting if one.segment not in result.ids])
        self.look_for_room()
        return result

    def left(self, camera: str, *, stays: bool = False) -> None:
        """It does not come for room, or not until its next pass: nothing of it waits here. `stays`: only dockd goes, and no room came of that."""
        self.room.wait(camera, ())
        if not stays:
            self.look_for_room()

    def made_room(self) -> None:
        """The ledger has given up a copy; its file goes next."""
        self.room.grew()
        if self.room.line:
            self.look_for_room(soon=_FILE_GOES)

    def look_for_room(self, *, soon: float = 0.0) -> None:
        """Say whether anybody waits for room, and wake those for whom there is some."""
        if soon:
            if self._looking is None:
                self._looking = asyncio.get_running_loop().call_later(soon, self.look_for_room)
            return
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if not self.room.line and not self._activity.spool_failed:
            self._say_room()
        for camera in self.room.fits():
            self._wake(camera)

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
                with self.room.taken(_claim(segment)):
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

    def _full(self, claim: Claim, error: SpoolFull) -> SpoolFull:
        """Say that there is no room; returns what to say of this one."""
        self._say_full()
        return self.room.refusal(claim, error)

    def _say_full(self) -> None:
        if not self._activity.spool_full:
            self._activity.spool_full = True
            self._activity.spool_full_since = self._ledger.clock.now()
            free = max(0, self._free() + self._spool.keep_free)
            self._ledger.publish(events.SpoolWaits(free_bytes=free, keep_free=self._spool.keep_free))

    def _say_room(self) -> None:
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
        tell_spool(self._ledger, self._activity, "write", error.message)

    def _say_works(self) -> None:
        spool_works(self._ledger, self._activity)


def _claim(segment: Segment) -> Claim:
    return Claim(
        segment=segment.id, camera=segment.camera, size=segment.size, captured_at=queue.captured_at(segment),
        evidential=bool(segment.evidential),
    )  # fmt: skip


def _in_order(wanted: Sequence[Segment]) -> list[tuple[Claim, Segment]]:
    return sorted(((_claim(one), one) for one in wanted), key=lambda pair: pair[0].rank)


class _Refused:
    """The smallest for which there was no room, as long as none has come."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._least: int | None = None
        self._grown = room.grown

    def add(self, claim: Claim) -> None:
        """There was none for it."""
        self._least, self._grown = claim.size, self._room.grown

    def as_large_as(self, claim: Claim) -> bool:
        """Whether there is none for it either."""
        return self._least is not None and claim.size >= self._least and self._grown == self._room.grown


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
