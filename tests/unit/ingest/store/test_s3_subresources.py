"""What is said of an object beside it: only where a server takes it for that, for another one overwrites the footage with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from ingest.errors import ObjectGone, Retry, StoreDown
from ingest.ledger import segments
from ingest.model import SegmentDescription
from ingest.store.line import Line
from ingest.store.s3 import S3Store
from ingest.store.s3.requests import Requests
from ingest.store.s3.subresources import Place, Subresources
from tests.contract.store.exam import described
from tests.simulators.stores.in_memory import InMemoryStore
from tests.simulators.stores.s3 import HonestS3, S3Problem, body_of, problem
from tests.simulators.stores.s3_lies import ForgetsTags, Instead, TakesMarksForTheObject
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault, Version, sha256_b64
from tests.unit.ingest.station import station
from tests.unit.ingest.store.test_s3_store import SHORT, adapter, bring

FOOTAGE = b"footage" * 1000


OPEN: list[S3Store | Line] = []


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """A test that fails leaves nothing open: what it found is what is told."""
    yield
    while OPEN:
        await OPEN.pop().close()


def opened(running: RunningS3, **more: Any) -> S3Store:
    store = adapter(running, **more)
    OPEN.append(store)
    return store


async def came(running: RunningS3, *, evidential: bool = False) -> tuple[S3Store, str, SegmentDescription]:
    """A segment that is there, and what it has become since."""
    store = opened(running)
    await store.identify()
    segment = replace(described(FOOTAGE), evidential=evidential)
    return store, await bring(store, segment, FOOTAGE), replace(segment, evidential=True)


def there(running: RunningS3, upload: str) -> bytes:
    found = running.far.vault.latest(running.far.vault.key_of(upload))
    assert found is not None
    return found.body


@pytest.mark.parametrize("locks", [False, True])
async def test_a_server_that_takes_a_mark_for_the_object_overwrites_no_footage(locks: bool) -> None:
    with RunningS3(TakesMarksForTheObject(Vault(locks=locks))) as running:
        store, upload, evidence = await came(running)
        for _ in range(2):
            assert await store.mark(upload, evidence) is False
            assert there(running, upload) == FOOTAGE
        assert "takes what is said of an object for the object itself" in " ".join(store.notes)
        await store.close()


async def test_a_server_that_has_become_another_is_tried_again() -> None:
    with RunningS3(HonestS3()) as running:
        vault = running.far.vault
        vault.put("footage.mp4", Version(body=FOOTAGE))
        line = Line(running.bucket_url, token=lambda: None, patience=SHORT, tls=None, exact=True)
        OPEN.append(line)
        requests = Requests(line, url=running.bucket_url, credentials=vault.credentials, region="us-east-1")
        beside = Subresources(requests, apart=0.0)
        assert await beside.tag(Place(key="footage.mp4", version=None), "dockd-evidential=true") is True
        running.far = TakesMarksForTheObject(vault)
        assert await beside.tag(Place(key="footage.mp4", version=None), "dockd-evidential=true") is False
        await line.close()
        found = vault.latest("footage.mp4")
        assert found is not None
        assert (found.body, found.tags) == (FOOTAGE, "dockd-evidential=true")


@pytest.mark.parametrize("evidential", [False, True], ids=["became so", "came so"])
async def test_tags_that_are_not_kept_are_no_marks(evidential: bool) -> None:
    with RunningS3(ForgetsTags()) as running:
        store, upload, evidence = await came(running, evidential=evidential)
        assert await store.mark(upload, evidence) is False
        await store.close()


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed"])
async def test_a_server_that_knows_no_tags_of_what_is_there_says_so_by_its_refusal(code: str) -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running)
        running.far = Instead(
            running.far.vault, what=("PutObjectTagging",), answer=problem(code), times=1 << 30, every=True
        )
        assert await store.mark(upload, evidence) is False
        assert there(running, upload) == FOOTAGE
        await store.close()


async def test_one_that_is_busy_has_not_said_that_it_knows_none() -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running)
        running.far = Instead(
            running.far.vault, what=("PutObjectTagging",), answer=problem("SlowDown"), times=1, every=True
        )
        with pytest.raises(Retry):
            await store.mark(upload, evidence)
        assert await store.mark(upload, evidence) is True
        await store.close()


# -- two servers behind one address --------------------------------------------------------------------------------------


class Balancer(HonestS3):
    """Two servers on one disk: what is tried goes to one that knows tags, what is said of footage to one that takes it for the object.

    `cut`: the line of the first request for tags of footage is cut before anybody hears it.
    """

    cut = False

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if key.startswith("dockd-checks/"):
            return await super().PutObjectTagging(request, key)
        if self.cut:
            self.cut = False
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        return await TakesMarksForTheObject.PutObjectTagging(self, request, key)  # type: ignore[arg-type]


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize("locks", [False, True])
async def test_footage_that_a_mark_has_overwritten_is_told_as_gone_at_once(hashes: bool, locks: bool) -> None:
    with RunningS3(Balancer(Vault(locks=locks), hashes=hashes)) as running:
        store, upload, evidence = await came(running)
        with pytest.raises(ObjectGone, match="before it was marked"):
            await store.mark(upload, evidence)
        await store.close()


async def test_a_mark_whose_line_is_cut_is_not_sent_again_before_another_trial() -> None:
    with RunningS3(Balancer()) as running:
        far = running.far
        assert isinstance(far, Balancer)
        far.cut = True
        store, upload, evidence = await came(running)
        with pytest.raises(StoreDown):
            await store.mark(upload, evidence)
        assert there(running, upload) == FOOTAGE
        running.far = TakesMarksForTheObject(far.vault)
        assert await store.mark(upload, evidence) is False, (
            "what a trial has shown before the line was cut counts no more"
        )
        assert there(running, upload) == FOOTAGE
        await store.close()


class KeepsOtherBytes(HonestS3):
    """Takes the tags, and the footage is other bytes of the same length afterwards."""

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        answer = await super().PutObjectTagging(request, key)
        if not key.startswith("dockd-checks/"):
            self.vault.put(key, replace(self.must(key), body=bytes(len(FOOTAGE)), checksum=""))
        return answer


@pytest.mark.parametrize("hashes", [True, False])
async def test_bytes_that_nobody_vouches_for_after_a_mark_are_read_back(hashes: bool) -> None:
    with RunningS3(KeepsOtherBytes(hashes=hashes)) as running:
        store, upload, evidence = await came(running)
        with pytest.raises(ObjectGone):
            await store.mark(upload, evidence)
        await store.close()


@pytest.mark.parametrize("other", [b"somebody else's", bytes(len(FOOTAGE))], ids=["other length", "other bytes"])
async def test_what_somebody_else_put_on_top_is_not_marked(other: bytes) -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        store, upload, evidence = await came(running)
        theirs = Version(body=other, checksum=sha256_b64(other))
        running.far.vault.put(running.far.vault.key_of(upload), theirs)
        with pytest.raises(ObjectGone, match="something else"):
            await store.mark(upload, evidence)
        assert (theirs.tags, theirs.mode) == ("", "")
        await store.close()


class ComesInBetween(HonestS3):
    """Somebody puts another version on top just when the mark is on its way."""

    theirs = Version(body=FOOTAGE)

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if not key.startswith("dockd-checks/") and self.vault.latest(key) is not self.theirs:
            self.theirs = Version(body=FOOTAGE)
            self.vault.put(key, self.theirs)
        return await super().PutObjectTagging(request, key)


async def test_the_version_that_was_looked_at_is_the_one_that_is_marked() -> None:
    with RunningS3(ComesInBetween(Vault(locks=True))) as running:
        store, upload, evidence = await came(running)
        with pytest.raises(ObjectGone):
            await store.mark(upload, evidence)
        ours, theirs = running.far.vault.objects[running.far.vault.key_of(upload)]
        assert theirs.tags == ""
        assert "dockd-evidential=true" in ours.tags
        await store.close()


class NamesNoVersions(HonestS3):
    """This key may tag what is newest, and no version by its name."""

    async def PutObjectTagging(self, request: web.BaseRequest, key: str) -> web.StreamResponse:  # noqa: N802
        if "versionId" in request.query:
            await body_of(request)
            raise S3Problem("AccessDenied")
        return await super().PutObjectTagging(request, key)


async def test_a_key_that_may_name_no_version_marks_what_is_newest() -> None:
    with RunningS3(NamesNoVersions(Vault(locks=True))) as running:
        store, upload, evidence = await came(running)
        assert await store.mark(upload, evidence) is True
        assert any("PutObjectVersionTagging" in note for note in store.notes)
        await store.close()


# -- by the object itself ------------------------------------------------------------------------------------------------


async def test_locks_that_were_switched_on_later_are_put_on_what_came_before() -> None:
    vault = Vault(locks=False)
    with RunningS3(ForgetsTags(vault)) as running:
        store, upload, evidence = await came(running, evidential=True)
        assert await store.mark(upload, evidence) is False
        await store.close()
        vault.locks = True
        store = opened(running)
        await store.identify()
        assert await store.mark(upload, evidence) is True
        found = vault.latest(vault.key_of(upload))
        assert found is not None
        assert (found.mode, found.held) == ("GOVERNANCE", True)
        await store.close()


@pytest.mark.parametrize("forgets", [True, False], ids=["no tags", "tags"])
async def test_what_came_without_a_lock_gets_one_when_locks_are_asked_for(forgets: bool) -> None:
    vault = Vault(locks=True)
    with RunningS3((ForgetsTags if forgets else HonestS3)(vault)) as running:
        store = opened(running, lock="off")
        await store.identify()
        evidence = replace(described(FOOTAGE), evidential=True)
        upload = await bring(store, evidence, FOOTAGE)
        await store.close()
        store = opened(running)
        await store.identify()
        assert await store.mark(upload, evidence) is True
        found = vault.latest(vault.key_of(upload))
        assert found is not None
        assert found.held
        await store.close()


async def test_what_has_its_marks_is_not_sent_them_again() -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        store, upload, evidence = await came(running, evidential=True)
        for _ in range(2):
            assert await store.mark(upload, evidence) is True
        assert not [
            one for one in running.far.vault.asked if one.startswith(("PutObjectTagging", "PutObjectRetention"))
        ]
        await store.close()


async def test_what_came_as_evidence_and_has_no_tag_gets_it() -> None:
    """Another had put the same bytes there without: what was sent with ours never arrived."""
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running, evidential=True)
        found = running.far.vault.latest(running.far.vault.key_of(upload))
        assert found is not None
        found.tags = ""
        assert await store.mark(upload, evidence) is True
        assert found.tags.startswith("dockd-evidential=true")
        await store.close()


class LocksNothingLater(HonestS3):
    """200 to a lock of what is there, and no lock."""

    async def PutObjectRetention(self, request: web.BaseRequest, _key: str) -> web.StreamResponse:  # noqa: N802
        await body_of(request)
        return web.Response()


async def test_a_lock_that_is_not_there_afterwards_is_no_mark() -> None:
    with RunningS3(LocksNothingLater(Vault(locks=True))) as running:
        store, upload, evidence = await came(running)
        assert await store.mark(upload, evidence) is False
        await store.close()


# -- others' tags --------------------------------------------------------------------------------------------------------


async def test_tags_of_others_stay() -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running)
        found = running.far.vault.latest(running.far.vault.key_of(upload))
        assert found is not None
        found.tags += "&case= 4711 <a>&legal-hold=on"
        assert await store.mark(upload, evidence) is True
        assert found.tags == "dockd-evidential=true&dockd-captured=2026-11-20&case= 4711 <a>&legal-hold=on"
        await store.close()


@pytest.mark.parametrize("evidential", [False, True], ids=["became so", "came so"])
async def test_where_tags_may_not_be_read_none_are_replaced(evidential: bool) -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running, evidential=evidential)
        found = running.far.vault.latest(running.far.vault.key_of(upload))
        assert found is not None
        found.tags += "&case=4711"
        before = found.tags
        running.far = Instead(running.far.vault, what=("GetObjectTagging",), answer=problem("AccessDenied"), every=True)
        assert await store.mark(upload, evidence) is evidential
        assert found.tags == before
        assert evidential or any("may not read tags" in note for note in store.notes)
        await store.close()


# -- one answer of something on the way ----------------------------------------------------------------------------------


async def test_that_it_has_no_marks_is_tried_anew_when_it_has_said_who_it_is() -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running)
        running.far = Instead(
            running.far.vault, what=("PutObjectTagging",), answer=problem("NotImplemented"), times=1, every=True
        )
        assert await store.mark(upload, evidence) is False
        await store.identify()
        assert await store.mark(upload, evidence) is True
        await store.close()


@pytest.mark.parametrize(("operation", "evidential"), [("PutObjectTagging", False), ("GetObjectTagging", False)])
async def test_a_server_that_does_not_find_what_it_has_just_taken_says_nothing_of_marks(
    operation: str, evidential: bool
) -> None:
    with RunningS3(HonestS3()) as running:
        store, upload, evidence = await came(running, evidential=evidential)
        real = running.far
        instead = Instead(real.vault, what=(operation,), answer=problem("NoSuchKey"), every=True, times=1)

        class AtTheBait(HonestS3):
            async def do(self, operation: str, request: web.BaseRequest, bucket: str, key: str) -> web.StreamResponse:
                far: HonestS3 = instead if key.startswith("dockd-checks/") else real
                return await far.do(operation, request, bucket, key)

        running.far = AtTheBait(real.vault)
        with pytest.raises(Retry, match="just taken"):
            await store.mark(upload, evidence)
        assert await store.mark(upload, evidence) is True
        await store.close()


async def test_that_tags_are_not_kept_is_looked_at_again() -> None:
    with RunningS3(ForgetsTags()) as running:
        vault = running.far.vault
        line = Line(running.bucket_url, token=lambda: None, patience=SHORT, tls=None, exact=True)
        OPEN.append(line)
        requests = Requests(line, url=running.bucket_url, credentials=vault.credentials, region="us-east-1")
        beside = Subresources(requests, apart=0.0)
        assert await beside.heeds("dockd-evidential=true") is False
        running.far = HonestS3(vault)
        assert await beside.heeds("dockd-evidential=true") is True
        await line.close()


@pytest.mark.parametrize("locks", [False, True])
async def test_a_request_that_is_wrong_for_one_object_is_that_ones_trouble(locks: bool) -> None:
    with RunningS3(HonestS3(Vault(locks=locks))) as running:
        store, upload, evidence = await came(running)
        what = "PutObjectRetention" if locks else "PutObjectTagging"
        running.far = Instead(running.far.vault, what=(what,), answer=problem("InvalidTag"))
        with pytest.raises(Retry) as caught:
            await store.mark(upload, evidence)
        assert type(caught.value) is Retry
        await store.close()


async def test_two_that_are_to_be_locked_at_once_are_one_trial() -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        store, upload, evidence = await came(running)
        await asyncio.gather(*(store.explain(upload, evidence, custody=b"{}") for _ in range(3)))
        assert len({one for one in running.far.vault.asked if "PutObject" in one and "dockd-locked" in one}) == 1
        await store.close()


@pytest.mark.parametrize("until", ["2026-11-21T00:00:00.000Z", "some day", ""])
async def test_a_lock_that_ends_too_soon_is_made_longer(until: str) -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        store, upload, evidence = await came(running, evidential=True)
        found = running.far.vault.latest(running.far.vault.key_of(upload))
        assert found is not None
        wanted, found.until = found.until, until
        assert await store.mark(upload, evidence) is True
        assert found.until == wanted
        await store.close()


async def test_footage_that_a_mark_has_overwritten_is_lost_at_the_store_and_sent_again(tmp_path: Path) -> None:
    with RunningS3(Balancer()) as running:
        async with station(tmp_path, store=cast(InMemoryStore, opened(running)), keep_confirmed=3600.0) as place:
            (segment,) = await place.spooled(FOOTAGE)
            async with place.at_work():
                await place.until(lambda: place.confirmed(segment))
                before = (await place.row(segment)).object
                await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment))

                async def marked() -> bool:
                    return "segment.marked_at_store" in await place.actions(segment)

                await place.until(marked, seconds=30)
            said, row = await place.actions(segment), await place.row(segment)
            await place.store.close()
        assert [one for one in said if one in ("segment.store_lost", "segment.marked_at_store")] == [
            "segment.store_lost",
            "segment.marked_at_store",
        ]
        assert row.object is not None
        assert row.object != before
        assert there(running, row.object) == FOOTAGE
