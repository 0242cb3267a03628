"""The store as a whole: who it is, whether it is believed, and whether it may be asked now.

Rules: one probe at a time; who answers is held against the pin before anything is sent, and again every five minutes; before anything is
deleted it has refused wrong bytes in this very run. Whatever goes wrong while it is asked closes the door for a while (`standing`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable

from ingest.confirm import HeadGate
from ingest.errors import DockdError, HistoryConflict, Hold, LedgerUnusable, Retry, Stop, StoreBusy, StoreDown
from ingest.history import History
from ingest.ledger import Ledger, stores
from ingest.ledger.stores import Pinned
from ingest.standing import Standing
from ingest.store.base import Store
from ingest.store.throttle import Bucket
from ingest.trust import Trust

_LOOK_EVERY = 30.0
log = logging.getLogger(__name__)


class Link:
    """The link to one store. `standing` is how it stands, `gate` the custody head that it is asked with; `wanted` what the site has pinned.

    `believed` is called whenever it has said who it is and may be asked again. `now`: seconds on a clock that is never set, `chance` from [0, 1).
    """

    def __init__(
        self, *, ledger: Ledger, store: Store, station: str, wanted: str | None, bucket: Bucket, retry_max: float,
        believed: Callable[[], None], now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.gate = HeadGate(ledger)
        self._ledger = ledger
        self.standing = Standing(ledger=ledger, retry_max=retry_max, now=now, chance=chance)
        self._believed_again = believed
        self._trust = Trust(
            ledger=ledger, store=store, station=station, wanted=wanted, bucket=bucket, heads=self.gate.head
        )
        self._history = History(ledger=ledger, gate=self.gate)
        self._probe = asyncio.Lock()

    async def kept(self) -> None:
        """See who the store is at the start and again every five minutes; while it cannot be used, as often as `trusted` allows."""
        if (known := await self._ledger.read(lambda db: stores.pinned(db.execute))) is not None:
            self.standing.recall(known)
        while True:
            self.standing.trouble.clear()
            try:
                await self.trusted()
            except LedgerUnusable:
                raise
            except (Retry, Stop):
                await asyncio.sleep(max(0.5, self.standing.closed_for()))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self.standing.trouble.wait()
                    continue
            self.standing.pinned = None

    async def trusted(self) -> Pinned:
        """The pinned store, known to be the one that answers, and to refuse wrong bytes. Raises Retry, Stop."""
        return await self._believed(deleting=False)

    async def trusted_to_delete(self) -> Pinned:
        """`trusted`, and seen to refuse wrong bytes since this process began: what every deletion rests on. Raises Retry, Stop."""
        return await self._believed(deleting=True)

    async def recognised_since(self, moment: float) -> Pinned:
        """`trusted_to_delete`, of a store that has said who it is after `moment` (monotonic seconds). Raises Retry, Stop."""
        if self.standing.answered_at < moment:
            self.standing.pinned = None
        return await self.trusted_to_delete()

    async def _believed(self, *, deleting: bool) -> Pinned:
        standing = self.standing
        async with self._probe:
            standing.check()
            if standing.pinned is not None and (not deleting or self._trust.tested(standing.pinned)):
                return standing.pinned
            try:
                async with standing.impatient("a look at who it is"):
                    pinned = await self._trust.recognise()
                    standing.recognised(pinned.id)
                    await self._trust.honest(pinned, in_this_run=deleting)
            except Hold as error:  # what it refuses here is no segment: it cannot be used
                failure = StoreDown(error.message)
                standing.failed(failure)
                raise failure from error
            except HistoryConflict as error:
                if await self.went_back(error):
                    raise agreed() from error
                standing.failed(error)
                raise
            except DockdError as error:
                standing.failed(error)
                raise
            except Exception as error:
                log.exception("the store could not be asked who it is")
                failure = StoreDown(f"the store could not be asked who it is: {unforeseen(error)}")
                standing.failed(failure)
                raise failure from error
            standing.answers(pinned)
            self._believed_again()
            return pinned

    async def went_back(self, conflict: HistoryConflict) -> bool:
        """The store knows a later history of this dock than the one that was asked with. True: it is ours all the same, ask again."""
        return await self._history.went_back(conflict, store=self.standing.state.id or "unknown")

    async def caught(self, store: str, error: str) -> None:
        """It gave a bad receipt, or accepted a wrong digest: written down for good."""
        await self._trust.caught(store, error)


def agreed() -> StoreBusy:
    """What the store last saw of this dock is in its ledger: the same is asked again, and nobody need know."""
    return StoreBusy("the store had seen more of this dock's history than was asked with: it is asked again")


def unforeseen(error: Exception) -> str:
    """What nobody foresaw, in a line; the traceback is in the log."""
    return f"{type(error).__name__}: {error}"[:300]
