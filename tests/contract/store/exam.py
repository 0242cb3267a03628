"""The exam of `ingest.store.base.Store`: every adapter sits it against every store that it can speak to.

A new one writes no new tests: it gives a `FarSide` and inherits `StoreExam`, or `PartsExam` where it takes a segment in parts (`Store.lacking`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from ingest.errors import Garbled, Hold, ObjectGone, Retry, StoreDown, Unproven
from ingest.model import Claim, Digest, Head, Parts, ProofMethod, SegmentDescription, Span
from ingest.store.base import Slices, Store

HEAD = Head(seq=7, hash="ab" * 32)
SIZES = [0, 1, 2, 4095, 65_536, 65_537, 300_001, (2 << 20) + 3]
WANTED = 5 << 20


def described(content: bytes, *, path: bytes = b"DCIM/100MEDIA/MOV_0001.MP4", **more: Any) -> SegmentDescription:
    """A segment that has this content."""
    digest = Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128="0" * 32)
    values = {"camera": "CAM01", "captured_at": "2026-11-20T08:00:00.000Z", "station": "station"} | more
    return SegmentDescription(id=secrets.token_hex(16), path=path, digest=digest, **values)


def for_store(store: Store, content: bytes, **more: Any) -> SegmentDescription:
    """`described`, with the digests of its parts where this store wants them."""
    segment = described(content, **more)
    size = store.part_size(len(content), wanted=WANTED)
    return segment if size is None else replace(segment, parts=parts_of(content, size))


def parts_of(content: bytes, size: int) -> Parts:
    """The digests of `content` cut into parts of `size` bytes."""
    starts = range(0, max(len(content), 1), size)
    return Parts(size=size, sha256=tuple(hashlib.sha256(content[start : start + size]).hexdigest() for start in starts))


def slices_of(content: bytes, *, until: int | None = None, size: int = 40_000) -> Slices:
    """`content` from an offset on, up to `until`."""

    def from_offset(offset: int) -> AsyncIterator[bytes]:
        return _slices(content[offset:until], size)

    return from_offset


async def _slices(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


class LineCut(Exception):
    """The test lets go of the line."""


def cut_after(content: bytes, length: int) -> Slices:
    """Slices that end in the middle with LineCut."""

    async def cut(offset: int) -> AsyncIterator[bytes]:
        async for piece in _slices(content[offset : offset + length], 10_000):
            yield piece
            await asyncio.sleep(0)
        raise LineCut

    return cut


class FarSide(ABC):
    """A store as the exam sees it from outside."""

    url: str
    method: ProofMethod
    signs: ClassVar[bool] = False
    tells_length: ClassVar[bool] = True
    """Whether it says how long an object is when it has no such range (416, where the length is not a must)."""

    @abstractmethod
    def holds(self, upload: str) -> bytes | None:
        """The bytes that lie there for an object; None where there are none."""

    @abstractmethod
    def lose(self, upload: str) -> None:
        """Let the object's bytes be gone."""

    def knows_as_evidence(self, upload: str) -> bool | None:
        """Whether the object is marked there; None: it has no marks."""
        return None

    def unknown(self, upload: str) -> str:
        """The address of an upload that it knows nothing of, in the form of one that it knows."""
        return upload.rpartition("/")[0] + "/" + secrets.token_hex(16)


async def delivered(store: Store, content: bytes, **more: Any) -> tuple[str, SegmentDescription]:
    """Bring a segment there whole."""
    segment = for_store(store, content, **more)
    upload = await store.announce(segment)
    spans = await store.lacking(upload, size=len(content))
    if spans is None:
        assert await store.offset(upload, size=len(content)) == 0
    else:
        assert sum(span.length for span in spans) == len(content)
    await carried(store, upload, segment, content)
    await store.finish(upload, segment)
    return upload, segment


