"""What is said of an object beside it: only where a server takes it for that, for another one overwrites the footage with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.errors import Retry
from ingest.model import SegmentDescription
from ingest.store.line import Line
from ingest.store.s3 import S3Store
from ingest.store.s3.requests import Requests
from ingest.store.s3.subresources import Subresources
from tests.contract.store.exam import described
from tests.simulators.stores.s3 import HonestS3, problem
from tests.simulators.stores.s3_lies import ForgetsTags, Instead, TakesMarksForTheObject
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault, Version
from tests.unit.ingest.store.test_s3_store import SHORT, adapter, bring

FOOTAGE = b"footage" * 1000


async def came(running: RunningS3, *, evidential: bool = False) -> tuple[S3Store, str, SegmentDescription]:
    """A segment that is there, and what it has become since."""
    store = adapter(running)
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
        requests = Requests(line, url=running.bucket_url, credentials=vault.credentials, region="us-east-1")
        beside = Subresources(requests, apart=0.0)
        assert await beside.tag("footage.mp4", "dockd-evidential=true") is True
        running.far = TakesMarksForTheObject(vault)
        assert await beside.tag("footage.mp4", "dockd-evidential=true") is False
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
