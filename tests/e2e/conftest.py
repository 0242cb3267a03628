"""One embedded store for each test file; a dock of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle import Witness
from tests.program import Dock, StoreProcess, store_at


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with store_at(tmp_path_factory.mktemp("central") / "store") as running:
        yield running


@pytest.fixture
def dock(store: StoreProcess, tmp_path: Path) -> Dock:
    return Dock(state=tmp_path / "state", url=store.url)


@pytest.fixture
def witness(store: StoreProcess, dock: Dock) -> Witness:
    return Witness(spool=dock.spool, store=store.root)
