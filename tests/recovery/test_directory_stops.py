"""A process that brings a segment to a share is ended before each call that changes something there; what is left is gone on with.

All stops of whole docks are in tests/soak/test_directory.py.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ingest.store.porter.share import Share
from tests.program import REPOSITORY, environment
from tests.recovery.bring_to_share import PLACE, bring
from tests.recovery.every_stop import Kind, made_in, needs_stopper, under_stopper

CONTENT = bytes(range(256)) * 300
CALLS = ("mkdir", "fsync", "fdatasync", "pwrite64", "rename", "unlink")


def run(folder: Path, *, at: tuple[Kind, int] | None = None) -> tuple[int, Counter[tuple[str, str]]]:
    folder.mkdir()
    (folder / "share").mkdir()
    (folder / "file").write_bytes(CONTENT)
    words = (*under_stopper(folder / "log", at=at), sys.executable, "-m", "tests.recovery.bring_to_share", str(folder / "share"), str(folder / "file"))  # fmt: skip
    done = subprocess.run(words, cwd=REPOSITORY, env=environment(), capture_output=True, check=False)
    return done.returncode, made_in(folder / "log")


def looks_right(share: Path) -> None:
    """Under its own name there is nothing, or all of it."""
    path = share / os.fsdecode(PLACE)
    assert not path.exists() or path.read_bytes() == CONTENT


def goes_on(share: Path) -> None:
    """Brought again it ends as if nothing had been, under the one name."""
    assert bring(share, CONTENT) == PLACE
    looks_right(share)
    assert sorted(path.name for path in (share / os.fsdecode(PLACE)).parent.iterdir())[0].endswith("0123456789abcdef")
    left = [name for name in os.listdir(share / ".dockd/incoming") if not name.endswith(".tmp")]
    assert left == []


def stopped(folder: Path, call: str, number: int) -> None:
    code, _made = run(folder, at=(Kind(role="agent", call=call), number))
    assert code == -signal.SIGKILL, (call, number)
    looks_right(folder / "share")
    with Share.opened(bytes(folder / "share")) as share:
        assert share.marker is None or len(share.marker) == 32
    goes_on(folder / "share")


@pytest.mark.timeout(120)
def test_ended_before_its_calls(tmp_path: Path) -> None:
    """Every tenth of them here; all are in tests/soak/test_directory.py."""
    needs_stopper()
    code, made = run(tmp_path / "counted")
    assert code == 0
    every = [(call, number) for call in CALLS for number in range(1, made["agent", call] + 1)]
    assert {call for call, _number in every} == set(CALLS)
    for at, (call, number) in enumerate(every):
        if at % 10 == 3:
            stopped(tmp_path / f"{call}-{number}", call, number)


def test_the_order_of_what_makes_it_durable(tmp_path: Path) -> None:
    """Bytes before the journal that counts them, all bytes before the name, the name before the journal's end."""
    needs_stopper()
    code, _made = run(tmp_path / "run")
    assert code == 0
    name = PLACE.rpartition(b"/")[2].decode()
    calls = [
        (line.split(" ", 2)[1], line.rpartition("/")[2]) for line in (tmp_path / "run/log").read_text().splitlines()
    ]
    part, at, final = name + ".part", name + ".at", name
    named = calls.index(("rename", part))
    synced = [number for number, one in enumerate(calls) if one == ("fdatasync", part)]
    counted = [number for number, one in enumerate(calls) if one == ("pwrite64", at)]
    assert len(synced) == 2 == len(counted) - 1
    assert counted[0] < synced[0] < counted[1] < synced[1] < counted[2] < named
    assert [one for number, one in enumerate(calls) if one == ("fsync", part) and counted[2] < number < named]
    assert calls.index(("unlink", at)) > calls.index(("fsync", final)) > named
    assert [one for one in calls[named : calls.index(("unlink", at))] if one == ("fsync", "CAM01")]


def test_what_is_brought_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    assert bring(tmp_path / "share", CONTENT) == bring(tmp_path / "share", CONTENT) == PLACE
    assert (
        hashlib.sha256((tmp_path / "share" / os.fsdecode(PLACE)).read_bytes()).digest()
        == hashlib.sha256(CONTENT).digest()
    )
