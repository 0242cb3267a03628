"""A machine of its own on this one: namespaces for mounts and network, its own /etc, /run and /var, the shippers' programs in /usr, and a real journald.

    with Machine("dock", folder, usr=unpacked()) as dock, Machine("far", …) as far, wired(dock, far):
        dock.start("systemd-journald", …)

Rules: nothing outside of `folder` is written; every process is in a group of its own that this one knows, and ends with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

ADDRESSES = {"dock": "10.78.0.2", "far": "10.78.0.1"}
_SETUP = """\
set -eu
mount -t overlay overlay -o lowerdir="$USR:/usr" /usr
mount -t overlay overlay -o lowerdir=/etc,upperdir="$OWN/etc",workdir="$OWN/etc.work" /etc
mount -t tmpfs tmpfs /run
mount --bind "$OWN/var" /var
mount --bind "$OWN/var/local" /usr/local
ip link set lo up
echo ready
exec sleep infinity
"""
_JOURNALD = "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSyncIntervalSec=1s\nSystemMaxUse=1G\n"


@dataclass(kw_only=True)
class Program:
    """One that runs on a machine, and can be ended or killed and started again."""

    machine: Machine
    command: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_up: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    patience: float = 10.0
    starts_within: float = 30.0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises AssertionError with what it said instead."""
        self._launch()
        until(self.ready, f"{self.command[0]} is ready", within=self.starts_within, told=self.said)

    def _launch(self) -> None:
        if self.before:
            self.machine.run(*self.before)
        with self.log.open("ab") as log:
            self.process = self.machine.popen(*self.command, log=log, environment=self.environment)

    def tend(self) -> None:
        """As systemd would: start it again where it ended by itself."""
        if self.keep_up and self.process is not None and self.process.poll() is not None:
            self._launch()

    def said(self) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """SIGTERM, and wait; what does not end within its patience is killed, as systemd would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            result = "success" if process.wait(timeout=self.patience) == 0 else "signal"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
            result = "timeout"
        if self.after:
            self.machine.run("env", f"SERVICE_RESULT={result}", *self.after)


@dataclass
class Machine:
    """`name` is dock or far; `folder` its own; `usr`: what `packages.unpacked` gave."""

    name: str
    folder: Path
    usr: Path
    programs: list[Program] = field(default_factory=list)
    _holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        for part in ("etc", "etc.work", "var/log/journal", "var/log/dockd", "var/lib", "var/local", "var/spool", "var/tmp", "var/cache"):  # fmt: skip
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        hosts = "".join(f"{address} {name}\n" for name, address in ADDRESSES.items())
        self.write("/etc/hosts", f"127.0.0.1 localhost\n{hosts}")
        self.write("/etc/machine-id", f"{self.name.encode().hex():0<32}\n")
        self.write("/etc/systemd/journald.conf", _JOURNALD)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--propagation", "private", "sh", "-c", f"hostname {self.name}; {_SETUP}"],
            stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | {"USR": f"{self.usr}/usr", "OWN": str(self.folder)},
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n", "the namespaces could not be made"
        return self

    def __exit__(self, *_: object) -> None:
        for program in reversed(self.programs):
            program.kill()
        if self._holder is not None:
            os.killpg(self._holder.pid, signal.SIGKILL)
            self._holder.wait(timeout=10)
            assert self._holder.stdout is not None
            self._holder.stdout.close()

    @property
    def pid(self) -> int:
        """Of the process whose namespaces these are."""
        assert self._holder is not None
        return self._holder.pid

    def path(self, inside: str) -> Path:
        """Where a path in /var or /etc of this machine is, seen from outside."""
        return self.folder / inside.removeprefix("/")

    def write(self, inside: str, text: str, *, mode: int = 0o644) -> None:
        """A file in its /etc or /var."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def popen(self, *command: str, log: IO[bytes], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:  # fmt: skip
        """A process on this machine, in a group of its own."""
        return subprocess.Popen(
            ["nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--", *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, env=os.environ | {"LC_ALL": "C.UTF-8"} | dict(environment or {}), cwd="/",
        )  # fmt: skip

    def run(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        """A command on this machine to its end; what it wrote."""
        found = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--", *command], capture_output=True, text=True, errors="replace",
            timeout=timeout, check=False, cwd="/", env=os.environ | {"LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert not check or found.returncode == 0, f"{command}: {found.returncode} {found.stderr[-2000:]}"
        return found.stdout

    def program(self, *command: str, ready: Callable[[], bool] | None = None, environment: Mapping[str, str] | None = None, keep_up: bool = False) -> Program:  # fmt: skip
        """A program that is to run here; `start()` starts it."""
        log = self.folder / f"{Path(command[0]).name}-{len(self.programs)}.log"
        made = Program(
            machine=self, command=command, log=log, ready=ready or (lambda: True), environment=environment or {}, keep_up=keep_up
        )  # fmt: skip
        self.programs.append(made)
        return made

    def listens(self, port: int) -> bool:
        """Whether somebody listens there."""
        return f":{port}" in self.run("ss", "--tcp", "--listening", "--numeric", "--no-header")

    def journald(self) -> Program:
        """Its journal, on its disk, without a limit of lines a second."""
        self.run("sh", "-c", "mkdir -p /run/systemd/journal && touch /run/systemd/journal/flushed")
        made = self.program(
            "/lib/systemd/systemd-journald",
            ready=lambda: "journal/socket" in self.run("ss", "--unix", "--all", "--no-header"),
        )
        made.start()
        return made


@contextlib.contextmanager
def wired(dock: Machine, far: Machine) -> Iterator[None]:
    """A cable between the two."""
    device = f"ship{os.getpid() % 100000}"
    _ip("link", "add", device, "type", "veth", "peer", "name", f"{device}p")
    _ip("link", "set", device, "netns", str(dock.pid))
    _ip("link", "set", f"{device}p", "netns", str(far.pid))
    for machine, name in ((dock, device), (far, f"{device}p")):
        machine.run("ip", "address", "add", f"{ADDRESSES[machine.name]}/24", "dev", name)
        machine.run("ip", "link", "set", name, "up")
    far.run("nft", "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; }")  # fmt: skip
    yield


def cut(far: Machine) -> None:
    """Nothing passes any more, and nobody is told."""
    far.run("nft", "add rule inet cut in drop; add rule inet cut out drop")


def mend(far: Machine) -> None:
    """It passes again."""
    far.run("nft", "flush chain inet cut in; flush chain inet cut out")


def _ip(*words: str) -> None:
    found = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=20)
    assert found.returncode == 0, f"ip {' '.join(words)}: {found.stderr}"


def until(is_so: Callable[[], bool], what: str, *, within: float = 30.0, told: Callable[[], str] = lambda: "") -> None:
    """Ask until it is so. Raises AssertionError."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {within:.0f} s: {what}\n{told()}"
        time.sleep(0.05)
