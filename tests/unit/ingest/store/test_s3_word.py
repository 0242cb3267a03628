"""What an S3 server's word is worth: checksums that are not ours, part sizes that there are none of, looks that say nothing, tags of what was found."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from ingest.errors import Garbled, Refused, Retry, Unproven
from ingest.model import ProofMethod
from ingest.store.s3.addresses import Address, address_of, key_of
from ingest.store.s3.documents import attributes, checksum
from ingest.worker.arena import Arena
from ingest.worker.pipeline import fingerprint
from tests.contract.store.exam import claimed, described, slices_of
from tests.simulators.stores.s3 import HonestS3, problem
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_scene import scene_at
from tests.simulators.stores.s3_vault import Part, Upload, Vault, Version, b64, sha256_b64
from tests.unit.ingest.store.test_s3_store import LARGE, PART, adapter, all_of, bring, in_parts

KEY = "station/2026/11/20/CAM01/080000_MOV_0001.MP4_" + "0" * 32
URL = "https://s3.example.org/footage"


class InAttributes(HonestS3):
    """As Ceph: no checksum in HEAD, all of them in GetObjectAttributes. The first `times` looks there are answered with `instead`."""

    times = 0
    instead = ("SlowDown", 429)

    async def HeadObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().HeadObject(request, key)
        answer.headers.pop("x-amz-checksum-sha256", None)
        return answer

    async def GetObjectAttributes(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if self.times:
            self.times -= 1
            code, status = self.instead
            return web.Response(text="<html>log in</html>") if status == 200 else problem(code, status=status)
        return await super().GetObjectAttributes(request, key)


# -- parts that there are none of ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "part"), [(20_001, 0), (20_001, 1), (1 << 30, PART - 1), (1 << 40, PART), (1 << 40, 6 << 30), (20_001, 10**18 - 1)]
)  # fmt: skip
def test_an_address_of_parts_that_s3_does_not_take_is_no_uploads(size: int, part: int) -> None:
    text = Address(key=KEY, size=size, part_size=part, upload="u").at(URL)
    assert address_of(text) == Address(key=KEY, size=size)


async def test_what_is_found_says_nothing_of_how_it_is_cut() -> None:
    with RunningS3(HonestS3()) as running:
        store, content = adapter(running), os.urandom(1000)
        await store.identify()
        segment = described(content)
        await bring(store, segment, content)
        there = running.far.vault.latest(key_of(segment))
        assert there is not None
        for said in ("0", "1", "5242880"):
            there.meta["x-amz-meta-part-size"] = said
            found = await store.announce(segment)
            assert "partSize" not in found
            assert store.part_size(1000, wanted=PART, upload=found) is None
        assert store.part_size(1000, wanted=PART, upload=Address(key=KEY, size=1000, sha256="0" * 64, part_size=0).at(URL)) is None  # fmt: skip
        await store.close()


@pytest.mark.parametrize("part", [0, -1])
def test_nothing_is_read_in_parts_of_nothing(part: int) -> None:
    source = os.memfd_create("source")
    try:
        os.write(source, b"footage")
        with pytest.raises(ValueError, match="parts of"):
            fingerprint(source=source, expected_size=7, arena=Arena(buffers=3), part_size=part)
    finally:
        os.close(source)


# -- checksums that are not ours -------------------------------------------------------------------------------------------


def recut(version: Version, *, part: int) -> None:
    """The same bytes in other parts, as after a copy to another cluster; what was said of it is copied with it."""
    cut = [version.body[at : at + part] for at in range(0, len(version.body), part)]
    version.parts = [Part(body=one, size=len(one), checksum=sha256_b64(one)) for one in cut]
    version.checksum = b64(hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in cut)).digest()) + f"-{len(cut)}"  # fmt: skip


@pytest.mark.parametrize("part", [PART + 500, 1 << 20], ids=["as many parts", "other parts"])
async def test_our_bytes_in_other_parts_are_ours(part: int) -> None:
    with RunningS3(HonestS3()) as running:
        store = adapter(running)
        await store.identify()
        segment = in_parts(LARGE)
        upload = await bring(store, segment, LARGE)
        there = running.far.vault.latest(key_of(segment))
        assert there is not None
        recut(there, part=part)
        for address in (upload, await store.announce(segment)):
            assert address_of(address).key == key_of(segment)
            claim = await claimed(store, address, segment)
            assert (claim.method, claim.sha256, claim.composite) == ("digest", segment.digest.sha256, "")
        there.body = LARGE[:-1] + bytes([LARGE[-1] ^ 1])
        with pytest.raises(Unproven):
            await claimed(store, upload, segment)
        await store.close()


@pytest.mark.parametrize("size", [1000, 999])
@pytest.mark.parametrize("far", [HonestS3, InAttributes])
async def test_what_somebody_else_has_put_there_is_no_lie(far: type[HonestS3], size: int) -> None:
    with RunningS3(far()) as running:
        store, content, other = adapter(running), os.urandom(1000), os.urandom(size)
        await store.identify()
        segment = described(content)
        upload = await bring(store, segment, content)
        running.far.vault.put(key_of(segment), Version(body=other, checksum=sha256_b64(other)))
        with pytest.raises(Unproven):
            await claimed(store, upload, segment)
        again = await bring(store, segment, content)
        assert address_of(again).key == key_of(segment, attempt=2)
        assert (await claimed(store, again, segment)).sha256 == segment.digest.sha256
        await store.close()


async def test_a_checksum_that_is_of_no_bytes_there_is_one() -> None:
    with RunningS3(HonestS3()) as running:
        store, content = adapter(running), os.urandom(1000)
        await store.identify()
        segment = described(content)
        upload = await bring(store, segment, content)
        there = running.far.vault.latest(key_of(segment))
        assert there is not None
        for body in (content, os.urandom(1000)):
            there.body, there.checksum = body, sha256_b64(b"another")
            claim = await claimed(store, upload, segment)
            assert claim.sha256 == hashlib.sha256(b"another").hexdigest(), "which is held against it (ingest.confirm)"
        await store.close()


class ReplacedOnceProven(HonestS3):
    """Honest. Somebody puts another object there after its checksum was looked at, and before any of its bytes is."""

    done = False

    async def GetObject(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "Range" in request.headers and not self.done:
            self.done, other = True, os.urandom(len(self.must(key).body))
            self.vault.put(key, Version(body=other, checksum=sha256_b64(other)))
        return await super().GetObject(request, key)


async def test_what_is_replaced_between_its_proof_and_a_look_at_its_bytes_condemns_nobody(tmp_path: Path) -> None:
    far = ReplacedOnceProven()
    with scene_at(tmp_path, far) as scene:
        scene.docked({"DCIM/A.MP4": 1000})
        outcome = await scene.ingest(wait=10)
        assert far.done
        assert await scene.caught() is None
        assert outcome.complete, outcome
        assert (scene.taken(), scene.faults()) == (["DCIM/A.MP4"], [])


class SaysItOnce(HonestS3):
    """The checksum of something else, the first time that it is looked at."""

    once = False

    def found(self, request: web.BaseRequest, version: Version) -> dict[str, str]:
        said = super().found(request, version)
        if self.once and "x-amz-checksum-sha256" in said and request.method == "HEAD":
            self.once = False
            said["x-amz-checksum-sha256"] = sha256_b64(b"another")
        return said


async def test_what_is_said_once_and_not_again_is_nonsense() -> None:
    far = SaysItOnce()
    with RunningS3(far) as running:
        store = adapter(running)
        await store.identify()
        segment = described(b"footage")
        upload = await bring(store, segment, b"footage")
        far.once = True
        with pytest.raises(Garbled, match="asked again"):
            await claimed(store, upload, segment)
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256
        await store.close()


async def test_an_object_in_the_place_of_an_upload_is_looked_at_by_its_attributes() -> None:
    with RunningS3(InAttributes()) as running:
        store, vault = adapter(running), running.far.vault
        await store.identify()
        segment = described(b"footage")
        upload = await store.announce(segment)
        vault.put(key_of(segment), Version(body=b"another", checksum=sha256_b64(b"another")))
        with pytest.raises(Unproven, match="left alone"):
            await store.lacking(upload, size=7)
        await store.close()


def test_a_checksum_of_nobody_knows_how_many_parts_is_none() -> None:
    sum_ = sha256_b64(b"x")
    document = (
        "<GetObjectAttributesResponse><Checksum><ChecksumSHA256>{}</ChecksumSHA256><ChecksumType>{}</ChecksumType></Checksum>"
        "<ObjectSize>7</ObjectSize></GetObjectAttributesResponse>"
    )
    assert attributes(document.format(sum_, "COMPOSITE").encode()) == (7, None)
    assert attributes(document.format(f"{sum_}-2", "COMPOSITE").encode()) == (7, checksum(f"{sum_}-2"))
    assert attributes(document.format(sum_, "FULL_OBJECT").encode()) == (7, checksum(sum_))
    assert checksum(sum_, kind=" composite") is None


# -- looks that say nothing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instead", [("SlowDown", 429), ("AccessDenied", 403), ("RequestTimeout", 408)])
async def test_a_look_that_says_nothing_decides_nothing(instead: tuple[str, int]) -> None:
    far = InAttributes()
    far.times, far.instead = 1, instead
    with RunningS3(far) as running:
        store = adapter(running)
        with pytest.raises((Retry, Refused)):
            await store.identify()
        assert (await store.identify()).method == "digest"
        await store.close()


@pytest.mark.parametrize("instead", [("NotImplemented", 501), ("MethodNotAllowed", 405), ("InvalidArgument", 400)])
async def test_a_server_that_knows_no_attributes_is_read_back(instead: tuple[str, int]) -> None:
    far = InAttributes()
    far.times, far.instead = 1000, instead
    with RunningS3(far) as running:
        store = adapter(running)
        assert (await store.identify()).method == "read-back"
        await store.close()


def pinned_by(method: ProofMethod | None) -> dict[str, Any]:
    async def pinned() -> ProofMethod | None:
        return method

    return {"pinned": pinned}


async def test_a_store_of_digests_that_seems_to_give_none_is_looked_at_again() -> None:
    far = InAttributes()
    far.instead = ("a page of somebody on the way", 200)
    with RunningS3(far) as running:
        store = adapter(running, **pinned_by("digest"))
        far.times = 1
        assert (await store.identify()).method == "digest"
        again = adapter(running, **pinned_by("digest"))
        far.times = 1000
        assert (await again.identify()).method == "read-back", "which is another store than the pinned one"
        far.times = 0
        assert (await again.identify()).method == "digest", "and it is over without a restart"
        for one in (store, again):
            await one.close()


async def test_a_store_that_learns_more_is_read_back_as_before() -> None:
    with RunningS3(HonestS3()) as running:
        kept, anew = adapter(running, **pinned_by("read-back")), adapter(running, **pinned_by(None))
        assert ((await kept.identify()).method, (await anew.identify()).method) == ("read-back", "digest")
        assert "pin it anew" in kept.notes[-1]
        assert not anew.notes
        segment = in_parts(LARGE)
        claim = await claimed(kept, await bring(kept, segment, LARGE), segment)
        assert (claim.method, claim.sha256) == ("read-back", segment.digest.sha256)
        for one in (kept, anew):
            await one.close()


# -- hashes that are not looked at -----------------------------------------------------------------------------------------


class OddHashes(HonestS3):
    """Looks at no checksum, and names some other one for whatever it took."""

    def heeds(self, request: web.BaseRequest) -> bool:
        return False

    def listed(self, request: web.BaseRequest, upload: Upload, parts: dict[int, Part]) -> web.Response:
        return super().listed(request, upload, {n: replace(one, checksum=sha256_b64(b"")) for n, one in parts.items()})

    def said_of(self, version: Version, *, checksum: bool) -> dict[str, str]:
        return {**super().said_of(version, checksum=False), "x-amz-checksum-sha256": sha256_b64(b"")}

    def chosen(self, upload: Upload, body: bytes) -> list[Part]:
        return [upload.parts[number] for number in sorted(upload.parts)]


@pytest.mark.parametrize("size", [1000, len(LARGE)])
async def test_hashes_of_a_store_that_is_read_back_are_not_looked_at(size: int) -> None:
    content = LARGE[:size]
    segment = in_parts(content) if size > PART else described(content)
    with RunningS3(OddHashes()) as running:
        store = adapter(running)
        assert (await store.identify()).method == "read-back"
        upload = await store.announce(segment)
        if size > PART:
            body = slices_of(content, until=PART, size=1 << 20)
            await store.send(upload, offset=0, length=PART, size=size, slices=body)
            assert await store.announce(segment) == upload, "what is there of it is not sent again"
        else:
            running.far.vault.put(key_of(segment), Version(body=content))  # our own, whose answer was lost
        await all_of(store, upload, segment, content, [*(await store.lacking(upload, size=size))])
        if size < PART:
            body = slices_of(content, until=size, size=1 << 20)
            await store.send(upload, offset=0, length=size, size=size, slices=body)
        assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256
        await store.close()


# -- what was found is tagged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["object", "upload", "while it was sent"])
async def test_what_was_found_is_tagged_and_locked_as_it_should_be_now(
    found: Literal["object", "upload", "while it was sent"],
) -> None:
    content = LARGE if found == "upload" else b"footage"
    ordinary = in_parts(LARGE) if found == "upload" else described(content)
    evidential = replace(ordinary, evidential=True)
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        store = adapter(running)
        await store.identify()
        if found == "while it was sent":
            upload = await store.announce(evidential)
            running.far.vault.put(key_of(ordinary), Version(body=content, checksum=sha256_b64(content)))
            size = len(content)
            await store.send(upload, offset=0, length=size, size=size, slices=slices_of(content, until=size, size=9))
        else:
            begun = await (store.announce(ordinary) if found == "upload" else bring(store, ordinary, content))
            upload = await bring(store, evidential, content)
            assert address_of(upload).upload == address_of(begun).upload
        await store.explain(upload, ordinary, custody=b"{}")
        await store.mark(upload, evidential)
        await store.explain(upload, evidential, custody=b"{}")
        beside = running.far.vault.latest(key_of(ordinary) + ".json")
        assert beside is not None
        if found != "while it was sent":
            assert b'"evidential":true' in beside.body
            assert (beside.mode, beside.tags.partition("&")[0]) == ("GOVERNANCE", "dockd-evidential=true")
        there = running.far.vault.latest(key_of(ordinary))
        assert there is not None
        assert (there.mode, there.tags.partition("&")[0]) == ("GOVERNANCE", "dockd-evidential=true")
        await store.close()
