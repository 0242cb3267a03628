"""A real helper process on a real socket, and cards that are loop devices with an ext4 on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockd.mounting.kernel import disk_sequence
from tests.program import REPOSITORY, environment

REAL = ("dockd.mounting.helper",)
SECONDS = 20.0
FOOTAGE = {"DCIM/BWC00001.MP4": b"a first segment", "DCIM/BWC00002.MP4": b"a second segment", "notes.txt": b"\0" * 5000}


def eventually(what: Callable[[], Any], *, seconds: float = SECONDS) -> None:
    """Wait until it is so. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def host(*words: str | Path) -> str:
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Card:
    """A loop device. `name` is what the kernel calls it."""

    device: str
    image: Path

    @property
    def name(self) -> str:
        return Path(self.device).name

    @property
    def diskseq(self) -> int:
        with open(self.device, "rb") as file:
            return disk_sequence(file.fileno())

    def locked(self) -> bool:
        """Whether the device itself is read-only."""
        return host("blockdev", "--getro", self.device) == "1"

    def set_read_only(self, *, read_only: bool) -> None:
        host("blockdev", "--setro" if read_only else "--setrw", self.device)

    def asked(self, folder: str) -> dict[str, Any]:
        """Arguments for a mount of it."""
        return {"device": self.device, "diskseq": self.diskseq, "filesystem": "ext4", "folder": folder}


@dataclass(kw_only=True)
class HelperProcess:
    """dockd-mount below `base`: `mount.sock`, `mnt` and its log."""

    base: Path
    module: Sequence[str]
    options: Sequence[str] = ()
    prefix: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.base / "mount.sock"

    @property
    def root(self) -> Path:
        return self.base / "mnt"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [
            *self.prefix,
            sys.executable,
            "-m",
            *self.module,
            "--socket",
            str(self.socket),
            "--root",
            str(self.root),
        ]
        told = len(self.told("start"))
        with (self.base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self.options], stderr=log, env=environment(**self.environment), cwd=REPOSITORY
            )
        eventually(lambda: len(self.told("start")) > told or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """SIGTERM, and how it ended."""
        self.process.terminate()
        return self.process.wait(timeout=SECONDS)

    def log(self) -> str:
        path = self.base / "log"
        return path.read_text() if path.exists() else ""

    def told(self, action: str) -> list[dict[str, Any]]:
        """What it logged of this kind."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if line["event.action"] == f"mount.{action}"]

    def mounts(self) -> dict[str, str]:
        """What is mounted below its root: folder to options, the filesystem's own first: those hold in every namespace."""
        found = {}
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields = line.split(" ")
            if fields[4].startswith(f"{self.root}/"):
                found[fields[4].removeprefix(f"{self.root}/")] = f"{fields[-1]} {fields[5]}"
        return found

    def folders(self) -> list[str]:
        return sorted(os.listdir(self.root))
