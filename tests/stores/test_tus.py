"""Servers and clients that nobody here wrote: dockd to a real tus server, servers that lose bytes when they are killed, and a real tus client."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Dock, StoreProcess, filled, store_at
from tests.stores.tus_servers.killing import rounds
from tests.stores.tus_servers.servers import HERE, RealStore, installed, real_store

pytestmark = pytest.mark.timeout(360)  # the first time they are installed
OPTIONS = ("--wipe", "--wait", "20 s", "--json")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with store_at(tmp_path_factory.mktemp("central") / "store") as running:
        yield running


@pytest.fixture(scope="module")
def tus_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStore]:
    with real_store("tus-node", tmp_path_factory.mktemp("tus-node") / "far") as server:
        yield server


def test_a_camera_is_wiped_by_read_back(tus_node: RealStore, tmp_path: Path) -> None:
    files = {f"DCIM/{number}.mp4": os.urandom(number * 500_000) for number in range(6)}
    camera = filled(tmp_path / "CAM01", files)
    dock = Dock(state=tmp_path / "state", url=tus_node.url)
    found = dock.ingest(camera, options=OPTIONS)
    assert found.code == 0, found.said
    assert [path for path in camera.rglob("*") if path.is_file()] == []
    held = tus_node.contents()
    assert all(hashlib.sha256(content).hexdigest() in held for content in files.values())
    assert (
        len(list((dock.state / "spool").glob("*"))) > 0
    )  # no promise of durability: the spool waits for a second look
    assert dock.custody_faults() == ""


@pytest.mark.parametrize(
    ("name", "by_filename"),
    [("tus-node", True), ("tus-node", False), ("uploadx", False)],  # uploadx knows a file by its name and size
    ids=["tus-node by filename", "tus-node", "uploadx"],
)
def test_cameras_that_use_one_name_keep_their_footage_apart(name: str, by_filename: bool, tmp_path: Path) -> None:
    cameras = [filled(tmp_path / one, {"DCIM/MOV_0001.MP4": os.urandom(300_000)}) for one in ("CAM01", "CAM02")]
    wanted = {hashlib.sha256((camera / "DCIM/MOV_0001.MP4").read_bytes()).hexdigest() for camera in cameras}
    with real_store(name, tmp_path / "far", readable=True, by_filename=by_filename) as server:
        dock = Dock(state=tmp_path / "state", url=server.url)
        for camera in cameras:
            found = dock.ingest(camera, options=OPTIONS)
            assert found.code == 0, found.said
            assert not (camera / "DCIM/MOV_0001.MP4").exists()
        assert wanted <= server.contents()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "uploadx",
            "the store answered 404 when its bytes were asked back: they are not there, or it does not give them",
        ),
        ("tuspyserver", "it announces no proof and cannot be read, so that nothing it takes can be proven"),
    ],
)
def test_what_cannot_be_read_back_is_never_proven(name: str, said: str, tmp_path: Path) -> None:
    camera = filled(tmp_path / "CAM01", {"a.mp4": os.urandom(300_000), "b.mp4": b"footage"})
    with real_store(name, tmp_path / "far") as server:
        found = Dock(state=tmp_path / "state", url=server.url).ingest(
            camera, options=("--wipe", "--wait", "3 s", "--json")
        )
    assert found.code in (1, 3), found.said
    assert said in found.err
    assert sorted(path.name for path in camera.iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("name", ["uploadx", "tuspyserver", "tus-node"])
def test_killed_in_the_middle_nothing_is_deleted_that_it_does_not_hold(name: str, tmp_path: Path) -> None:
    with real_store(name, tmp_path / "far", readable=True) as server:
        dock = Dock(state=tmp_path / "state", url=server.url)
        watch = rounds(server, dock, tmp_path / "CAM01", kills=3, chance=random.Random(name), seconds=9.0)
    assert watch.faults == []
    assert watch.unchanged()


def test_a_tus_client_of_another_make_is_cut_and_goes_on(store: StoreProcess, tmp_path: Path) -> None:
    content = os.urandom(24 << 20)
    source = tmp_path / "footage.mp4"
    source.write_bytes(content)
    command = [
        str(installed("tuspy") / "env/bin/python"),
        str(HERE / "tuspy_client.py"),
        f"{store.url}/files/",
        str(source),
    ]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stdout is not None
    upload = first.stdout.readline().strip()
    reached = [int(first.stdout.readline()) for _ in range(3)]
    first.kill()
    first.communicate()
    assert 0 < reached[-1] < len(content)
    again = subprocess.run([*command, upload], capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    offsets = [int(line) for line in again.stdout.splitlines()[1:]]
    assert offsets[0] > reached[-1]  # it went on, and did not begin again
    assert offsets[-1] == len(content)
    found = [path for path in (store.root / "objects").rglob(upload.rpartition("/")[2]) if path.is_file()]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in found] == [hashlib.sha256(content).hexdigest()]
