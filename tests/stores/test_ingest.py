"""`dockd ingest --wipe` into servers that nobody here wrote: to the end, with both killed in the middle, and into liars.

The judge reads the server's own disk where it can, and asks as another client (botocore) for every byte.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import Ended
from tests.stores.meddling import Meddler, OneBitOther
from tests.stores.servers.base import S3Server, running
from tests.stores.servers.liars import Moto, Rclone
from tests.stores.servers.swift import Swift
from tests.stores.watching import Watch, dock_for, footage, kills

pytestmark = pytest.mark.timeout(420)  # the first time they are installed
SERVERS: dict[str, type[S3Server]] = {"swift": Swift, "moto": Moto, "rclone": Rclone}
OPTIONS = ("--wipe", "--wait", "20 s", "--json")
LARGE = (70_000_000, 3_000_000, 70_001, 1, 0)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Server]:
    with running(SERVERS[request.param](folder=tmp_path / request.param)) as server:
        yield server


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_camera_is_wiped(server: S3Server, tmp_path: Path, record_property: Callable[[str, Any], None]) -> None:
    watch = Watch(camera=tmp_path / "CAM01", server=server)
    watch.docked(footage(LARGE))
    dock, options = dock_for(server, tmp_path)
    found = dock.ingest(watch.camera, options=(*OPTIONS, *options), timeout=120)
    assert found.code == 0, found.said
    watch.look()
    assert watch.left == {}
    assert watch.faults() == []
    assert dock.custody_faults() == ""
    record_property("table", f"{server.name}: {len(LARGE)} files wiped, each given back to the byte; {notes(found)}")


@pytest.mark.parametrize("server", ["swift", "rclone"], indirect=True)
def test_the_store_and_dockd_are_killed_in_the_middle(
    server: S3Server, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    watch = Watch(camera=tmp_path / "CAM01", server=server)
    watch.docked(footage((70_000_000, *[5_000_000] * 6, 70_001)))
    dock, options = dock_for(server, tmp_path)
    done = kills(watch, dock, options, times=4, chance=random.Random(server.name), seconds=60)
    assert watch.faults() == []
    assert dock.custody_faults() == ""
    if server.name == "swift":
        assert watch.left == {}
    record_property("table", f"{server.name}: killed {done} times in the middle, dockd twice: {len(watch.gone)} of 8 files wiped, none that it does not hold")  # fmt: skip


def test_a_store_that_forgets_everything_when_it_is_killed(
    tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    with running(Moto(folder=tmp_path / "moto")) as server:
        watch = Watch(camera=tmp_path / "CAM01", server=server)
        watch.docked(footage((3_000_000, 70_001)))
        dock, options = dock_for(server, tmp_path)
        assert dock.ingest(watch.camera, options=("--wait", "20 s", "--json", *options)).code == 0
        server.kill()
        server.start()
        found = dock.ingest(watch.camera, options=("--wipe", "--wait", "2 s", "--json", *options))
        watch.look()
        assert watch.gone == {}, found.said
        assert found.code in (1, 3), found.said
        assert "no marker" in found.err, found.said
    record_property("table", "moto: killed after it had confirmed everything, and empty since: nothing wiped")


@pytest.mark.parametrize("server", SERVERS, indirect=True)
def test_a_bit_flipped_on_the_way_is_not_wiped(
    server: S3Server, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    """Somebody on the line changes one bit of each segment, and the announced hashes stay: Swift refuses that, the liars take it."""
    watch = Watch(camera=tmp_path / "CAM01", server=server)
    files = footage((3_000_000, 70_001, 1))
    watch.docked(files)
    with Meddler(server, OneBitOther()) as line:
        dock, options = dock_for(server, tmp_path)
        dock.url = f"s3+{line.url}/{server.bucket}"
        found = dock.ingest(watch.camera, options=("--wipe", "--wait", "2 s", "--json", *options))
        assert found.code in (1, 3), found.said
        assert line.changed > 0
    watch.look()
    assert watch.gone == {}, found.said
    assert watch.faults() == []
    sums = {hashlib.sha256(one).hexdigest() for one in files.values()}
    kept = [key for key in server.listing() if not key.endswith(".json") and "dockd" not in key]
    other = [key for key in kept if hashlib.sha256(server.holds(key) or b"").hexdigest() not in sums]
    assert bool(other) == (server.name != "swift"), kept
    took = f"took {len(other)} objects with another bit" if other else "refused every one"
    record_property("table", f"{server.name}: a bit flipped on the way: it {took}; nothing wiped")


def notes(found: Ended) -> str:
    """What dockd said of the store."""
    said = [line for line in found.err.splitlines() if "read back" in line]
    return "proof by read-back" if said else "proof by digest"
