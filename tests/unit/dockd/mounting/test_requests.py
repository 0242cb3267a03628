from __future__ import annotations

from typing import Any

import pytest

from dockd.mounting.base import MountRefused
from dockd.mounting.requests import ChangeAsked, MountAsked, request_of
from dockd.mounting.wire import Garbage

GOOD: dict[str, Any] = {
    "id": 1, "op": "mount", "device": "/dev/sdb1", "diskseq": 9, "filesystem": "vfat", "folder": "bay-3/p1"
}  # fmt: skip


def test_a_mount() -> None:
    expected = MountAsked(id=1, device="/dev/sdb1", diskseq=9, filesystem="vfat", folder="bay-3/p1")
    assert request_of(GOOD) == expected


def test_a_change() -> None:
    asked = request_of({"id": 2, "op": "fresh", "mount": "/run/dockd/mnt/bay-3"})
    assert asked == ChangeAsked(id=2, op="fresh", mount="/run/dockd/mnt/bay-3")


@pytest.mark.parametrize(
    "folder",
    [
        "..", ".", "../x", "a/..", "a/../b", "/a", "a/", "a//b", "a/b/c", "a\nb", "a\n", "a b", ".a", "a/.b", "-a", "a\0b",
        "a~2", "é", "x" * 65,
    ],
)  # fmt: skip
def test_folders_that_are_no_clean_names_are_refused(folder: str) -> None:
    with pytest.raises(MountRefused):
        request_of(GOOD | {"folder": folder})


@pytest.mark.parametrize(
    "device",
    [
        "/dev/../dev/sdb", "/dev/disk/by-label/BWC", "sdb1", "/dev/sdb1\n", "/dev/sdb1/", "/dev/mmcblk0p1", "/tmp/sdb",
        "/dev/dm-0", "LABEL=BWC", "/dev/", "/dev/1",
    ],
)  # fmt: skip
def test_devices_by_any_other_name_are_refused(device: str) -> None:
    with pytest.raises(MountRefused):
        request_of(GOOD | {"device": device})


@pytest.mark.parametrize("filesystem", ["ntfs", "auto", "xfs", "VFAT", "vfat,ext4", "fuse"])
def test_other_filesystems_are_refused(filesystem: str) -> None:
    with pytest.raises(MountRefused):
        request_of(GOOD | {"filesystem": filesystem})


def test_unknown_requests_are_refused() -> None:
    with pytest.raises(MountRefused):
        request_of({"id": 1, "op": "format"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 0}, {"id": True}, {"id": "1"}, {"id": -1}, {"id": 1 << 53}, {"device": 1}, {"device": ""}, {"diskseq": "9"},
        {"diskseq": -1}, {"diskseq": True}, {"diskseq": 1 << 64}, {"folder": ["a"]}, {"filesystem": None},
        {"device": "/dev/" + "a" * 600}, {"op": "writable"}, {"op": "unmount", "mount": {}},
    ],
)  # fmt: skip
def test_what_has_not_the_form_of_a_request_is_garbage(wrong: dict[str, Any]) -> None:
    with pytest.raises(Garbage):
        request_of(GOOD | wrong)
