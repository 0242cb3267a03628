"""Who sits the exam here: the directory adapter; on a filesystem that lives in memory it does so in tests/soak/test_directory.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ingest.store.directory import DirectoryStore
from ingest.store.line import Patience
from tests.contract.store.exam import FarSide, StoreExam

SHORT = Patience(stall=10.0, answer=10.0, settle=10.0)


async def always() -> bool:
    return True


class Folder(FarSide):
    def __init__(self, root: Path) -> None:
        self.url, self.root, self.method = str(root), root, "read-back"

    def holds(self, upload: str) -> bytes | None:
        incoming = self.root / ".dockd/incoming" / f"{upload.rpartition('/')[2]}.part"
        path = self.root / upload
        return path.read_bytes() if path.exists() else incoming.read_bytes() if incoming.exists() else None

    def lose(self, upload: str) -> None:
        (self.root / upload).unlink()


class Sitting(StoreExam):
    __test__ = False

    @pytest.fixture
    def root(self, tmp_path: Path) -> Iterator[Path]:
        root = tmp_path / "share"
        root.mkdir()
        yield root  # noqa: PT022 - who sits it elsewhere has something to take down

    @pytest.fixture
    def far(self, root: Path) -> FarSide:
        return Folder(root)

    @pytest.fixture
    async def store(self, root: Path) -> AsyncIterator[DirectoryStore]:
        store = DirectoryStore(root, founds=always, patience=SHORT)
        await store.identify()
        yield store
        await store.close()


class TestDirectoryOnADisk(Sitting):
    __test__ = True
