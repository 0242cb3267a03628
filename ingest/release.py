"""Give the spool's room back: the one place that removes a spool copy.

A copy is released only while the store has one, by the same proof as a wipe: asked within the last minutes, from the pinned store, never
caught. A store that makes no promise of durability is read back once more, a day after the first time. The release is committed before
the file is removed; what a crash leaves in between is removed at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from ingest.errors import Hold, LedgerUnusable, Retry, Stop
from ingest.ledger import Ledger, proofs, queue, segments, store_memory, stores
from ingest.ledger.core import Transaction
from ingest.ledger.passed import since_proof
from ingest.ledger.proofs import SECOND_LOOK, Proof
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.pace import REASON, Pace
from ingest.spool import Spool

_BATCH = 100
Which = tuple[int, int]  # inode and time of a file
log = logging.getLogger(__name__)


class Releasing:
    """`keep_confirmed` seconds after its confirmation a spool copy may go. `trusted` and `attest` are the delivery's."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, keep_confirmed: float, trusted: Callable[[], Awaitable[Pinned]],
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]], pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._keep = keep_confirmed
        self._another = False  # those that wait do so by another time than this
        self._trusted = trusted
        self._attest = attest
        self._pace = pace or Pace()
        self._woken = asyncio.Event()
        self._left: dict[str, tuple[int, int]] = {}  # released, and their disk has not let them go: which file that was

    def keep(self, seconds: float) -> None:
        """How long after its confirmation a copy is kept, from now on, also of those that wait already."""
        if seconds != self._keep:
            self._keep, self._another = seconds, True
            self.wake()

    def wake(self) -> None:
        """Something was confirmed."""
        self._woken.set()

    async def run(self) -> None:
        """Release until cancelled. Raises LedgerUnusable."""
        while True:
            self._woken.clear()
            released = 0
            try:
                released = await self.some()
            except LedgerUnusable:
                raise
            except (Retry, Hold, Stop):
                pass  # the delivery says why; this waits with it
            except Exception:
                log.exception("the spool's room could not be given back; it is tried again")
            if not released:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5.0):
                        await self._woken.wait()

    async def some(self) -> int:
        """Release a batch; returns how many. Raises Retry, Stop."""
        if self._left:
            await asyncio.to_thread(self._remove_left)
        if self._another:
            await self._ledger.commit(queue.look_at_confirmed_again)
            self._another = False
        clock, keep = self._ledger.clock, self._keep
        now = clock.now()
        found = await self._ledger.read(lambda db: queue.releasable(db.execute, now=now, count=_BATCH))
        found = await self._old_enough(found, keep=keep) if keep else found
        if not found:
            return 0
        store = (await self._trusted()).id
        known = await self._ledger.read(
            lambda db: {one.id: proofs.of(db.execute, one, store=store, clock=clock) for one in found}
        )
        later = [one for one in found if known[one.id].first_at is not None and not known[one.id].lasts(now)]
        if later:
            await self._ledger.commit(lambda tx: _look_again(tx, later, known))
        stale = [one for one in found if one not in later and not known[one.id].fresh]
        if stale:
            await self._prove(stale)
        if keep < self._keep:  # they are to be kept longer by now
            return 0
        names = [one.id for one in found if one not in later]
        seen = await asyncio.to_thread(lambda: {name: _which(self._spool.file(name)) for name in names})
        gone = await self._ledger.commit(lambda tx: released(tx, names)) if names else []
        if gone:
            await asyncio.to_thread(self._remove, {name: seen[name] for name in gone})
        return len(gone)

    async def _old_enough(self, found: Sequence[Segment], *, keep: float) -> list[Segment]:
        """Those that were confirmed long enough ago, by a clock that nobody sets; the others wait for the rest of that time."""
        clock = self._ledger.clock
        ages = await self._ledger.read(
            lambda db: {one.id: since_proof(db.execute, clock, one.id) or 0.0 for one in found}
        )
        young = {one.id: keep - ages[one.id] for one in found if ages[one.id] < keep}

        def wait(tx: Transaction) -> None:
            for name, seconds in young.items():
                segments.not_before(tx, name, tx.now + seconds)

        if young:
            await self._ledger.commit(wait)
        return [one for one in found if one.id not in young]

    async def _prove(self, stale: Sequence[Segment]) -> None:
        """Have as many of these proven as can be in time; the rest have their turn after those are released."""
        lot, size = [stale[0]], stale[0].size
        for one in stale[1:]:
            if size + one.size > self._pace.most:
                break
            lot.append(one)
            size += one.size
        if await self._pace.kept(self._attest(lot), size=size) is None and len(lot) == 1:
            message = self._pace.too_slow(size)
            await self._ledger.commit(lambda tx: segments.hold(tx, lot[0].id, reason=REASON, error=message))

    def _remove(self, gone: Mapping[str, Which | None]) -> None:
        """What cannot be removed now is removed when its disk lets it, or at the next start: its release stands.

        `gone`: which file each copy was when it was given up; one that was pulled since, under the same name, is another copy.
        """
        for name, seen in gone.items():
            if seen is not None and _which(self._spool.file(name)) not in (None, seen):
                continue
            try:
                self._spool.remove(name)
            except OSError as error:
                log.warning("the released spool copy %s cannot be removed now: %s", name, error.strerror)
                if (which := _which(self._spool.file(name))) is not None:
                    self._left[name] = which

    def _remove_left(self) -> None:
        for name, which in list(self._left.items()):
            if _which(self._spool.file(name)) == which:  # not a newer copy, pulled since under the same name
                with contextlib.suppress(OSError):
                    self._spool.remove(name)
                    del self._left[name]
            else:
                del self._left[name]


def _which(file: Path) -> Which | None:
    with contextlib.suppress(OSError):
        seen = os.lstat(file)
        return seen.st_ino, seen.st_mtime_ns
    return None


def released(tx: Transaction, names: Sequence[str]) -> list[str]:
    """Give up those of these spool copies for which the proof holds in this very transaction; returns which."""
    store = None if tx.unconfirmed else stores.pinned(tx.execute)
    if store is None or store.dishonest is not None or (store.method != "read-back" and store.honest_at is None):
        return []
    if store_memory.unasked(tx.execute, store.id):
        return []
    gone = []
    for name in names:
        row = segments.get(tx.execute, name)
        if not (row.in_spool and row.in_store) or row.held is not None:
            continue
        proof = proofs.of(tx.execute, row, store=store.id, clock=tx.clock)
        if proof.fresh and proof.lasts(tx.now):
            segments.released(tx, name)
            gone.append(name)
    return gone


def _look_again(tx: Transaction, later: Sequence[Segment], known: dict[str, Proof]) -> None:
    for segment in later:
        first = known[segment.id].first_at
        moment = (first if first is not None else tx.now) + SECOND_LOOK
        segments.not_before(tx, segment.id, moment)
