"""MassStorage sits the exam on real folders, on a disk and in memory; and what is special to folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingest.camera.base import Camera
from ingest.camera.held_file import HeldFile
from ingest.camera.mass_storage import DEEPEST, MassStorage, no_camera
from ingest.errors import CameraGone, SourceUnstable, StillWritten, Unreadable
from ingest.model import Skipped
from tests.contract.camera.exam import CONTENT, CameraExam, content_of, files, held
from tests.unit.ingest.worker.storage import folder_in_memory, folder_on_disk


@dataclass
class Folder:
    """A folder that is a camera."""

    root: Path
    prefix = b""

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.camera: Camera = MassStorage(os.fsencode(self.root))

    def takes(self, _name: bytes) -> bool:
        return True

    def _at(self, path: bytes) -> bytes:
        return os.fsencode(self.root) + b"/" + path

    def put(self, path: bytes, content: bytes) -> None:
        os.makedirs(os.path.dirname(self._at(path)), exist_ok=True)
        with open(self._at(path) + b"~" if len(path) < 200 else self._at(b"~"), "wb") as file:
            file.write(content)
        os.rename(file.name, self._at(path))

    def append(self, path: bytes, content: bytes) -> None:
        with open(self._at(path), "ab") as file:
            file.write(content)

    def remove(self, path: bytes) -> None:
        os.unlink(self._at(path))

    def names(self) -> list[bytes]:
        root = os.fsencode(self.root)
        return [os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root) for name in names]

    def unplug(self) -> None:
        self.root.rename(self.root.with_name("away"))


@pytest.fixture(params=[folder_on_disk, folder_in_memory], ids=["disk", "memory"])
def bench(request: pytest.FixtureRequest) -> Iterator[Folder]:
    with request.param() as place:
        folder = Folder(place / "CAM")
        yield folder
        folder.camera.close()


class TestMassStorage(CameraExam):
    """The exam."""


def skipped(folder: Folder) -> list[tuple[bytes, str, bool]]:
    return [(item.path, item.kind, item.hides) for item in folder.camera.listing() if isinstance(item, Skipped)]


def test_only_regular_files_are_listed(bench: Folder) -> None:
    bench.put(b"real", CONTENT)
    (bench.root / "link").symlink_to("real")
    (bench.root / "folder-link").symlink_to("/")
    os.mkfifo(bench.root / "fifo")
    (bench.root / "empty").mkdir()
    assert list(files(bench.camera)) == [b"real"]
    assert skipped(bench) == [(b"fifo", "fifo", False), (b"folder-link", "symlink", False), (b"link", "symlink", False)]


def test_a_file_that_became_a_fifo_does_not_hang(bench: Folder) -> None:
    bench.put(b"a", CONTENT)
    file = files(bench.camera)[b"a"]
    bench.remove(b"a")
    os.mkfifo(bench.root / "a")
    with pytest.raises(SourceUnstable):
        bench.camera.open(file)


def test_a_file_that_became_a_link_is_not_followed(bench: Folder) -> None:
    bench.put(b"a", CONTENT)
    bench.put(b"b", CONTENT)
    file = files(bench.camera)[b"a"]
    bench.remove(b"a")
    (bench.root / "a").symlink_to("b")
    with pytest.raises(SourceUnstable):
        bench.camera.open(file)


def test_a_folder_that_became_a_link_does_not_lead_out(bench: Folder, tmp_path: Path) -> None:
    bench.put(b"DCIM/a", CONTENT)
    listed = files(bench.camera)[b"DCIM/a"]
    shutil.move(bench.root / "DCIM", tmp_path / "elsewhere")
    (bench.root / "DCIM").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceUnstable):
        bench.camera.open(listed)
    assert (tmp_path / "elsewhere" / "a").exists()


def test_a_folder_that_is_renamed_while_a_file_is_held(bench: Folder) -> None:
    """The descriptor of the folder is what counts: that very file is deleted, wherever its folder is called by now."""
    bench.put(b"DCIM/a", CONTENT)
    with held(bench.camera, files(bench.camera)[b"DCIM/a"]) as source:
        (bench.root / "DCIM").rename(bench.root / "OLD")
        bench.put(b"DCIM/a", CONTENT)
        source.delete()
    assert bench.names() == [b"DCIM/a"]


def test_a_second_name_of_the_same_file_stays(bench: Folder) -> None:
    bench.put(b"a", CONTENT)
    os.link(bench.root / "a", bench.root / "b")
    with held(bench.camera, files(bench.camera)[b"a"]) as source:
        source.delete()
    assert bench.names() == [b"b"]


def test_as_deep_as_allowed_and_one_deeper(bench: Folder) -> None:
    bench.put(b"/".join([b"d"] * DEEPEST) + b"/a", CONTENT)
    bench.put(b"/".join([b"d"] * (DEEPEST + 1)) + b"/b", CONTENT)
    assert list(files(bench.camera)) == [b"/".join([b"d"] * DEEPEST) + b"/a"]
    assert [(kind, hides) for _, kind, hides in skipped(bench)] == [("unreadable", True)]


def test_another_folder_in_its_place_is_another_camera(bench: Folder) -> None:
    bench.put(b"a", CONTENT)
    bench.unplug()
    bench.root.mkdir()
    with pytest.raises(CameraGone, match="another folder"):
        list(bench.camera.listing())


@pytest.mark.parametrize("marks", [("store.json", "objects", "uploads"), ("ledger.db", "spool")])
def test_dockds_own_files_are_no_footage(bench: Folder, marks: tuple[str, ...]) -> None:
    bench.put(b"a", CONTENT)
    for name in marks[1:]:
        (bench.root / "deep" / name).mkdir(parents=True)
    (bench.root / "deep" / marks[0]).touch()
    with pytest.raises(Unreadable, match="it is not taken for a camera"):
        list(bench.camera.listing())


def test_half_the_marks_are_an_ordinary_folder() -> None:
    assert no_camera([b"objects", b"uploads", b"x"]) is None
    assert no_camera([b"store.json", b"objects", b"uploads", b"x"]) == "the root of a central store"
    assert no_camera([b".dockd-store"]) == "a share that is a store"


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CameraGone, match="not there"):
        MassStorage(os.fsencode(tmp_path / "none"))


def test_a_root_that_is_a_link_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(Unreadable):
            MassStorage(os.fsencode(tmp_path / name))


def test_change_times_count_where_the_filesystem_keeps_them(bench: Folder) -> None:
    assert bench.camera.keeps_change_times()


def test_reading_leaves_no_trace(bench: Folder) -> None:
    bench.put(b"a", CONTENT)
    os.utime(bench.root / "a", ns=(1, 1))
    before = os.lstat(bench.root / "a")
    with held(bench.camera, files(bench.camera)[b"a"]) as source:
        content_of(source)
    after = os.lstat(bench.root / "a")
    assert (after.st_atime_ns, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns,
    )  # fmt: skip


def test_listing_order_is_by_name_depth_first(bench: Folder) -> None:
    for path in (b"b", b"a/z", b"a/b", b"c"):
        bench.put(path, b"")
    assert list(files(bench.camera)) == [b"a/b", b"a/z", b"b", b"c"]


def test_a_folder_that_shares_its_disk_has_no_room_of_its_own(bench: Folder) -> None:
    assert bench.camera.room() is None


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 8 MiB of its own, in a place whose name the kernel escapes."""
    place = tmp_path / "a card"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8M", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("this environment does not mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_volume_of_its_own_says_what_it_has_free(volume: Path) -> None:
    with contextlib.closing(MassStorage(os.fsencode(volume))) as camera:
        assert camera.room() == 8 << 20
        (volume / "a.mp4").write_bytes(bytes(3 << 20))
        assert camera.room() == 5 << 20
    (volume / "inner").mkdir()
    with contextlib.closing(MassStorage(os.fsencode(volume / "inner"))) as inner:
        assert inner.room() is None, "a folder on a volume is not the volume"


