"""Several volumes as one camera sit the exam: on real bind mounts where this machine mounts, and on plain folders that count as mounted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.camera.opening import open_camera
from ingest.camera.volumes import Volumes
from ingest.errors import CameraGone, SourceUnstable
from ingest.model import Listed
from tests.contract.camera.exam import CONTENT, CameraExam, files, held, listed
from tests.contract.camera.test_mass_storage import Folder


class PlainFolders(Volumes):
    """Every folder counts as mounted: for machines where nobody may mount."""

    def _is_volume(self, _parent: int, _name: bytes) -> bool:
        return True


class Card(Folder):
    """The exam's files lie on the second of two volumes; the first has one that no test may touch."""

    prefix = b"p2/"
    kind: type[Volumes] = PlainFolders

    def __post_init__(self) -> None:
        self.top = self.root
        self.root = self.top / "p2"
        for name in ("p1", "p2"):
            (self.top / name).mkdir(parents=True)
            self.mount(self.top / name)
        self.camera = self.volumes = self.kind(os.fsencode(self.top))

    def mount(self, folder: Path) -> None:
        """Nothing: it counts as mounted."""

    def unplug(self) -> None:
        self.top.rename(self.top.with_name("away"))


class Mounted(Card):
    """Two bind mounts."""

    kind = Volumes

    def mount(self, folder: Path) -> None:
        behind = self.top.with_name(f"behind-{folder.name}")
        behind.mkdir()
        bind(behind, folder)

    def unplug(self) -> None:
        for name in ("p1", "p2"):
            umount(self.top / name)


def bind(behind: Path, folder: Path) -> None:
    done = subprocess.run(["mount", "--bind", str(behind), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this environment does not mount: {done.stderr.strip()}")


def umount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[None]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root and mount; plain folders sit the same exam")
    yield
    table = Path("/proc/self/mounts").read_text().splitlines()
    for place in reversed([line.split(" ")[1] for line in table]):
        if place.startswith(f"{tmp_path}/"):
            umount(Path(place))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Card]:
    with contextlib.closing((card := Card(tmp_path / "CAM")).volumes):
        yield card


@pytest.fixture
def mounted(tmp_path: Path, mounts: None) -> Iterator[Mounted]:
    with contextlib.closing((card := Mounted(tmp_path / "CAM")).volumes):
        yield card


class TestPlainFolders(CameraExam):
    """The exam."""

    @pytest.fixture
    def bench(self, plain: Card) -> Card:
        return plain


class TestMounted(CameraExam):
    """The exam, on mounts."""

    @pytest.fixture
    def bench(self, mounted: Mounted) -> Mounted:
        return mounted


def test_all_volumes_are_listed_in_order_with_their_names(plain: Card) -> None:
    plain.put(b"DCIM/b", CONTENT)
    (plain.top / "p1" / "a").write_bytes(b"")
    assert list(files(plain.camera)) == [b"p1/a", b"p2/DCIM/b"]


def test_one_path_on_two_volumes_is_two_files(plain: Card) -> None:
    plain.put(b"a", CONTENT)
    (plain.top / "p1" / "a").write_bytes(CONTENT)
    with held(plain.camera, files(plain.camera)[b"p1/a"]) as source:
        source.delete()
    assert list(files(plain.camera)) == [b"p2/a"]


def test_each_volume_is_in_the_name_of_the_device(mounted: Mounted) -> None:
    assert mounted.camera.device().count(";") == 1
    assert mounted.camera.device().startswith("p1=")


def test_a_folder_in_which_nothing_is_mounted_is_no_volume(tmp_path: Path, mounts: None) -> None:
    folder, behind = tmp_path / "CAM" / "p1", tmp_path / "behind"
    for place in (folder, behind, tmp_path / "CAM" / "left-over"):
        place.mkdir(parents=True)
    (tmp_path / "CAM" / "left-over" / "x").touch()
    bind(behind, folder)
    (behind / "a").touch()
    with contextlib.closing(open_camera(b"volumes:" + os.fsencode(tmp_path / "CAM"))) as camera:
        assert list(files(camera)) == [b"p1/a"]


def test_no_volume_at_all_is_no_camera(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    with pytest.raises(CameraGone, match="no volume is mounted"):
        Volumes(os.fsencode(tmp_path))
    with pytest.raises(CameraGone, match="not there"):
        Volumes(os.fsencode(tmp_path / "none"))


def test_one_volume_that_leaves_takes_all_of_them(mounted: Mounted) -> None:
    mounted.put(b"a", CONTENT)
    umount(mounted.top / "p1")
    with pytest.raises(CameraGone):
        list(mounted.camera.listing())


def test_a_volume_that_comes_later_is_not_overlooked(mounted: Mounted, tmp_path: Path) -> None:
    for place in (mounted.top / "p3", tmp_path / "more"):
        place.mkdir()
    mounted.camera.present()
    bind(tmp_path / "more", mounted.top / "p3")
    with pytest.raises(CameraGone, match="other volumes"):
        mounted.camera.present()


def test_a_path_on_no_volume_is_not_opened(plain: Card) -> None:
    plain.put(b"a", CONTENT)
    (file,) = listed(plain).values()
    for path in (b"p3/a", b"a", b"", b"..", b"../CAM/p2/a", b"p2/../p2/a"):
        with pytest.raises((SourceUnstable, CameraGone)):
            plain.camera.open(Listed(**{**file.__dict__, "path": path}))


def test_mounted_anew_at_the_same_place_is_not_the_same_any_more(mounted: Mounted, tmp_path: Path) -> None:
    """Same device, same inode: only the mount is another, and what was read before it was let go proves nothing."""
    mounted.put(b"a", CONTENT)
    umount(mounted.top / "p2")
    bind(tmp_path / "behind-p2", mounted.top / "p2")
    with pytest.raises(CameraGone, match="another mount"):
        mounted.camera.present()