async def carried(store: Store, upload: str, segment: SegmentDescription, content: bytes) -> None:
    """Send what the store does not have, however it takes it."""
    spans = await store.lacking(upload, size=segment.digest.size)
    if spans is None:
        offset = await store.offset(upload, size=len(content))
        spans = [Span(offset=offset, length=len(content) - offset)] if offset < len(content) else []
    for span in spans:
        assert await sent(store, upload, segment, content, span) == span.offset + span.length


async def sent(store: Store, upload: str, segment: SegmentDescription, content: bytes, span: Span) -> int:
    """One request, with the part's digest where it is known."""
    parts = segment.parts
    return await store.send(
        upload, offset=span.offset, length=span.length, size=segment.digest.size,
        slices=slices_of(content, until=span.offset + span.length), sha256=parts.sha256[span.offset // parts.size] if parts is not None else None,
    )  # fmt: skip


def proves(claim: Claim, segment: SegmentDescription) -> bool:
    """Whether a claim is of just these bytes: by the digest of the whole, or by that of its parts' digests."""
    whole = claim.sha256 == segment.digest.sha256 and not claim.composite
    in_parts = segment.parts is not None and not claim.sha256 and claim.composite == segment.parts.composite
    return claim.size == segment.digest.size and (whole or in_parts)


async def claimed(store: Store, upload: str, segment: SegmentDescription, *, head: Head | None = HEAD) -> Claim:
    """Ask for a proof with a nonce of its own."""
    return await store.claim(upload, segment, nonce=secrets.token_urlsafe(24), head=head, dock="dock-1")


async def asked(store: Store, what: str, upload: str, segment: SegmentDescription, content: bytes) -> None:
    """One request of a kind: who, POST, HEAD, PATCH (from the beginning) or receipt."""
    size = len(content)
    match what:
        case "POST":
            await store.announce(segment)
        case "HEAD":
            await store.offset(upload, size=size)
        case "PATCH":
            await store.send(upload, offset=0, length=size, size=size, slices=slices_of(content))
        case "receipt":
            await claimed(store, upload, segment)
        case _:
            await store.identify()


class StoreExam:
    """Sat with the fixtures `far` (FarSide) and `store` (the adapter, identified)."""

    async def test_it_says_who_it_is(self, store: Store, far: FarSide) -> None:
        identity = await store.identify()
        assert identity.method == far.method
        assert identity.url == far.url
        assert bool(identity.keys) == (far.method == "receipt")
        assert identity.durable == (far.method == "receipt")
        assert await store.identify() == identity

    @pytest.mark.parametrize("size", [0, 300_001])
    async def test_what_becomes_evidence_is_marked_however_often_it_is_asked(
        self, store: Store, far: FarSide, size: int
    ) -> None:
        upload, segment = await delivered(store, os.urandom(size))
        marks = far.knows_as_evidence(upload) is not None
        assert await store.mark(upload, segment) is False
        assert far.knows_as_evidence(upload) in (None, False)
        evidence = replace(segment, evidential=True)
        for _ in range(2):
            assert await store.mark(upload, evidence) is marks
            assert far.knows_as_evidence(upload) in (None, True)
        assert await store.mark(upload, segment) is False  # and is never unmarked
        assert far.knows_as_evidence(upload) in (None, True)
        assert proves(await claimed(store, upload, evidence), evidence)

    @pytest.mark.parametrize("size", SIZES)
    async def test_every_size_arrives_and_is_proven(self, store: Store, far: FarSide, size: int) -> None:
        content = os.urandom(size)
        upload, segment = await delivered(store, content)
        assert far.holds(upload) == content
        claim = await claimed(store, upload, segment)
        assert claim.method == far.method
        assert proves(claim, segment)
        identity = await store.identify()
        assert claim.store == identity.id

    @pytest.mark.parametrize(("offset", "length"), [(0, 1), (0, 3000), (70_000, 65_536), (199_999, 1)])
    async def test_parts_of_it_come_back(self, store: Store, far: FarSide, offset: int, length: int) -> None:
        content = os.urandom(200_000)
        upload, _segment = await delivered(store, content)
        given = await store.part(upload, offset=offset, length=length, size=len(content))
        assert given == content[offset : offset + length]
        with pytest.raises(Garbled, match="200001 were sent" if far.tells_length else None):
            await store.part(upload, offset=len(content), length=1, size=len(content) + 1)

    async def test_a_receipt_names_what_was_asked(self, store: Store, far: FarSide) -> None:
        upload, segment = await delivered(store, b"footage")
        nonce = secrets.token_urlsafe(24)
        claim = await store.claim(upload, segment, nonce=nonce, head=HEAD, dock="dock-1")
        if far.method != "receipt":
            assert claim.nonce is None
            return
        assert (claim.nonce, claim.head, claim.segment, claim.camera) == (nonce, HEAD, segment.id, segment.camera)
        assert upload.endswith(f"/{claim.object}")
        assert claim.key in (await store.identify()).keys
        assert claim.durable
        assert claim.raw.count(".") == 2

    async def test_pieces_add_up(self, store: Store, far: FarSide) -> None:
        content = os.urandom(400_000)
        segment = described(content)
        upload = await store.announce(segment)
        if await store.lacking(upload, size=len(content)) is not None:
            return  # in parts: `PartsExam`
        for start in range(0, len(content), 150_000):
            assert await store.offset(upload, size=len(content)) == start
            length = min(150_000, len(content) - start)
            reached = await store.send(
                upload, offset=start, length=length, size=len(content), slices=slices_of(content, until=start + length)
            )
            assert reached == start + length
        assert far.holds(upload) == content

    async def test_it_goes_on_where_the_store_is_after_a_cut(self, store: Store, far: FarSide) -> None:
        content = os.urandom(1_500_000)
        segment = for_store(store, content)
        upload = await store.announce(segment)
        with pytest.raises(LineCut):
            await store.send(
                upload, offset=0, length=len(content), size=len(content), slices=cut_after(content, 700_000)
            )
        if await store.lacking(upload, size=len(content)) is None:
            assert 0 <= await settled_offset(store, upload, len(content)) <= 700_000
        await carried(store, upload, segment, content)
        await store.finish(upload, segment)
        assert far.holds(upload) == content
        assert proves(await claimed(store, upload, segment), segment)

    async def test_a_wrong_offset_is_refused_and_changes_nothing(self, store: Store, far: FarSide) -> None:
        content = os.urandom(90_000)
        segment = for_store(store, content)
        upload = await store.announce(segment)
        before = await store.lacking(upload, size=90_000)
        with pytest.raises(Retry if before is None else (Retry, ValueError)):
            await store.send(upload, offset=50_000, length=40_000, size=90_000, slices=slices_of(content))
        if before is None:
            assert await store.offset(upload, size=90_000) == 0
        else:
            assert await store.lacking(upload, size=90_000) == before
        try:
            claim = await claimed(store, upload, segment)
        except Retry:
            return
        assert (claim.method, claim.size) == ("read-back", 0)

    async def test_the_announced_length_is_held_against_ours(self, store: Store, far: FarSide) -> None:
        upload = await store.announce(described(b"x" * 1000))
        with pytest.raises(Unproven, match="1000 bytes, 2000 were announced"):
            await store.offset(upload, size=2000)

    async def test_wrong_bytes_are_never_a_proof(self, store: Store, far: FarSide) -> None:
        true, wrong = os.urandom(200_000), os.urandom(200_000)
        segment = for_store(store, true)
        upload = await store.announce(segment)
        try:
            await sent(store, upload, segment, wrong, Span(offset=0, length=len(wrong)))
            await store.finish(upload, segment)
            claim = await claimed(store, upload, segment)
        except (Unproven, ObjectGone):
            return
        assert claim.method == "read-back"  # who announces more has to refuse them
        assert claim.sha256 == hashlib.sha256(wrong).hexdigest()

    async def test_what_is_gone_is_gone(self, store: Store, far: FarSide) -> None:
        upload, segment = await delivered(store, os.urandom(5000))
        await claimed(store, upload, segment)
        far.lose(upload)
        with pytest.raises((ObjectGone, Unproven)):
            await claimed(store, upload, segment)

    async def test_an_unknown_upload_is_gone(self, store: Store, far: FarSide) -> None:
        unknown = far.unknown(await store.announce(described(b"x")))
        with pytest.raises(ObjectGone):
            await store.offset(unknown, size=1)
        with pytest.raises(ObjectGone):
            await store.send(unknown, offset=0, length=1, size=1, slices=slices_of(b"x"))

    async def test_twins_are_two_objects(self, store: Store, far: FarSide) -> None:
        content = os.urandom(30_000)
        one, first = await delivered(store, content, path=b"A.MP4")
        other, second = await delivered(store, content, path=b"B.MP4")
        assert one != other
        for upload, segment in ((one, first), (other, second)):
            assert proves(await claimed(store, upload, segment), segment)

    @pytest.mark.parametrize(
        "path", [b"new\nline, and =\x01.mp4", b"\xff\xfe no text.mp4", b"n" * 255, "Straße – ütf8.mp4".encode()]
    )
    async def test_any_name_may_be_announced(self, store: Store, far: FarSide, path: bytes) -> None:
        upload, segment = await delivered(store, b"footage", path=path, camera="CAM \u00e9~1")
        assert (await claimed(store, upload, segment)).size == 7

    async def test_several_at_once(self, store: Store, far: FarSide) -> None:
        async def one(number: int) -> None:
            content = os.urandom(100_000 + number)
            upload, segment = await delivered(store, content, path=b"%d.mp4" % number)
            assert proves(await claimed(store, upload, segment), segment)

        await asyncio.gather(*(one(number) for number in range(8)))

    async def test_a_source_that_fails_is_our_own_fault(self, store: Store, far: FarSide) -> None:
        async def bad_disk(_offset: int) -> AsyncIterator[bytes]:
            yield b"x" * 1000
            raise OSError(5, "Input/output error")

        async def too_short(_offset: int) -> AsyncIterator[bytes]:
            yield b"x" * 1000

        async def too_long(_offset: int) -> AsyncIterator[bytes]:
            yield b"x" * 1000
            yield b"x" * 10_000

        expected: list[tuple[Callable[[int], AsyncIterator[bytes]], type[Exception]]] = [
            (bad_disk, OSError), (too_short, EOFError), (too_long, EOFError),
        ]  # fmt: skip
        for source, error in expected:
            upload = await store.announce(described(b"x" * 5000))
            with pytest.raises(error) as raised:
                await store.send(upload, offset=0, length=5000, size=5000, slices=source)
            assert not isinstance(raised.value, StoreDown)
        await delivered(store, b"it goes on")


async def settled_offset(store: Store, upload: str, size: int) -> int:
    """The offset, once the store has noticed that the line is cut and lets others write."""
    async with asyncio.timeout(10):
        while True:
            before = await store.offset(upload, size=size)
            await asyncio.sleep(0.1)
            if before == await store.offset(upload, size=size):
                return before


class PartsExam(StoreExam):
    """What is asked beside that of an adapter that takes a segment in parts. `LARGE` comes in three of them, the last a short one."""

    LARGE: ClassVar[int] = 2 * WANTED + 300_001

    async def _begun(self, store: Store) -> tuple[bytes, SegmentDescription, str, list[Span]]:
        content = os.urandom(self.LARGE)
        segment = for_store(store, content)
        upload = await store.announce(segment)
        spans = await self._lacking(store, upload)
        assert len(spans) == 3
        return content, segment, upload, spans

    async def _lacking(self, store: Store, upload: str) -> list[Span]:
        found = await store.lacking(upload, size=self.LARGE)
        assert found is not None
        return list(found)

    async def _whole(
        self, store: Store, far: FarSide, upload: str, segment: SegmentDescription, content: bytes
    ) -> None:
        await store.finish(upload, segment)
        assert far.holds(upload) == content
        claim = await claimed(store, upload, segment)
        assert claim.method == far.method
        assert proves(claim, segment)

    async def test_its_parts_fit_together(self, store: Store, far: FarSide) -> None:
        _content, segment, upload, spans = await self._begun(store)
        assert segment.parts is not None
        assert store.part_size(self.LARGE, wanted=1 << 30, upload=upload) == segment.parts.size, "what it began with"
        assert [span.offset for span in spans] == [0, segment.parts.size, 2 * segment.parts.size]
        assert spans[-1].offset + spans[-1].length == self.LARGE

    async def test_parts_come_in_any_order(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        left = list(spans)
        for span in (spans[2], spans[0], spans[1]):
            assert await sent(store, upload, segment, content, span) == span.offset + span.length
            left.remove(span)
            assert await self._lacking(store, upload) == left
        await self._whole(store, far, upload, segment, content)

    async def test_parts_come_all_at_once(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        await asyncio.gather(*(sent(store, upload, segment, content, span) for span in spans))
        await self._whole(store, far, upload, segment, content)

    async def test_it_goes_on_by_the_stores_own_list(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        await sent(store, upload, segment, content, spans[1])
        with pytest.raises(LineCut):
            await store.send(
                upload, offset=spans[0].offset, length=spans[0].length, size=self.LARGE,
                slices=cut_after(content, spans[0].length // 2),
            )  # fmt: skip
        assert await self._lacking(store, upload) == [spans[0], spans[2]], "a part that was cut is not there"
        await carried(store, upload, segment, content)
        assert await self._lacking(store, upload) == []
        await self._whole(store, far, upload, segment, content)

    async def test_a_part_under_a_wrong_digest_is_refused_and_changes_nothing(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        wrong = os.urandom(spans[0].length) + content[spans[0].length :]
        with pytest.raises((Unproven, Retry)):
            await sent(store, upload, segment, wrong, spans[0])
        assert spans[0] in await self._lacking(store, upload)
        await carried(store, upload, segment, content)
        await self._whole(store, far, upload, segment, content)

    async def test_it_cannot_be_finished_before_all_is_there(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        await sent(store, upload, segment, content, spans[0])
        with pytest.raises((Unproven, Retry)):
            await store.finish(upload, segment)
        assert far.holds(upload) is None

    async def test_finished_and_explained_twice_it_is_the_same(self, store: Store, far: FarSide) -> None:
        content, segment, upload, _spans = await self._begun(store)
        await carried(store, upload, segment, content)
        for _ in range(2):
            await self._whole(store, far, upload, segment, content)
            await store.explain(upload, segment, custody=b'{"seq": 1}\n')
        assert await self._lacking(store, upload) == []
        assert far.holds(upload) == content

    async def test_what_lies_under_its_name_is_not_overwritten(self, store: Store, far: FarSide) -> None:
        first, segment, upload, _spans = await self._begun(store)
        again = await store.announce(segment)
        await carried(store, upload, segment, first)
        await self._whole(store, far, upload, segment, first)
        other = os.urandom(self.LARGE)
        with contextlib.suppress(Unproven, ObjectGone, Retry, Hold):
            other_segment = replace(
                segment,
                digest=described(other).digest,
                parts=parts_of(other, segment.parts.size if segment.parts else WANTED),
            )
            await carried(store, again, other_segment, other)
            await store.finish(again, other_segment)
        assert far.holds(upload) == first
        assert proves(await claimed(store, upload, segment), segment)

    async def test_an_upload_that_is_gone_is_announced_anew(self, store: Store, far: FarSide) -> None:
        content, segment, upload, spans = await self._begun(store)
        await store.withdraw(upload)
        with pytest.raises(ObjectGone):
            await store.lacking(upload, size=self.LARGE)
        with pytest.raises(ObjectGone):
            await sent(store, upload, segment, content, spans[0])
        upload = await store.announce(segment)
        await carried(store, upload, segment, content)
        await self._whole(store, far, upload, segment, content)
