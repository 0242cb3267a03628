"""The S3 adapter sits the exam: against a simulated server that gives hashes, and one that gives none."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from ingest.errors import Retry
from ingest.store.line import Patience
from ingest.store.s3 import S3Store
from tests.contract.store.exam import FarSide, PartsExam, carried, claimed, delivered, for_store, proves
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_lies import CompletesWithAnError, CompletesWithAPage, EchoesAndMixesHashesUp
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault

SHORT = Patience(stall=5.0, answer=5.0, settle=5.0)


async def founded() -> bool:
    return True


def adapter(url: str, vault: Vault, **more: Any) -> S3Store:
    """An adapter to a bucket that may be made a store."""
    options: dict[str, Any] = {"patience": SHORT, "founds": founded} | more
    return S3Store(url, credentials=vault.credentials, **options)


class SimulatedS3(FarSide):
    def __init__(self, running: RunningS3) -> None:
        self.running, self.url = running, running.bucket_url
        self.method = "digest" if running.far.hashes else "read-back"

    @property
    def vault(self) -> Vault:
        return self.running.far.vault

    def holds(self, upload: str) -> bytes | None:
        found = self.vault.latest(self.vault.key_of(upload))
        return found.body if found is not None else None

    def knows_as_evidence(self, upload: str) -> bool:
        found = self.vault.latest(self.vault.key_of(upload))
        assert found is not None
        return "dockd-evidential=true" in found.tags and (not self.vault.locks or bool(found.held))

    def lose(self, upload: str) -> None:
        del self.vault.objects[self.vault.key_of(upload)]


class Simulation(PartsExam):
    options: ClassVar[dict[str, Any]] = {}
    locks: ClassVar[bool] = False

    @pytest.fixture
    async def far(self) -> AsyncIterator[FarSide]:
        with RunningS3(HonestS3(Vault(locks=self.locks), **self.options)) as running:
            yield SimulatedS3(running)

    @pytest.fixture
    async def store(self, far: SimulatedS3) -> AsyncIterator[S3Store]:
        store = adapter(far.url, far.vault)
        await store.identify()
        yield store
        await store.close()


class TestS3AgainstHashes(Simulation):
    """As Ceph and AWS answer."""

    locks = True


class TestS3AgainstNoHashes(Simulation):
    """As Swift answers."""

    options: ClassVar[dict[str, Any]] = {"hashes": False}


async def test_a_bucket_that_is_the_hosts_name() -> None:
    """Virtual-host style: whole, in parts, and found again."""
    with RunningS3(HonestS3(host_style=True)) as running:
        far = SimulatedS3(running)
        store = adapter(far.url, far.vault)
        try:
            await store.identify()
            for size in (30_000, PartsExam.LARGE):
                content = os.urandom(size)
                upload, segment = await delivered(store, content)
                assert far.holds(upload) == content
                assert proves(await claimed(store, upload, segment), segment)
                assert (await store.announce(segment)).partition("#")[0] == upload.partition("#")[0]
        finally:
            await store.close()


async def test_keys_sort_by_station_day_and_camera_and_explain_themselves() -> None:
    with RunningS3(HonestS3(Vault(locks=True))) as running:
        far = SimulatedS3(running)
        store = adapter(far.url, far.vault)
        try:
            await store.identify()
            upload, segment = await delivered(store, b"footage", evidential=True)
            await store.explain(upload, segment, custody=b'{"entries": []}\n')
        finally:
            await store.close()
        key = far.vault.key_of(upload)
        assert key == f"station/2026/11/20/CAM01/080000_MOV_0001.MP4_{segment.id}"
        beside = {name: far.vault.latest(name) for name in (f"{key}.json", f"{key}.custody.json")}
        said = json.loads(beside[f"{key}.json"].body)  # type: ignore[union-attr]
        assert (said["sha256"], said["path"], said["camera"]) == (
            segment.digest.sha256,
            "DCIM/100MEDIA/MOV_0001.MP4",
            "CAM01",
        )
        footage = far.vault.latest(key)
        assert footage is not None
        assert footage.mode == "GOVERNANCE"
        assert footage.held
        assert footage.tags == "dockd-evidential=true&dockd-captured=2026-11-20"


async def test_hashes_that_prove_nothing_are_not_looked_at() -> None:
    """It echoes, and is read back: what it says of an object is no reason either to take it for another's."""
    with RunningS3(EchoesAndMixesHashesUp()) as running:
        far = SimulatedS3(running)
        store = adapter(far.url, far.vault)
        try:
            assert (await store.identify()).method == "read-back"
            upload, segment = await delivered(store, os.urandom(PartsExam.LARGE))
            await store.finish(upload, segment)
            assert (await claimed(store, upload, segment)).sha256 == segment.digest.sha256
            assert far.vault.key_of(await store.announce(segment)) == far.vault.key_of(upload)
        finally:
            await store.close()


@pytest.mark.parametrize("lie", [CompletesWithAnError, CompletesWithAPage])
async def test_200_at_the_end_is_not_enough(lie: type[HonestS3]) -> None:
    """S3 may begin to answer 200 and fail afterwards; so may whoever sits on the line."""
    with RunningS3(HonestS3()) as running:
        far = SimulatedS3(running)
        store = adapter(far.url, far.vault)
        try:
            content = os.urandom(PartsExam.LARGE)
            segment = for_store(store, content)
            upload = await store.announce(segment)
            await carried(store, upload, segment, content)
            running.far = lie(far.vault)
            with pytest.raises(Retry):
                await store.finish(upload, segment)
            running.far = HonestS3(far.vault)
            await store.finish(upload, segment)
            assert far.holds(upload) == content
        finally:
            await store.close()
