"""What is opened is what was listed, or nothing is: another file in its place, and a link that leads there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.camera.mass_storage import MassStorage
from ingest.errors import SourceUnstable
from ingest.model import Listed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "CAM" / "DCIM" / "a.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"footage")
    return tmp_path / "CAM"


@pytest.fixture
def camera(root: Path) -> Iterator[MassStorage]:
    with contextlib.closing(MassStorage(os.fsencode(root))) as camera:
        yield camera


def only(camera: MassStorage) -> Listed:
    (file,) = camera.listing()
    assert isinstance(file, Listed)
    return file


def alike(path: Path, file: Listed) -> None:
    """Another file of the same size and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"FOOTAGE")
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns))


def test_another_file_of_the_same_size_and_time_is_not_the_listed_one(camera: MassStorage, root: Path) -> None:
    if not camera.keeps_change_times():
        pytest.skip("nothing but its content tells such a file apart here")
    file = only(camera)
    alike(root / "new", file)
    (root / "new").rename(root / "DCIM" / "a.mp4")
    with pytest.raises(SourceUnstable, match="changed after it was listed"):
        camera.open(file)


def test_a_folder_that_became_a_link_is_not_followed(camera: MassStorage, root: Path, tmp_path: Path) -> None:
    """The very file lies there, by inode and all, and yet it is on this camera no more."""
    file = only(camera)
    (root / "DCIM").rename(tmp_path / "elsewhere")
    (root / "DCIM").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceUnstable, match="no longer there"):
        camera.open(file)


def test_a_link_is_not_listed_as_what_it_leads_to(camera: MassStorage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(b"not of this camera")
    (root / "b.mp4").symlink_to(tmp_path / "private")
    (root / "folder").symlink_to(tmp_path)
    found = list(camera.listing())
    assert [one.path for one in found if isinstance(one, Listed)] == [b"DCIM/a.mp4"]
    assert {one.path for one in found} == {b"DCIM/a.mp4", b"b.mp4", b"folder"}
