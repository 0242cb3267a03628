"""The one place that makes a Receipt: the store's claim held against what we know, then committed.

A claim becomes a receipt only if the store is the pinned one, by the announced method, signed by a pinned key, with the nonce and the
head that were asked for, for this object, this segment of this camera, and exactly its bytes. A signed claim that fails in any of
this is a bad receipt: the store is caught. What is unsigned and wrong proves nothing, and is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from ingest.clock import rfc3339
from ingest.errors import Garbled, Retry, StoreDishonest, Unproven, WrongStore
from ingest.ledger import Ledger, parts, proofs, segments
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.model import Claim, Head, Receipt, SegmentDescription
from ingest.store.base import Store
from ingest.went_back import Memory

_SHARE = 64


class OtherBytes(StoreDishonest):
    """Its proof is for other bytes than ours: the store's, unless our own copy has changed before it was sent."""


class HeadGate:
    """One custody head for all requests that are in flight together.

    The store refuses a head older than the last it saw; requests overtake each other. So those that overlap carry the same head, and a
    newer one is taken only when none is in flight (at the latest after 64 of them).

    The first requests of a run carry the last head that the store is known to have seen: if the ledger was put back from an older copy and
    has grown since, a new head would hide that.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._free = asyncio.Event()
        self._head: Head | None = None
        self._in_flight = 0
        self._served = 0
        self._agreed = False

    @contextlib.asynccontextmanager
    async def head(self, store: str) -> AsyncIterator[Head]:
        """The head to ask `store` with."""
        last = None if self._agreed else await self._ledger.read(lambda db: proofs.last_head(db.execute, store=store))
        while self._in_flight and self._served >= _SHARE:
            self._free.clear()
            await self._free.wait()
        if not self._in_flight or self._head is None:
            self._head, self._served = last if last is not None and not self._agreed else self._ledger.head, 0
        head = self._head
        self._in_flight += 1
        self._served += 1
        try:
            yield head
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._free.set()

    def agreed(self) -> None:
        """The store's history of this dock and ours are one."""
        self._agreed = True
        self._ledger.settled = True


def receipt_from(
    claim: Claim, *, segment: SegmentDescription, upload: str, pinned: Pinned, nonce: str, head: Head | None,
    asked_boottime_ns: int, boot_id: str, now: float,
) -> Receipt:  # fmt: skip
    """Raises Unproven, WrongStore, StoreDishonest; the message says what does not fit."""
    if claim.method != pinned.method:
        raise WrongStore(
            f"the store gave proof by {claim.method}, but {pinned.method} is what it announced when it was pinned"
        )
    if claim.method == "receipt":
        if claim.key not in pinned.keys:
            raise WrongStore("its receipt is signed by a key that is not pinned")
        if claim.store != pinned.id:
            raise StoreDishonest(f"its receipt is of another store ({claim.store[:64]}), and signed by its own key")
        _signed(claim, segment=segment, upload=upload, nonce=nonce, head=head)
    elif claim.store != pinned.id:
        raise WrongStore(f"the proof is of store {claim.store}, but {pinned.id} is pinned")
    digest = segment.digest
    if claim.composite:
        _in_parts(claim, segment)
    elif (claim.size, claim.sha256) != (digest.size, digest.sha256):
        text = (
            f"its proof is for {claim.size} bytes with SHA-256 {claim.sha256[:16]}… "
            f"where {digest.size} bytes with {digest.sha256[:16]}… were sent"
        )
        raise Unproven(text) if claim.method == "read-back" else OtherBytes(text)
    stamp = rfc3339(now)
    return Receipt(
        segment=segment.id, camera=segment.camera, store=claim.store, object=upload, method=claim.method, size=claim.size,
        sha256=digest.sha256, durable=claim.durable, stored_at=claim.stored_at or stamp, attested_at=claim.attested_at or stamp,
        nonce=nonce, head=head, raw=claim.raw, asked_boottime_ns=asked_boottime_ns, boot_id=boot_id,
        number=claim.number,
    )  # fmt: skip


def _in_parts(claim: Claim, segment: SegmentDescription) -> None:
    """A checksum of the parts' checksums counts only against our own, of parts that are known to make up these very bytes. Raises Unproven."""
    if segment.parts is None:
        raise Garbled("the store proves it by parts, and of which parts it is made is not known here")
    ours = segment.parts.composite
    if claim.sha256 or claim.method != "digest":
        raise Garbled("the store's proof by parts names a digest of the whole, too")
    if (claim.size, claim.composite) != (segment.digest.size, ours):
        raise Unproven(  # and no lie: the same bytes, cut in other parts, have another one
            f"its proof is for {claim.size} bytes in parts with {claim.composite[:24]} "
            f"where {segment.digest.size} bytes with {ours[:24]} were sent"
        )


def _signed(claim: Claim, *, segment: SegmentDescription, upload: str, nonce: str, head: Head | None) -> None:
    """What only a signed receipt can get wrong. Raises StoreDishonest."""
    if claim.nonce != nonce:
        raise StoreDishonest("its receipt carries another nonce than the one asked with: it is a replay")
    if claim.head != head:
        raise StoreDishonest("its receipt carries another custody head than the one asked with")
    if claim.object != upload.rstrip("/").rsplit("/", 1)[-1]:
        raise StoreDishonest(f"its receipt is for another object ({claim.object[:64]})")
    if claim.segment not in (None, segment.id) or claim.camera not in (None, segment.camera):
        raise StoreDishonest("its receipt is for another segment")


