"""The agent's log, followed while it is written: what happened in it, in order, as soon as it was said."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from tests.hil.rig.guest_channel import GuestJob
from tests.hil.rig.vm import Vm

Document = dict[str, Any]

LOGS = "/run/rig"


class NeverCame(AssertionError):
    """What was waited for did not come; the message says what was there instead, and the end of the agent's log."""


class AgentLog:
    """The log of one guest's agent, one JSON object a line."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._tail: GuestJob | None = None

    def follow(self) -> None:
        """From here on it is known what is logged, what was logged before included."""
        self._tail = self._vm.start(f"exec tail -q -n +1 -F {LOGS}/agent.log 2>/dev/null")

    def events(self, *actions: str) -> list[Document]:
        """What was logged up to now; only these actions where any is named."""
        if self._tail is None:
            self.follow()
        assert self._tail is not None
        self._tail.running()
        lines = self._tail.stdout.splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]
        return [event for event in found if not actions or event.get("event.action") in actions]

    def await_event(self, action: str, *, where: Callable[[Document], bool], after: int, timeout: float) -> Document:
        """The first event of this action that fits, but for the first `after` of them. Raises NeverCame."""
        deadline = time.monotonic() + timeout
        while len(found := [event for event in self.events(action) if where(event)]) <= after:
            if time.monotonic() > deadline:
                raise NeverCame(f"no {action} within {timeout:.0f} s\n{self.end(40)}")
            time.sleep(0.01)
        return found[after]

    def end(self, lines: int) -> str:
        """The last lines of each unit's log, without what every line says."""
        said = self._vm.run(f"tail -n {lines} {LOGS}/agent.log; tail -n 10 {LOGS}/mount.log {LOGS}/store.log")
        return re.sub(r'"(event|host|service)\.[a-z]+": ?("[^"]*"|\d+),? ?', "", said.stdout)[-9000:]
