"""Kill a real store at random moments while dockd delivers to it, and watch from outside that nothing is deleted that it does not hold."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import Dock, filled, kill_group
from tests.stores.tus_servers.servers import RealStore


@dataclass(kw_only=True)
class Watch:
    """Every file of a camera, and what became of it. `faults` is empty while nothing was deleted too early."""

    camera: Path
    store: RealStore
    left: dict[str, str] = field(default_factory=dict)
    gone: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in self.camera.iterdir()}

    def look(self) -> None:
        """What is gone now must lie in the server's folder now."""
        for name in [name for name in self.left if not (self.camera / name).exists()]:
            digest = self.left.pop(name)
            self.gone += 1
            if digest not in self.store.contents():
                self.faults.append(f"{name} was deleted, and the store's files do not hold it")

    def unchanged(self) -> bool:
        """What is left is what it was."""
        return all(
            hashlib.sha256((self.camera / name).read_bytes()).hexdigest() == digest
            for name, digest in self.left.items() if (self.camera / name).exists()
        )  # fmt: skip


def rounds(
    store: RealStore,
    dock: Dock,
    camera: Path,
    *,
    kills: int,
    chance: random.Random,
    seconds: float,
    kill_dock: bool = False,
) -> Watch:
    """Deliver with `kills` kills of the store (and of dockd, if asked), at most for so long; then let it end."""
    files = {f"clip{number:02d}.mp4": os.urandom(chance.randrange(200_000, 3_000_000)) for number in range(8)}
    watch = Watch(camera=filled(camera, files), store=store)
    end = time.monotonic() + seconds
    process = _start(dock, camera)
    for _ in range(kills):
        _for(chance.uniform(0.2, 1.2), watch, process)
        store.kill()
        _for(chance.uniform(0.0, 0.3), watch, process)
        store.start()
        if kill_dock and chance.random() < 0.5:
            kill_group(process)
        process = _going_on(process, dock, camera)
    while time.monotonic() < end and watch.left:
        _for(min(1.0, end - time.monotonic()), watch, process)
        process = _going_on(process, dock, camera)
    kill_group(process)
    process.wait(timeout=30)
    watch.look()
    return watch


def _going_on(process: subprocess.Popen[str], dock: Dock, camera: Path) -> subprocess.Popen[str]:
    """The same, or a new one where it has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.05)
        return _start(dock, camera)
    return process


def _start(dock: Dock, camera: Path) -> subprocess.Popen[str]:
    return dock.start(
        camera, options=("--wipe", "--wait", "5 s", "--limit", "40 Mbit/s"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip


def _for(seconds: float, watch: Watch, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        watch.look()
        time.sleep(0.02)
