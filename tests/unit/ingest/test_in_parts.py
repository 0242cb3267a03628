"""Segments that go to their store in parts: digests of the parts that are known to belong to the whole, and proofs held against those."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.activity import Activity
from ingest.confirm import describe, receipt_from
from ingest.errors import Garbled, NeverStorable, ObjectGone, StoreDishonest, StoreDown, Unproven
from ingest.lanes import Lanes
from ingest.ledger import parts
from ingest.ledger.stores import Pinned
from ingest.model import Claim, Parts, SegmentDescription, Span
from ingest.reread import Rereading, SpoolCopyBad
from ingest.store.base import Slices
from ingest.store.throttle import Bucket
from ingest.upload import Uploading, worst
from ingest.worker.arena import Arena
from ingest.worker.pipeline import fingerprint
from tests.simulators.stores.in_memory import InMemoryStore, times
from tests.unit.ingest.station import Station, station

PART = 5 << 20


def digests(content: bytes, size: int) -> tuple[str, ...]:
    pieces = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    return tuple(hashlib.sha256(piece).hexdigest() for piece in pieces)


@dataclass(kw_only=True)
class InParts(InMemoryStore):
    """Takes parts of PART bytes in any order, and proves them by their composite."""

    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    told: list[tuple[int, str | None]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        return PART

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        self._called("lacking", self.of.get(upload, ""))
        have = self.parts.setdefault(upload, {})
        return [
            Span(offset=at, length=min(PART, size - at))
            for at in range(0, size, PART)
            if len(have.get(at, b"")) != min(PART, size - at)
        ]

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0.01)
            self._called("send", self.of.get(upload, ""))
            body = b"".join([block async for block in slices(offset)])
        finally:
            self.at_once -= 1
        self.told.append((offset, sha256))
        assert sha256 == hashlib.sha256(body).hexdigest()
        self.parts[upload][offset] = body
        return offset + len(body)

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        self._called("finish", segment.id)
        self.things[upload] = bytearray(b"".join(body for _at, body in sorted(self.parts[upload].items())))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        found.store.__class__ = InParts
        found.store.__dict__ |= {"parts": {}, "told": [], "at_once": 0, "most_at_once": 0}
        yield found


def in_parts(place: Station) -> InParts:
    assert isinstance(place.store, InParts)
    return place.store


def uploading(place: Station, *, lanes: int = 3) -> Uploading:
    return Uploading(
        ledger=place.ledger, rereading=Rereading(place.spool), store=place.store, bucket=Bucket(None), chunk=64 << 20,
        activity=Activity(), lanes=Lanes(lanes),
    )  # fmt: skip


async def send(place: Station, sender: Uploading, segment: str) -> str:
    row = await place.row(segment)
    upload = await sender.send(row, describe(row, station="station"))
    assert upload is not None
    return upload


@given(content=st.binary(max_size=3000), size=st.integers(1, 700))
def test_the_digests_of_the_parts_are_of_those_bytes(
    content: bytes, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("parts") / "segment"
    file.write_bytes(content)
    fd = os.open(file, os.O_RDONLY)
    try:
        found = fingerprint(source=fd, expected_size=len(content), arena=Arena(buffers=3), sha256=True, part_size=size)
    finally:
        os.close(fd)
    assert found.parts == digests(content, size)
    assert found.sha256 == hashlib.sha256(content).hexdigest()


async def test_all_parts_go_several_at_once_each_with_its_own_digest(place: Station) -> None:
    content = os.urandom(4 * PART + 77)
    (segment,) = await place.spooled(content)
    upload = await send(place, uploading(place), segment)
    store = in_parts(place)
    assert bytes(store.things[upload]) == content
    assert sorted(store.told) == [(at * PART, digest) for at, digest in enumerate(digests(content, PART))]
    assert store.most_at_once == 2  # what lanes begin with
    known = await place.ledger.read(lambda db: parts.known(db.execute, segment))
    assert known == Parts(size=PART, sha256=digests(content, PART))


async def test_only_what_the_store_lacks_is_sent_again(place: Station) -> None:
    content = os.urandom(4 * PART)
    (segment,) = await place.spooled(content)
    store = in_parts(place)
    store.troubles["send"] = times(1, lambda: StoreDown("cut"))
    with pytest.raises(StoreDown):
        await send(place, uploading(place, lanes=1), segment)
    store.told.clear()
    upload = (await place.row(segment)).upload
    assert upload is not None
    store.parts[upload] = {PART: content[PART : 2 * PART], 0: b"cut short"}
    await send(place, uploading(place), segment)
    assert sorted(at for at, _digest in store.told) == [0, 2 * PART, 3 * PART]
    assert bytes(store.things[upload]) == content


async def test_a_copy_that_went_bad_is_not_announced(place: Station) -> None:
    (segment,) = await place.spooled(os.urandom(2 * PART))
    file = place.spool.file(segment)
    whole = bytearray(file.read_bytes())
    whole[PART + 5] ^= 1
    file.write_bytes(whole)
    with pytest.raises(SpoolCopyBad, match="no longer those that were pulled"):
        await send(place, uploading(place), segment)
    assert in_parts(place).calls("announce") == 0
    assert await place.ledger.read(lambda db: parts.known(db.execute, segment)) is None


async def test_of_several_failures_the_gravest_is_told(place: Station) -> None:
    (segment,) = await place.spooled(os.urandom(3 * PART))
    wrong = iter([StoreDown("cut"), NeverStorable("never"), StoreDown("cut")])
    in_parts(place).troubles["send"] = lambda _segment: next(wrong)
    with pytest.raises(NeverStorable):
        await send(place, uploading(place), segment)


def test_what_stops_everything_is_the_worst() -> None:
    first, held, stop = StoreDown("cut"), NeverStorable("never"), StoreDishonest("caught")
    assert worst(ExceptionGroup("", [first, held, stop])) is stop
    assert worst(ExceptionGroup("", [first, ExceptionGroup("", [held])])) is held
    assert worst(ExceptionGroup("", [first])) is first


async def test_an_upload_that_is_gone_is_begun_anew(place: Station) -> None:
    (segment,) = await place.spooled(os.urandom(PART))
    in_parts(place).troubles["lacking"] = times(1, lambda: ObjectGone("expired"))
    sender = uploading(place)
    with pytest.raises(ObjectGone):
        await send(place, sender, segment)
    assert (await place.row(segment)).upload is None
    await send(place, sender, segment)


PINNED = Pinned(
    id="s3:1", url="http://store/b", method="digest", durable=False, keys=(), honest_at=1.0, dishonest=None
)  # fmt: skip


def receipt(claim: Claim, segment: SegmentDescription) -> None:
    made = receipt_from(
        claim, segment=segment, upload="http://store/b/k", pinned=PINNED, nonce="n", head=None, asked_boottime_ns=1, boot_id="b", now=1.0
    )  # fmt: skip
    assert made.sha256 == segment.digest.sha256


async def test_a_proof_by_parts_counts_only_against_our_own_parts(place: Station) -> None:
    content = os.urandom(2 * PART + 1)
    (segment,) = await place.spooled(content)
    known = Parts(size=PART, sha256=digests(content, PART))
    described = replace(describe(await place.row(segment), station="station"), parts=known)
    raw = b"".join(bytes.fromhex(one) for one in digests(content, PART))
    assert known.composite == hashlib.sha256(raw).hexdigest() + "-3"
    right = Claim(
        method="digest",
        store="s3:1",
        object="http://store/b/k",
        size=len(content),
        sha256="",
        composite=known.composite,
    )
    receipt(right, described)
    other = Parts(size=PART, sha256=tuple(reversed(known.sha256)))
    for wrong in (replace(right, composite=other.composite), replace(right, size=len(content) - 1)):
        with pytest.raises(Unproven, match="in parts"):
            receipt(wrong, described)
    with pytest.raises(Garbled, match="which parts"):
        receipt(right, replace(described, parts=None))
    with pytest.raises(Garbled, match="of the whole, too"):
        receipt(replace(right, sha256=described.digest.sha256), described)


async def test_parts_of_another_size_than_the_upload_has_are_cut_anew(place: Station) -> None:
    content = os.urandom(2 * PART + 5)
    (segment,) = await place.spooled(content)
    other = Parts(size=PART + 1, sha256=digests(content, PART + 1))
    await place.ledger.commit(lambda tx: parts.keep(tx, segment, other))
    await send(place, uploading(place), segment)
    known = await place.ledger.read(lambda db: parts.known(db.execute, segment))
    assert known == Parts(size=PART, sha256=digests(content, PART))
    assert sorted(in_parts(place).told) == [(at * PART, digest) for at, digest in enumerate(known.sha256)]
