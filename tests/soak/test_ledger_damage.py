"""Every kind of damage that a ledger can come to, and every older copy that can be put back: the same end each time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle import always
from tests.program import kill_group
from tests.recovery.ledger_scene import DAMAGED, FILES, GONE, Scene

pytestmark = [pytest.mark.soak_short, pytest.mark.timeout(300)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(folder=tmp_path)
    try:
        yield scene
    finally:
        scene.store.kill()


@pytest.mark.parametrize("away", [False, True], ids=["store-there", "store-away"])
@pytest.mark.parametrize("damage", [*DAMAGED, *GONE])
def test_damaged_or_gone(scene: Scene, damage: str, away: bool) -> None:
    """It starts, keeps what was left, says so in the chain and on standard error, and comes to the same end."""
    scene.work()
    {**DAMAGED, **GONE}[damage](scene)
    left = scene.ledger.read_bytes() if damage in DAMAGED else b""
    first = scene.away() if away else scene.goes_on()
    assert "the ledger could not be used" in first.err
    assert "SEGMENT LOST" not in first.err
    scene.fill()
    scene.goes_on()
    said = scene.actions()
    assert said[:2] == ["custody.opened", "ledger.rebuilt"]
    assert "segment.lost" not in said
    assert "custody.restored" in said
    assert said.index("custody.restored") < said.index("permit.issued")
    kept = [path.read_bytes() for path in scene.asides()]
    assert kept == ([left] if damage in DAMAGED else [])


def test_damaged_while_the_store_is_away(scene: Scene) -> None:
    """It is put aside whole, what is in the spool is taken in, nothing is deleted; with the store back, all of it ends well."""
    scene.work()
    DAMAGED["a page of segments"](scene)
    damaged = scene.ledger.read_bytes()
    away = scene.away()
    assert "the ledger could not be used" in away.err
    (aside,) = scene.asides()
    assert aside.read_bytes() == damaged
    assert scene.actions()[:2] == ["custody.opened", "ledger.rebuilt"]
    assert scene.actions().count("segment.recovered") == 3
    scene.fill(20)  # the new chain grows past all that the store has seen of the old one
    scene.away()
    run = scene.goes_on()
    assert "the ledger had gone back in time: a new chain begins after entry" in run.err
    said = scene.actions()
    assert said.count("ledger.rebuilt") == 1
    assert said.index("custody.restored") < said.index("permit.issued")
    assert scene.asides() == [aside]


def test_another_store_is_not_believed_because_the_ledger_is_lost(scene: Scene) -> None:
    scene.work()
    scene.remove()
    scene.store.kill()
    true, scene.store.root = scene.store.root, scene.folder / "evil"
    scene.store.start()
    run = scene.dock.ingest(scene.camera, options=("--wipe", "--wait", "0.1 s"))
    assert run.code == 3, run.said
    assert "is pinned" in run.err
    assert (len(scene.witness.emptied()), scene.objects()) == (3, 0)
    scene.store.kill()
    scene.store.root = true
    scene.store.start()
    scene.goes_on()


@pytest.mark.parametrize("log", [True, False], ids=["with-its-log", "without"])
@pytest.mark.parametrize("times", [1, 2])
def test_put_back(scene: Scene, log: bool, times: int) -> None:
    """Rolled back to a copy that was made in the middle of work, once and twice."""
    scene.work()
    copy = scene.copy("yesterday")
    scene.goes_on()
    for turn in range(times):
        objects = scene.objects()
        scene.put_back(copy, log=log)
        if turn == 0 and log:  # without its log it does not even know that anything is to be asked
            scene.away()
        run = scene.goes_on()
        assert "SEGMENT LOST" not in run.err
        assert scene.objects() == objects
        scene.fill()
        scene.goes_on()
        said = scene.actions()
        assert said.count("custody.restored") == 1
        assert "segment.lost" not in said


def test_the_log_is_deleted(scene: Scene) -> None:
    """What was committed last is gone with it: the ledger went back, and the spool knows better."""
    scene.work()
    for suffix in FILES[1:]:
        Path(f"{scene.ledger}{suffix}").unlink()
    scene.goes_on()
    assert "segment.lost" not in scene.actions()


def test_deleted_while_the_camera_is_half_wiped(scene: Scene) -> None:
    """The permit is lost with the ledger: what was deleted under it is in the store, and nothing else is deleted before it is proven anew."""
    scene.fill(400)
    process = scene.dock.start(scene.camera)
    deadline = time.monotonic() + 120
    while len(list(scene.camera.iterdir())) == 400:
        assert process.poll() is None
        assert time.monotonic() < deadline
    kill_group(process)
    process.communicate()
    left = len(list(scene.camera.iterdir()))
    assert 0 < left < 400
    always(scene.witness.faults)
    scene.remove()
    scene.away()
    scene.goes_on()
    assert not {"segment.lost", "segment.vanished"} & set(scene.actions())


def test_damaged_again_and_again_it_stops_making_new_ones(scene: Scene) -> None:
    """A disk that damages each ledger is not given a fourth within the hour: nothing is changed any more, and the footage stays."""
    scene.fill(1)
    for _ in range(3):
        scene.away()
        DAMAGED["cut in the middle"](scene)
    scene.away()
    assert len(scene.asides()) == 3
    DAMAGED["cut in the middle"](scene)
    before = names(scene)
    for _ in range(2):
        run = scene.dock.ingest(scene.camera)
        assert (run.code, "for the 4th time within an hour" in run.err) == (3, True), run.said
    assert names(scene) == before
    always(scene.witness.faults)
    shutil.move(scene.asides()[0], scene.folder / "looked-at")
    scene.goes_on()


def names(scene: Scene) -> list[str]:
    """What lies in the state folder, without what SQLite makes to look at a ledger."""
    made = ("ledger.db-wal", "ledger.db-shm")
    return sorted(path.name for path in scene.dock.state.iterdir() if path.name not in made)
