from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dockd.mounting.base import MountRefused
from dockd.mounting.places import Places, RootUnusable


def test_a_second_helper_on_one_root_is_refused(base: Path) -> None:
    places = Places(base / "mnt")
    with pytest.raises(RootUnusable, match="another dockd-mount"):
        Places(base / "mnt")
    os.close(places.fd)
    os.close(Places(base / "mnt").fd)


def test_a_root_that_others_can_write_or_move_is_refused(base: Path) -> None:
    (base / "open").mkdir()
    (base / "open").chmod(0o777)
    (base / "link").symlink_to(base / "open")
    (base / "foreign").mkdir()
    os.chown(base / "foreign", 65534, 65534)
    (base / "file").touch()
    for name in ("open", "link", "foreign", "file"):
        with pytest.raises(RootUnusable):
            Places(base / name)


def test_a_mount_point_is_made_and_removed(base: Path) -> None:
    places = Places(base / "mnt")
    place = places.make("bay-3/p1")
    assert place.path == f"{base}/mnt/bay-3/p1"
    assert (base / "mnt").stat().st_mode & 0o777 == 0o711
    # Where nothing is mounted the agent gets an error, and no empty listing.
    assert (base / "mnt/bay-3/p1").stat().st_mode & 0o777 == 0o700
    other = places.make("bay-3/p2")
    places.remove("bay-3/p1")
    assert os.listdir(base / "mnt/bay-3") == ["p2"]
    places.remove(other.folder)
    assert os.listdir(base / "mnt") == []
    os.close(places.fd)


def test_links_are_not_followed(base: Path) -> None:
    places = Places(base / "mnt")
    (base / "elsewhere").mkdir()
    (base / "mnt/bay-3").symlink_to(base / "elsewhere")
    for folder in ("bay-3", "bay-3/p1"):
        with pytest.raises(MountRefused):
            places.make(folder)
    assert os.listdir(base / "elsewhere") == []
    os.close(places.fd)


def test_nothing_is_mounted_over_or_within_another_mount(base: Path) -> None:
    places = Places(base / "mnt")
    places.make("bay-3")
    subprocess.run(["mount", "-t", "tmpfs", "none", str(base / "mnt/bay-3")], check=True)
    for folder in ("bay-3", "bay-3/p1"):
        with pytest.raises(MountRefused, match="already"):
            places.make(folder)
    assert places.is_mounted("bay-3")
    assert list(places.leftovers()) == ["bay-3"]
    subprocess.run(["umount", str(base / "mnt/bay-3")], check=True)
    assert not places.is_mounted("bay-3")
    os.close(places.fd)


def test_a_root_that_was_moved_away_leads_nowhere_else(base: Path) -> None:
    places = Places(base / "mnt")
    (base / "mnt").rename(base / "moved")
    (base / "mnt").symlink_to("/etc")
    place = places.make("bay-3")
    assert (base / "moved/bay-3").is_dir()
    assert os.path.samefile(place.kernel_path, base / "moved/bay-3")
    os.close(places.fd)


def test_folders_with_strange_names_above_the_root_are_understood(base: Path) -> None:
    places = Places(base / "a b\tc/mnt")
    places.make("bay-3")
    where = str(base / "a b\tc/mnt/bay-3")
    subprocess.run(["mount", "-t", "tmpfs", "none", where], check=True)
    assert list(places.leftovers()) == ["bay-3"]
    subprocess.run(["umount", where], check=True)
    places.sweep()
    assert os.listdir(places.fd) == []
    os.close(places.fd)
