"""A ledger with each set of tables that there ever was, made by a program of that time with half-sent uploads, is taken over by today's."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.program import kill_group
from tests.upgrade.commits import OF_EACH_SCHEMA, at_commit
from tests.upgrade.judging import all_is_well
from tests.upgrade.scene import TODAY, rack_with

MIB = 1 << 20
CAMERAS = {"CAM01": (400_001, 0, 300_000), "CAM02": (2 * MIB, MIB + 5)}


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("commit", OF_EACH_SCHEMA)
def test_a_ledger_of_each_schema_goes_on(tmp_path: Path, commit: str) -> None:
    program = at_commit(commit, tmp_path).dockd
    with rack_with(tmp_path, CAMERAS, chance=random.Random(commit)) as rack, rack.store(TODAY):
        with rack.agent(program) as agent:
            rack.until(lambda: rack.share() > 0.3, "a part of it is sent")
            kill_group(agent)
            agent.wait(30)
        entries = rack.entries(program)
        with rack.agent(TODAY):
            rack.until(lambda: not rack.on_cameras(), "the cameras are emptied")
            rack.until(lambda: not rack.spooled(), "the spool is given back")
        all_is_well(rack, entries)
        assert not list(rack.state.glob("ledger.db.damaged-*"))
