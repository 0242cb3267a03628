"""dockd and the store are killed in turn, at random moments, again and again; somebody outside watches the camera and the store.

Each file lies in a folder of its own, so that the folder's time is the moment at which the file was deleted; an object's change time is the
moment at which its bytes got their place in the store. The second has to come before the first: that is read from the two filesystems,
whatever dockd says.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.oracle import Contents, Witness, always, stored_in
from tests.program import Dock, StoreProcess, ended, filled, kill_group


class Watcher(threading.Thread):
    """Looks all the time, and remembers what was ever not so."""

    def __init__(self, witness: Witness, *, every: float) -> None:
        super().__init__(daemon=True)
        self._witness, self._every = witness, every
        self._over = threading.Event()
        self.lock = threading.Lock()
        self.looks = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while not self._over.wait(self._every):
            with self.lock:
                self.faults += self._witness.faults()
            self.looks += 1

    def end(self) -> None:
        self._over.set()
        self.join()


@dataclass(kw_only=True)
class Loop:
    """A camera, a dock and a store, and the one who kills them."""

    folder: Path
    files: int
    largest: int
    limit: str
    seed: int
    kills: dict[str, int] = field(default_factory=lambda: {"dock": 0, "store": 0})
    shifts: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self.camera = filled(self.folder / "CAM", {})
        self.store = StoreProcess(root=self.folder / "store")
        self.store.start()
        self.dock = Dock(state=self.folder / "state", url=self.store.url)
        self.witness = Witness(spool=self.dock.spool, store=self.store.root)
        self.deleted: dict[bytes, int] = {}
        self._running: subprocess.Popen[str] | None = None

    def fill(self) -> None:
        """A shift's footage. Folders stay when they are emptied, so new ones are made."""
        sizes = (self._chance.randrange(self.largest) for _ in range(self.files))
        new = {f"{self.shifts:02d}-{n:03d}/MOV.MP4": self._chance.randbytes(size) for n, size in enumerate(sizes)}
        filled(self.camera, new)
        self.shifts += 1
        self.witness.remember(self.camera)

    def run(self, kills: int, watcher: Watcher) -> None:
        """Kill until it was done `kills` times; footage comes in as long as that takes."""
        while sum(self.kills.values()) < kills:
            if self._running is None or self._running.poll() is not None:
                self._start(watcher)
            time.sleep(self._chance.uniform(0.05, 2.0))
            if sum(self.kills.values()) % 2:
                self.store.kill()
                self.store.start()
                self.kills["store"] += 1
            elif self._running is not None and self._running.poll() is None:
                kill_group(self._running)
                self._running.communicate()
                self.kills["dock"] += 1

    def _start(self, watcher: Watcher) -> None:
        if self._running is not None and self._running.returncode == 0:
            self._running.communicate()
            with watcher.lock:
                self.fill()
        elif self._running is not None:
            out, err = self._running.communicate()
            assert self._running.returncode < 0, f"exit {self._running.returncode}\n{out}{err}"
        self._running = self.dock.start(self.camera, options=("--wipe", "--limit", self.limit))

    def finish(self) -> None:
        """Let it come to its end."""
        if self._running is not None and self._running.poll() is None:
            kill_group(self._running)
            self._running.communicate()
        run = ended(self.dock.start(self.camera), timeout=300)
        assert run.code == 0, run.said

    def too_early(self) -> list[str]:
        """Files that were deleted before the store had their bytes."""
        stored: dict[bytes, int] = {}
        for one in stored_in(self.store.root, Contents()):
            stored[one.path] = min(one.since_ns, stored.get(one.path, one.since_ns))
        found = []
        for folder in sorted(self.camera.iterdir()):
            path = os.fsencode(folder.name) + b"/MOV.MP4"
            if not (folder / "MOV.MP4").exists() and stored.get(path, 1 << 63) > folder.stat().st_mtime_ns:
                found.append(folder.name)
        return found


def killed_again_and_again(loop: Loop, *, kills: int, every: float) -> Watcher:
    loop.fill()
    watcher = Watcher(loop.witness, every=every)
    watcher.start()
    try:
        loop.run(kills, watcher)
        loop.finish()
    finally:
        watcher.end()
        loop.store.kill()
    always(lambda: watcher.faults)
    always(loop.witness.faults)
    assert (loop.witness.emptied(), loop.witness.delivered()) == ([], [])
    assert loop.too_early() == []
    assert loop.dock.custody_faults() == ""
    balance = loop.dock.command("reconcile")
    assert balance.code == 0, balance.said
    return watcher


@pytest.mark.soak_short
@pytest.mark.timeout(400)
def test_a_dozen_kills(tmp_path: Path) -> None:
    loop = Loop(folder=tmp_path, files=40, largest=300_000, limit="8 Mbit/s", seed=3)
    watcher = killed_again_and_again(loop, kills=14, every=0.2)
    assert (sum(loop.kills.values()), watcher.looks > 10) == (14, True)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_kills(tmp_path: Path) -> None:
    loop = Loop(folder=tmp_path, files=250, largest=1_500_000, limit="30 Mbit/s", seed=int(time.time()))
    watcher = killed_again_and_again(loop, kills=60, every=0.5)
    print(f"kills: {loop.kills}, looks: {watcher.looks}, shifts of footage: {loop.shifts}, seed: {loop.seed}")


@pytest.mark.soak
@pytest.mark.soak_short
def test_a_deletion_that_comes_too_early_is_seen(tmp_path: Path) -> None:
    """The watcher's own test: a file that is deleted first and stored afterwards."""
    loop = Loop(folder=tmp_path, files=2, largest=1000, limit="1 Gbit/s", seed=4)
    try:
        loop.fill()
        first = loop.camera / "00-000" / "MOV.MP4"
        kept = first.read_bytes()
        first.unlink()
        deleted = first.parent.stat()
        assert loop.too_early() == ["00-000"]
        first.write_bytes(kept)
        loop.finish()
        assert loop.too_early() == []
        os.utime(first.parent, ns=(deleted.st_atime_ns, deleted.st_mtime_ns))
        assert loop.too_early() == ["00-000"]
    finally:
        loop.store.kill()
