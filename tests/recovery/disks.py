"""Disks that are small, full, read-only, slow or broken: real ones where the kernel gives them, strace's where it does not."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.recovery.stops import needs_strace


def needs_mounts(*tools: str) -> None:
    """Skips where this user may not mount, or a tool is missing."""
    missing = [tool for tool in ("mount", *tools) if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"a real filesystem needs root{' and ' + ', '.join(missing) if missing else ''}")


@dataclass(kw_only=True)
class SmallDisk:
    """A filesystem of its own, mounted at `at`, that can be filled up and made read-only."""

    at: Path
    _hogs: int = field(default=0, repr=False)

    def fill(self, *, leave: int = 0) -> None:
        """Use all room but about `leave` bytes."""
        hog = self.at / f"hog-{self._hogs}"
        self._hogs += 1
        with hog.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            size = 0
            for step in (1 << 20, 1 << 16, 4096):
                while self.room() - step >= leave:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step
            file.seek(size)
            while leave == 0:  # what is kept back for root too
                file.write(bytes(4096))

    def room(self) -> int:
        """Bytes that are free."""
        disk = os.statvfs(self.at)
        return disk.f_bavail * disk.f_frsize

    def make_room(self) -> None:
        """Take away what `fill` has written."""
        for hog in self.at.glob("hog-*"):
            hog.unlink()

    def read_only(self, on: bool) -> None:
        """Remount it."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.at)], check=True)


@contextlib.contextmanager
def tmpfs(at: Path, *, size: int) -> Iterator[SmallDisk]:
    """A tmpfs of `size` bytes; skips where it cannot be mounted."""
    needs_mounts()
    at.mkdir(parents=True, exist_ok=True)
    with _mounted(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], at):
        yield SmallDisk(at=at)


@contextlib.contextmanager
def ext4(at: Path, *, size: int) -> Iterator[SmallDisk]:
    """An ext4 of `size` bytes in a file behind a loop device; skips where that cannot be had."""
    needs_mounts("mkfs.ext4", "losetup")
    at.mkdir(parents=True, exist_ok=True)
    image = at.with_name(f"{at.name}.img")
    with image.open("wb") as file:
        file.truncate(size)
    # Blocks as on every real disk: with smaller ones SQLite's shared memory may have holes, and a full disk is SIGBUS there.
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-O", "^has_journal", str(image)], check=True)
    attached = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False)
    if attached.returncode != 0:
        pytest.skip(f"this environment has no loop devices: {attached.stderr.strip()}")
    device = attached.stdout.strip()
    try:
        subprocess.run(["blockdev", "--setrw", device], check=True)  # whoever had it before may have locked it
        with _mounted(["mount", device, str(at)], at):
            shutil.rmtree(at / "lost+found")
            yield SmallDisk(at=at)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@contextlib.contextmanager
def _mounted(command: list[str], at: Path) -> Iterator[None]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this environment does not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        for _try in range(50):
            if subprocess.run(["umount", str(at)], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "-l", str(at)], check=True)


@contextlib.contextmanager
def failing(process: int, *injections: str) -> Iterator[None]:
    """While this lasts, system calls of a running process and all its threads end as strace is told (`pwrite64:error=ENOSPC`)."""
    needs_strace()
    calls = ",".join(injection.partition(":")[0] for injection in injections)
    words = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-p", str(process)]
    for injection in injections:
        words += ["-e", f"inject={injection}"]
    tracer = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while not all(_traced_by(thread, tracer.pid) for thread in Path(f"/proc/{process}/task").iterdir()):
            assert tracer.poll() is None, "strace may not attach here"
            time.sleep(0.01)
        yield
    finally:
        tracer.send_signal(signal.SIGTERM)
        tracer.wait(timeout=20)


def _traced_by(thread: Path, tracer: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return f"TracerPid:\t{tracer}\n" in (thread / "status").read_text()
    return True
