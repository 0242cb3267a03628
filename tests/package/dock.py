"""A dock in a clean system: a configuration, a folder as its rack, a store, an agent; and what may never be lost of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.package.system import System, await_that

CONFIGURATION = """
[station]
name = "North"

[docks]
usb = false
folders = "/srv/docks"

[store]
url = "http://127.0.0.1:1080"

[page]
listen = "127.0.0.1:8099"

[spool]
keep_free = "16 MiB"
"""
STORE = ("dockd", "store", "serve", "--root", "/srv/footage", "--listen", "127.0.0.1:1080")
STATE = "/var/lib/dockd"


class Dock:
    """`CAM01` has been emptied into the store, `CAM02` only copied: the store went away before."""

    def __init__(self, system: System) -> None:
        self.system = system

    def lived_in(self) -> None:
        """From a fresh install to footage in the store, footage in the spool, keys and somebody who may come in."""
        self.system.path("/etc/dockd/dockd.toml").write_text(CONFIGURATION)
        self.folders()
        with self.store():
            self.camera("CAM01", sizes=(3_000_000, 70_001, 0))
            with self.agent():
                await_that("CAM01 is emptied", lambda: self.files("CAM01") == [])
        self.camera("CAM02", sizes=(2_000_000, 100_003))
        with self.agent():
            await_that("CAM02 is copied", lambda: len(self.spooled()) == 2)
        self.command("token", "create", "--role", "viewer")

    def folders(self) -> None:
        """The rack, and the store's disk."""
        self.system.run("install", "-d", "-o", "dockd", "-g", "dockd", "/srv/docks", "/srv/footage")

    def camera(self, name: str, *, sizes: tuple[int, ...]) -> None:
        """Push a camera into the rack, whole at once."""
        folder = self.system.path("/srv") / name
        folder.mkdir()
        for number, size in enumerate(sizes):
            (folder / f"clip{number}.mp4").write_bytes(os.urandom(size))
        self.system.run("chown", "-R", "dockd:dockd", f"/srv/{name}")
        folder.rename(self.system.path("/srv/docks") / name)

    def files(self, camera: str) -> list[str]:
        """What is on a camera."""
        return sorted(os.listdir(self.system.path(f"/srv/docks/{camera}")))

    def spooled(self) -> list[str]:
        """The whole copies in the spool."""
        folder = self.system.path(f"{STATE}/spool")
        names = os.listdir(folder) if folder.is_dir() else []
        return sorted(name for name in names if not name.endswith((".json", ".part")))

    def treasure(self) -> dict[str, str]:
        """Footage, record, keys and users, each with its SHA-256; the ledger's own files only by name."""
        found = {}
        for top in (STATE, "/srv/footage", "/srv/docks"):
            root = self.system.path(top)
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                volatile = path.name.startswith("ledger.db") or (top == "/srv/footage" and ".db" in path.name)
                content = b"" if volatile else path.read_bytes()
                found[f"{top}/{path.relative_to(root)}"] = hashlib.sha256(content).hexdigest()
        return {name: digest for name, digest in found.items() if not re.search(r"-(wal|shm)$|\.lock$|\.log$", name)}

    def history(self) -> list[str]:
        """Every entry of the custody chain, which has to hold."""
        self.command("custody", "verify")
        lines = self.command("custody", "export", "--format", "jsonl").splitlines()
        return [line for line in lines if json.loads(line)["type"] == "entry"]

    def balances(self) -> None:
        """Whether listed, copied, confirmed and wiped agree, and everything is proven in the store. Raises AssertionError."""
        self.command("reconcile")

    def goes_on(self, *, after: list[str]) -> None:
        """The store comes back, and what was in the spool is proven in it; the record goes on from where it was."""
        with self.store(), self.agent():
            await_that("CAM02 is emptied", lambda: self.files("CAM02") == [])
            await_that("the spool is given back", lambda: self.spooled() == [])
        history = self.history()
        assert history[: len(after)] == after
        assert len([entry for entry in history if '"segment.confirmed"' in entry]) == 5
        self.balances()

    def command(self, *words: str) -> str:
        """A command of dockd, as the agent's user."""
        return self.system.run("dockd", *words, user="dockd").out

    @contextlib.contextmanager
    def store(self) -> Iterator[None]:
        """The central store, in the same system."""
        with self._running("store", *STORE):
            yield

    @contextlib.contextmanager
    def agent(self) -> Iterator[None]:
        """The agent, as its unit starts it."""
        with self._running("page", "dockd", "run", "--config", "/etc/dockd/dockd.toml"):
            yield

    @contextlib.contextmanager
    def _running(self, name: str, *command: str) -> Iterator[None]:
        said = self.system.path("/tmp") / f"{name}.out"
        with said.open("w") as log:
            process = self.system.start(*command, user="dockd", log=log)
        try:
            await_that(
                f"{name} is up: {said.read_text()}",
                lambda: "http://127.0.0.1:" in said.read_text() or process.poll() is not None,
            )
            assert process.poll() is None, said.read_text()
            yield
        finally:
            end(process, said)


def end(process: subprocess.Popen[str], said: Path) -> None:
    """SIGTERM to the program itself, and wait for its clean end."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:  # of nsenter
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)
    assert process.wait(timeout=90) in (0, 130), said.read_text()[-2000:]
