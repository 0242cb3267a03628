"""Who sits the exam here: the tus adapter against the embedded store, and against a simulated one of each kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.central import CentralStore, StoreSettings
from ingest.model import ProofMethod
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import FarSide, StoreExam
from tests.simulators.stores.honest import HonestStore, Kind
from tests.simulators.stores.running import Running

SMALL = StoreSettings(keep_free=0, idle_timeout=5.0, sync_window=64 << 10, buffer=32 << 10)
SHORT = Patience(stall=5.0, answer=5.0, settle=5.0)
METHODS: dict[Kind, ProofMethod] = {"receipts": "receipt", "digests": "digest", "plain": "read-back"}


class Embedded(FarSide):
    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root, self.method = url, root, "receipt"

    def _path(self, upload: str) -> Path | None:
        name = upload.rpartition("/")[2]
        return next((path for path in self.root.rglob(name) if path.parent.parent.name == "objects"), None)

    def holds(self, upload: str) -> bytes | None:
        path = self._path(upload)
        return path.read_bytes() if path is not None else None

    def knows_as_evidence(self, upload: str) -> bool:
        path = self._path(upload)
        assert path is not None
        return bool(json.loads(path.with_name(f"{path.name}.json").read_bytes())["evidential"])

    def lose(self, upload: str) -> None:
        path = self._path(upload)
        assert path is not None
        path.unlink()


class Simulated(FarSide):
    def __init__(self, running: Running, kind: Kind) -> None:
        self.url = running.url + ("" if kind == "receipts" else "/files/")
        self.running, self.method = running, METHODS[kind]

    def holds(self, upload: str) -> bytes | None:
        thing = self.running.store.shelf.things.get(upload.rpartition("/")[2])
        return bytes(thing.bytes) if thing is not None else None

    def lose(self, upload: str) -> None:
        del self.running.store.shelf.things[upload.rpartition("/")[2]]


async def adapter(url: str) -> AsyncIterator[TusStore]:
    store = TusStore(url, patience=SHORT)
    await store.identify()
    yield store
    await store.close()


class TestTusAgainstTheEmbeddedStore(StoreExam):
    @pytest.fixture
    async def far(self, tmp_path: Path) -> AsyncIterator[FarSide]:
        async with CentralStore(tmp_path / "root", settings=SMALL) as central:
            yield Embedded(central.url, tmp_path / "root")

    @pytest.fixture
    async def store(self, far: FarSide) -> AsyncIterator[TusStore]:
        async for store in adapter(far.url):
            yield store


class Simulation(StoreExam):
    kind: Kind

    @pytest.fixture
    async def far(self) -> AsyncIterator[FarSide]:
        with Running(HonestStore(kind=self.kind)) as running:
            yield Simulated(running, self.kind)

    @pytest.fixture
    async def store(self, far: FarSide) -> AsyncIterator[TusStore]:
        async for store in adapter(far.url):
            yield store


class TestTusAgainstReceipts(Simulation):
    kind = "receipts"


class TestTusAgainstDigests(Simulation):
    kind = "digests"


class TestTusAgainstAPlainServer(Simulation):
    kind = "plain"
