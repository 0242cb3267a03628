"""The same upgrade, killed and stopped at many moments, before older and newer stores, and cut once more in the newer version."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.program import kill_group
from tests.upgrade.first_commit import Installed
from tests.upgrade.judging import all_is_well
from tests.upgrade.scene import TODAY, rack_with

MIB = 1 << 20
SEEDS = range(9)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_cut_at_a_moment_by_chance(tmp_path: Path, before: Installed, seed: int) -> None:
    """By `seed`: the store stays old, was new all along, or is upgraded with the dock; the agent is killed, told to end, or loses its store first."""
    chance = random.Random(seed)
    cameras = {
        f"CAM{number:02d}": [chance.choice((64, 70_001, MIB, 2 * MIB + 5)) for _ in range(4)] for number in range(1, 4)
    }
    stores = [(before.dockd, before.dockd), (TODAY, TODAY), (before.dockd, TODAY)][seed % 3]
    cameras["CAM01"].append(0)  # one alone: what was sent is told apart by its content
    with rack_with(tmp_path, cameras, chance=chance) as rack:
        share, again = chance.uniform(0.05, 0.9), chance.uniform(0.0, 0.95)
        with rack.store(stores[0]) as store, rack.agent(before.dockd) as agent:
            rack.until(lambda: rack.share() >= share, f"{share:.0%} is sent")
            if seed // 3 == 1:
                kill_group(store)
            if seed // 3 == 2:
                agent.send_signal(signal.SIGTERM)
                assert agent.wait(30) == 0
        entries = rack.entries(before.dockd)
        with rack.store(stores[1]):
            with rack.agent(TODAY):
                rack.until(lambda: rack.share() >= again or not rack.on_cameras(), f"{again:.0%} is sent")
            with rack.agent(TODAY):
                rack.until(lambda: not rack.on_cameras(), "the cameras are emptied")
                rack.until(lambda: not rack.spooled(), "the spool is given back")
        all_is_well(rack, entries)


@pytest.mark.timeout(300)
def test_the_first_commit_s_own_program_leaves_a_newer_ledger_alone(tmp_path: Path, before: Installed) -> None:
    with rack_with(tmp_path, {"CAM01": (MIB,)}, chance=random.Random(1)) as rack, rack.store(TODAY):
        with rack.agent(TODAY):
            rack.until(lambda: not rack.on_cameras(), "the camera is emptied")
        entries = rack.entries()
        with pytest.raises(AssertionError, match="written by a newer dockd"), rack.agent(before.dockd):
            pass
        assert rack.entries() == entries
        assert rack.command("custody", "verify").code == 0
        assert not list(rack.state.glob("ledger.db.damaged-*"))
