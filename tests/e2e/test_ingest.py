"""`dockd ingest` as it is meant to be used: once, twice, without --wipe, with several cameras, by programs that read its JSON."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from tests.oracle import Witness, always
from tests.program import Dock, StoreProcess, filled

_CHANCE = random.Random(5)


def a_shift(folder: Path, *, files: int = 12) -> Path:
    """A camera after a shift: folders, sidecars, sizes around what the byte engine treats differently."""
    sizes = [0, 1, 511, 4095, 4096, 4097, 100_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20, 9_000_001]
    content = {f"DCIM/{100 + n // 5}MEDIA/DOC_{n:04d}.MP4": _CHANCE.randbytes(sizes[n % 12]) for n in range(files)}
    return filled(
        folder, content | {"DCIM/100MEDIA/DOC_0000.MP4.json": b"{}", ".hidden": b"dot", "System/log.txt": b"log"}
    )


def test_a_shift_goes_to_the_store_and_leaves_the_camera(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    camera = a_shift(tmp_path / "CAM")
    folders = sorted(path for path in camera.rglob("*") if path.is_dir())
    sizes = [path.stat().st_size for path in camera.rglob("*") if path.is_file()]
    witness.remember(camera)
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.err, run.out.count("\n")) == (0, "", 1), run.said
    counts = {"listed": 15, "copied": 15, "confirmed": 15, "wiped": 15, "held": 0}
    document = run.document
    assert document["segments"] == counts
    assert document["bytes"] == {name: sum(sizes) if name != "held" else 0 for name in counts}
    assert (document["held"], document["failures"], document["notes"]) == ([], [], [])
    assert (document["store"]["url"], document["store"]["honest"]) == (dock.url, True)
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert sorted(path for path in camera.rglob("*") if path.is_dir()) == folders
    assert os.listdir(dock.spool) == []
    assert dock.custody_faults() == ""
    assert dock.command("reconcile").code == 0


def test_run_again_it_does_nothing(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    camera = a_shift(tmp_path / "CAM", files=3)
    witness.remember(camera)
    assert dock.ingest(camera).code == 0
    objects = sorted((witness.store / "objects").rglob("*"))
    again = dock.ingest(camera, options=("--wipe", "--json"))
    assert (again.code, again.err) == (0, "")
    assert set(again.document["segments"].values()) == {0}
    assert sorted((witness.store / "objects").rglob("*")) == objects


def test_without_wipe_nothing_on_the_camera_is_touched(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    camera = a_shift(tmp_path / "CAM", files=3)
    witness.remember(camera)
    for _ in range(2):
        run = dock.ingest(camera, options=("--json",))
        assert run.code == 0, run.said
        assert run.document["segments"] == {"listed": 6, "copied": 6, "confirmed": 6, "wiped": 0, "held": 0}
        assert (witness.faults(), witness.delivered(), len(witness.emptied())) == ([], [], 6)
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["wiped"]) == (0, 6), run.said
    assert (witness.faults(), witness.emptied()) == ([], [])
    stored = [path for path in witness.store.rglob("objects/??/*.json") if dock.url]
    assert len(stored) >= 6


def test_several_cameras_at_once(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    cameras = [a_shift(tmp_path / f"CAM{n}", files=2) for n in range(5)]
    witness.remember(*cameras)
    run = dock.ingest(*cameras, options=("--wipe", "--parallel", "3"))
    assert run.code == 0, run.said
    assert run.out.startswith("25 segments (")
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_footage_that_comes_later_goes_later(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    camera = a_shift(tmp_path / "CAM", files=1)
    for shift in range(3):
        (camera / "same-name.mp4").write_bytes(_CHANCE.randbytes(3000 + shift % 2))
        witness.remember(camera)
        run = dock.ingest(camera)
        assert run.code == 0, run.said
        assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])


def test_the_very_same_file_put_back_is_wiped_again(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    """Restored from a backup: the same bytes at the same place are the same segment, proven anew before they go."""
    content = _CHANCE.randbytes(5000)
    camera = filled(tmp_path / "CAM", {"a.mp4": content})
    witness.remember(camera)
    assert dock.ingest(camera).code == 0
    (camera / "a.mp4").write_bytes(content)
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["wiped"]) == (0, 1), run.said
    assert (witness.faults(), witness.emptied()) == ([], [])


def test_a_camera_that_left_before_the_store_had_its_footage_is_wiped_at_its_next_visit(
    dock: Dock, witness: Witness, tmp_path: Path, store: StoreProcess
) -> None:
    camera, other = a_shift(tmp_path / "CAM", files=4), filled(tmp_path / "OTHER", {"x": b"x"})
    witness.remember(camera, other)
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    assert away.ingest(camera, options=("--wipe", "--wait", "0 s")).code == 3
    run = dock.ingest(other, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["confirmed"]) == (0, 8), (
        "what was left over is delivered too: " + run.said
    )
    assert len(witness.emptied()) == 7
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["wiped"]) == (0, 7), run.said
    assert (witness.faults(), witness.emptied(), witness.delivered()) == ([], [], [])
    assert store.alive


@pytest.mark.parametrize("how", ["link", "dots", "trailing slash", "relative"])
def test_one_camera_however_it_is_written(how: str, dock: Dock, witness: Witness, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": b"x"})
    (tmp_path / "link").symlink_to(camera)
    written = {
        "link": str(tmp_path / "link"), "dots": f"{tmp_path}/./CAM/../CAM", "trailing slash": f"{camera}/",
        "relative": os.path.relpath(camera, Path(__file__).parents[2]),
    }[how]  # fmt: skip
    witness.remember(camera)
    assert dock.ingest(written, options=()).code == 0
    run = dock.ingest(camera, options=("--wipe", "--json"))
    assert (run.code, run.document["segments"]["wiped"]) == (0, 1)
    documents = [
        path for path in (witness.store / "objects").glob("??/*") if path.suffix == "" and path.read_bytes() == b"x"
    ]
    assert documents
    always(witness.faults)


def test_the_store_has_the_bytes_under_their_digest(dock: Dock, witness: Witness, tmp_path: Path) -> None:
    content = _CHANCE.randbytes(70_000)
    camera = filled(tmp_path / "CAM", {"a.mp4": content})
    witness.remember(camera)
    assert dock.ingest(camera).code == 0
    digest = hashlib.sha256(content).hexdigest()
    show = dock.command("custody", "export", "--format", "jsonl")
    assert show.code == 0, show.said
    assert digest in show.out
