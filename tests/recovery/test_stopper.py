"""The stopper counts what it says, ends what it says, and the call that it was to stop at is not made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import REPOSITORY, environment
from tests.recovery.every_stop import needs_stopper

PROGRAM = """
import os, subprocess, sys, threading

def sync(name):
    with open(name, "wb") as file:
        os.fsync(file.fileno())

for name in ("one", "two"):
    thread = threading.Thread(target=sync, args=(name,))
    thread.start()
    thread.join()
sync("three")
child = subprocess.run([sys.executable, "-S", "-c", "import os; os.rename('one', 'ONE'); os.rename('two', 'TWO')", "ingest.worker"])
os.rename("three", "THREE" if child.returncode == 0 else "survived")
sys.exit(7)
"""


def run(folder: Path, *words: str) -> tuple[int, list[str], set[str]]:
    """Exit code, the log's lines with their paths cut to names, and what lies in the folder afterwards."""
    needs_stopper()
    there = folder / "there"
    there.mkdir()
    command = [sys.executable, "-S", "-P", "-m", "tests.recovery.stopper", "--log", str(folder / "log"), *words]
    done = subprocess.run(
        [*command, "--", sys.executable, "-S", "-c", PROGRAM], cwd=there, env=environment(PYTHONPATH=str(REPOSITORY)),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    lines = [line.replace(f"{there}/", "") for line in (folder / "log").read_text().splitlines()]
    return done.returncode, lines, {path.name for path in there.iterdir()}


WHOLE = [
    "agent fsync one", "agent fsync two", "agent fsync three", "worker rename one", "worker rename two", "agent rename three",
]  # fmt: skip


def test_counts_over_all_threads_and_processes(tmp_path: Path) -> None:
    assert run(tmp_path) == (7, WHOLE, {"ONE", "TWO", "THREE"})


def test_what_is_not_reached_stops_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "--at", "agent:fsync:4") == (7, WHOLE, {"ONE", "TWO", "THREE"})


@pytest.mark.parametrize("number", [1, 2, 3])
def test_ends_before_the_call_whichever_thread_makes_it(number: int, tmp_path: Path) -> None:
    found = run(tmp_path, "--at", f"agent:fsync:{number}")
    assert found == (-9, [*WHOLE[:number], "stopped"], {"one", "two", "three"} - set(("two", "three")[number - 1 :]))


def test_ends_all_of_it_from_within_a_child(tmp_path: Path) -> None:
    assert run(tmp_path, "--at", "worker:rename:2") == (-9, [*WHOLE[:5], "stopped"], {"ONE", "two", "three"})


def test_ends_a_child_alone(tmp_path: Path) -> None:
    assert run(tmp_path, "--at", "worker:rename:2", "--alone") == (7, [*WHOLE, "stopped"], {"ONE", "two", "survived"})
