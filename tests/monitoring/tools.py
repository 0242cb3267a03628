"""Prometheus and Alertmanager as Debian has them, run for a test; what is not there is skipped, but never where CI is set."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SHIPPED = Path(__file__).parents[2] / "config" / "monitoring"
_LISTENS = re.compile(r'msg="Listening on" address=(127\.0\.0\.1:\d+)')


def tool(name: str) -> str:
    """Its path: of Debian's packages prometheus and prometheus-alertmanager."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is needed: apt-get install prometheus prometheus-alertmanager")
    if found is None:
        pytest.skip(f"there is no {name} on this machine")
    return found


def said_by(name: str, *words: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and all that a tool said."""
    ran = subprocess.run(
        [tool(name), *words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False
    )  # fmt: skip
    return ran.returncode, ran.stdout


@dataclass(kw_only=True)
class Daemon:
    """One of them at work; `url` once it listens."""

    command: Sequence[str | Path]
    log: Path
    url: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Wait until it listens. Raises AssertionError with what it said instead."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        until = time.monotonic() + 30
        while (found := _LISTENS.search(self.log.read_text(errors="replace"))) is None:
            assert self._process.poll() is None, self.log.read_text(errors="replace")
            assert time.monotonic() < until, self.log.read_text(errors="replace")
            time.sleep(0.05)
        self.url = f"http://{found.group(1)}"
        while not self._ready():
            assert time.monotonic() < until, self.log.read_text(errors="replace")
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def reload(self) -> None:
        """Read the configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it, by its own group."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(timeout=10)

    def ask(self, path: str, **query: str) -> Any:
        """A JSON document."""
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=20) as answer:
            return json.load(answer)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One that is pending or firing."""

    name: str
    dock: str
    severity: str
    firing: bool
    labels: dict[str, str]
    said: dict[str, str]


@dataclass(kw_only=True)
class Watching:
    """A Prometheus at work. `since` is when it began, on the monotonic clock."""

    daemon: Daemon
    config: Path
    since: float = field(default_factory=time.monotonic)

    def alerts(self) -> list[Alert]:
        """All that are pending or firing."""
        return [
            Alert(
                name=one["labels"]["alertname"], dock=one["labels"].get("instance", ""), severity=one["labels"]["severity"],
                firing=one["state"] == "firing", labels=one["labels"], said=one["annotations"],
            )
            for one in self.daemon.ask("/api/v1/alerts")["data"]["alerts"]
        ]  # fmt: skip

    def firing(self) -> set[tuple[str, str]]:
        """Name and dock of each that fires."""
        return {(one.name, one.dock) for one in self.alerts() if one.firing}

    def until(self, is_so: Callable[[], object], what: str, *, timeout: float = 60.0) -> float:
        """Wait until it is so; the seconds that took. Raises AssertionError."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() > began + timeout:
                targets = [(one["labels"]["instance"], one["health"], one["lastError"]) for one in self.daemon.ask("/api/v1/targets")["data"]["activeTargets"]]  # fmt: skip
                raise AssertionError(f"not so within {timeout:.0f} s: {what}; {sorted(self.firing())}; {targets}")
            time.sleep(0.1)
        return time.monotonic() - began

    def value(self, expression: str) -> list[float]:
        """What an expression is now."""
        return [float(one["value"][1]) for one in self.daemon.ask("/api/v1/query", query=expression)["data"]["result"]]


@contextmanager
def prometheus(folder: Path, config: dict[str, Any]) -> Iterator[Watching]:
    """A Prometheus with this configuration (JSON is YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))
    daemon = Daemon(
        command=[
            tool("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", "--web.listen-address=127.0.0.1:0",
            "--storage.tsdb.retention.time=1h", "--query.lookback-delta=5s",
        ],
        log=folder / "prometheus.log",
    )  # fmt: skip
    try:
        daemon.start()
        yield Watching(daemon=daemon, config=file)
    finally:
        daemon.stop()


@contextmanager
def alertmanager(folder: Path, config: Path) -> Iterator[Daemon]:
    """An Alertmanager with this configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    daemon = Daemon(
        command=[
            tool("prometheus-alertmanager"), f"--config.file={config}", f"--storage.path={folder / 'kept'}", "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
        ],
        log=folder / "alertmanager.log",
    )  # fmt: skip
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
