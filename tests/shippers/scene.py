"""One passage: a dock that talks, its shipper, the line and the far end, and what befalls them meanwhile. Run alone, it prints what arrived:

python -m tests.shippers.scene journal-relp --lines 20000 --rate 1000 --faults stop,kill,rotate,cut,far-stop,far-kill
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.program import DOCKD, REPOSITORY, environment
from tests.shippers.machine import Machine, Program, cut, mend, wired
from tests.shippers.packages import unpacked
from tests.shippers.routes import CONFIG, ROUTES, Route

CUT, SHORT_CUT = 5.0, 2.5
_AWAY = 1.5


HEADER = (
    "| way | what befell it | sent | received | restarts | rotations | cuts | missing | twice | missing, twice after `dockd logs unique` |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
_WAYS = {
    "journal-relp": "journal → rsyslog → RELP", "file-relp": "file → rsyslog → RELP", "journal-upload": "journal-upload → journal-remote", "journal-tls": "journal → rsyslog → TLS",
    "journal-syslog-ng": "journal → syslog-ng → TLS", "file-syslog-ng": "file → syslog-ng → TLS",
}  # fmt: skip
_BEFELL = {
    "stop": "stopped", "kill": "killed", "rotate": "rotated", "cut": "cut", "far-stop": "receiver stopped", "far-kill": "receiver killed",
    "cut-kill": "both killed while cut", "cut-stop": "stopped while cut",
}  # fmt: skip
_RESTARTS = {"stop": 1, "kill": 1, "far-stop": 1, "far-kill": 1, "cut-stop": 1, "cut-kill": 2}
_OF_A_FILE = 2  # rotations at a time: the second finds the name of the first taken


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was said and what arrived. `verdict`: the document of `dockd logs verify --json`; `once`: the same of what `dockd logs unique` makes of it."""

    said: int
    lost_on_dock: int
    verdict: dict[str, Any]
    once: dict[str, Any]
    seconds: float
    settled: float

    @property
    def arrived(self) -> int:
        """Different lines."""
        return int(self.verdict["lines"]) - int(self.verdict["twice"])

    def row(self, name: str, faults: Sequence[str]) -> str:
        """For a table."""
        restarts = sum(_RESTARTS.get(fault, 0) for fault in faults)
        rotations = faults.count("rotate") * (_OF_A_FILE if name.startswith("file") else 1)
        cuts = sum(fault.startswith("cut") for fault in faults)
        told = f"{self.verdict['missing']:,} | {self.verdict['twice']:,} | {self.once['missing']:,}, {self.once['twice']:,}"
        befell = ", ".join(_BEFELL[fault] for fault in faults) or "nothing"
        return f"| {_WAYS[name]} | {befell} | {self.said:,} | {self.arrived:,} | {restarts} | {rotations} | {cuts} | {told} |"


@dataclass(kw_only=True)
class Scene:
    """Everything, while it lasts."""

    dock: Machine
    far: Machine
    route: Route
    journald: Program | None
    cut: float = CUT

    def befall(self, what: str) -> None:
        """One fault, and what an operator or systemd does about it."""
        acts: dict[str, Callable[[], None]] = {
            "stop": lambda: self._restarted(self.route.shipper, kill=False), "kill": lambda: self._restarted(self.route.shipper, kill=True),
            "far-stop": lambda: self._restarted(self.route.receiver, kill=False), "far-kill": lambda: self._restarted(self.route.receiver, kill=True),
            "rotate": self._rotate, "cut": self._cut, "cut-kill": self._cut_and_kill, "cut-stop": self._cut_and_stop,
        }  # fmt: skip
        acts[what]()

    def _restarted(self, program: Program, *, kill: bool) -> None:
        (program.kill if kill else program.stop)()
        time.sleep(_AWAY)
        program.start()

    def _rotate(self) -> None:
        if self.route.talk_to == "journal":
            assert self.journald is not None
            assert self.journald.process is not None
            self.journald.process.send_signal(12)  # SIGUSR2: what `journalctl --rotate` asks for
            return
        shipped = (CONFIG / "logrotate-dockd").read_text()
        self.dock.write("/etc/logrotate.d/dockd", shipped.replace("dockd adm", "root root"))
        for number in range(_OF_A_FILE):
            if number:
                time.sleep(2.5)
            self.dock.run("logrotate", "--force", "--state", "/var/lib/logrotate.state", "/etc/logrotate.d/dockd")

    def _cut(self) -> None:
        cut(self.far)
        time.sleep(self.cut)
        mend(self.far)

    def _cut_and_kill(self) -> None:
        """The line is cut, and both ends die before it is mended: whatever was under way is gone for good."""
        cut(self.far)
        time.sleep(_AWAY)
        self.route.shipper.kill()
        self.route.receiver.kill()
        time.sleep(_AWAY)
        mend(self.far)
        self.route.receiver.start()
        self.route.shipper.start()

    def _cut_and_stop(self) -> None:
        """The shipper is stopped, as for an update, while the line is cut."""
        cut(self.far)
        time.sleep(_AWAY)
        self.route.shipper.stop()
        mend(self.far)
        self.route.shipper.start()

    def verify(self) -> dict[str, Any]:
        """What `dockd logs verify` says of what is at the far end."""
        return _verified(self.route.arrived())

    def once(self) -> dict[str, Any]:
        """What it says of that when `dockd logs unique` has taken out what is there again."""
        made = self.far.folder / "once.json"
        with made.open("wb") as out:
            subprocess.run(
                [*DOCKD, "logs", "unique", str(self.route.arrived())], stdout=out, env=environment(), cwd=REPOSITORY, timeout=120, check=True,
            )  # fmt: skip
        return _verified(made)


