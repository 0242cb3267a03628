"""A store that was put back from an older copy, beside a running agent: the page says so until a person has pinned it anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.agent import Running, running
from tests.program import Dock, store_at

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(180)]


def problems(agent: Running) -> set[str]:
    return {one["problem"] for one in agent.api("/problems")["problems"]}


def test_it_is_a_problem_until_a_person_has_seen_it(tmp_path: Path) -> None:
    with store_at(tmp_path / "central") as store:
        with running(tmp_path, store.url) as agent:
            agent.dock("CAM0", {"a.mp4": b"a" * 1000})
            agent.until_state("CAM0", "ready")
            store.stop()
            shutil.copytree(store.root, tmp_path / "backup")
            store.start()
            agent.dock("CAM1", {"b.mp4": b"b" * 1000})
            agent.until_state("CAM1", "ready")
            store.stop()
            shutil.rmtree(store.root)
            shutil.copytree(tmp_path / "backup", store.root)
            store.start()
            agent.dock("CAM2", {"c.mp4": b"c" * 1000})
            agent.until(lambda: "store_went_back" in problems(agent), "the store went back")
            agent.until_logged("store.went_back")
            agent.until(
                lambda: "footage_lost" in problems(agent) or "footage_in_doubt" in problems(agent), "b is not there"
            )
            assert agent.stop().code == 0
        with running(tmp_path, store.url) as agent:
            assert "store_went_back" in problems(agent), "a restart is no reason to believe it"
            assert agent.stop().code == 0
        dock = Dock(state=tmp_path / "state", url=store.url)
        pinned = dock.command("store", "pin", "--yes", "--store", store.url)
        assert pinned.code == 0, pinned.said
        with running(tmp_path, store.url) as agent:
            assert "store_went_back" not in problems(agent)
