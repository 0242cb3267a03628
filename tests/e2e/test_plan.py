"""`dockd plan` as a program: a table, a plot, a verdict and an exit code, with nothing but itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.program import DOCKD, REPOSITORY, environment


def test_a_plan_on_a_machine_without_anything(tmp_path: Path) -> None:
    words = [
        "--zone",
        "Europe/London",
        "--from",
        "2026-03-27",
        "--days",
        "4",
        "--timetable",
        "Mon-Fri 07:00-19:00 10 Mbit/s",
    ]
    command = [*DOCKD, "plan", *words, "--link", "40 Mbit/s", "--svg", str(tmp_path / "plan.svg"), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == 1
    found = json.loads(done.stdout)
    late = [shift["docked_at"] for shift in found["shifts"] if not shift["in_time"]]
    assert late == ["2026-03-27T06:00:00.000Z", "2026-03-30T05:00:00.000Z"]  # at 06:00 on the wall, both
    assert (tmp_path / "plan.svg").read_text().startswith("<svg ")