def test_a_part_of_another_disk_mounted_there_is_not_its_own(tmp_path: Path, volume: Path) -> None:
    (volume / "part").mkdir()
    place = tmp_path / "bound"
    place.mkdir()
    subprocess.run(["mount", "--bind", str(volume / "part"), str(place)], check=True)
    try:
        with contextlib.closing(MassStorage(os.fsencode(place))) as camera:
            assert camera.room() is None
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_what_another_program_has_open_for_writing_is_not_deleted(bench: Folder) -> None:
    """Its writer would go on into a file that has no name any more."""
    bench.put(b"a", CONTENT)
    with held(bench.camera, files(bench.camera)[b"a"]) as source:
        with (bench.root / "a").open("ab"):
            for what in (source.at_rest, source.delete):
                with pytest.raises(StillWritten, match="a is open for writing"):
                    what()
        assert bench.names() == [b"a"]
        with (bench.root / "a").open("rb"):
            source.at_rest()
            source.delete()
    assert bench.names() == []


def test_where_nobody_knows_who_writes_it_is_waited_for_rest(bench: Folder) -> None:
    """No lease is had on other users' files, and on networks' filesystems it says nothing."""
    bench.put(b"a", CONTENT)
    file = files(bench.camera)[b"a"]
    with held(bench.camera, file) as source, (bench.root / "a").open("ab"):
        assert isinstance(source, HeldFile)
        nobody_knows = replace(source, leases=False, rest=0.2)
        nobody_knows.at_rest()
        assert time.time() - file.ctime_ns / 1e9 >= 0.2
        began = time.monotonic()
        replace(nobody_knows, own_times=False, rest=60.0).at_rest()
        assert time.monotonic() - began < 5