def _verified(file: Path) -> dict[str, Any]:
    found = subprocess.run(
        [*DOCKD, "logs", "verify", "--json", str(file)], capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=120, check=False,
    )  # fmt: skip
    assert found.returncode in (0, 1), found.stderr
    document = json.loads(found.stdout)
    assert isinstance(document, dict)
    return document


@contextlib.contextmanager
def scene(name: str, folder: Path) -> Iterator[Scene]:
    """Build it."""
    usr = unpacked()
    with Machine("dock", folder / "dock", usr) as dock, Machine("far", folder / "far", usr) as far, wired(dock, far):
        route = ROUTES[name](dock, far)
        journald = dock.journald() if route.talk_to == "journal" else None
        route.receiver.start()
        route.shipper.start()
        yield Scene(dock=dock, far=far, route=route, journald=journald)


def passage(
    name: str, folder: Path, *, lines: int, rate: float, faults: Sequence[str], patience: float = 60.0, cut: float = CUT
) -> Outcome:  # fmt: skip
    """Talk for `lines / rate` seconds, with the faults spread over that time; then wait until all has arrived, or nothing more comes for `patience`."""
    with scene(name, folder) as stage:
        stage.cut = cut
        began = time.monotonic()
        with (folder / "talker.log").open("wb") as log:
            talker = stage.dock.popen(
                sys.executable, "-m", "tests.shippers.talker", "--to", stage.route.talk_to, "--lines", str(lines), "--rate", str(rate),
                "--mark", str(stage.dock.path("/var/lib/log.mark")), log=log, environment={"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
        try:
            for number, fault in enumerate(faults, 1):
                _wait(stage, until=began + number * lines / rate / (len(faults) + 1))
                stage.befall(fault)
            while talker.poll() is None:
                _wait(stage, until=time.monotonic() + 0.2)
        finally:
            talker.kill()
            talker.wait()
        words = (folder / "talker.log").read_text().split()
        assert len(words) == 2, (folder / "talker.log").read_text()[-2000:]
        ended = time.monotonic()
        verdict = settled(stage, patience=patience)
        return Outcome(
            said=_said(stage, words[0]), lost_on_dock=int(words[1]), verdict=verdict, once=stage.once(), seconds=ended - began,
            settled=time.monotonic() - ended,
        )  # fmt: skip


def _wait(stage: Scene, *, until: float) -> None:
    while time.monotonic() < until:
        stage.route.shipper.tend()
        stage.route.receiver.tend()
        time.sleep(0.1)


def _said(stage: Scene, run: str) -> int:
    """The number of the talker's last line, from its mark."""
    found = json.loads(stage.dock.path("/var/lib/log.mark").read_text())
    assert found["run"] == run
    return int(found["last"])


def settled(stage: Scene, *, patience: float) -> dict[str, Any]:
    """The verdict once it is whole and nothing more comes, or once nothing has come for `patience` seconds."""
    verdict, since = stage.verify(), time.monotonic()
    while True:
        _wait(stage, until=time.monotonic() + 1.0)
        fresh = stage.verify()
        if fresh["lines"] != verdict["lines"]:
            since = time.monotonic()
        verdict = fresh
        quiet = time.monotonic() - since
        ended = bool(verdict["runs"]) and verdict["runs"][0]["end"] == "closed" and not verdict["missing"]
        if (ended and quiet > 2.0) or quiet > patience:
            return verdict


def main() -> None:
    """Print a row for each name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*ROUTES, "all"])
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--faults", default="stop,kill,rotate,cut,far-stop,far-kill")
    parser.add_argument("--patience", type=float, default=30.0)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    faults = [fault for fault in asked.faults.split(",") if fault]
    print(HEADER)
    for name in ROUTES if "all" in asked.names else asked.names:
        folder = Path(tempfile.mkdtemp(prefix="dockd-ship-"))
        try:
            found = passage(name, folder, lines=asked.lines, rate=asked.rate, faults=faults, patience=asked.patience)
            print(found.row(name, faults), f"settled {found.settled:.0f} s", [(run["missing"], run["twice"]) for run in found.verdict["runs"]], flush=True)  # fmt: skip
        finally:
            print(folder) if asked.keep else shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
