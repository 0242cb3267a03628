"""Servers of other makes, killed again and again while dockd delivers to them: nothing is deleted that their files do not hold."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.program import Dock
from tests.stores.tus_servers.killing import rounds
from tests.stores.tus_servers.servers import real_store

SERVERS = ["uploadx", "tuspyserver", "tus-node"]


def many(name: str, seed: int, folder: Path, *, kills: int, seconds: float) -> None:
    with real_store(name, folder / "far", readable=True) as server:
        dock = Dock(state=folder / "state", url=server.url)
        chance = random.Random(f"{name}-{seed}")
        watch = rounds(server, dock, folder / "CAM01", kills=kills, chance=chance, seconds=seconds, kill_dock=True)
    assert watch.faults == [], f"seed {seed}"
    assert watch.unchanged()
    assert dock.custody_faults() == ""
    print(f"{name}, seed {seed}: {kills} kills, {watch.gone} of 8 files deleted, each held by the server")


@pytest.mark.parametrize(
    "seed", [pytest.param(0, marks=pytest.mark.soak_short), pytest.param(1, marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("name", SERVERS)
def test_a_few_kills(name: str, seed: int, tmp_path: Path) -> None:
    many(name, seed, tmp_path, kills=8, seconds=25.0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
@pytest.mark.parametrize("name", SERVERS)
def test_many_kills(name: str, seed: int, tmp_path: Path) -> None:
    many(name, seed, tmp_path, kills=25, seconds=60.0)
