"""From the first issue's commit to today's, with a live ledger and half-sent uploads: nothing lost, nothing sent twice (issue 7, Show 5)."""

from __future__ import annotations

import random
from pathlib import Path

from tests.program import kill_group
from tests.upgrade.first_commit import Installed
from tests.upgrade.judging import all_is_well
from tests.upgrade.scene import TODAY, rack_with

MIB = 1 << 20
CAMERAS = {"CAM01": (700_001, 0, 300_000), "CAM02": (3 * MIB, 2 * MIB + 5), "CAM03": (2 * MIB, 64)}


def test_half_sent_uploads_go_on_in_the_newer_version(tmp_path: Path, before: Installed) -> None:
    """One camera is out while it is upgraded: its footage is in the spool alone, as far as the dock knows."""
    with rack_with(tmp_path, CAMERAS, chance=random.Random(7)) as rack:
        gone = {digest for (camera, _), digest in rack.digests.items() if camera == "CAM03"}
        with rack.store(before.dockd):
            with rack.agent(before.dockd) as agent:
                rack.until(lambda: gone <= rack.spooled(), "CAM03 is copied")
                rack.take_out("CAM03")
                rack.until(lambda: rack.share() > 0.3, "a part of it is sent")
                kill_group(agent)
                agent.wait(30)
            entries = rack.entries(before.dockd)
            assert any(one.passed > 0 and one.status == 0 for sent in rack.footage_sent().values() for one in sent)
            with rack.agent(TODAY):
                rack.until(lambda: not rack.on_cameras(), "the cameras that are there are emptied")
                rack.put_in("CAM03")
                rack.until(lambda: not rack.on_cameras(), "CAM03 is emptied")
                rack.until(lambda: not rack.spooled(), "the spool is given back")
        all_is_well(rack, entries)
