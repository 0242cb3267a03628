"""The ledger is lost, damaged or put back: dockd comes up by itself, says so, loses nothing, and deletes nothing before the store has answered.

The quick ones; `tests/soak/test_ledger_damage.py` has every kind of damage.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import running
from tests.oracle import always
from tests.program import StoreProcess
from tests.recovery.ledger_scene import PAGE, Scene

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(folder=tmp_path)
    try:
        yield scene
    finally:
        scene.store.kill()


def test_put_back_to_before_the_rest_was_proven_and_wiped(scene: Scene) -> None:
    """What the old ledger believes on camera and in the spool is found in the store: nothing is sent again, and nothing called lost."""
    scene.work()
    copy = scene.copy("yesterday")
    scene.goes_on()
    objects = scene.objects()
    scene.put_back(copy)
    away = scene.away()
    assert "SEGMENT LOST" not in away.err
    run = scene.goes_on()
    assert "SEGMENT LOST" not in run.err
    assert scene.objects() == objects
    said = scene.actions()
    assert (said.count("custody.restored"), said.count("segment.found_in_store")) == (1, 3)
    assert not {"segment.lost", "ledger.rebuilt"} & set(said)


def test_damaged_under_a_running_agent(tmp_path: Path) -> None:
    """Nobody has to come: it ends, looks, puts the ledger aside, and goes on; the page says so until the store has answered."""
    store = StoreProcess(root=tmp_path / "store")
    store.start()
    try:
        with running(tmp_path / "dock", store.url) as agent:
            agent.dock("CAM01", {"a.mp4": os.urandom(30_000)})
            agent.until_state("CAM01", "ready")
            store.stop()
            ledger = tmp_path / "dock" / "state" / "ledger.db"
            os.truncate(f"{ledger}-wal", 0)
            os.truncate(ledger, PAGE)
            agent.dock("CAM02", {"b.mp4": os.urandom(30_000)})
            agent.until_logged("ledger.rebuilt")
            agent.until_logged("page.listening", count=2)
            agent.url = _address(agent.said)
            problem = agent.until(
                lambda: [one for one in agent.api("/problems")["problems"] if one["problem"] == "ledger_rebuilt"],
                "the problem is told",
            )
            assert "nothing is deleted" in problem[0]["advice"]
            assert 'dockd_problem_active{problem="ledger_rebuilt"} 1.0' in agent.ask("/metrics").body.decode()
            store.start()
            agent.until_state("CAM02", "ready")
            agent.until(
                lambda: not [one for one in agent.api("/problems")["problems"] if one["problem"] == "ledger_rebuilt"],
                "the problem is over",
            )
            assert list((tmp_path / "dock" / "docks" / "CAM02").iterdir()) == []
    finally:
        store.kill()


def _address(said: str) -> str:
    """Where the page is now."""
    return said.rpartition("the page is at ")[2].partition('"')[0]


def test_what_is_no_damage_is_left_alone(scene: Scene) -> None:
    """A wrong path: nothing of it is moved, and nothing is made in its place."""
    scene.dock.state.mkdir()
    scene.ledger.write_bytes(b"a photograph" * 1000)
    scene.fill(1)
    run = scene.dock.ingest(scene.camera)
    assert run.code == 3, run.said
    assert "is no ledger of dockd" in run.err
    assert scene.ledger.read_bytes() == b"a photograph" * 1000
    always(scene.witness.faults)
    shutil.rmtree(scene.dock.state)
    scene.goes_on()


def test_replaced_by_an_older_copy_under_a_running_agent(tmp_path: Path) -> None:
    """What it commits after that would be gone with it: it opens what lies there now, says that it is older, and keeps what a reload has changed."""
    store = StoreProcess(root=tmp_path / "store")
    store.start()
    try:
        with running(tmp_path / "dock", store.url) as agent:
            ledger = tmp_path / "dock" / "state" / "ledger.db"
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{ledger}{suffix}", tmp_path / f"copy{suffix}")
            agent.dock("CAM01", {"a.mp4": os.urandom(30_000)})
            agent.until_state("CAM01", "ready")
            agent.configure(more='[bandwidth]\nlimit = "9 Mbit/s"\n')
            agent.send(signal.SIGHUP)
            agent.until_logged("settings.reloaded")
            store.stop()
            for suffix in ("", "-wal", "-shm"):
                Path(f"{ledger}{suffix}").unlink()
            for suffix in ("", "-wal"):
                shutil.copyfile(tmp_path / f"copy{suffix}", f"{ledger}{suffix}")
            agent.dock("CAM02", {"b.mp4": os.urandom(30_000)})
            agent.until_logged("ledger.went_back")
            agent.until_logged("page.listening", count=2)
            agent.url = _address(agent.said)
            agent.until(
                lambda: [one for one in agent.api("/problems")["problems"] if one["problem"] == "ledger_went_back"],
                "the problem is told",
            )
            agent.send(signal.SIGHUP)
            assert agent.until_logged("settings.reloaded", count=2)["dockd.applied"] == []
            store.start()
            agent.until_state("CAM02", "ready")
            agent.until(
                lambda: not [one for one in agent.api("/problems")["problems"] if one["problem"] == "ledger_went_back"],
                "the problem is over",
            )
            assert list((tmp_path / "dock" / "docks" / "CAM02").iterdir()) == []
    finally:
        store.kill()
