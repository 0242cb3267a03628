"""Object Lock for evidential segments: asked for where it is seen to hold, by trying to delete what it should keep.

Rules: an answer of 200 to a request for a lock proves nothing (some servers answer so and do nothing). Once in a process a small object is put
under a lock of a minute, and its very version is deleted: only a refusal of that, with the object still readable, and with an object that is not
locked deleted by the same key, counts. Where this dock may not delete anything, that cannot be seen: then locks are asked for, and it is said
that they could not be tried. Times are the store's own: a station's clock that is wrong must not make a lock too short.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ingest.errors import DockdError, Refused, StoreDown
from ingest.store.line import Answer
from ingest.store.s3.addresses import Address
from ingest.store.s3.baits import Bait
from ingest.store.s3.meanings import BadRequest, NotKnown, meaning
from ingest.store.s3.objects import LOCK_MODE, LOCK_UNTIL, look
from ingest.store.s3.requests import Requests

Mode = Literal["governance", "compliance", "off"]
MODE, UNTIL = LOCK_MODE, LOCK_UNTIL
A_MOMENT = 60.0
"""Seconds of a lock that is a trial."""
_LEAST = 3600.0
_DATED, _PARTS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.{6,40}(?:Z|[+-][0-9:]{4,6})"), re.compile(r"\.[0-9]+")
_AHEAD = 86400.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Locking:
    """`asked`: whether evidential segments are put under a lock; `note`: what was seen that a person should know."""

    asked: bool
    note: str = ""


class Retention:
    """Locks of one bucket. `retain`: seconds from capture; `apart`: seconds between two looks at whether they hold."""

    def __init__(self, requests: Requests, *, mode: Mode, retain: float, apart: float = 60.0) -> None:
        self._requests = requests
        self._mode = mode
        self._retain = retain
        self._locking: Locking | None = Locking(asked=False) if mode == "off" else None
        self._left: list[tuple[float, Bait]] = []
        self._apart = apart
        self._tried_at = 0.0
        self._turn = asyncio.Lock()

    @property
    def note(self) -> str:
        """What a person should know; empty where there is nothing, or nothing is known yet."""
        return self._locking.note if self._locking is not None else ""

    async def headers(self, address: Address) -> dict[str, str]:
        """Those that lock an evidential segment's objects; none for others, and where no lock holds. Raises Retry."""
        if not address.evidential or self._mode == "off":
            return {}
        async with self._turn:
            if self._locking is None:
                self._locking, self._tried_at = await self._tried(), time.monotonic()
                if self._locking.note:
                    log.warning("the store: %s", self._locking.note)
            asked = self._locking.asked
        return self._until(self._begins(address) + self._retain) if asked else {}

    def enough(self, lock: tuple[str, str], wanted: Mapping[str, str]) -> bool:
        """Whether a lock (mode and end, as the store says them) is what these headers ask for, or more. Its end may be a thousandth of the time short:
        where the capture time cannot be right the time counts from now, and each now is later than the one before.
        """
        end, asked = moment_of(lock[1]), moment_of(wanted[UNTIL])
        if end is None or asked is None or lock[0].upper() not in (wanted[MODE], "COMPLIANCE"):
            return False
        return end >= asked - self._retain / 1000

    def _begins(self, address: Address) -> float:
        """When it was captured; now, where the camera's clock cannot have been right: evidence is not left without a lock for that."""
        now, captured = time.time(), address.captured
        return captured if captured is not None and now - self._retain + _LEAST < captured < now + _AHEAD else now

    def doubt(self) -> bool:
        """A lock may be what the store does not take any more: whether locks hold is tried again. False where that was done a moment ago, or none is asked for."""
        if self._locking is None or not self._locking.asked or time.monotonic() - self._tried_at < self._apart:
            return False
        self._locking = None
        return True

    def _until(self, moment: float) -> dict[str, str]:
        return {MODE: self._mode.upper(), UNTIL: stamp(moment)}

    async def _tried(self) -> Locking:
        """Raises Retry where nothing can be said now."""
        free = Bait(self._requests, what="free")
        answer = await free.put(b"free", headers={})
        if answer.status not in (200, 201, 204):
            raise meaning(answer, doing="a look at whether locks hold")
        may_delete = await _deleted(free)
        locked = Bait(self._requests, what="locked")
        answer = await locked.put(b"locked", headers=self._until(now_there(answer) + A_MOMENT))
        if answer.status not in (200, 201, 204):
            return _refused(meaning(answer, doing="a lock"))
        self._left.append((time.monotonic() + 2 * A_MOMENT, locked))
        if not may_delete:
            return Locking(asked=True, note="Object Lock is asked for; whether it holds could not be tried, for this dock may not delete anything")  # fmt: skip
        return await self._held(locked)

    async def _held(self, bait: Bait) -> Locking:
        deleted = await bait.delete()
        if deleted.status in (200, 204, 404):
            bait.made = False
            return Locking(asked=False, note="Object Lock does not hold: what it should have kept could be deleted. Evidential segments are not locked")  # fmt: skip
        error = meaning(deleted, doing="deleting what is locked")
        if not isinstance(error, (Refused, BadRequest)):
            raise error
        await look(self._requests, bait.key)
        return Locking(asked=True)

    async def cleared(self) -> None:
        """Delete what was made to try it, once its own lock is over."""
        now = time.monotonic()
        over = [bait for moment, bait in self._left if moment <= now]
        self._left = [one for one in self._left if one[0] > now]
        for bait in over:
            await bait.cleared()


async def _deleted(bait: Bait) -> bool:
    """Whether this dock may delete what it made. Raises Retry where that is not said: busy, down."""
    answer = await bait.delete()
    if answer.status in (200, 204):
        return True
    error = meaning(answer, doing="deleting what was made to see whether locks hold")
    if not isinstance(error, (Refused, BadRequest, NotKnown)):
        raise StoreDown(f"whether locks hold cannot be seen now: {error.message}") from error
    return False


def _refused(error: DockdError) -> Locking:
    if isinstance(error, BadRequest):
        return Locking(asked=False, note=f"the bucket has no Object Lock: evidential segments are not locked ({error.message})")  # fmt: skip
    if isinstance(error, Refused):
        return Locking(asked=False, note=f"this dock may not lock anything: evidential segments are not locked ({error.message})")  # fmt: skip
    if "501" in error.message:
        return Locking(asked=False, note="the store has no Object Lock: evidential segments are not locked")
    raise error


def stamp(moment: float) -> str:
    """A time as locks have it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(said: str) -> float | None:
    """The other way: seconds since the epoch, of what a store says; parts of a second do not count. None where it is no time."""
    try:
        return datetime.fromisoformat(_PARTS.sub("", said.strip())).timestamp() if _DATED.match(said.strip()) else None
    except (ValueError, OverflowError):
        return None


def now_there(answer: Answer) -> float:
    """The store's clock, where it tells it."""
    try:
        return email.utils.parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return time.time()
