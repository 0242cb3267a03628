"""A camera that left early with footage: its bay speaks of it over a restart, another camera gets another bay, and everything else still works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.agent import Running, running
from tests.program import DOCKD, REPOSITORY, environment, store_at

FOOTAGE = {"DCIM/a.mp4": b"a" * 300_000, "DCIM/b.mp4": b"b" * 200_000}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """CAM has left bay 1 with two segments that the store does not have, the agent was started anew, and OTHER, which is empty, is in bay 2."""
    folder = tmp_path_factory.mktemp("away")
    registry = folder / "cameras.csv"
    registry.write_text("camera,assigned_to\nCAM,PC Jones\nOTHER,PC Smith\n")
    with store_at(folder / "central") as store:
        store.stop()
        with running(folder / "dock", store.url, more=f'[registry]\nfile = "{registry}"') as agent:
            camera = agent.dock("CAM", FOOTAGE)
            number = agent.until_state("CAM", "unconfirmed")["number"]
            camera.rename(folder / "in-a-pocket")
            agent.until(lambda: agent.api(f"/bays/{number}")["state"] == "removed_early", "it is missed")
            assert agent.api(f"/bays/{number}")["why"].startswith("Camera CAM (PC Jones) was taken out before")
            agent.stop()
            agent.start()
            agent.until(lambda: agent.api(f"/bays/{number}")["state"] == "removed_early", "it is still missed")
            agent.dock("OTHER", {})
            assert agent.until_state("OTHER", "ready")["number"] == number + 1
            yield agent


def test_it_needs_action_and_is_a_problem(agent: Running) -> None:
    assert agent.api("/status")["needs_action"] == 1
    found = {one["problem"]: one for one in agent.api("/problems")["problems"]}
    assert found["removed_early"]["camera"] == "CAM"
    assert found["removed_early"]["bay"] == 1, "nobody else is in its bay"


def test_the_officer_is_named(agent: Running) -> None:
    found = {one["problem"]: one for one in agent.api("/problems")["problems"]}
    assert (
        found["removed_early"]["text"]
        == "Camera CAM (PC Jones) left with 2 segments not yet in the store. They are safe on this dock."
    )


def test_the_terminal_tells_the_problems_with_what_to_do_and_whose_cameras(agent: Running) -> None:
    done = subprocess.run(
        [*DOCKD, "status", "--url", agent.url], capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=30, check=True
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0] == "Test Street rack 7: 1 ready, 1 needs action. The central store cannot be reached."
    told = "! bay 1: Camera CAM (PC Jones) left with 2 segments not yet in the store. They are safe on this dock. Put it back into any bay. (since "
    first = next(line for line in lines if line.startswith(told))
    store = next(line for line in lines if line.startswith("! The central store cannot be reached."))
    assert lines.index(store) < lines.index(first), "what is of the whole rack stands first"
    (bay,) = [line for line in lines if line.startswith("bay   2")]
    assert "OTHER (PC Smith)" in bay
