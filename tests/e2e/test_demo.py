"""`dockd demo` as people and builds run it: the whole story in seconds, judged from outside as well."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dockd.demo.boxes import BrokenFileError, outermost_boxes
from dockd.demo.plan import QUICK, parts
from dockd.demo.shift import record_shift


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "dockd", "demo", "--quick", "--port", "0", *map(str, words)]


@contextmanager
def started(*words: str | Path, tmp: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*words: str | Path, tmp: Path) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"TMPDIR": str(tmp)}
    return subprocess.run(command(*words), capture_output=True, text=True, check=False, timeout=85, env=environ)


def children_of(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def lines_until(process: subprocess.Popen[str], words: str) -> list[str]:
    assert process.stdout is not None
    found = []
    for line in process.stdout:
        found.append(line.rstrip("\n"))
        if words in line:
            return found
    raise AssertionError(f"it ended without saying {words!r}: {found}")


@pytest.mark.timeout(180)
def test_the_whole_story_ends_well_and_so_does_a_second_shift_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    told = run("--cameras", "5", "--dir", folder, "--exit-when-done", tmp=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0].startswith("dockd demo: http://127.0.0.1:")
    assert str(folder) in lines[1]
    text = told.stdout
    for part in (
        "camera BW-1002 is pulled out of bay 2 in the middle of it",
        "camera BW-1002 left bay 2 before its footage was proven in the store: put it back",
        "Camera BW-1002 was taken out ",
        "camera BW-1002 is put back",
        "camera BW-1003: its clock was -11520 s off and was set",
        "the central store is switched off",
        "the page says that the store cannot be reached",
        "the page says that the store is connected",
        "seen from outside: 36 files with ",
        "the record of what happened is whole: ",
        "it balances: 36 listed = 36 confirmed",
        "the story ended well: all 5 cameras became ready, ",
    ):
        assert part in text, part
    assert sum("may be taken. All " in line for line in lines) == 5
    the_store_has_it_and_the_cameras_have_nothing(folder, files=36)
    told = run("--cameras", "1", "--dir", folder, "--exit-when-done", tmp=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "seen from outside: 24 files" in told.stdout  # both shifts of the one camera that came
    the_store_has_it_and_the_cameras_have_nothing(folder, files=48)


def the_store_has_it_and_the_cameras_have_nothing(folder: Path, *, files: int) -> None:
    """Not the demo's own word: the list of what was recorded against every file of the store's folder that has such bytes."""
    recorded = [json.loads(line) for line in (folder / "recorded.jsonl").read_text().splitlines()]
    there = Counter(_sha256(path) for path in (folder / "store").rglob("*") if path.is_file())
    assert len(recorded) == files
    assert not Counter(one["sha256"] for one in recorded) - there
    assert [path for path in (folder / "cameras").rglob("*") if path.is_file()] == []


def test_what_was_recorded_is_playable_but_for_the_one_that_a_battery_cut(tmp_path: Path) -> None:
    cut, sidecars, lengths, contents = [], 0, set(), set()
    for part in parts(QUICK, cameras=5, shift=1):
        made = record_shift(tmp_path / part.serial, part, shift=1, began_at=datetime(2026, 1, 9, tzinfo=UTC))
        for one in made:
            path = tmp_path / part.serial / one.path
            if path.suffix == ".json":
                sidecars += json.loads(path.read_text())["sha256"] == _sha256(path.with_suffix(".MP4"))
                continue
            lengths.add(one.size)
            contents.add(one.sha256)
            try:
                assert "moov" in {box.type for box in outermost_boxes(path)}
            except BrokenFileError:
                cut.append(part)
    assert sidecars == 6
    assert len(contents) == 30
    assert len(lengths) > 15
    assert len(cut) == 1
    assert "flat" in cut[0].roles


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_more_cameras_than_bays_take_turns(tmp_path: Path) -> None:
    told = run("--bays", "2", "--cameras", "4", "--exit-when-done", tmp=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "all 4 cameras became ready" in told.stdout
    assert os.listdir(tmp_path) == []


def test_the_page_is_there_and_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    with started("--bays", "3", "--cameras", "1", tmp=tmp_path) as process:
        url = lines_until(process, "dockd demo: ")[-1].removeprefix("dockd demo: ")
        assert len(get(f"{url}/api/v1/bays")["bays"]) == 3
        lines_until(process, "Ctrl-C ends the demo")
        status = get(f"{url}/api/v1/status")
        assert (status["bays_total"], status["ready"]) == (3, 1)
        below = children_of(process.pid)
        assert below
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "demo: ended by Ctrl-C; everything was removed\n"
    assert os.listdir(tmp_path) == []
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_in_the_middle(tmp_path: Path) -> None:
    with started("--cameras", "5", "--dir", tmp_path / "demo", tmp=tmp_path) as process:
        lines_until(process, "was docked in bay 1")
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == f"demo: ended by Ctrl-C; everything is in {tmp_path}/demo\n"
    assert (tmp_path / "demo" / "state" / "ledger.db").exists()


def test_a_folder_with_other_peoples_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    told = run("--dir", tmp_path, "--exit-when-done", tmp=tmp_path)
    assert (told.returncode, told.stdout) == (2, "")
    assert "is not empty, and no demo made what is in it" in told.stderr
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        told = run("--port", str(port), "--exit-when-done", tmp=tmp_path)
    assert (told.returncode, told.stdout) == (3, "")
    assert f"the page cannot have 127.0.0.1:{port}" in told.stderr
    assert os.listdir(tmp_path) == []
