"""The largest file that a FAT32 card can hold, and ten thousand of the smallest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bad_input import said
from tests.oracle import Witness
from tests.program import Dock, filled, store_at

LARGEST = (4 << 30) - 1


@pytest.mark.soak
@pytest.mark.soak_short
@pytest.mark.timeout(300)
def test_a_file_of_4_gib_less_one_byte(tmp_path: Path) -> None:
    """Sparse but for its ends, so that a byte lost at either would be seen."""
    room = os.statvfs(tmp_path)
    if room.f_bavail * room.f_frsize < 12 << 30:
        pytest.skip("this disk has no 12 GiB free")
    camera = tmp_path / "CAM"
    camera.mkdir()
    with (camera / "MOV_0001.MP4").open("wb") as file:
        file.write(os.urandom(5000))
        file.seek(LARGEST - 3333)
        file.write(os.urandom(3333))
    with store_at(tmp_path / "store") as store:
        dock = Dock(state=tmp_path / "state", url=store.url)
        witness = Witness(spool=dock.spool, store=store.root)
        witness.remember(camera)
        run = dock.ingest(camera, options=("--wipe", "--json"), timeout=240)
        said(run, "large")
        assert run.document["bytes"]["wiped"] == LARGEST
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_ten_thousand_empty_files(tmp_path: Path) -> None:
    _empty_files(10_000, tmp_path)


@pytest.mark.soak_short
@pytest.mark.timeout(300)
def test_a_thousand_empty_files(tmp_path: Path) -> None:
    """A tenth of the above for every build: what grows faster than their number would show in `timeout` there."""
    _empty_files(1_000, tmp_path, folder=500)


def _empty_files(count: int, tmp_path: Path, *, folder: int = 1000) -> None:
    camera = filled(tmp_path / "CAM", {f"{number // folder}/{number:05d}": b"" for number in range(count)})
    with store_at(tmp_path / "store") as store:
        dock = Dock(state=tmp_path / "state", url=store.url)
        witness = Witness(spool=dock.spool, store=store.root)
        witness.remember(camera)
        run = dock.ingest(camera, options=("--wipe", "--json"), timeout=880)
        said(run, "ten thousand")
        assert run.document["segments"]["wiped"] == count
        assert (witness.emptied(), witness.delivered(), witness.faults()) == ([], [], [])
    assert len(list(camera.iterdir())) == count // folder
