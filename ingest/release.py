"""Give the spool's room back: the one place that removes a spool copy.

A copy is released only while the store has one, by the same proof as a wipe: asked within the last minutes, from the pinned store, never
caught. A store that makes no promise of durability is read back once more, a day after the first time. The release is committed before
the file is removed; what a crash leaves in between is removed at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import Hold, LedgerUnusable, Retry, Stop
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.spool import Spool

FRESH_NS = 540 * 10**9  # an attestation is asked again a minute before P2 would call it too old
SECOND_LOOK = 24 * 3600.0
_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a segment's receipts amount to. `first_at` seconds since the epoch."""

    lasting: bool
    fresh: bool
    first_at: float | None


class Releasing:
    """`keep_confirmed` seconds after its confirmation a spool copy may go. `trusted` and `attest` are the delivery's."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, keep_confirmed: float, trusted: Callable[[], Awaitable[Pinned]],
        attest: Callable[[Sequence[Segment]], Awaitable[list[str]]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._spool = spool
        self._keep = keep_confirmed
        self._trusted = trusted
        self._attest = attest
        self._woken = asyncio.Event()

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
            if not released:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5.0):
                        await self._woken.wait()

    async def some(self) -> int:
        """Release a batch; returns how many. Raises Retry, Stop."""
        clock = self._ledger.clock
        now = clock.now()
        found = await self._ledger.read(lambda db: queue.releasable(db.execute, before=now - self._keep, count=_BATCH))
        if not found:
            return 0
        await self._trusted()
        proofs = await self._ledger.read(
            lambda db: {
                one.id: proof_of(db.execute, one, now_ns=clock.boottime_ns(), boot_id=clock.boot_id) for one in found
            }
        )
        ready: list[Segment] = []
        stale: list[Segment] = []
        later: list[Segment] = []
        for segment in found:
            proof = proofs[segment.id]
            if proof.lasting or (proof.first_at is not None and now - proof.first_at >= SECOND_LOOK):
                (ready if proof.fresh else stale).append(segment)
            else:
                later.append(segment)
        if later:
            await self._ledger.commit(lambda tx: _look_again(tx, later, proofs))
        names = [segment.id for segment in ready] + (await self._attest(stale) if stale else [])
        if names:
            await self._ledger.commit(lambda tx: _released(tx, names))
            await asyncio.to_thread(self._remove, names)
        return len(names)

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._spool.remove(name)


def _released(tx: Transaction, names: Sequence[str]) -> None:
    for name in names:
        segments.released(tx, name)


def proof_of(execute: Callable[..., Any], segment: Segment, *, now_ns: int, boot_id: str) -> Proof:
    """From a store that promises durability? Asked for just now? Since when?"""
    rows = execute(
        "SELECT durable, asked_boottime_ns, boot_id, at FROM receipts WHERE segment = ? AND store = ? AND sha256 = ? ORDER BY id",
        (segment.id, segment.store, segment.sha256),
    ).fetchall()
    if not rows:
        return Proof(lasting=False, fresh=False, first_at=None)
    last = rows[-1]
    fresh = last[2] == boot_id and 0 <= now_ns - last[1] <= FRESH_NS
    return Proof(lasting=bool(last[0]), fresh=fresh, first_at=rows[0][3])


def _look_again(tx: Transaction, later: Sequence[Segment], proofs: dict[str, Proof]) -> None:
    for segment in later:
        first = proofs[segment.id].first_at
        moment = (first if first is not None else tx.now) + SECOND_LOOK
        tx.execute("UPDATE segments SET next_attempt = ? WHERE id = ?", (moment, segment.id))
