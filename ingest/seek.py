"""Ask the store for what this ledger has lost sight of, before it is called lost.

Why: a ledger that was put back from an older copy believes segments on cameras and in the spool that have been proven, wiped and released since.
And a copy that rots on its way may have arrived all the same. So a segment of which no copy is known any more is *in doubt* first, which is said
at once; the pinned store is asked, and then it is found (its proof checked like every other) or lost, loudly. One that was pulled, and that only its
camera is believed to have now, is asked for once in a run: that camera may long have been emptied.

How: by the address of its upload, where that is known; and a store of receipts is announced the same segment again: by the protocol that is the
same object, if it has it. If it is a new upload, it is ended without a byte. Any other store cannot be asked for a segment by name: it says no.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from ingest.errors import DockdError, Hold, LedgerUnusable, ObjectGone, Retry, Stop, Unproven
from ingest.ledger import Ledger, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import IN_DOUBT, Segment
from ingest.ledger.stores import Pinned
from ingest.model import SegmentDescription
from ingest.store.base import Store

_REST = 5.0
_MOST = 100
_DOUBTED = "held = ? AND sha256 IS NOT NULL AND in_store = 0 AND on_camera = 0 AND in_spool = 0 ORDER BY id"
_ONLY_ON_CAMERA = "in_store = 0 AND (on_camera = 1 OR in_spool = 1) AND in_spool = 0 AND sha256 IS NOT NULL AND held IS NULL ORDER BY id"
_UNKNOWN = "held = ? AND sha256 IS NULL AND in_store = 0 AND on_camera = 0 AND in_spool = 0"
log = logging.getLogger(__name__)


class Seeking:
    """`trusted` is the link's, `prove(segment, address, pinned)` has the store prove it there and writes that down, `attest` has a confirmed one
    proven again; `describe` says what a store is told of a segment, `failed` is told what went wrong with the store."""

    def __init__(
        self, *, ledger: Ledger, store: Store, trusted: Callable[[], Awaitable[Pinned]],
        prove: Callable[[Segment, str, Pinned], Awaitable[bool]], attest: Callable[[list[Segment]], Awaitable[list[str]]],
        describe: Callable[[Segment], SegmentDescription], failed: Callable[[DockdError], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._trusted = trusted
        self._prove = prove
        self._attest = attest
        self._describe = describe
        self._failed = failed
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
                    async with asyncio.timeout(_REST):
                        await self._woken.wait()

    async def some(self) -> int:
        """Ask for a few, oldest first; returns for how many there is an answer. Raises Retry, Stop where the store cannot be asked."""
        wanted = (await self._wanted())[:_MOST]
        answered = await self._decide_unknown()
        if not wanted:
            return answered
        pinned = await self._trusted()
        for name in wanted:
            row = await self._ledger.read(lambda db, name=name: segments.get(db.execute, name))  # type: ignore[misc]
            try:
                found = await self._ask(row, pinned)
            except LedgerUnusable:
                raise
            except DockdError as error:
                await self._failed(error)
                raise
            if not found:
                await self._ledger.commit(lambda tx, name=name: _lost(tx, name))  # type: ignore[misc]
            self._answered.add(name)
            answered += 1
        return answered

    async def _wanted(self) -> list[str]:
        doubted = await self._ledger.read(lambda db: segments.ids(db.execute, _DOUBTED, (IN_DOUBT,)))
        believed = await self._ledger.read(lambda db: segments.ids(db.execute, _ONLY_ON_CAMERA))
        return [*doubted, *(one for one in believed if one not in self._answered)]

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
        if row.upload is not None:
            with contextlib.suppress(ObjectGone, Unproven):
                if await self._store.offset(row.upload, size=row.size) == row.size:
                    return row.upload
        if pinned.method != "receipt":
            return None
        address = await self._store.announce(self._describe(row))
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
            stored = await self._ledger.read(_one_stored)
            if not stored:
                return 0
            await self._trusted()
            await self._attest(stored)
        if not self._ledger.settled:
            return 0
        return await self._ledger.commit(lambda tx: sum(segments.decided(tx, one) for one in unknown))


def _lost(tx: Transaction, segment: str) -> None:
    row = segments.get(tx.execute, segment)
    if row.held == IN_DOUBT and not row.copies:
        segments.lost(tx, segment)


def _one_stored(db: object) -> list[Segment]:
    execute = db.execute  # type: ignore[attr-defined]
    names = segments.ids(execute, "in_store = 1 AND held IS NULL ORDER BY id DESC LIMIT 1")
    return [segments.get(execute, name) for name in names]
