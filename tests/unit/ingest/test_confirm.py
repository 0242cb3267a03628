"""Which claims become receipts, and which heads may be in flight together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.confirm import HeadGate, receipt_from
from ingest.errors import DockdError, StoreDishonest, Unproven, WrongStore
from ingest.ledger import Ledger
from ingest.ledger.stores import Pinned
from ingest.model import Claim, Digest, Head, ProofMethod, Receipt, SegmentDescription

DIGEST = Digest(size=1000, sha256="12" * 32, xxh3_128="0" * 32)
SEGMENT = SegmentDescription(
    id="a" * 32, camera="CAM01", path=b"A.MP4", digest=DIGEST, captured_at="2026-11-20T08:00:00.000Z", station="s"
)
HEAD = Head(seq=9, hash="cd" * 32)
UPLOAD = "http://store/files/object-1"
SIGNED = Claim(
    method="receipt", store="store-1", object="object-1", size=1000, sha256=DIGEST.sha256, key="key-1", nonce="fresh",
    head=HEAD, segment=SEGMENT.id, camera="CAM01", durable=True, stored_at="then", attested_at="now", raw="a.b.c",
)  # fmt: skip


def pinned(method: ProofMethod = "receipt") -> Pinned:
    return Pinned(
        id="store-1", url="http://store/", method=method, durable=True, keys=("key-1",), honest_at=None, dishonest=None
    )


def made(claim: Claim, *, method: ProofMethod = "receipt", upload: str = UPLOAD) -> Receipt:
    return receipt_from(
        claim, segment=SEGMENT, upload=upload, pinned=pinned(method), nonce="fresh", head=HEAD if method == "receipt" else None,
        asked_boottime_ns=5, boot_id="boot", now=0.0,
    )  # fmt: skip


def test_a_good_claim_becomes_a_receipt() -> None:
    receipt = made(SIGNED)
    assert (receipt.segment, receipt.sha256, receipt.size, receipt.store) == (
        SEGMENT.id,
        DIGEST.sha256,
        1000,
        "store-1",
    )
    assert (receipt.nonce, receipt.head, receipt.asked_boottime_ns, receipt.durable) == ("fresh", HEAD, 5, True)
    assert made(SIGNED, upload=UPLOAD + "/").object == UPLOAD + "/"
    assert made(replace(SIGNED, segment=None, camera=None)).segment == SEGMENT.id


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"size": 999}, StoreDishonest, "its proof is for 999 bytes"),
        ({"sha256": "34" * 32}, StoreDishonest, "with SHA-256 3434343434343434…"),
        ({"nonce": "stale"}, StoreDishonest, "it is a replay"),
        ({"nonce": None}, StoreDishonest, "it is a replay"),
        ({"head": Head(seq=8, hash="cd" * 32)}, StoreDishonest, "another custody head"),
        ({"head": None}, StoreDishonest, "another custody head"),
        ({"object": "object-2"}, StoreDishonest, "for another object"),
        ({"segment": "b" * 32}, StoreDishonest, "for another segment"),
        ({"camera": "CAM02"}, StoreDishonest, "for another segment"),
        ({"store": "store-2"}, StoreDishonest, "of another store"),
        ({"key": "key-2"}, WrongStore, "a key that is not pinned"),
        ({"key": ""}, WrongStore, "a key that is not pinned"),
        ({"store": "store-2", "key": "key-2"}, WrongStore, "a key that is not pinned"),
        ({"method": "digest"}, WrongStore, "proof by digest"),
        ({"method": "read-back"}, WrongStore, "proof by read-back"),
    ],
)
def test_a_signed_claim_that_does_not_fit_is_a_bad_receipt(
    change: dict[str, Any], error: type[DockdError], said: str
) -> None:
    with pytest.raises(error, match=said):
        made(replace(SIGNED, **change))


@pytest.mark.parametrize(
    ("method", "change", "error"),
    [
        ("digest", {"sha256": "34" * 32}, StoreDishonest), ("digest", {"size": 1}, StoreDishonest), ("digest", {"store": "x"}, WrongStore),
        ("read-back", {"sha256": "34" * 32}, Unproven), ("read-back", {"size": 1001}, Unproven), ("read-back", {"store": "x"}, WrongStore),
    ],
)  # fmt: skip
def test_an_unsigned_claim_that_does_not_fit(
    method: ProofMethod, change: dict[str, Any], error: type[DockdError]
) -> None:
    unsigned = Claim(method=method, store="store-1", object=UPLOAD, size=1000, sha256=DIGEST.sha256)
    assert made(unsigned, method=method).stored_at
    with pytest.raises(error):
        made(replace(unsigned, **change), method=method)


@given(st.data())
def test_no_other_claim_than_the_true_one_is_a_receipt(data: st.DataObject) -> None:
    """Any one field drawn from anything that is not what was asked."""
    texts = st.text(max_size=70)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "store": texts, "object": texts, "size": st.integers(), "sha256": texts, "key": texts, "nonce": texts, "segment": texts,
        "camera": texts, "head": st.builds(Head, seq=st.integers(), hash=texts),
    }  # fmt: skip
    name = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(fields[name].filter(lambda found: found != getattr(SIGNED, name)))
    with pytest.raises((StoreDishonest, WrongStore)):
        made(replace(SIGNED, **{name: value}))


# -- heads in flight ---------------------------------------------------------------------------------------------------


class GrowingLedger:
    """A custody chain that grows; `last` is the head that the store is known to have seen."""

    def __init__(self, last: Head | None = None) -> None:
        self.head = Head(seq=100, hash="100")
        self.last = last

    def grow(self) -> None:
        seq = self.head.seq + 1
        self.head = Head(seq=seq, hash=str(seq))

    async def read(self, _query: Callable[[Any], Any]) -> Head | None:
        await asyncio.sleep(0)
        return self.last


class Seen:
    """What a store sees, in the order in which requests reach it. `older` counts heads older than one that was seen before."""

    def __init__(self) -> None:
        self.highest = Head(seq=0, hash="")
        self.older = 0
        self.distinct: set[int] = set()

    def see(self, head: Head) -> None:
        self.distinct.add(head.seq)
        if head.seq < self.highest.seq:
            self.older += 1
        else:
            self.highest = head


async def crowd(gate: HeadGate, ledger: GrowingLedger, *, requests: int, seed: int, at_once: int) -> Seen:
    """Requests that overlap at random, each reaching the store at a random moment of its flight, while the chain grows."""
    chance, seen, room = random.Random(seed), Seen(), asyncio.Semaphore(at_once)

    async def ticks(most: int) -> None:
        for _ in range(chance.randrange(most)):
            await asyncio.sleep(0)

    async def one() -> None:
        async with room, gate.head("store-1") as head:
            await ticks(8)
            seen.see(head)
            gate.agreed()
            if chance.random() < 0.3:
                ledger.grow()
            await ticks(8)

    async with asyncio.timeout(20):
        await asyncio.gather(*(one() for _ in range(requests)))
    return seen


@given(seed=st.integers(0, 10**6), at_once=st.integers(1, 100), requests=st.integers(1, 300))
def test_no_older_head_after_a_newer_one_and_nobody_waits_for_ever(seed: int, at_once: int, requests: int) -> None:
    ledger = GrowingLedger()
    gate = HeadGate(cast(Ledger, ledger))
    seen = asyncio.run(crowd(gate, ledger, requests=requests, seed=seed, at_once=at_once))
    assert seen.older == 0


async def test_under_a_load_that_never_ends_heads_still_move() -> None:
    ledger = GrowingLedger()
    seen = await crowd(HeadGate(cast(Ledger, ledger)), ledger, requests=1000, seed=1, at_once=50)
    assert len(seen.distinct) >= 1000 // 64


async def test_one_that_is_cancelled_or_fails_leaves_the_gate_open() -> None:
    ledger = GrowingLedger()
    gate = HeadGate(cast(Ledger, ledger))

    async def never() -> None:
        async with gate.head("store-1"):
            await asyncio.sleep(3600)

    stuck = [asyncio.create_task(never()) for _ in range(64)]
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(anext_head(gate))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    ledger.grow()
    assert (await asyncio.wait_for(waiting, 15)).seq in (100, 101)
    with pytest.raises(ValueError, match="on purpose"):
        await fails(gate)
    gate.agreed()
    ledger.grow()
    assert (await anext_head(gate)).seq == ledger.head.seq


async def anext_head(gate: HeadGate) -> Head:
    async with gate.head("store-1") as head:
        return head


async def fails(gate: HeadGate) -> None:
    async with gate.head("store-1"):
        raise ValueError("on purpose")


async def test_a_run_begins_with_the_last_head_that_the_store_has_seen() -> None:
    ledger = GrowingLedger(last=Head(seq=40, hash="40"))
    gate = HeadGate(cast(Ledger, ledger))
    assert (await anext_head(gate)).seq == 40
    assert (await anext_head(gate)).seq == 40  # until the store has agreed
    gate.agreed()
    assert (await anext_head(gate)).seq == 100
