"""One run of three small cameras, ended before each call that changes a disk in turn, started again, and looked at by the oracle.

A run is one `dockd ingest CAM1 CAM2 CAM3 --wipe` on a new state folder (its first start is part of it), or the embedded store
under such a run. Each stop has files, state and cameras of its own, so that what one stop leaves behind moves no count of
another. `tests.recovery.stopper` counts the calls, over all threads and processes of a role.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from ingest.ledger import audit
from tests.oracle import Witness, always
from tests.program import Dock, Ended, StoreProcess, ended, filled
from tests.recovery import stopper

_STOPS_A_STORE = 25  # then a new one: the oracle reads all of it each time
_LOT = 5  # numbers in a row of which none is reached any more: the one before was the last


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of stop. `alone`: only the worker is ended, and its agent lives on."""

    role: str
    call: str
    alone: bool = False

    @property
    def id(self) -> str:
        """For a test's name."""
        return f"{self.role}{'-alone' if self.alone else ''}-{self.call}"


KINDS = [
    *(Kind(role="agent", call=call) for call in ("fdatasync", "fsync", "rename", "unlink", "pwrite64", "ftruncate", "mkdir")),
    *(Kind(role="worker", call=call, alone=alone)
      for alone in (False, True) for call in ("fsync", "fdatasync", "rename", "unlink", "fallocate")),
    *(Kind(role="store", call=call) for call in ("fdatasync", "fsync", "rename", "unlink", "pwrite64", "ftruncate", "mkdir")),
]  # fmt: skip


def needs_stopper() -> None:
    """Skips where programs cannot be stopped like this."""
    if not stopper.possible():
        pytest.skip("calls are counted on x86-64 Linux only")


def under_stopper(log: Path, *, at: tuple[Kind, int] | None = None) -> tuple[str, ...]:
    """The words that run a program under the stopper."""
    words = (sys.executable, "-S", "-P", "-m", "tests.recovery.stopper", "--log", str(log))
    if at is None:
        return (*words, "--")
    kind, number = at
    alone = ("--alone",) if kind.alone else ()
    return (*words, "--at", f"{kind.role}:{kind.call}:{number}", *alone, "--")


def made_in(log: Path) -> Counter[tuple[str, str]]:
    """How many calls of each role and name a log tells of."""
    lines = (line.split(" ", 2) for line in log.read_text().splitlines() if line != "stopped")
    return Counter((role, call) for role, call, _about in lines)


@dataclass(kw_only=True)
class Scene:
    """Three cameras, a state folder, and what watches them. `name` is in the empty file's name: empty files are alike wherever they are."""

    folder: Path
    store: StoreProcess
    name: str
    cameras: list[Path] = field(init=False)
    dock: Dock = field(init=False)
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        chance = random.Random(self.name)
        twin = chance.randbytes(300)
        self.cameras = [
            filled(self.folder / "CAM1", {"a.mp4": twin, "twin.mp4": twin}),
            filled(self.folder / "CAM2", {f"{self.name}-empty": b"", "DCIM/100/long.mp4": chance.randbytes(70_001)}),
            filled(self.folder / "CAM3", {"a.mp4": twin, "b.mp4": chance.randbytes(5000), "b.mp4.sha256": b"of b.mp4\n"}),
        ]  # fmt: skip
        self.dock = Dock(state=self.folder / "state", url=self.store.url)
        self.witness = Witness(spool=self.dock.spool, store=self.store.root)
        self.witness.remember(*self.cameras)

    def ingest(self, *prefix: str) -> Ended:
        """One run over all three."""
        self.dock.url, self.dock.prefix = self.store.url, prefix
        return self.dock.ingest(*self.cameras, timeout=120)

    def ends_well(self, run: Ended) -> None:
        """It said so, and so it is: all in the store, nothing on the cameras or in the spool, the record whole."""
        assert run.code == 0, run.said
        always(self.witness.faults)
        assert (self.witness.emptied(), self.witness.delivered()) == ([], [])
        assert os.listdir(self.dock.spool) == []
        with audit.moment(self.dock.state / "ledger.db") as reader:
            assert audit.check(reader).faults == ()


def counted(folder: Path) -> Counter[tuple[str, str]]:
    """How many calls of each kind a run makes that nobody stops: of the dock, and of the store from its start to its end."""
    store = StoreProcess(root=folder / "store", prefix=under_stopper(folder / "store.log"))
    store.start()
    try:
        scene = Scene(folder=folder, store=store, name="counted")
        scene.ends_well(scene.ingest(*under_stopper(folder / "dock.log")))
    finally:
        store.stop()
    return made_in(folder / "dock.log") + made_in(folder / "store.log")


