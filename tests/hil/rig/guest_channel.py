"""Commands in the guest, over a virtio-serial port: no network, no login, and it works while udev and disks are busy.

The far end is `guest/channel.py`. The two output streams of a command are kept apart, since `dockd --json` promises
what lies on each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.jsonlines import JsonLines, JsonObject

# Tell each command of the guest, what it said and how long it took; to be read with `pytest -s`.
TRACE = bool(os.environ.get("DOCKD_HIL_TRACE"))


class GuestCommandFailed(RuntimeError):
    """A command that had to succeed did not; the message has its output."""


class NoAnswer(ConnectionError):
    """Nobody answered at that port of the guest, or not with HTTP."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server in the guest answered."""

    status: int
    body: str


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command in the guest ended. A negative status is the signal that ended it."""

    command: str
    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Everything, for a failure's message."""
        return f"$ {self.command}\n{self.stdout}{self.stderr}[status {self.status}]"


class GuestJob:
    """A command that runs in the guest."""

    def __init__(self, channel: GuestChannel, *, number: int, command: str) -> None:
        self._channel = channel
        self._number = number
        self._started = time.monotonic()
        self.command = command
        self.stdout = ""
        self.stderr = ""
        self.status: int | None = None

    def take(self, message: JsonObject) -> None:
        """Record one message of the guest about this job."""
        self.stdout += message.get("stdout", "")
        self.stderr += message.get("stderr", "")
        self.status = message.get("exit", self.status)

    def wait(self, *, timeout: float = 120) -> Ended:
        """Wait for its end. Raises TimeoutError, PeerGone."""
        self._channel.pump(lambda: self.status is not None, timeout=timeout, waiting_for=self)
        status = -999 if self.status is None else self.status
        ended = Ended(command=self.command, status=status, stdout=self.stdout, stderr=self.stderr)
        if TRACE:
            print(f"\n{ended.said} [{time.monotonic() - self._started:.1f} s]")
        return ended

    def wait_for(self, text: str, *, timeout: float = 60) -> None:
        """Wait until it has printed `text`. Raises TimeoutError, PeerGone, GuestCommandFailed where it ended first."""
        self._channel.pump(
            lambda: text in self.stdout + self.stderr or self.status is not None,
            timeout=timeout,
            waiting_for=self,
        )
        if text not in self.stdout + self.stderr:
            raise GuestCommandFailed(f"ended before it said {text!r}\n{self.wait().said}")

    def running(self) -> bool:
        """Whether it still runs, as far as the guest has told by now."""
        self._channel.drain()
        return self.status is None

    def signal(self, number: int) -> None:
        """Send a signal to it and everything it started."""
        self._channel.send({"job": self._number, "signal": number})


class GuestChannel:
    """The host's end; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path, timeout=30)
        self._jobs: dict[int, GuestJob] = {}
        self._answers: dict[int, JsonObject] = {}
        self._asked = 0
        self._pings = 0
        self._answered = 0

    def await_guest(self, *, timeout: float) -> None:
        """Wait until the guest answers, after a boot or a restore. Raises TimeoutError, PeerGone."""
        self._pings += 1
        self._lines.send({"ping": self._pings})
        self.pump(lambda: self._answered >= self._pings, timeout=timeout, waiting_for=None)

    def start(self, command: str) -> GuestJob:
        """Start a shell command. What it leaves in the background must not keep its output open."""
        number = len(self._jobs) + 1
        job = self._jobs[number] = GuestJob(self, number=number, command=command)
        self._lines.send({"job": number, "command": command})
        return job

    def ask(self, port: int, path: str, *, timeout: float) -> Answer:
        """GET `path` from a server on the guest's loopback. Raises NoAnswer, TimeoutError, PeerGone."""
        self._asked += 1
        number = self._asked
        self._lines.send({"ask": number, "port": port, "path": path})
        self.pump(lambda: number in self._answers, timeout=timeout, waiting_for=None)
        said = self._answers.pop(number)
        if "error" in said:
            raise NoAnswer(f"port {port}, {path}: {said['error']}")
        return Answer(status=said["status"], body=said["body"])

    def send(self, message: JsonObject) -> None:
        self._lines.send(message)

    def pump(self, done: Callable[[], bool], *, timeout: float, waiting_for: GuestJob | None) -> None:
        """Take in what the guest says until `done`. Raises TimeoutError, PeerGone."""
        deadline = time.monotonic() + timeout
        while not done():
            try:
                self._take(self._lines.receive(deadline=deadline))
            except TimeoutError as error:
                job = waiting_for
                so_far = f"$ {job.command}\n{job.stdout}{job.stderr}" if job else "the guest does not answer"
                raise TimeoutError(f"still waiting after {timeout:.0f} s: {so_far[-4000:]}") from error

    def drain(self) -> None:
        """Take in what is there already, without waiting. Raises PeerGone."""
        while True:
            try:
                self._take(self._lines.receive(deadline=time.monotonic()))
            except TimeoutError:
                return

    def close(self) -> None:
        self._lines.close()

    def _take(self, message: JsonObject) -> None:
        if "pong" in message:
            self._answered = message["pong"]
        elif "answer" in message:
            self._answers[message["answer"]] = message
        elif (job := self._jobs.get(message["job"])) is not None:
            job.take(message)
