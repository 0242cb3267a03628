"""Deliver to a server of another make while it and dockd are killed, and watch from outside: what is gone from the camera has to be there.

What is seen gone while the server is down is held against it when it is up again: it may have been killed right after it had it, and has to
have it still.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import Dock, filled, kill_group
from tests.stores.servers.base import S3Server


@dataclass(kw_only=True)
class Watch:
    """`left`: what is on the camera; `gone`: what is not any more, and has to be in the store."""

    camera: Path
    server: S3Server
    left: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)

    def docked(self, files: dict[str, bytes]) -> None:
        filled(self.camera, files)
        self.left = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    def look(self) -> None:
        for name in [name for name in self.left if not (self.camera / name).exists()]:
            self.gone[name] = self.left.pop(name)

    def faults(self) -> list[str]:
        """Files that were deleted, and that the server does not hold to the byte under their own name; and files that were changed."""
        held: dict[str, set[str]] = {}
        for key in self.server.listing() if self.gone else []:
            for content in (self.server.holds(key), self.server.get(key)):
                held.setdefault(key, set()).add(hashlib.sha256(content).hexdigest() if content is not None else "")
        found = [
            f"{name} was deleted, and the store does not hold it" for name, digest in self.gone.items()
            if not any(Path(name).name in key and one == {digest} for key, one in held.items())
        ]  # fmt: skip
        for name, digest in self.left.items():
            path = self.camera / name
            if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"{name} was changed")
        return found


def footage(sizes: tuple[int, ...]) -> dict[str, bytes]:
    """Files of these sizes."""
    return {f"DCIM/MOV_{number:04d}.MP4": os.urandom(size) for number, size in enumerate(sizes)}


def dock_for(server: S3Server, folder: Path) -> tuple[Dock, tuple[str, ...]]:
    """A dock and the options that it needs for this server."""
    secret = folder / "secret"
    secret.write_text(server.credentials())
    secret.chmod(0o600)
    return Dock(state=folder / "state", url=server.store_url), ("--token-file", str(secret))


def kills(
    watch: Watch, dock: Dock, options: tuple[str, ...], *, times: int, chance: random.Random, seconds: float
) -> int:
    """Deliver while the server and dockd are killed `times` times, then to the end, at most for so long. How often each died."""
    words = ("--wipe", "--wait", "10 s", "--limit", "200 Mbit/s", *options)
    end = time.monotonic() + seconds
    process = _start(dock, watch.camera, words)
    done = 0
    for number in range(times):
        _for(chance.uniform(0.5, 1.1), watch, process)
        if process.poll() is None:
            done += 1
        watch.server.kill()
        _for(chance.uniform(0.0, 0.3), watch, process)
        if number % 2:
            kill_group(process)
            process.wait(30)
        watch.server.start()
        if process.poll() is not None:
            process = _start(dock, watch.camera, words)
    while time.monotonic() < end and watch.left:
        _for(min(0.5, end - time.monotonic()), watch, process)
        if process.poll() is not None:
            process = _start(dock, watch.camera, words)
    if watch.left:
        kill_group(process)
    process.wait(30)
    watch.look()
    return done


def _start(dock: Dock, camera: Path, words: tuple[str, ...]) -> subprocess.Popen[str]:
    log = dock.state.parent / "dockd.log"
    with log.open("a") as out:
        return dock.start(camera, options=words, stdout=out, stderr=out)


def _for(seconds: float, watch: Watch, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        watch.look()
        time.sleep(0.02)
