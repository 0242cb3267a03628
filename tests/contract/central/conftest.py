from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ingest.central import CentralStore, StoreSettings
from tests.contract.central.tus_client import TusClient

# Small windows and buffers, so that a few hundred KiB take the way that gigabytes take.
SMALL = StoreSettings(keep_free=0, idle_timeout=5.0, sync_window=64 << 10, buffer=32 << 10)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CentralStore]:
    async with CentralStore(tmp_path / "root", settings=SMALL) as store:
        yield store


@pytest.fixture
def client(store: CentralStore, session: aiohttp.ClientSession) -> TusClient:
    return TusClient(store.url, session)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"
