"""`dockd reconcile` on real ledgers: after a whole run, with footage left, with footage lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dockd.demo.footage import build_tree
from ingest.central.app import CentralStore


def dockd(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dockd", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


async def two_cameras(folder: Path) -> None:
    """CAM01 goes all the way; CAM02's footage comes when there is no store."""
    build_tree(folder / "CAM01", files=3, total_bytes=5 << 20, seed=1)
    build_tree(folder / "CAM02", files=2, total_bytes=4 << 20, seed=2)
    words = ("--wipe", "--keep-free", "1 B", "--state", folder / "state")
    async with CentralStore(folder / "store") as store:
        first = await asyncio.to_thread(
            dockd, "ingest", folder / "CAM01", "--camera", "CAM01", "--store", store.url, *words
        )
        assert first.returncode == 0, first.stderr
    second = await asyncio.to_thread(
        dockd, "ingest", folder / "CAM02", "--camera", "CAM02", "--store", store.url, "--wait", "0 s", *words
    )
    assert second.returncode == 3, second.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    asyncio.run(two_cameras(folder))
    return folder / "state"


def test_a_camera_that_went_all_the_way(state: Path) -> None:
    told = dockd("reconcile", "--camera", "CAM01", "--json", "--state", state)
    assert (told.returncode, told.stderr, told.stdout.count("\n")) == (0, "", 1)
    document = json.loads(told.stdout)
    assert (document["balances"], document["complete"], document["open"]) == (True, True, [])
    (camera,) = document["cameras"]
    assert camera["camera"] == "CAM01"
    assert camera["segments"] == {"listed": 3, "copied": 3, "confirmed": 3, "wiped": 3, "held": 0, "left": 0, "lost": 0}
    assert set(camera["bytes"].values()) == {5 << 20, 0}
    assert document["total"] == {"segments": camera["segments"], "bytes": camera["bytes"]}
    told = dockd("reconcile", "--camera", "CAM01", "--state", state)
    assert told.stdout.splitlines()[-1] == (
        "balances: 3 listed = 3 confirmed + 0 held + 0 left (5,242,880 bytes listed, 5,242,880 confirmed); "
        "everything is proven in the store"
    )


def test_what_is_left_is_named_to_the_byte(state: Path) -> None:
    told = dockd("reconcile", "--state", state)
    assert told.returncode == 1
    assert "left (on its way, not proven in the store yet): DCIM/100MEDIA/DOC_0001.MP4 of camera CAM02" in told.stdout
    assert told.stdout.splitlines()[-1].startswith(
        "balances, but not everything is proven in the store yet: 5 listed = "
    )
    document = json.loads(dockd("reconcile", "--json", "--state", state).stdout)
    total = document["total"]
    assert (total["segments"]["confirmed"], total["segments"]["left"]) == (3, 2)
    assert (total["bytes"]["confirmed"], total["bytes"]["left"], total["bytes"]["listed"]) == (
        5 << 20,
        4 << 20,
        9 << 20,
    )
    assert (document["balances"], document["complete"]) == (True, False)
    assert {one["state"] for one in document["open"]} == {"left"}
    by_docking = {
        one["camera"]: (one["segments"]["confirmed"], one["segments"]["left"], one["bytes"]["listed"])
        for one in document["dockings"]
    }
    assert by_docking == {"CAM01": (3, 0, 5 << 20), "CAM02": (0, 2, 4 << 20)}
    assert [one["listing"]["files"] for one in document["dockings"]] == [0, 2]  # the last listing of CAM01 saw it empty
    for kind, amount in total["bytes"].items():
        assert sum(one["bytes"][kind] for one in document["shifts"]) == amount


def test_a_ledger_that_says_more_than_its_record(state: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(state, tmp_path / "state"))
    with closing(sqlite3.connect(copy / "ledger.db", isolation_level=None)) as forger:
        forger.execute("UPDATE segments SET in_store = 1, in_spool = 0 WHERE camera = 'CAM02'")
    told = dockd("reconcile", "--state", copy)
    assert told.returncode == 1
    assert "DIFFERENCE: camera CAM02: segment " in told.stdout
    assert told.stdout.splitlines()[-1].startswith("DOES NOT BALANCE: the ledger and its record disagree")
    assert json.loads(dockd("reconcile", "--json", "--state", copy).stdout)["balances"] is False


def test_no_ledger_and_no_such_camera(state: Path, tmp_path: Path) -> None:
    told = dockd("reconcile", "--state", tmp_path / "nothing")
    assert (told.returncode, told.stdout) == (3, "")
    told = dockd("reconcile", "--camera", "CAM99", "--state", state)
    assert told.returncode == 1
    assert "no camera 'CAM99' is in this ledger" in told.stderr


def test_a_damaged_file_is_said_and_no_traceback(state: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(state, tmp_path / "state"))
    with (copy / "ledger.db").open("r+b") as file:
        size = file.seek(0, 2)
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    for command in (("reconcile",), ("custody", "verify"), ("custody", "show", "x"), ("custody", "export")):
        told = dockd(*command, "--state", copy)
        assert told.returncode in (1, 3), command
        assert "damaged" in told.stdout + told.stderr
        assert "Traceback" not in told.stderr
