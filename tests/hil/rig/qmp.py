"""QEMU's machine protocol: devices appear and vanish, and counters are read, while the guest runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hil.rig.jsonlines import JsonLines, JsonObject


class QmpError(RuntimeError):
    """QEMU refused a command; the message says which one and why."""


class Qmp:
    """A monitor connection. Commands are answered in order; events are kept until somebody asks for them."""

    def __init__(self, path: Path, *, timeout: float = 30) -> None:
        self._lines = JsonLines(path, timeout=timeout)
        self._events: list[JsonObject] = []
        self._lines.receive(deadline=time.monotonic() + timeout)  # QEMU's greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, arguments: JsonObject | None = None, *, timeout: float = 60) -> Any:
        """Run one command and return what it returns. Raises QmpError, TimeoutError, PeerGone."""
        self._lines.send({"execute": command, "arguments": arguments or {}})
        deadline = time.monotonic() + timeout
        while "event" in (message := self._lines.receive(deadline=deadline)):
            self._events.append(message)
        if "error" in message:
            raise QmpError(f"{command}: {message['error'].get('desc', message['error'])}")
        return message["return"]

    def wait_event(self, name: str, *, where: Callable[[JsonObject], bool], timeout: float = 30) -> JsonObject:
        """The data of the first event `name` that fits `where`, and forget it. Raises TimeoutError, PeerGone."""
        deadline = time.monotonic() + timeout
        while True:
            for index, event in enumerate(self._events):
                if event["event"] == name and where(event.get("data", {})):
                    data: JsonObject = self._events.pop(index).get("data", {})
                    return data
            self._events.append(self._lines.receive(deadline=deadline))

    def close(self) -> None:
        self._lines.close()
