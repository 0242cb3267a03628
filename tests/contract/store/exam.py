"""The exam of `ingest.store.base.Store`: every adapter sits it against every store that it can speak to.

A new one writes no new tests: it gives a `FarSide` and inherits `StoreExam`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest

from ingest.errors import Garbled, ObjectGone, Retry, StoreDown, Unproven
from ingest.model import Claim, Digest, Head, ProofMethod, SegmentDescription
from ingest.store.base import Slices, Store

HEAD = Head(seq=7, hash="ab" * 32)
SIZES = [0, 1, 2, 4095, 65_536, 65_537, 300_001, (2 << 20) + 3]


def described(content: bytes, *, path: bytes = b"DCIM/100MEDIA/MOV_0001.MP4", **more: Any) -> SegmentDescription:
    """A segment that has this content."""
    digest = Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128="0" * 32)
    values = {"camera": "CAM01", "captured_at": "2026-11-20T08:00:00.000Z", "station": "station"} | more
    return SegmentDescription(id=secrets.token_hex(16), path=path, digest=digest, **values)


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

    @abstractmethod
    def holds(self, upload: str) -> bytes | None:
        """The bytes that lie there for an object; None where there are none."""

    @abstractmethod
    def lose(self, upload: str) -> None:
        """Let the object's bytes be gone."""


async def delivered(store: Store, content: bytes, **more: Any) -> tuple[str, SegmentDescription]:
    """Bring a segment there whole."""
    segment = described(content, **more)
    upload = await store.announce(segment)
    offset = await store.offset(upload, size=len(content))
    assert offset == 0
    if content:
        reached = await store.send(upload, offset=0, length=len(content), size=len(content), slices=slices_of(content))
        assert reached == len(content)
    await store.finish(upload, segment)
    return upload, segment


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

    @pytest.mark.parametrize("size", SIZES)
    async def test_every_size_arrives_and_is_proven(self, store: Store, far: FarSide, size: int) -> None:
        content = os.urandom(size)
        upload, segment = await delivered(store, content)
        assert far.holds(upload) == content
        claim = await claimed(store, upload, segment)
        assert (claim.method, claim.size, claim.sha256) == (far.method, size, segment.digest.sha256)
        identity = await store.identify()
        assert claim.store == identity.id

    @pytest.mark.parametrize(("offset", "length"), [(0, 1), (0, 3000), (70_000, 65_536), (199_999, 1)])
    async def test_parts_of_it_come_back(self, store: Store, far: FarSide, offset: int, length: int) -> None:
        content = os.urandom(200_000)
        upload, _segment = await delivered(store, content)
        given = await store.part(upload, offset=offset, length=length, size=len(content))
        assert given == content[offset : offset + length]
        with pytest.raises(Garbled, match="200001 were sent"):
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
        segment = described(content)
        upload = await store.announce(segment)
        with pytest.raises(LineCut):
            await store.send(
                upload, offset=0, length=len(content), size=len(content), slices=cut_after(content, 700_000)
            )
        offset = await settled_offset(store, upload, len(content))
        assert 0 <= offset <= 700_000
        reached = await store.send(
            upload, offset=offset, length=len(content) - offset, size=len(content), slices=slices_of(content)
        )
        assert reached == len(content)
        assert far.holds(upload) == content
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256

    async def test_a_wrong_offset_is_refused_and_changes_nothing(self, store: Store, far: FarSide) -> None:
        content = os.urandom(90_000)
        segment = described(content)
        upload = await store.announce(segment)
        with pytest.raises(Retry):
            await store.send(upload, offset=50_000, length=40_000, size=90_000, slices=slices_of(content))
        assert await store.offset(upload, size=90_000) == 0
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
        segment = described(true)
        upload = await store.announce(segment)
        try:
            await store.send(upload, offset=0, length=len(wrong), size=len(wrong), slices=slices_of(wrong))
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
        known = await store.announce(described(b"x"))
        unknown = known.rpartition("/")[0] + "/" + secrets.token_hex(16)
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
            assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256

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
            assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256

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
