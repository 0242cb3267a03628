"""What the S3 adapter does where a bucket is not as it should be: other objects under its names, another bucket, lost answers, locks that do not hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ingest.errors import NeverStorable, ObjectGone, StoreDishonest, StoreDown, Unproven, UploadBlocked, WrongStore
from ingest.model import Parts, SegmentDescription, Span
from ingest.store.line import Line, Patience
from ingest.store.s3 import S3Store
from ingest.store.s3.addresses import Address, address_of, key_of
from ingest.store.s3.requests import Requests
from ingest.store.s3.retention import Retention
from tests.contract.store.exam import claimed, described, slices_of
from tests.simulators.stores.s3 import HonestS3, S3Problem, problem
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault, Version, sha256_b64

SHORT = Patience(stall=3.0, answer=3.0, settle=3.0)
PART = 5 << 20
LARGE = os.urandom(PART + 1000)


@pytest.fixture
def bucket() -> Iterator[RunningS3]:
    with RunningS3(HonestS3()) as running:
        yield running


async def never() -> bool:
    return False


def adapter(running: RunningS3, **more: Any) -> S3Store:
    return S3Store(running.bucket_url, credentials=running.far.vault.credentials, **{"patience": SHORT, **more})


@pytest.fixture
async def store(bucket: RunningS3) -> AsyncIterator[S3Store]:
    made = adapter(bucket)
    await made.identify()
    yield made
    await made.close()


def in_parts(content: bytes, *, part: int = PART, **more: Any) -> SegmentDescription:
    digests = tuple(hashlib.sha256(content[at : at + part]).hexdigest() for at in range(0, len(content), part))
    return replace(described(content, **more), parts=Parts(size=part, sha256=digests))


async def bring(store: S3Store, segment: SegmentDescription, content: bytes) -> str:
    upload = await store.announce(segment)
    await all_of(store, upload, segment, content, await store.lacking(upload, size=len(content)))
    return upload


async def all_of(
    store: S3Store, upload: str, segment: SegmentDescription, content: bytes, spans: Sequence[Span]
) -> None:
    size = len(content)
    for span in spans:
        body = slices_of(content, until=span.offset + span.length, size=1 << 20)
        await store.send(upload, offset=span.offset, length=span.length, size=size, slices=body)
    await store.finish(upload, segment)


def keys(running: RunningS3) -> set[str]:
    return {key for key in running.far.vault.objects if running.far.vault.latest(key) is not None}


# -- which store it is ---------------------------------------------------------------------------------------------------


async def test_a_bucket_without_a_marker_is_made_a_store_only_where_that_may_be(bucket: RunningS3) -> None:
    stranger = adapter(bucket, founds=never)
    with pytest.raises(WrongStore, match="right bucket"):
        await stranger.identify()
    assert not keys(bucket)
    founder, second = adapter(bucket), adapter(bucket)
    identity = await founder.identify()
    assert identity.id.startswith("s3:")
    assert (await stranger.identify()).id == identity.id == (await second.identify()).id
    for one in (stranger, founder, second):
        await one.close()


@pytest.mark.parametrize("instead", [None, b'{"store": "' + b"0" * 32 + b'"}', b"[]", b"\xff"])
async def test_nothing_is_sent_or_claimed_when_the_marker_is_another(store: S3Store, bucket: RunningS3, instead: bytes | None) -> None:  # fmt: skip
    segment = described(b"footage")
    upload = await bring(store, segment, b"footage")
    before = keys(bucket)
    del bucket.far.vault.objects[".dockd-store"]
    if instead is not None:
        bucket.far.vault.put(".dockd-store", Version(body=instead))
    with pytest.raises(WrongStore):
        await store.announce(described(b"other"))
    with pytest.raises(WrongStore):
        await claimed(store, upload, segment)
    assert keys(bucket) | {".dockd-store"} == before


async def test_objects_are_found_again_when_the_bucket_has_another_address(store: S3Store, bucket: RunningS3) -> None:
    segment = described(b"footage")
    upload = await bring(store, segment, b"footage")
    moved = upload.replace(bucket.bucket_url, "https://old.example.org/a/bucket")
    assert (await claimed(store, moved, segment)).sha256 == segment.digest.sha256


# -- what lies under a segment's name --------------------------------------------------------------------------------------


async def test_other_bytes_under_its_name_are_left_alone(store: S3Store, bucket: RunningS3) -> None:
    content = os.urandom(1000)
    segment = described(content)
    for attempt in (1, 2):
        bucket.far.vault.put(key_of(segment, attempt=attempt), Version(body=os.urandom(1000)))
    upload = await bring(store, segment, content)
    assert address_of(upload).key == key_of(segment, attempt=3)
    found = bucket.far.vault.latest(key_of(segment, attempt=3))
    assert found is not None
    assert found.meta["x-amz-meta-segment"] == segment.id
    assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256
    for attempt in range(4, 10):
        bucket.far.vault.put(key_of(segment, attempt=attempt), Version(body=b"x"))
    bucket.far.vault.put(key_of(segment, attempt=3), Version(body=b"x"))
    with pytest.raises(NeverStorable):
        await store.announce(segment)


@pytest.mark.parametrize("content", [LARGE[:1000], LARGE], ids=["small", "large"])
async def test_what_comes_in_between_is_not_overwritten(store: S3Store, bucket: RunningS3, content: bytes) -> None:
    segment, size = in_parts(content) if content is LARGE else described(content), len(content)
    upload = await store.announce(segment)
    spans = await store.lacking(upload, size=size)
    other = b"x" * size
    bucket.far.vault.put(key_of(segment), Version(body=other, checksum=sha256_b64(other)))
    with pytest.raises(Unproven, match="left alone"):
        await all_of(store, upload, segment, content, spans)
    if size < PART:
        with pytest.raises(Unproven, match="left alone"):
            await store.lacking(upload, size=size)
    assert address_of(await bring(store, segment, content)).key == key_of(segment, attempt=2)
    found = bucket.far.vault.latest(key_of(segment))
    assert found is not None
    assert found.body == other


async def test_a_ledger_that_is_lost_finds_its_objects_and_its_uploads_again(store: S3Store, bucket: RunningS3) -> None:
    small, large = described(b"footage"), in_parts(LARGE)
    await bring(store, small, b"footage")
    again = await store.announce(small)
    assert await store.lacking(again, size=7) == []
    upload = await store.announce(large)
    await store.send(upload, offset=0, length=PART, size=len(LARGE), slices=slices_of(LARGE, until=PART, size=1 << 20))
    assert await store.announce(large) == upload
    others = in_parts(LARGE, part=PART + 1)
    changed = await store.announce(replace(large, parts=others.parts))
    assert address_of(changed).upload != address_of(upload).upload, "cut otherwise: begun anew"
    assert len(bucket.far.vault.uploads) == 1, "and the one before is ended"
    assert len(await bring_whole(store, large, LARGE)) == 64


async def bring_whole(store: S3Store, segment: SegmentDescription, content: bytes) -> str:
    upload = await bring(store, segment, content)
    found = await store.announce(replace(segment, parts=None))  # a ledger made anew knows no parts
    claim = await claimed(store, found, replace(segment, parts=None))
    assert (claim.composite, claim.method) == ("", "digest")
    assert await store.lacking(upload, size=len(content)) == []
    return claim.sha256


async def test_a_checksum_of_other_parts_than_ours_is_no_proof_against_it(store: S3Store) -> None:
    segment = in_parts(LARGE)
    upload = await bring(store, segment, LARGE)
    assert segment.parts is not None
    assert (await claimed(store, upload, segment)).composite == segment.parts.composite
    cut_otherwise = in_parts(LARGE, part=PART + 1)
    claim = await claimed(store, upload, replace(segment, parts=cut_otherwise.parts))
    assert (claim.composite, claim.sha256) == ("", segment.digest.sha256), "read back"


# -- refusals --------------------------------------------------------------------------------------------------------------


class CallsItWrong(HonestS3):
    """A bad request, it says, to these."""

    wrong = "MOV_0001"

    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if self.wrong in key:
            await request.read()
            raise S3Problem("InvalidRequest")
        return await super().PutObject(request, key)


async def test_a_bad_request_holds_a_segment_only_where_others_are_taken(store: S3Store, bucket: RunningS3) -> None:
    segment = described(b"footage")
    upload = await store.announce(segment)

    async def put() -> None:
        await store.send(upload, offset=0, length=7, size=7, slices=slices_of(b"footage"))

    bucket.far = CallsItWrong(bucket.far.vault)
    with pytest.raises(NeverStorable):
        await put()
    everything = CallsItWrong(bucket.far.vault)
    everything.wrong = "_"
    bucket.far = everything
    with pytest.raises(StoreDown):
        await put()


class ChecksNothing(HonestS3):
    """Takes anything from now on, and calls it what the client called it."""

    def matches(self, request: web.BaseRequest, body: bytes) -> bool:
        return True

    def checksum(self, request: web.BaseRequest, body: bytes) -> str:
        return request.headers.get("X-Amz-Checksum-Sha256", "")


class ChecksNoParts(ChecksNothing):
    """Of parts only."""

    def matches(self, request: web.BaseRequest, body: bytes) -> bool:
        return "partNumber" in request.query or super(ChecksNothing, self).matches(request, body)


@pytest.mark.parametrize("lie", [ChecksNothing, ChecksNoParts])
async def test_a_store_that_stops_refusing_is_caught(store: S3Store, bucket: RunningS3, lie: type[HonestS3]) -> None:
    true, wrong = os.urandom(70_000), os.urandom(70_000)
    bait = described(true)
    await store.tempt(bait, slices_of(wrong), nonce="n", head=None, dock="d")
    before = keys(bucket)
    bucket.far = lie(bucket.far.vault)
    with pytest.raises(StoreDishonest):
        await store.tempt(bait, slices_of(wrong), nonce="n", head=None, dock="d")
    assert keys(bucket) == before, "what was made for it is deleted"
    fresh = adapter(bucket)
    assert (await fresh.identify()).method == "read-back", "which is not what was pinned"
    await fresh.close()


class Busy(HonestS3):
    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "wrong" in key:
            return problem("SlowDown")
        return await super().PutObject(request, key)


async def test_what_says_nothing_decides_nothing(bucket: RunningS3) -> None:
    bucket.far = Busy(bucket.far.vault)
    store = adapter(bucket)
    for _ in range(2):
        with pytest.raises(Exception, match="busy"):
            await store.identify()
    bucket.far = HonestS3(bucket.far.vault)
    assert (await store.identify()).method == "digest"
    await store.close()


async def test_what_was_no_upload_takes_nothing(store: S3Store, bucket: RunningS3) -> None:
    upload = (await store.announce(described(b"footage"))).partition("#")[0]
    with pytest.raises(ObjectGone):
        await store.send(upload, offset=0, length=7, size=7, slices=slices_of(b"footage"))
    with pytest.raises(UploadBlocked):
        await store.send(await store.announce(described(b"footage")), offset=3, length=4, size=7, slices=slices_of(b"x"))  # fmt: skip
    assert len(bucket.far.vault.segments()) == 0


# -- beside it, and locked ---------------------------------------------------------------------------------------------------


class LocksInName(HonestS3):
    """200 to every lock, and no lock."""

    def described(self, request: web.BaseRequest) -> Version:
        locks, self.vault.locks = self.vault.locks, True
        try:
            return replace(super().described(request), mode="", until="")
        finally:
            self.vault.locks = locks


@pytest.mark.parametrize(
    ("far", "locks", "said"),
    [(HonestS3, True, ""), (HonestS3, False, "no Object Lock"), (LocksInName, False, "does not hold"), (LocksInName, True, "does not hold")],
)  # fmt: skip
async def test_locks_are_asked_for_where_they_were_seen_to_hold(
    far: type[HonestS3], locks: bool, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with RunningS3(far(Vault(locks=locks))) as bucket:
        store = adapter(bucket)
        await store.identify()
        assert not any("lock" in one.lower() for one in bucket.far.vault.asked), "asked only where there is something to lock"  # fmt: skip
        plain = await bring(store, described(b"ordinary"), b"ordinary")
        evidential = described(b"footage", evidential=True)
        upload = await bring(store, evidential, b"footage")
        large = await bring(store, in_parts(LARGE, evidential=True), LARGE)
        await store.explain(upload, evidential, custody=b"{}")
        vault = bucket.far.vault
        found = {name: vault.latest(vault.key_of(one)) for name, one in (("plain", plain), ("small", upload), ("large", large))}  # fmt: skip
        locked = {name: one.mode for name, one in found.items() if one is not None}
        beside = vault.latest(vault.key_of(upload) + ".json")
        assert beside is not None
        assert locked == {
            "plain": "",
            "small": "" if said else "GOVERNANCE",
            "large": "" if said else "GOVERNANCE",
        }
        assert beside.mode == ("" if said else "GOVERNANCE")
        assert found["small"] is not None
        assert found["small"].tags == "dockd-evidential=true&dockd-captured=2026-11-20"
        if said:
            assert said in store.notes[-1]
        else:
            assert not store.notes
            assert found["small"].until.startswith("2033-11-2")
        await store.close()


@pytest.mark.parametrize("apart", [0.0, 3600.0])
async def test_a_bucket_that_takes_no_locks_any_more_is_looked_at_again(apart: float) -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as bucket:
        line = Line(bucket.bucket_url, token=lambda: None, patience=SHORT, tls=None, exact=True)
        requests = Requests(line, url=bucket.bucket_url, credentials=bucket.far.vault.credentials, region="us-east-1")
        retention = Retention(requests, mode="compliance", retain=86400.0, apart=apart)
        address = Address(key="a/2026/11/20/b/080000_c_d", evidential=True)
        assert (await retention.headers(address))["x-amz-object-lock-mode"] == "COMPLIANCE"
        bucket.far.vault.locks = False
        assert retention.doubt() is (apart == 0.0)
        assert bool(await retention.headers(address)) is (apart > 0.0)
        assert not retention.doubt()
        await line.close()


async def test_what_goes_in_one_piece_for_the_line_does_so_for_the_store(store: S3Store, bucket: RunningS3) -> None:
    assert store.part_size(len(LARGE), wanted=1 << 30) is None
    upload = await bring(store, described(LARGE), LARGE)
    assert address_of(upload).upload is None
    found = bucket.far.vault.latest(bucket.far.vault.key_of(upload))
    assert found is not None
    assert not found.parts


async def test_it_is_explained_twice_alike(store: S3Store, bucket: RunningS3) -> None:
    segment = described(b"footage")
    upload = await bring(store, segment, b"footage")
    vault = bucket.far.vault
    await store.explain(upload, segment, custody=b"{1}")
    first = vault.latest(vault.key_of(upload) + ".json")
    await store.explain(upload, segment, custody=b"{2}")
    custody = vault.latest(vault.key_of(upload) + ".custody.json")
    assert first is vault.latest(vault.key_of(upload) + ".json")
    assert custody is not None
    assert custody.body == b"{2}"


async def test_what_became_evidential_on_its_way_is_tagged_and_locked() -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as bucket:
        store = adapter(bucket)
        await store.identify()
        segment = described(b"footage")
        upload = await bring(store, segment, b"footage")
        await store.mark(upload, replace(segment, evidential=True))
        found = bucket.far.vault.latest(bucket.far.vault.key_of(upload))
        assert found is not None
        assert (found.mode, found.tags) == ("GOVERNANCE", "dockd-evidential=true&dockd-captured=2026-11-20")
        await store.close()


async def test_no_check_object_stays(store: S3Store, bucket: RunningS3) -> None:
    assert keys(bucket) == {".dockd-store"}
    assert not bucket.far.vault.uploads
