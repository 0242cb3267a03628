"""A store that was put back from an older copy of itself: noticed by what it remembers of this dock, and asked for what it may have lost.

Why: what was wiped from its camera and given up by the spool is in the store alone. If the store loses that, nobody would ever ask for it again.
A store that keeps dockd's protocol numbers the receipts that it gives a dock; where a number comes that is no higher than one that had come
before it was asked for, it went back (`store.went_back`, in custody). Then everything that it has proven under that number or a later one is
proven anew, what still has a copy first: what it has lost is sent again from there, and what has none is told as lost.

Rules: what is to be asked follows from the ledger alone, so that a restart goes on with it; nothing is asked twice; until all of it has been
asked, nothing is deleted on that store's word (`ingest.ledger.store_memory`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ingest import events
from ingest.errors import Hold, LedgerUnusable, Retry, Stop, Unanswered
from ingest.ledger import Ledger, marks
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.ledger.store_memory import WentBack, latest, suspects
from ingest.setbacks import Setbacks

Execute = Callable[..., Any]
_LOT = 64
_REST = 5.0
_SHORTEST = 0.05
_OVERTAKING = 256  # receipts: so far from their order they may have been written down
log = logging.getLogger(__name__)


class Memory:
    """What a store must remember of this dock: the highest number of a receipt that has come back to us."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, int] = {}

    async def known(self, store: str) -> int:
        """Ask before a request is sent: the number of its receipt is held against this."""
        if store not in self._known:
            self._known[store] = await self._ledger.read(lambda db: _newest(db.execute, store))
        return self._known[store]

    async def hold_against(self, *, store: str, known: int, number: int) -> None:
        """A receipt has come, with its number; `known` is what was known before it was asked for."""
        if (
            number <= known <= self._known.get(store, 0)
        ):  # of several that were on their way together, the first finds it
            self._known[store] = number
            await self._ledger.commit(lambda tx: _went_back(tx, store=store, known=known, number=number))
        self._known[store] = max(self._known.get(store, 0), number)


def _newest(execute: Execute, store: str) -> int:
    """Since the last time that it went back: what it had forgotten then it need not remember."""
    found = latest(execute)
    after = found.last if found is not None and found.store == store else 0
    row = execute(
        "SELECT max(number) FROM (SELECT number FROM receipts WHERE store = ? AND id > ? ORDER BY id DESC LIMIT ?)",
        (store, after, _OVERTAKING),
    ).fetchone()
    return int(row[0] or 0)


def _went_back(tx: Transaction, *, store: str, known: int, number: int) -> None:
    newest = int(tx.execute("SELECT coalesce(max(id), 0) FROM receipts").fetchone()[0])
    tx.record(events.StoreWentBack(store=store, number=number, known=known, last_receipt=newest))
    marks.anew(tx, store)


class AskingAgain:
    """Has what a store may have lost proven anew. `attest` and `setbacks` are the delivery's."""

    def __init__(
        self, *, ledger: Ledger, attest: Callable[[Sequence[Segment]], Awaitable[list[str]]], setbacks: Setbacks
    ) -> None:
        self._ledger = ledger
        self._attest = attest
        self._setbacks = setbacks
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        ledger.subscribe(self._hear)

    def _hear(self, event: events.Event, _seq: int) -> None:
        if isinstance(event, events.StoreWentBack):
            self._idle.clear()
            self._woken.set()

    async def run(self) -> None:
        """Ask until cancelled. Raises LedgerUnusable."""
        while True:
            self._woken.clear()
            try:
                done = await self._all()
            except LedgerUnusable:
                raise
            except (Retry, Hold, Stop):
                done = False  # the store cannot be asked now: the delivery says so
            except Exception:
                log.exception("what the store may have lost could not be asked for; it is tried again")
                done = False
            if done and not self._woken.is_set():
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if done else self._rest()):
                    await self._woken.wait()

    async def over(self) -> None:
        """Wait until there is nothing to be asked for again."""
        await self._idle.wait()

    def _rest(self) -> float:
        """Seconds until something may be asked again."""
        soonest = self._setbacks.soonest()
        return _REST if soonest is None else min(_REST, max(_SHORTEST, soonest))

    async def _all(self) -> bool:
        """Ask for each that waits; what the store cannot say of some keeps it from no other. Returns whether nothing is left."""
        found = await self._ledger.read(lambda db: latest(db.execute))
        if found is None:
            return True
        for copies in (1, 0):
            after = ""
            while lot := await self._lot(found, copies=copies, after=after):
                after = lot[-1].id
                with contextlib.suppress(Unanswered):
                    await self._attest(lot)
        return not await self._lot(found, copies=1, after="") and not await self._lot(found, copies=0, after="")

    async def _lot(self, found: WentBack, *, copies: int, after: str) -> list[Segment]:
        return await self._ledger.read(
            lambda db: suspects(db.execute, found, copies=bool(copies), after=after, count=_LOT)
        )
