"""Exit code 0 means that everything is so. What is only nearly so gets 1, and the reason in words."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle import Witness
from tests.program import Dock, filled


@contextlib.contextmanager
def rewritten(path: Path) -> Iterator[None]:
    """Somebody writes into the file all the time; its size stays."""
    over = threading.Event()

    def write() -> None:
        fd = os.open(path, os.O_WRONLY)
        try:
            while not over.wait(0.0005):
                os.pwrite(fd, os.urandom(64), 0)
        finally:
            os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("options", [(), ("--wipe",)], ids=["kept", "wiped"])
def test_new_footage_under_an_old_name_that_cannot_be_read_is_not_all_well(
    dock: Dock, witness: Witness, tmp_path: Path, options: tuple[str, ...]
) -> None:
    camera = filled(tmp_path / "CAM", {"MOV_0001.MP4": os.urandom(3 << 20)})
    witness.remember(camera)
    assert dock.ingest(camera, options=("--wipe",)).code == 0
    filled(camera, {"MOV_0001.MP4": os.urandom(3 << 20)})
    with rewritten(camera / "MOV_0001.MP4"):
        run = dock.ingest(camera, options=options)
    assert run.code == 1, run.said
    assert "MOV_0001.MP4" in run.err, run.said
    assert (camera / "MOV_0001.MP4").exists()


def test_what_the_start_finds_lost_is_not_all_well(dock: Dock, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": b"a" * 5000, "b.mp4": b"b" * 5000})
    away = Dock(state=dock.state, url="http://127.0.0.1:9")
    assert away.ingest(camera, options=("--wait", "0 s")).code == 3
    (camera / "a.mp4").unlink()
    assert away.ingest(camera, options=("--wait", "0 s")).code == 3
    for copy in dock.spool.iterdir():
        copy.unlink()
    run = dock.ingest(camera)
    assert run.code == 1, run.said
    assert "no copy is left anywhere" in run.err, run.said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_filesystem_below_a_camera_hides_what_lies_on_it(dock: Dock, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM", {"a.mp4": b"a" * 5000})
    inner = camera / "card2"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", inner], check=True)
    try:
        (inner / "b.mp4").write_bytes(b"b" * 5000)
        run = dock.ingest(camera, options=("--wipe",))
    finally:
        subprocess.run(["umount", inner], check=True)
    assert run.code == 1, run.said
    assert "card2" in run.err, run.said
    assert (camera / "a.mp4").exists()
