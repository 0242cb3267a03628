"""Real places to read and write: a disk, a memory filesystem, one that is full, a device that fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.worker import residency


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def folder_on_disk() -> Iterator[Path]:
    """A folder on a filesystem with a device below it; skips where there is none."""
    for base in (tempfile.gettempdir(), "/var/tmp", str(Path.cwd())):
        folder = Path(tempfile.mkdtemp(dir=base))
        try:
            with opened(folder) as fd:
                if residency.lives_in_memory(fd):
                    continue
            yield folder
            return
        finally:
            shutil.rmtree(folder)
    pytest.skip("every folder that can be written to lies in memory")


@contextlib.contextmanager
def folder_in_memory() -> Iterator[Path]:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm to write to")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@contextlib.contextmanager
def small_filesystem(folder: Path, *, size: int) -> Iterator[Path]:
    """A tmpfs of `size` bytes, really mounted."""
    _root_with("mount")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this environment does not mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def failing_device(folder: Path, *, content: bytes, whole: int) -> Iterator[Path]:
    """A block device of `content` that answers EIO to every read from byte `whole` on."""
    behind = folder / "behind-the-device"
    behind.write_bytes(content)
    with _loop_device(behind) as device:
        os.truncate(behind, whole)
        yield device


@contextlib.contextmanager
def device_that_stops_writing(folder: Path, *, size: int, room: int) -> Iterator[Path]:
    """A block device of `size` bytes that takes about `room` of them and fails every write after that."""
    with small_filesystem(folder / "behind-the-device", size=room) as small:
        behind = small / "sparse"
        behind.touch()
        os.truncate(behind, size)
        with _loop_device(behind) as device:
            yield device


@contextlib.contextmanager
def _loop_device(behind: Path) -> Iterator[Path]:
    _root_with("losetup")
    command = ["losetup", "--find", "--show", "--direct-io=on", str(behind)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this environment has no loop devices: {done.stderr.strip()}")
    device = done.stdout.strip()
    subprocess.run(["blockdev", "--setrw", device], check=True)  # whoever had it before may have locked it
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def _root_with(tool: str) -> None:
    if os.geteuid() != 0 or shutil.which(tool) is None:
        pytest.skip(f"needs root and {tool} for a real one; without, /dev/full and /proc/self/mem fail the same way")
