"""The tus adapter sits the exam before servers that nobody here wrote, all of them readable by GET."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest

from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import FarSide, StoreExam
from tests.stores.tus_servers.servers import RealStore, real_store

pytestmark = pytest.mark.timeout(420)  # the first time they are installed


class RealTus(FarSide):
    method = "read-back"

    def __init__(self, server: RealStore) -> None:
        self.url, self.folder = server.url, server.folder

    def holds(self, upload: str) -> bytes | None:
        path = self.folder / upload.rpartition("/")[2]
        return path.read_bytes() if path.exists() else None

    def lose(self, upload: str) -> None:
        (self.folder / upload.rpartition("/")[2]).unlink()


class Before(StoreExam):
    name: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStore]:
        with real_store(cls.name, tmp_path_factory.mktemp(cls.name) / "far", readable=True) as server:
            yield server

    @pytest.fixture
    async def far(self, server: RealStore) -> FarSide:
        return RealTus(server)

    @pytest.fixture
    async def store(self, far: FarSide) -> AsyncIterator[TusStore]:
        store = TusStore(far.url, patience=Patience(stall=10.0, answer=10.0, settle=10.0))
        await store.identify()
        yield store
        await store.close()


class TestTusBeforeTusNode(Before):
    """tus × @tus/server 2.4."""

    name = "tus-node"


class TestTusBeforeTuspyserver(Before):
    """tus × tuspyserver 4.4 (loses bytes when killed)."""

    name = "tuspyserver"


class TestTusBeforeUploadx(Before):
    """tus × @uploadx/core 7.0 (takes holes)."""

    name = "uploadx"
    FAILS: ClassVar[dict[str, str]] = {
        "test_a_wrong_offset_is_refused_and_changes_nothing": "it takes bytes at offset 50,000 of an empty upload, and calls that whole",
        "test_an_unknown_upload_is_gone": "it answers 403 to an upload that it does not know",
        "test_parts_of_it_come_back": "it gives whole files without their length, and no part of one",
    }