def stop_dock(folder: Path, store: StoreProcess, *, kind: Kind, number: int) -> bool:
    """End the dock (or one worker) before that call, look, start it again, look. Returns whether the call was ever made."""
    scene = Scene(folder=folder, store=store, name=f"{kind.id}-{number}")
    log = folder / "calls.log"
    run = scene.ingest(*under_stopper(log, at=(kind, number)))
    reached = log.read_text().endswith("\nstopped\n")
    if not reached:
        scene.ends_well(run)
        return False
    assert run.code in ((0, 1) if kind.alone else (-signal.SIGKILL,)), run.said
    always(scene.witness.faults)
    scene.ends_well(scene.ingest())
    return True


def stop_store(folder: Path, *, kind: Kind, number: int) -> bool:
    """End the store before that call, look, start it again under the same dock, look. Returns whether the call was ever made."""
    log = folder / "calls.log"
    store = StoreProcess(root=folder / "store", prefix=under_stopper(log, at=(kind, number)))
    try:
        return _stop_store(folder, store, log)
    finally:
        store.kill()


def _stop_store(folder: Path, store: StoreProcess, log: Path) -> bool:
    try:
        store.start()
    except AssertionError:  # it did not get that far
        assert log.read_text().endswith("\nstopped\n")
        store.prefix = ()
        store.start()
    store.prefix = ()
    scene = Scene(folder=folder, store=store, name="store")
    running = scene.dock.start(*scene.cameras)
    while running.poll() is None and store.alive:
        time.sleep(0.005)
    if not store.alive:
        always(scene.witness.faults)
        store.kill()
        store.start()
    scene.ends_well(ended(running, timeout=120))
    store.stop()  # a clean end writes too
    reached = log.exists() and log.read_text().endswith("\nstopped\n")
    store.start()  # whatever was left behind, it starts on that, and has everything
    always(scene.witness.faults)
    assert scene.witness.delivered() == []
    return reached


@dataclass(kw_only=True)
class Sweep:
    """Makes stops, as many at a time as there are `jobs`, each in a folder of its own."""

    folder: Path
    jobs: int = field(default_factory=lambda: int(os.environ.get("DOCKD_STOPS_AT_ONCE", os.cpu_count() or 1)))
    reached: dict[Kind, list[int]] = field(default_factory=dict)
    _idle: SimpleQueue[tuple[StoreProcess, int]] = field(default_factory=SimpleQueue)

    def stops(self, wanted: Iterable[tuple[Kind, int]]) -> None:
        """Make these. Raises AssertionError for each that went wrong, with all their texts."""
        faults: list[str] = []
        with ThreadPoolExecutor(self.jobs) as threads:
            for fault in threads.map(lambda one: self._checked(*one), wanted):
                faults += fault
        assert not faults, "\n\n".join(faults)

    def all_of(self, kind: Kind, *, counted: int) -> int:
        """Make the first, the second, … until there are no more; how many there were.

        How many calls a run makes varies where commits share one: it ends beyond what was `counted`, where a whole lot is not reached.
        """
        done = found = 0
        while done <= counted or found < len(self.reached.get(kind, ())):
            found = len(self.reached.get(kind, ()))
            self.stops((kind, number) for number in range(done + 1, done + 1 + _LOT))
            done += _LOT
        return found

    def close(self) -> None:
        """End all stores."""
        while not self._idle.empty():
            self._idle.get()[0].kill()

    def _checked(self, kind: Kind, number: int) -> list[str]:
        folder = self.folder / f"{kind.id}-{number}"
        folder.mkdir(parents=True)
        try:
            if self._one(folder, kind, number):
                self.reached.setdefault(kind, []).append(number)
        except AssertionError as fault:
            return [f"{kind.id} {number} ({folder}): {fault}"]
        shutil.rmtree(folder)
        return []

    def _one(self, folder: Path, kind: Kind, number: int) -> bool:
        if kind.role == "store":
            return stop_store(folder, kind=kind, number=number)
        store, used = self._taken()
        try:
            return stop_dock(folder, store, kind=kind, number=number)
        finally:
            if used < _STOPS_A_STORE:
                self._idle.put((store, used + 1))
            else:
                store.kill()
                shutil.rmtree(store.root)

    def _taken(self) -> tuple[StoreProcess, int]:
        with contextlib.suppress(Empty):
            return self._idle.get_nowait()
        store = StoreProcess(root=self.folder / f"store-{secrets.token_hex(4)}")
        store.start()
        return store, 0
