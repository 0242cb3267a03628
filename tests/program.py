"""dockd and its embedded store as real processes, for every test that runs them from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
DOCKD = (sys.executable, "-m", "dockd")
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


def environment(**more: str) -> dict[str, str]:
    """The test's own, without what would configure dockd, and with this checkout to import from. Nobody here is vouched for by the machine's own list of
    authorities, and reading that at each start is a twentieth of the time of a short run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKD__", "XDG_"))}
    return {"SSL_CERT_FILE": os.devnull} | kept | {"PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"} | more


@dataclass(kw_only=True)
class StoreProcess:
    """`dockd store serve` on one root. It listens on the same port again when it is started again."""

    root: Path
    prefix: Sequence[str] = ()
    options: Sequence[str] = ()
    url: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it and wait until it says where it listens. Raises AssertionError with what it said instead."""
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        command = [*self.prefix, *DOCKD, "store", "serve", "--root", str(self.root), "--listen", listen, *self.options]
        log = (self.root.parent / f"{self.root.name}.log").open("a")
        with log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment(), cwd=REPOSITORY,
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = _ADDRESS.search(line)
        if found is None:
            self.kill()
            raise AssertionError(f"the store did not start: {line}{Path(log.name).read_text()[-2000:]}")
        self.url = found.group()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        """A signal, such as SIGSTOP: it stands still, and its lines stay open."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL, for it and for whatever runs it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.wait(timeout=30)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@contextlib.contextmanager
def store_at(root: Path, *options: str) -> Iterator[StoreProcess]:
    """A running store that is ended afterwards."""
    store = StoreProcess(root=root, options=options)
    store.start()
    try:
        yield store
    finally:
        store.kill()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a command did: exit code (negative: the signal that ended it), and both outputs."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        found = json.loads(self.out.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    @property
    def said(self) -> str:
        """Everything, for a failing test to show."""
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(kw_only=True)
class Dock:
    """`dockd` on one state folder, against one store."""

    state: Path
    url: str
    prefix: Sequence[str] = ()
    python: Sequence[str] = DOCKD

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    def words(self, *cameras: Path | str, options: Sequence[str] = ("--wipe",)) -> list[str]:
        """The command line of an ingest."""
        own = ("--store", self.url, "--state", str(self.state), "--keep-free", "0 B")
        return [*self.prefix, *self.python, "ingest", *map(str, cameras), *own, *options]

    def start(
        self, *cameras: Path | str, options: Sequence[str] = ("--wipe",), **more: Any
    ) -> subprocess.Popen[str]:  # fmt: skip
        """Start an ingest in a process group of its own."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen(
            self.words(*cameras, options=options), text=True, errors="surrogateescape", env=environment(), cwd=REPOSITORY,
            start_new_session=True, stdin=subprocess.DEVNULL, **streams,
        )  # fmt: skip

    def ingest(self, *cameras: Path | str, options: Sequence[str] = ("--wipe",), timeout: float = 50) -> Ended:
        """Run an ingest to its end."""
        return ended(self.start(*cameras, options=options), timeout=timeout)

    def command(self, *words: str, timeout: float = 30) -> Ended:
        """Another of dockd's commands on this state."""
        command = [*DOCKD, *words, "--state", str(self.state)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=timeout, check=False
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    def custody_faults(self) -> str:
        """What `dockd custody verify` finds wrong; empty when the chain holds."""
        done = self.command("custody", "verify")
        return "" if done.code == 0 else done.said


def ended(process: subprocess.Popen[str], *, timeout: float = 50) -> Ended:
    """Wait for it. A process that does not end is killed, and AssertionError says what it said."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_group(process)
        out, err = process.communicate()
        raise AssertionError(f"it did not end within {timeout} s\n--- stdout\n{out}\n--- stderr\n{err}") from None
    return Ended(code=process.returncode, out=out or "", err=err or "")


def kill_group(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Signal a process and all that it has started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class Lines:
    """What a running process says on standard error, line by line, so that a test can wait for a sentence."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.seen: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._stream = process.stderr
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                with self._changed:
                    self.seen.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, text: str, *, timeout: float = 30) -> str:
        """The first line with `text` in it. Raises AssertionError when none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or any(text in line for line in self.seen), timeout)
            for line in self.seen:
                if text in line:
                    return line
        raise AssertionError(f"no line with {text!r} in:\n" + "\n".join(self.seen))


def filled(camera: Path, files: dict[str, bytes]) -> Path:
    """A camera with these files, folders made as needed."""
    camera.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = camera / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return camera
