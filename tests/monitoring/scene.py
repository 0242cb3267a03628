"""One dock that a Prometheus watches: waits for its alerts, and keeps how long each took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.agent import Running
from tests.monitoring.tools import Watching

# What may well be so of the machine that the tests run on.
OF_THE_MACHINE = frozenset({"DockdClockUnsynchronised", "DockdEventLoopLate"})
LONG = 80.0  # seconds that anything may take on a machine that has other things to do


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One alert that came of a fault, and went with it: seconds from the fault until it fired, and from its end until it was over."""

    alert: str
    fault: str
    fired: float
    over: float


@dataclass(kw_only=True)
class Scene:
    """One dock that is watched as `name`."""

    name: str
    folder: Path
    watching: Watching
    targets: Path
    shown: list[Shown] = field(default_factory=list)
    _began: dict[str, tuple[str, float]] = field(default_factory=dict)

    def watched(self, agent: Running) -> None:
        """Prometheus has this dock among its targets, has an answer, and nothing fires."""
        target = {"targets": [agent.url.split("//")[1]], "labels": {"job": "dockd", "instance": self.name}}
        fresh = self.targets / f"{self.name}.tmp"
        fresh.write_text(json.dumps([target]))
        fresh.rename(self.targets / f"{self.name}.plain.json")
        self.until(lambda: self.watching.value(f'up{{instance="{self.name}"}}') == [1.0], "it is scraped")
        self.until(lambda: self.watching.value(f'dockd_store_up{{instance="{self.name}"}}') == [1.0], "its store is up")
        self.until(lambda: not self.firing() - OF_THE_MACHINE, "nothing fires")

    def until(self, is_so: Callable[[], object], what: str) -> float:
        """Wait; the seconds that took."""
        return self.watching.until(is_so, f"{self.name}: {what}", timeout=LONG)

    def firing(self) -> set[str]:
        """What fires of this dock."""
        return {name for name, dock in self.watching.firing() if dock == self.name}

    def fires(self, fault: str, *alerts: str) -> None:
        """The fault is there from now on: wait until all of these fire."""
        began = time.monotonic()
        for alert in alerts:
            self.until(lambda alert=alert: alert in self.firing(), f"{alert} fires, for {fault}")  # type: ignore[misc]
            self._began[alert] = (fault, time.monotonic() - began)

    def over(self, *alerts: str) -> None:
        """The fault is over from now on: wait until none of these fires any more, of a dock that is seen."""
        began = time.monotonic()
        self.until(lambda: self.watching.value(f'up{{instance="{self.name}"}}') == [1.0], "it is scraped")
        for alert in alerts:
            self.until(lambda alert=alert: alert not in self.firing(), f"{alert} is over")  # type: ignore[misc]
            fault, fired = self._began.pop(alert)
            self.shown.append(Shown(alert=alert, fault=fault, fired=fired, over=time.monotonic() - began))
