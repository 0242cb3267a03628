from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from dockd.mounting.filesystems import options, why_not_writable


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "ext4.img"
    with path.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True)
    return path


def asked(image: Path) -> str:
    fd = os.open(image, os.O_RDONLY)
    try:
        return why_not_writable(fd)
    finally:
        os.close(fd)


def damage(image: Path, *, at: int, form: str, value: int, keep: bool = False) -> None:
    """Write a number into the superblock, or (with `keep`) set its bits."""
    with image.open("r+b") as file:
        file.seek(1024 + at)
        before = struct.unpack(form, file.read(struct.calcsize(form)))[0] if keep else 0
        file.seek(1024 + at)
        file.write(struct.pack(form, before | value))


def test_a_clean_ext4_may_be_written_to(image: Path) -> None:
    assert asked(image) == ""


@pytest.mark.parametrize(
    ("at", "form", "value", "keep", "why"),
    [
        (0x60, "<I", 0x4, True, "not closed cleanly"),  # the journal is to be replayed
        (0xE8, "<I", 12, False, "not closed cleanly"),  # files deleted while they were open
        (0x64, "<I", 0x10000, True, "not closed cleanly"),  # the same, in the newer way
        (0x3A, "<H", 0, False, "not closed cleanly"),
        (0x3A, "<H", 3, False, "not closed cleanly"),  # with errors
        (0xE4, "<I", 0x811, False, "on another device"),
        (0x200, "<I", 0x6F6E, False, "mount options"),
        (0x38, "<H", 0, False, "no ext4"),
    ],
)
def test_an_ext4_that_is_not_as_it_should_be_is_left_alone(
    image: Path, at: int, form: str, value: int, keep: bool, why: str
) -> None:
    damage(image, at=at, form=form, value=value, keep=keep)
    assert why in asked(image)


def test_a_device_that_ends_before_the_superblock(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(bytes(1500))
    assert "no ext4" in asked(tmp_path / "short")


def test_no_filesystem_decides_for_itself_what_happens_on_an_error() -> None:
    for filesystem in ("vfat", "exfat", "ext4"):
        for writable in (False, True):
            assert ("errors", "remount-ro") in options(filesystem, uid=7, gid=8, writable=writable)


def test_the_journal_is_left_out_exactly_where_nothing_is_written() -> None:
    assert ("noload", None) in options("ext4", uid=7, gid=8, writable=False)
    assert ("noload", None) not in options("ext4", uid=7, gid=8, writable=True)


def test_what_knows_no_owner_belongs_to_the_agent_alone() -> None:
    for filesystem in ("vfat", "exfat"):
        found = dict(options(filesystem, uid=7, gid=8, writable=False))
        assert (found["uid"], found["gid"], found["fmask"], found["dmask"]) == ("7", "8", "0177", "0077")
