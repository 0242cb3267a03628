"""A ledger that went back in time: notice it, and open a new chain that names what the store last saw, in sight of everybody."""

from __future__ import annotations

import asyncio

from ingest import events
from ingest.confirm import HeadGate
from ingest.errors import HistoryConflict
from ingest.ledger import Ledger, proofs
from ingest.ledger.core import Transaction
from ingest.model import Head

_OVERLAPPING = 16  # requests that may be on their way at once
_LONGEST_GAP = 1_000_000_000  # entries: no dock has written more that it does not know of


class History:
    """Settles what a store's 409 says. Nothing is deleted on the old chain: the store proves nothing until it has been settled."""

    def __init__(self, *, ledger: Ledger, gate: HeadGate) -> None:
        self._ledger = ledger
        self._gate = gate
        self._settled: dict[Head, int] = {}
        self._turn = asyncio.Lock()

    async def went_back(self, conflict: HistoryConflict, *, store: str) -> bool:
        """Go on after what the store has seen. True: it names an entry of our own (the answer to an earlier request was lost): ask again.

        A conflict that names nothing, or what no dock can have written, settles nothing: the store stays unused.
        """
        if conflict.seq is None or conflict.head is None:
            return False
        named = Head(seq=conflict.seq, hash=conflict.head)
        async with self._turn:
            ours = await self._ledger.read(lambda db: proofs.in_chain(db.execute, named))
            told = self._settled.get(named, 0)
            if told:
                self._settled[named] = told + 1
                return ours and told < _OVERLAPPING  # those that were asked before it was settled say the same
            if await self._ledger.commit(lambda tx: _restored(tx, named, store=store)):
                self._settled[named] = 1
                self._gate.agreed()
            return ours


def _restored(tx: Transaction, named: Head, *, store: str) -> bool:
    own = tx.end
    if named.seq > own.seq + _LONGEST_GAP:
        return False
    if not proofs.in_chain(tx.execute, named):
        event = events.CustodyRestored(
            store=store, store_seq=named.seq, store_head=named.hash, own_seq=own.seq, own_head=own.hash
        )
        tx.record(event, continue_after=named.seq)
    return True
