"""`dockd run` as a real process, with a configuration, folder docks and the page, for every test that asks it from outside."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from tests.program import DOCKD, REPOSITORY, Ended, environment, kill_group

_ADDRESS = re.compile(r"dockd page at (https?://(?:127\.0\.0\.1|0\.0\.0\.0):\d+)\n")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the page answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        """As JSON."""
        return json.loads(self.body)


@dataclass(kw_only=True)
class Running:
    """One agent. `folder` holds its configuration, docks and state; `more` is appended to the configuration."""

    folder: Path
    store: str
    more: str = ""
    page: str = ""
    store_more: str = ""
    upload: str = ""
    listen: str = "127.0.0.1:0"
    state: Path | None = None
    usb: bool = False
    url: str = ""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def docks(self) -> Path:
        """The rack: each folder in it is a docked camera."""
        return self.folder / "docks"

    @property
    def config(self) -> Path:
        return self.folder / "dockd.toml"

    def configure(self, *, more: str | None = None) -> None:
        """Write the configuration."""
        self.docks.mkdir(parents=True, exist_ok=True)
        self.more = self.more if more is None else more
        state = self.state or self.folder / "state"
        self.config.write_text(
            f'[station]\nname = "Test Street"\nrack = "7"\n[docks]\nfolders = "{self.docks}"\nusb = {str(self.usb).lower()}\n'
            f'[spool]\npath = "{state}/spool"\nkeep_free = "1 MB"\n[ledger]\npath = "{state}/ledger.db"\n'
            f'[store]\nurl = "{self.store}"\n{self.store_more}\n[upload]\nretry_max = "1 s"\n{self.upload}\n[page]\nlisten = "{self.listen}"\n{self.page}\n{self.more}\n'
        )

    @property
    def said(self) -> str:
        """All that it said on standard error: its log, unless the configuration says otherwise."""
        return self._stderr.read_text(encoding="utf-8", errors="surrogateescape")

    @property
    def _stderr(self) -> Path:
        return self.folder / "stderr"

    def log(self) -> list[dict[str, Any]]:
        """The log's whole lines so far."""
        whole, _, _rest = self.said.rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def until_logged(self, action: str, *, count: int = 1, timeout: float = 40) -> dict[str, Any]:
        """The `count`th line of this event."""
        deadline = time.monotonic() + timeout
        while len(found := [line for line in self.log() if line["event.action"] == action]) < count:
            assert time.monotonic() < deadline, f"no {action} within {timeout} s:\n{self.said}"
            time.sleep(0.05)
        return found[count - 1]

    def launch(self) -> subprocess.Popen[str]:
        """Start it, and wait for nothing."""
        self.configure()
        with self._stderr.open("w") as stderr:
            return subprocess.Popen(
                [*DOCKD, "run", "--config", str(self.config)], stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(),
                cwd=REPOSITORY, start_new_session=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def fails(self, *, timeout: float = 20) -> Ended:
        """Start it where it cannot run, and wait for its end."""
        process = self.launch()
        try:
            out, _ = process.communicate(timeout=timeout)
        finally:
            kill_group(process)
        return Ended(code=process.returncode, out=out, err=self.said)

    def start(self) -> None:
        """Start it and wait until its page can be asked. Raises AssertionError with what it said instead."""
        self.process = self.launch()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = _ADDRESS.fullmatch(line)
        if found is None:
            kill_group(self.process)
            raise AssertionError(f"its first line was {line!r}\n{self.said}")
        self.url = found.group(1)

    def send(self, number: signal.Signals) -> None:
        """A signal to the agent alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = 25.0) -> Ended:
        """End it, and wait for at most `within` seconds."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            code = self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            kill_group(self.process)
            raise AssertionError(f"it did not end within {within} s:\n{self.said}") from None
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            return Ended(code=code, out=stdout.read(), err=self.said)

    def kill(self) -> None:
        """SIGKILL, for it and its workers, if it still runs."""
        if self.process is not None:
            kill_group(self.process)
            self.process.wait(timeout=20)
            if self.process.stdout is not None:
                self.process.stdout.close()

    # -- asking --------------------------------------------------------------------------------------------------------

    def ask(self, path: str, **headers: str) -> Answer:
        """One GET; `host="x"` sends a Host header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(status=answer.status, headers=answer.headers, body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, headers=error.headers, body=error.read())

    def api(self, path: str) -> Any:
        """A document of the API."""
        answer = self.ask(f"/api/v1{path}")
        assert answer.status == 200, answer
        return answer.document

    def bays(self) -> dict[str, Any]:
        """Each bay's state by its camera's id."""
        return {bay["camera"]["id"]: bay for bay in self.api("/bays")["bays"] if bay["camera"]}

    def until(self, is_so: Callable[[], object], what: str, *, timeout: float = 30) -> Any:
        """Ask until it is so. Raises AssertionError with what was there instead."""
        deadline = time.monotonic() + timeout
        while not (found := is_so()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not so within {timeout} s: {what}\n{json.dumps(self.api('/bays'), indent=1)}")
            time.sleep(0.05)
        return found

    def until_state(self, camera: str, *states: str, timeout: float = 30) -> Any:
        """Wait until this camera is in one of these states; its bay."""

        def found() -> Any:
            bay = self.bays().get(camera)
            return bay if bay is not None and bay["state"] in states else None

        return self.until(found, f"{camera} is {' or '.join(states)}", timeout=timeout)

    def dock(self, name: str, files: dict[str, bytes]) -> Path:
        """A camera appears whole, as one that is pushed in does."""
        aside = self.folder / f"aside-{name}"
        aside.mkdir(parents=True)
        for path, content in files.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).write_bytes(content)
        return aside.rename(self.docks / name)


@contextmanager
def running(folder: Path, store: str, **options: Any) -> Iterator[Running]:
    """A running agent that is ended afterwards."""
    agent = Running(folder=folder, store=store, **options)
    agent.start()
    try:
        yield agent
    finally:
        agent.kill()


class Events:
    """The event stream as a browser reads it: `next()` gives (event, id, document)."""

    def __init__(self, url: str, *, timeout: float = 25.0) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=timeout)
        self._connection.request("GET", "/api/v1/events")
        self._answer = self._connection.getresponse()
        self.headers = self._answer.headers
        self.retry = ""

    def next(self) -> tuple[str, int, Any]:
        """The next event. Raises TimeoutError, EOFError."""
        fields: dict[str, str] = {}
        while True:
            line = self._answer.readline().decode()
            if not line:
                raise EOFError
            if line == "\n":
                if "event" in fields:
                    return fields["event"], int(fields["id"]), json.loads(fields["data"])
                self.retry = fields.get("retry", self.retry)
                fields = {}
                continue
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def until(self, is_it: Callable[[str, Any], bool]) -> tuple[str, int, Any]:
        """The first event for which this holds."""
        while True:
            event, number, document = self.next()
            if is_it(event, document):
                return event, number, document

    def close(self) -> None:
        self._answer.close()
        self._connection.close()
