"""Ask the store for what this ledger has lost sight of, before it is called lost.

Why: a ledger that was put back from an older copy believes segments on cameras and in the spool that have been proven, wiped and released since.
And a copy that rots on its way may have arrived all the same. So a segment of which no copy is known any more is *in doubt* first, which is said
at once; the pinned store is asked, and then it is found (its proof checked like every other) or lost, loudly. One that was pulled, and that only its
camera is believed to have now, is asked for once in a run: that camera may long have been emptied. One that the store has proven and then said not
to have is asked for again before it is called lost, and what was called lost in the last weeks is asked for at each start and now and then: an
operator may have put the store right.

How: by the address of its upload, where that is known; and a store of receipts is announced the same segment again: by the protocol that is the
same object, if it has it. If it is a new upload, it is ended without a byte. Any other store cannot be asked for a segment by name: it says no.
A segment that the store fails on waits for a turn of its own; the others are asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from ingest.clock import rfc3339
from ingest.errors import DockdError, Hold, LedgerUnusable, ObjectGone, Retry, Stop, Unproven
from ingest.ledger import Ledger, addresses, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import IN_DOUBT, Segment
from ingest.ledger.stores import Pinned
from ingest.model import SegmentDescription
from ingest.setbacks import Setbacks
from ingest.store.base import Store

_REST = 5.0
_SHORTEST = 0.05
_MOST = 100
_IN_A_ROW = 3  # that fail: then the store is left alone for a while
_REGRET_EVERY = 6 * 3600.0
_REGRET_FOR = 30 * 86400.0
_DOUBTED = "held = ? AND sha256 IS NOT NULL AND in_store = 0 AND on_camera = 0 AND in_spool = 0 ORDER BY id"
_ONLY_ON_CAMERA = "in_store = 0 AND (on_camera = 1 OR in_spool = 1) AND in_spool = 0 AND sha256 IS NOT NULL AND held IS NULL ORDER BY id"
_MISSED = "held = ? AND in_store = 1 ORDER BY id"
_LOST = (
    "held IS NULL AND sha256 IS NOT NULL AND in_store = 0 AND on_camera = 0 AND in_spool = 0"
    " AND EXISTS (SELECT 1 FROM custody c WHERE c.segment = segments.id AND c.action = 'segment.lost' AND c.at >= ?) ORDER BY id"
)
_FORGETFUL = (
    "it is not on its camera any more, and this ledger was made anew: whether it had been pulled and proven before, a store that keeps no record of "
    "this dock cannot say; only the store's operator can, by this segment's id"
)
_UNKNOWN = "held = ? AND sha256 IS NULL AND in_store = 0 AND on_camera = 0 AND in_spool = 0"
log = logging.getLogger(__name__)


class Seeking:
    """`trusted` is the link's, `prove(segment, address, pinned)` has the store prove it there and writes that down, `attest` has a confirmed one
    proven again; `describe` says what a store is told of a segment, `failed` is told of a store that is not to be believed."""

    def __init__(
        self, *, ledger: Ledger, store: Store, trusted: Callable[[], Awaitable[Pinned]],
        prove: Callable[[Segment, str, Pinned], Awaitable[bool]], attest: Callable[[list[Segment]], Awaitable[list[str]]],
        describe: Callable[[Segment], SegmentDescription], failed: Callable[[DockdError], Awaitable[None]],
        setbacks: Setbacks,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._trusted = trusted
        self._prove = prove
        self._attest = attest
        self._describe = describe
        self._failed = failed
        self._setbacks = setbacks
        self._regretted: list[str] = []
        self._regret_at = 0.0
        self._woken = asyncio.Event()
        self._answered: set[str] = set()

    def wake(self) -> None:
        """Something is in doubt, or the store may be asked again."""
        self._woken.set()

    async def run(self) -> None:
        """Ask until cancelled. Raises LedgerUnusable."""
        while True:
            self._woken.clear()
            asked = 0
            try:
                asked = await self.some()
            except LedgerUnusable:
                raise
            except (Retry, Hold, Stop):
                pass  # the store cannot be asked now: that is said, and they stay in doubt
            except Exception:
                log.exception("what is in doubt could not be asked of the store; it is tried again")
            if not asked:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._rest()):
                        await self._woken.wait()

    def _rest(self) -> float:
        """Seconds until something may be asked again."""
        soonest = self._setbacks.soonest()
        return _REST if soonest is None else min(_REST, max(_SHORTEST, soonest))

    async def some(self) -> int:
        """Ask for a few, oldest first; returns for how many there is an answer. Raises Retry, Stop where the store cannot be asked."""
        answered = await self._decide_unknown()
        due = [one for one in await self._wanted() if self._setbacks.due(one)][:_MOST]
        if not due:
            return answered
        pinned = await self._trusted()
        failures = 0
        for name in due:
            try:
                await self._settle(name, pinned)
            except LedgerUnusable:
                raise
            except Stop as error:
                await self._failed(error)
                raise
            except DockdError as error:
                self._setbacks.failed(name, error)
                failures += 1
                if failures >= _IN_A_ROW:
                    break
            else:
                answered, failures = answered + (name in self._answered), 0
        return answered

    async def _settle(self, name: str, pinned: Pinned) -> None:
        """Have the store's answer for this one written down. Raises Retry, Stop."""
        row = await self._ledger.read(lambda db: segments.get(db.execute, name))
        if row.in_store and row.held == IN_DOUBT:
            await self._attest([row])
            return
        if not row.in_store and not await self._ask(row, pinned):
            await self._ledger.commit(lambda tx: _lost(tx, name))
        self._setbacks.over(name)
        self._answered.add(name)
        self._regretted = [one for one in self._regretted if one != name]

    async def _wanted(self) -> list[str]:
        if time.monotonic() >= self._regret_at:
            self._regret_at = time.monotonic() + _REGRET_EVERY
            since = rfc3339(self._ledger.clock.now() - _REGRET_FOR)
            self._regretted = await self._ledger.read(lambda db: segments.ids(db.execute, _LOST, (since,)))
        doubted = await self._ledger.read(lambda db: segments.ids(db.execute, _DOUBTED, (IN_DOUBT,)))
        missed = await self._ledger.read(lambda db: segments.ids(db.execute, _MISSED, (IN_DOUBT,)))
        believed = await self._ledger.read(lambda db: segments.ids(db.execute, _ONLY_ON_CAMERA))
        return [*doubted, *missed, *(one for one in believed if one not in self._answered), *self._regretted]

    async def over(self) -> None:
        """Wait until the store has answered for everything that there is to ask. Raises LedgerUnusable."""
        while await self._wanted():
            self._woken.set()
            await asyncio.sleep(0.1)

    async def _ask(self, row: Segment, pinned: Pinned) -> bool:
        """Whether the store has proven that it has it. What it says against that is a no; what it cannot say now is raised."""
        try:
            address = await self._address(row, pinned)
            return address is not None and await self._prove(row, address, pinned)
        except (ObjectGone, Unproven, Hold):
            return False

    async def _address(self, row: Segment, pinned: Pinned) -> str | None:
        """Where the store says that it has all of it."""
        for known in dict.fromkeys(
            [row.upload, await self._ledger.read(lambda db: _last_object(db, row.id, pinned.id))]
        ):
            if known is not None:
                with contextlib.suppress(ObjectGone, Unproven):
                    if await self._store.offset(known, size=row.size) == row.size:
                        return known
        if pinned.method != "receipt":
            return None
        address = await self._store.announce(self._describe(row))
        await self._ledger.read(lambda db: addresses.must_be_free(db.execute, address, segment=row.id))
        there = await self._store.offset(address, size=row.size)
        if there == row.size:
            return address
        if there == 0:
            with contextlib.suppress(Retry, Hold):
                await self._store.withdraw(address)
        return None

    async def _decide_unknown(self) -> int:
        """Those that were never pulled, as far as this ledger knows. Whether it knows enough shows when the store has seen its history."""
        unknown = await self._ledger.read(lambda db: segments.ids(db.execute, _UNKNOWN, (IN_DOUBT,)))
        if not unknown:
            return 0
        if not self._ledger.settled:
            pinned = await self._trusted()
            if pinned.method == "receipt":
                await self._shown_history()
            elif await self._ledger.read(_made_anew):
                await self._ledger.commit(lambda tx: _left_to_a_person(tx, unknown))
            else:
                self._ledger.settled = True  # nothing that such a store could say would tell more
        if not self._ledger.settled:
            return 0
        return await self._ledger.commit(lambda tx: sum(segments.decided(tx, one) for one in unknown))

    async def _shown_history(self) -> None:
        """Have something proven, by which the store sees this ledger's history. What it fails at there, the delivery says."""
        stored = [one for one in await self._ledger.read(_some_stored) if self._setbacks.due(one.id)]
        if stored:
            with contextlib.suppress(Retry, Hold):
                await self._attest(stored)


def _left_to_a_person(tx: Transaction, names: list[str]) -> None:
    for name in names:
        segments.hold(tx, name, reason=IN_DOUBT, error=_FORGETFUL)


def _made_anew(db: object) -> bool:
    execute = db.execute  # type: ignore[attr-defined]
    return execute("SELECT 1 FROM custody WHERE action = 'ledger.rebuilt' LIMIT 1").fetchone() is not None


def _last_object(db: object, segment: str, store: str) -> str | None:
    """Where that store has proven it before."""
    execute = db.execute  # type: ignore[attr-defined]
    row = execute(
        "SELECT object FROM receipts WHERE segment = ? AND store = ? ORDER BY id DESC LIMIT 1", (segment, store)
    ).fetchone()
    return None if row is None else str(row[0])


def _lost(tx: Transaction, segment: str) -> None:
    row = segments.get(tx.execute, segment)
    if row.held == IN_DOUBT and not row.copies:
        segments.lost(tx, segment)


def _some_stored(db: object) -> list[Segment]:
    execute = db.execute  # type: ignore[attr-defined]
    names = segments.ids(execute, "in_store = 1 AND held IS NULL ORDER BY id DESC LIMIT 3")
    return [segments.get(execute, name) for name in names]
