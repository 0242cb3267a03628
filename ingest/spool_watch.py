"""Whether the spool can be counted on: is its disk there, does it keep what is written to it, can each copy in it be read?

A dock tells officers that footage is safe on it. It must know so, also when nobody copies and no store is there to be sent to. Rules kept
here: the folder is looked at every few seconds, a small file goes through the disk now and then; a copy that could once not be read counts
as a fault until it was read whole, is proven, or is another one; what is held for that alone goes on by itself then. A full disk is no fault.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from ingest import events
from ingest.activity import Activity, SpoolFault
from ingest.errors import IntegrityFailed, SpoolFailed
from ingest.ledger import Ledger, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.reread import Rereading, SpoolUnread
from ingest.spool import Spool, of_disk

_EVERY = 5.0
_WRITES_EVERY = 60.0
_BYTES = 4096
_SILENT = 30.0  # seconds without an answer of the disk, before that is a fault
_LONGEST = 600.0  # seconds until a copy that cannot be read is tried again


def tell_spool(ledger: Ledger, activity: Activity, fault: SpoolFault, message: str) -> None:
    """So it is with the spool; told where its worst is another one by that. Empty: this is well."""
    if activity.spool_faults.get(fault, "") == message and not message:
        return
    before = activity.spool_failed
    activity.spool(fault, message)
    _tell(ledger, activity, before)


def spool_works(ledger: Ledger, activity: Activity) -> None:
    """A whole copy was taken: nobody need wait for the next look to know that the disk is there, and takes."""
    before = activity.spool_failed
    for fault in ("disk", "write"):
        if fault in activity.spool_faults:
            activity.spool(fault, "")
    _tell(ledger, activity, before)


def _tell(ledger: Ledger, activity: Activity, before: str) -> None:
    now = activity.spool_failed
    if now != before:
        ledger.publish(events.SpoolFails(error=now) if now else events.SpoolWorks())


@dataclass(kw_only=True)
class _Try:
    wait: float
    at: float


class SpoolWatch:
    """Looks at one spool every so many seconds, `writes_every` by a small file. `bad(segment, finding)` is called for a copy that can be read again, and is not what was pulled."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, activity: Activity, rereading: Rereading,
        bad: Callable[[Segment, IntegrityFailed], Awaitable[None]], every: float = _EVERY, writes_every: float = _WRITES_EVERY,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._activity = activity
        self._rereading = rereading
        self._bad = bad
        self._every = every
        self._writes_every = writes_every
        self._write_at = time.monotonic() + writes_every  # the start has written there
        self._tries: dict[str, _Try] = {}
        rereading.changed = self._say_unread

    async def run(self) -> None:
        """Look, and again, until cancelled. Raises LedgerUnusable."""
        await self._begin()
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def _begin(self) -> None:
        """A start is a changed condition for what could not be read; until it is, nobody counts on it."""
        for segment, why in (await self._ledger.commit(_released)).items():
            self._rereading.doubt(segment, why)

    async def look(self) -> None:
        """One look at the disk; then at what could not be read, where its time has come. Raises LedgerUnusable."""
        was = self._activity.spool_faults.get("disk", "")
        fault = await self._tried()
        tell_spool(self._ledger, self._activity, "disk", fault)
        if fault:
            return
        if was:
            self._tries.clear()
        if time.monotonic() - self._activity.spool_faults_since.get("write", 0.0) > _WRITES_EVERY:
            tell_spool(self._ledger, self._activity, "write", "")  # nobody copies any more who would find that out
        for segment in list(self._rereading.unread):
            await self._again(segment)

    async def _tried(self) -> str:
        """What is wrong with the disk; empty: nothing."""
        writes = bool(self._activity.spool_failed) or time.monotonic() >= self._write_at
        trying = asyncio.get_running_loop().run_in_executor(None, partial(_trial, self._spool, writes=writes))
        answered, _ = await asyncio.wait({trying}, timeout=_SILENT)
        if not answered:
            silent = f"the dock's own disk does not answer for the spool {self._spool.folder}: check that disk"
            tell_spool(self._ledger, self._activity, "disk", silent)
        fault = await trying
        if writes:
            self._write_at = time.monotonic() + self._writes_every
        return fault

    async def _again(self, segment: str) -> None:
        """Read one that could not be read; what is held for that alone goes on."""
        if (tried := self._tries.get(segment)) is not None and time.monotonic() < tried.at:
            return
        row = await self._ledger.read(lambda db: segments.get(db.execute, segment))
        if not row.in_spool or row.in_store:
            self._over(segment)
            return
        bad: IntegrityFailed | None = None
        try:
            async with self._rereading.of(segment, row.digest) as copy:
                await copy.sound(anew=True)
        except SpoolUnread:
            wait = min(_LONGEST, 2 * tried.wait if tried is not None else 2 * self._every)
            self._tries[segment] = _Try(wait=wait, at=time.monotonic() + wait)
            return
        except IntegrityFailed as error:
            bad = error
        if row.held == SpoolUnread.reason:
            await self._ledger.commit(lambda tx: segments.unhold(tx, segment))
        if bad is not None:
            await self._bad(row, bad)
        self._over(segment)

    def _over(self, segment: str) -> None:
        self._tries.pop(segment, None)
        self._rereading.settled(segment)

    def _say_unread(self) -> None:
        unread = self._rereading.unread
        why = next(iter(unread.values()), "")
        message = f"not every copy on the dock can be read: {why}" if unread else ""
        tell_spool(self._ledger, self._activity, "read", message)


def _trial(spool: Spool, *, writes: bool) -> str:
    """Is the folder the one of the start, and does it give back what is written there?"""
    if not spool.in_place():
        return spool.elsewhere
    if not writes:
        return ""
    wanted = secrets.token_bytes(_BYTES)
    try:
        with spool.part("0" * 32) as part:
            if os.write(part.fd, wanted) == _BYTES:  # less: it is full
                os.fsync(part.fd)
                os.posix_fadvise(part.fd, 0, 0, os.POSIX_FADV_DONTNEED)
                if os.pread(part.fd, _BYTES, 0) != wanted:
                    return f"the dock's own disk gives back other bytes than were written to the spool {spool.folder}: check that disk"
    except OSError as error:
        found = of_disk(error, spool.folder)
        return found.message if isinstance(found, SpoolFailed) else ""
    return ""


def _released(tx: Transaction) -> dict[str, str]:
    found: dict[str, str] = {}
    for segment in segments.ids(tx.execute, "held = ? AND in_spool = 1", (SpoolUnread.reason,)):
        found[segment] = segments.get(tx.execute, segment).held_message or "it could not be read"
        segments.unhold(tx, segment)
    return found
