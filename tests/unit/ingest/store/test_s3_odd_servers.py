"""Buckets behind servers that do one thing otherwise than others: what dockd makes of it is that one thing's, and no segment waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from ingest.errors import ObjectGone, StoreDown, Unproven, WrongStore
from ingest.store.line import Line
from ingest.store.s3 import S3Store
from ingest.store.s3.marker import KEY, Marker
from ingest.store.s3.requests import Requests
from tests.contract.store.exam import claimed, described, slices_of
from tests.simulators.stores.s3 import HonestS3, S3Problem, body_of, document, text, xml
from tests.simulators.stores.s3_lies import IgnoresIfNoneMatch, LocksWithoutEffect
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Part, Upload, Version
from tests.unit.ingest.store.test_s3_store import LARGE, SHORT, adapter, bring, in_parts, keys


@pytest.fixture
def bucket() -> Iterator[RunningS3]:
    with RunningS3(HonestS3()) as running:
        yield running


@pytest.fixture
async def store(bucket: RunningS3) -> AsyncIterator[S3Store]:
    made = adapter(bucket)
    await made.identify()
    yield made
    await made.close()


# -- the end of an upload in parts ---------------------------------------------------------------------------------------


class HasLostAPart(HonestS3):
    """Lists a part of its first upload that is not there any more, and makes no object of it."""

    lost = ""

    def chosen(self, upload: Upload, body: bytes) -> list[Part]:
        self.lost = self.lost or upload.id
        if upload.id == self.lost:
            raise S3Problem("InvalidPart")
        return super().chosen(upload, body)


async def test_what_lost_a_part_is_sent_anew(store: S3Store, bucket: RunningS3) -> None:
    bucket.far = HasLostAPart(bucket.far.vault)
    segment = in_parts(LARGE)
    with pytest.raises(ObjectGone, match="sent anew"):
        await bring(store, segment, LARGE)
    assert not bucket.far.vault.uploads
    upload = await bring(store, segment, LARGE)
    assert (await claimed(store, upload, segment)).composite == segment.parts.composite  # type: ignore[union-attr]


class KnowsNoConditionAtTheEnd(HonestS3):
    """If-None-Match is for PUT, it says."""

    code = "NotImplemented"

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "If-None-Match" in request.headers:
            await body_of(request)
            raise S3Problem(self.code)
        return await super().CompleteMultipartUpload(request, key)


@pytest.mark.parametrize("code", ["NotImplemented", "InvalidArgument"])
async def test_an_end_without_a_condition_overwrites_nothing(store: S3Store, bucket: RunningS3, code: str) -> None:
    vault = bucket.far.vault
    bucket.far = far = KnowsNoConditionAtTheEnd(vault)
    far.code = code
    for number in range(2):  # the second one when that is known
        content = LARGE[:-1] + bytes([number])
        segment = in_parts(content)
        upload = await store.announce(segment)
        for span in await store.lacking(upload, size=len(content)):
            body = slices_of(content, until=span.offset + span.length, size=1 << 20)
            await store.send(upload, offset=span.offset, length=span.length, size=len(content), slices=body)
        key, others = vault.key_of(upload), Version(body=b"others")
        vault.put(key, others)
        with pytest.raises(Unproven):
            await store.finish(upload, segment)
        assert vault.latest(key) is others
        assert len(vault.uploads) == 1, "it may be another's by now: it is left to the bucket's rule"
        del vault.objects[key]
        await store.finish(upload, segment)
        assert vault.latest(key).body == content  # type: ignore[union-attr]
    assert any("If-None-Match at the end" in note for note in store.notes)


class KnowsNoCondition(HonestS3):
    """If-None-Match is nothing that it knows."""

    def unlike(self, request: web.BaseRequest, key: str) -> None:
        if "If-None-Match" in request.headers:
            raise S3Problem("NotImplemented")


@pytest.mark.parametrize("far", [KnowsNoCondition, IgnoresIfNoneMatch])
async def test_where_no_condition_is_heeded_an_end_looks_first(far: type[HonestS3]) -> None:
    with RunningS3(far()) as running:
        store = adapter(running)
        try:
            await store.identify()
            segment = in_parts(LARGE)
            upload = await store.announce(segment)
            key, others = running.far.vault.key_of(upload), Version(body=b"others")
            running.far.vault.put(key, others)
            for span in await store.lacking(upload, size=len(LARGE)):
                body = slices_of(LARGE, until=span.offset + span.length, size=1 << 20)
                await store.send(upload, offset=span.offset, length=span.length, size=len(LARGE), slices=body)
            with pytest.raises(Unproven):
                await store.finish(upload, segment)
            assert running.far.vault.latest(key) is others
        finally:
            await store.close()


class LosesTheEndsAnswer(HonestS3):
    """It made the object, and then says that something lies there; the upload is listed on."""

    async def CompleteMultipartUpload(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        upload = self.upload(request, key)
        await super().CompleteMultipartUpload(request, key)
        self.vault.uploads[upload.id] = upload
        raise S3Problem("PreconditionFailed")


async def test_an_upload_that_may_be_the_objects_is_not_aborted(store: S3Store, bucket: RunningS3) -> None:
    bucket.far = LosesTheEndsAnswer(bucket.far.vault)
    segment = in_parts(LARGE)
    await bring(store, segment, LARGE)
    assert not any(one.startswith("AbortMultipartUpload central") for one in bucket.far.vault.asked)
    assert len(bucket.far.vault.uploads) == 1


# -- pages ---------------------------------------------------------------------------------------------------------------


class APageInstead(HonestS3):
    """Something on the way answers bytes of segments."""

    status = 400

    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "MOV_" not in key:
            return await super().PutObject(request, key)
        await body_of(request)
        return web.Response(status=self.status, body=b"<html><h1>Bad Request</h1></html>", content_type="text/html")


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
async def test_a_page_from_something_on_the_way_holds_nothing(store: S3Store, bucket: RunningS3, status: int) -> None:
    segment = described(b"footage")
    upload = await store.announce(segment)
    bucket.far = far = APageInstead(bucket.far.vault)
    far.status = status
    with pytest.raises(StoreDown) as caught:
        await store.send(upload, offset=0, length=7, size=7, slices=slices_of(b"footage"))
    assert type(caught.value) is StoreDown
    assert str(status) in caught.value.message


# -- the marker ----------------------------------------------------------------------------------------------------------


async def test_no_bytes_go_on_into_a_bucket_whose_marker_has_gone(store: S3Store, bucket: RunningS3) -> None:
    vault = bucket.far.vault
    segment = in_parts(LARGE)
    upload = await store.announce(segment)
    marker = vault.objects.pop(".dockd-store")
    with pytest.raises(WrongStore):
        await store.lacking(upload, size=len(LARGE))
    vault.objects[".dockd-store"] = marker
    spans = await store.lacking(upload, size=len(LARGE))
    for span in spans:
        body = slices_of(LARGE, until=span.offset + span.length, size=1 << 20)
        await store.send(upload, offset=span.offset, length=span.length, size=len(LARGE), slices=body)
    del vault.objects[".dockd-store"]
    with pytest.raises(WrongStore):
        await store.finish(upload, segment)
    assert not keys(bucket)


class TakesAnyMarker(IgnoresIfNoneMatch):
    """Several found it at once, and each is a little later than the one before."""

    made = 0

    async def PutObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if key == KEY:
            self.made += 1
            await asyncio.sleep(0.03 * self.made)
        return await super().PutObject(request, key)


async def found_marker(running: RunningS3) -> str:
    line = Line(running.bucket_url, token=lambda: None, tls=None, patience=SHORT, exact=True)
    try:
        requests = Requests(line, url=running.bucket_url, credentials=running.far.vault.credentials, region="us-east-1")
        return await Marker(requests, founds=always, moment=0.4).store()
    finally:
        await line.close()


async def always() -> bool:
    return True


async def test_who_founds_a_store_at_once_founds_the_same() -> None:
    with RunningS3(TakesAnyMarker()) as running:
        assert len({*await asyncio.gather(*(found_marker(running) for _ in range(3)))}) == 1


async def test_whoever_keeps_the_first_marker_is_not_waited_for(bucket: RunningS3) -> None:
    await found_marker(bucket)
    assert bucket.far.vault.asked.count(f"GetObject {KEY}") == 2


# -- locks ---------------------------------------------------------------------------------------------------------------


class BusyWhenItShouldDelete(LocksWithoutEffect):
    """Busy, once, when the object that is not locked is deleted; its locks do not hold."""

    busy = True

    async def DeleteObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "free" in key and self.busy:
            self.busy = False
            raise S3Problem("SlowDown")
        return await super().DeleteObject(request, key)


async def test_a_busy_moment_makes_no_lock_believed(bucket: RunningS3) -> None:
    bucket.far = BusyWhenItShouldDelete()
    store = adapter(bucket, patience=replace(SHORT, answer=0.5))
    await store.identify()
    segment = described(b"footage", evidential=True)
    upload = await store.announce(segment)
    with contextlib.suppress(StoreDown):
        await store.send(upload, offset=0, length=7, size=7, slices=slices_of(b"footage"))
    await store.send(upload, offset=0, length=7, size=7, slices=slices_of(b"footage"))
    assert any("does not hold" in note for note in store.notes), store.notes
    await store.close()


# -- lists ---------------------------------------------------------------------------------------------------------------


class NamesManyUploads(HonestS3):
    """Thousands under any key that it is asked for."""

    async def ListMultipartUploads(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        wanted = request.query.get("prefix", "")
        named = (xml("Upload", text("Key", wanted), text("UploadId", f"upload-{n}")) for n in range(3000))
        return document("ListMultipartUploadsResult", text("IsTruncated", "false"), *named)


async def test_of_thousands_of_uploads_under_one_key_a_few_are_looked_at(store: S3Store, bucket: RunningS3) -> None:
    bucket.far = NamesManyUploads(bucket.far.vault)
    await store.announce(in_parts(LARGE))
    asked = [one.partition(" ")[0] for one in bucket.far.vault.asked]
    assert asked.count("ListParts") + asked.count("AbortMultipartUpload") <= 41