class Confirming:
    """Asks the store to prove a segment, and commits the receipt.

    `differs(segment, upload)`: what is wrong with the bytes that the store gives back, if anything; `there` raises where it gives none of
    what it has proven; `holds`: whether all that it gives are the segment's bytes, None where it gives none (all `ingest.sample`).
    """

    def __init__(
        self, *, ledger: Ledger, store: Store, station: str, gate: HeadGate,
        differs: Callable[[Segment, str], Awaitable[str | None]], there: Callable[[Segment, str], Awaitable[None]],
        holds: Callable[[Segment, str], Awaitable[bool | None]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._store = store
        self._station = station
        self._gate = gate
        self._differs = differs
        self._there = there
        self._holds = holds
        self._memory = Memory(ledger)

    async def confirm(self, segment: Segment, *, upload: str, pinned: Pinned) -> Receipt:
        """First proof: the segment counts the store among its copies. Raises what `receipt_from` and `Store.claim` raise, and Retry where it
        became evidence meanwhile.
        """
        receipt = await self._ask(segment, upload=upload, pinned=pinned)
        if pinned.method != "read-back" and (wrong := await self._differs(segment, upload)) is not None:
            await self._still_says_so(segment, upload=upload, pinned=pinned)
            raise OtherBytes(f"it has proven bytes by {pinned.method} that it does not give back: {wrong}")
        await self._ledger.commit(lambda tx: _confirmed(tx, receipt, evidential=bool(segment.evidential)))
        return receipt

    async def found(self, segment: Segment, *, upload: str, pinned: Pinned) -> bool:
        """Proof of a segment that this ledger did not know the store to have; there are no bytes of ours to hold against it, so all are read back.

        False where it knows by now, and where the store gives no bytes while another copy lives: that one is brought in the ordinary way.
        """
        receipt = await self._ask(segment, upload=upload, pinned=pinned)
        held = True if pinned.method == "read-back" else await self._holds(segment, upload)
        if held is False:
            await self._still_says_so(segment, upload=upload, pinned=pinned)
            raise OtherBytes(f"it has proven bytes by {pinned.method}, and gives others back")
        return await self._ledger.commit(lambda tx: _found(tx, receipt, alone=held is None))

    async def _still_says_so(self, segment: Segment, *, upload: str, pinned: Pinned) -> None:
        """What it gives is not what it has proven: somebody may have put it there since, and a digest says so then. Raises what `_ask` raises."""
        if pinned.method == "digest":
            await self._ask(segment, upload=upload, pinned=pinned)

    async def attest(self, segment: Segment, *, pinned: Pinned) -> bool:
        """One more proof of a confirmed segment, with a fresh nonce. False where it has been found lost, or sent again, meanwhile.

        Raises ObjectGone and Unproven only where its proof says so.
        """
        if segment.object is None:
            raise Garbled(f"segment {segment.id} is not confirmed")
        receipt = await self._ask(segment, upload=segment.object, pinned=pinned)
        if pinned.method != "read-back":
            await self._there(segment, segment.object)
        return await self._ledger.commit(lambda tx: _attested(tx, receipt))

    async def _ask(self, segment: Segment, *, upload: str, pinned: Pinned) -> Receipt:
        described = describe(segment, station=self._station)
        if pinned.method == "digest":
            described = replace(
                described, parts=await self._ledger.read(lambda db: parts.known(db.execute, segment.id))
            )
        nonce = secrets.token_urlsafe(24)
        clock = self._ledger.clock
        known = await self._memory.known(pinned.id)
        async with self._gate.head(pinned.id) as head:
            asked = clock.boottime_ns()
            claim = await self._store.claim(upload, described, nonce=nonce, head=head, dock=self._ledger.dock)
        receipt = receipt_from(
            claim, segment=described, upload=upload, pinned=pinned, nonce=nonce, head=head if claim.method == "receipt" else None,
            asked_boottime_ns=asked, boot_id=clock.boot_id, now=clock.now(),
        )  # fmt: skip
        if receipt.head is not None:
            self._gate.agreed()
        if receipt.number is not None:
            await self._memory.hold_against(store=pinned.id, known=known, number=receipt.number)
        return receipt


def _confirmed(tx: Transaction, receipt: Receipt, *, evidential: bool) -> None:
    """Its object at the store is tagged and locked as this. Raises Retry where it is something else by now: once it counts, nobody does that."""
    if bool(segments.get(tx.execute, receipt.segment).evidential) != evidential:
        raise Retry("it was marked as evidential while it was proven: it is marked so at the store first")
    segments.confirmed(tx, receipt)


def _found(tx: Transaction, receipt: Receipt, *, alone: bool) -> bool:
    """`alone`: only where there is no other copy."""
    if alone and segments.get(tx.execute, receipt.segment).copies:
        return False
    return segments.found(tx, receipt)


def _attested(tx: Transaction, receipt: Receipt) -> bool:
    if not segments.attested(tx, receipt):
        return False
    if segments.get(tx.execute, receipt.segment).held == segments.IN_DOUBT:
        segments.unhold(tx, receipt.segment)
    return True


def describe(segment: Segment, *, station: str) -> SegmentDescription:
    """What a store is told of a segment."""
    return SegmentDescription(
        id=segment.id, camera=segment.camera, path=segment.path, digest=segment.digest, captured_at=rfc3339(segment.captured_at),
        station=station, evidential=bool(segment.evidential),
    )  # fmt: skip
