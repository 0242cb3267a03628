"""What a folder's disk says of itself, in a tree laid out as sysfs lays it out; and what a camera on it makes of that."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from ingest.camera.block_device import BlockDevice
from ingest.camera.mass_storage import MassStorage
from ingest.errors import CameraGone, Unreadable
from ingest.model import Listed, Skipped


class Sysfs:
    """/sys with one disk of one partition, whose numbers are those of a real folder's filesystem."""

    def __init__(self, root: Path, device: int) -> None:
        self.root = root
        self.disk = root / "devices" / "usb1" / "block" / "sdx"
        (self.disk / "device").mkdir(parents=True)
        (self.disk / "sdx1").mkdir()
        (self.disk / "sdx1" / "partition").write_text("1\n")
        self.says("diskseq", "7").says("size", "1000").says("device/state", "running").says("device/ioerr_cnt", "0x2")
        numbers = root / "dev" / "block"
        numbers.mkdir(parents=True)
        self.entry = numbers / f"{os.major(device)}:{os.minor(device)}"
        self.entry.symlink_to(self.disk / "sdx1")

    def says(self, name: str, value: str) -> Sysfs:
        (self.disk / name).write_text(f"{value}\n")
        return self


@pytest.fixture
def camera_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "CAM"
    folder.mkdir()
    if os.major(folder.stat().st_dev) == 0:
        pytest.skip("no block device is below the folder for temporary files")
    return folder


@pytest.fixture
def sysfs(camera_folder: Path, tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path / "sys", camera_folder.stat().st_dev)


@pytest.fixture
def camera(camera_folder: Path, sysfs: Sysfs) -> MassStorage:
    (camera_folder / "a.mp4").write_bytes(b"x")
    return MassStorage(os.fsencode(camera_folder), sysfs=sysfs.root)


def test_the_disk_of_a_partition(sysfs: Sysfs, camera_folder: Path) -> None:
    found = BlockDevice.of(camera_folder.stat().st_dev, sysfs=sysfs.root)
    assert found is not None
    assert (found.disk, found.diskseq, found.failures(), found.left()) == (sysfs.disk, 7, 2, None)


def test_what_is_not_told_is_not_known(sysfs: Sysfs, camera_folder: Path) -> None:
    for name in ("diskseq", "size", "device/state", "device/ioerr_cnt"):
        (sysfs.disk / name).unlink()
    found = BlockDevice.of(camera_folder.stat().st_dev, sysfs=sysfs.root)
    assert found is not None
    assert (found.diskseq, found.failures(), found.left()) == (None, None, None)


def test_a_filesystem_without_a_disk(sysfs: Sysfs) -> None:
    assert BlockDevice.of(os.makedev(0, 25), sysfs=sysfs.root) is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("diskseq", "8", "exchanged"),
        ("size", "0", "card was taken out"),
        ("device/state", "offline", "given it up"),
        ("device/state", "transport-offline", "given it up"),
    ],
)
def test_a_disk_that_does_not_count_as_there(
    camera: MassStorage, sysfs: Sysfs, name: str, value: str, why: str
) -> None:
    camera.present()
    sysfs.says(name, value)
    with pytest.raises(CameraGone, match=why):
        camera.present()
    with pytest.raises(CameraGone, match=why):
        list(camera.listing())


def test_a_disk_that_left(camera: MassStorage, sysfs: Sysfs) -> None:
    sysfs.entry.unlink()
    shutil.rmtree(sysfs.disk)
    with pytest.raises(CameraGone, match="has left"):
        camera.present()


def test_the_device_says_which_insertion_it_is(camera: MassStorage, sysfs: Sysfs, camera_folder: Path) -> None:
    first = camera.device()
    sysfs.says("diskseq", "8")
    again = MassStorage(os.fsencode(camera_folder), sysfs=sysfs.root)
    assert first != again.device()
    assert first == camera.device(), "what it was opened as does not change under a permit"


def test_a_listing_during_which_the_disk_failed_is_not_whole(camera: MassStorage, sysfs: Sysfs) -> None:
    """FAT makes an empty folder of one that it cannot read, and says nothing."""
    assert [item.path for item in camera.listing()] == [b"a.mp4"]
    listing = camera.listing()
    first = next(listing)
    assert isinstance(first, Listed)
    sysfs.says("device/ioerr_cnt", "0x3")
    rest = list(listing)
    assert [(type(item), item.path, getattr(item, "hides", None)) for item in rest] == [(Skipped, b".", True)]
    assert [item.path for item in camera.listing()] == [b"a.mp4"], "and the next one, without a failure, is"


def test_a_disk_that_fails_and_leaves_a_moment_later_has_left(camera: MassStorage, sysfs: Sysfs) -> None:
    listing = camera.listing()
    next(listing)
    sysfs.says("device/ioerr_cnt", "0x3").says("device/state", "offline")
    with pytest.raises(CameraGone):
        list(listing)


def test_without_sysfs_a_folder_on_the_systems_own_disk_is_read(camera_folder: Path, tmp_path: Path) -> None:
    """As in a plain chroot: the disk that dockd itself runs from has not left."""
    (camera_folder / "a.mp4").write_bytes(b"x")
    with contextlib.closing(
        MassStorage(os.fsencode(camera_folder), sysfs=tmp_path / "none", system=tmp_path)
    ) as camera:
        assert [item.path for item in camera.listing()] == [b"a.mp4"]
        camera_folder.rename(tmp_path / "elsewhere")
        with pytest.raises(CameraGone, match="not there any more"):
            camera.present()


def test_without_sysfs_a_folder_on_another_disk_is_not_read_and_it_is_said_why(
    camera_folder: Path, tmp_path: Path
) -> None:
    """A FAT disk that was pulled lists as empty: where nobody can say that it is there, nothing is concluded from it."""
    none = tmp_path / "none"
    with pytest.raises(Unreadable, match=f"CAM is there cannot be told: sysfs is not mounted on {none}. Leave it in"):
        MassStorage(os.fsencode(camera_folder), sysfs=none, system=Path("/proc"))


def test_with_sysfs_a_disk_that_is_not_in_it_has_left(camera_folder: Path, sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.entry.unlink()
    camera = MassStorage(os.fsencode(camera_folder), sysfs=sysfs.root, system=tmp_path)
    with contextlib.closing(camera), pytest.raises(CameraGone, match="it has left"):
        camera.present()
