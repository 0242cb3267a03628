"""One station for the soak: a real agent, a real store, the line between them, small disks, eight cameras, and everybody who watches."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.agent import Running
from tests.program import DOCKD, REPOSITORY, StoreProcess, environment
from tests.soak.hour.disks import SmallDisk
from tests.soak.hour.line import Line
from tests.soak.hour.rack import Rack
from tests.soak.hour.samples import Sampler, Visitor, workers

_SPOOL_DISK = 192 << 20
_LEDGER_DISK = 512 << 20


class Station:
    """All of it. `chance` decides everything that chance decides here."""

    def __init__(self, folder: Path, *, seed: int, every: float, disks: Sequence[SmallDisk]) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        state = folder / "state"
        self.ledger_disk = disks[0] if disks else None
        self.spool_disk = disks[1] if disks else None
        (folder / "spool").mkdir(exist_ok=True)
        self.store = StoreProcess(root=folder / "store")
        self.store.start()
        self.line = Line(int(self.store.url.rpartition(":")[2]), seed=seed)
        self.agent = _Agent(folder=folder, store=self.line.url, state=state)
        self.rack = Rack(folder=folder, spool=folder / "spool", store=self.store.root, chance=self.chance)
        self.ledger_is_full = False
        self.surprises: Counter[str] = Counter()
        self._there: tuple[int, str] | None = None
        self.start_agent()
        self.sampler = Sampler(self._processes, every=every)
        self.visitor = Visitor(lambda: self._there, every=min(every, 0.5), patience=10.0)
        self.watcher = Watcher(self.rack, every=every)
        for thread in (self.sampler, self.visitor, self.watcher):
            thread.start()

    @property
    def agent_pid(self) -> int:
        process = self.agent.process
        return 0 if process is None or process.poll() is not None else process.pid

    @property
    def store_pid(self) -> int:
        process = self.store._process  # the fixture keeps it for itself; the soak stops and measures it
        return 0 if process is None or process.poll() is not None else process.pid

    def _processes(self) -> Iterator[tuple[str, int]]:
        for name, pid in (("agent", self.agent_pid), ("store", self.store_pid)):
            if pid:
                yield name, pid
        for pid in workers(self.agent_pid):
            yield "worker", pid

    def start_agent(self) -> None:
        """Start it, and open its page to the visitor."""
        self.agent.start()
        self._there = (self.agent_pid, self.agent.url)

    @property
    def agent_state(self) -> Path:
        return self.folder / "state"

    def restart_agent(self, number: signal.Signals, *, between: Callable[[], object] = lambda: None) -> None:
        """End it, do what is to be done `between`, and start it again. Raises AssertionError where it ended by itself, or does not end or start."""
        self.must_live()
        self._there = None
        if number == signal.SIGKILL:
            self.agent.kill()
        else:
            ended = self.agent.stop(number, within=30.0)
            assert ended.code == 0, ended.said[-5000:]
        self.collect_surprises()
        shutil.copyfile(self.folder / "stderr", self.folder / "stderr.before")
        between()
        self.start_agent()

    def must_live(self) -> None:
        """Raises AssertionError where the agent or the store ended by itself."""
        assert self.agent_pid, f"the agent ended by itself:\n{self.agent.said[-5000:]}"

    def collect_surprises(self) -> None:
        """What the agent logged that nobody had foreseen, of the run that is over or goes on."""
        for line in self.agent.log():
            if "error.type" in line:
                what = (
                    f"{line['message']}: {line['error.type']}: {str(line.get('error.stack_trace', '')).strip()[-300:]}"
                )
                self.surprises[what] += 1

    def command(self, *words: str, timeout: float = 120) -> str:
        """One of dockd's commands, which has to end well. Returns what it said."""
        done = subprocess.run(
            [*DOCKD, *words],
            capture_output=True,
            text=True,
            env=environment(),
            cwd=REPOSITORY,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, (
            f"dockd {' '.join(words)}: exit {done.returncode}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
        )
        return done.stdout

    def watchers_end(self) -> None:
        """Nobody looks any more."""
        for thread in (self.visitor, self.sampler, self.watcher):
            if thread.is_alive():
                thread.end()

    def close(self) -> None:
        """Everything ends."""
        self._there = None
        self.watchers_end()
        self.agent.kill()
        self.store.kill()
        self.line.close()


@contextlib.contextmanager
def station_at(folder: Path, *, seed: int, every: float) -> Iterator[Station]:
    """A station at work, ended afterwards. Its small disks need root; without, they are never full."""
    with contextlib.ExitStack() as stack:
        disks: list[SmallDisk] = []
        if os.geteuid() == 0:
            for name, size in (("state", _LEDGER_DISK), ("spool", _SPOOL_DISK)):
                disks.append(SmallDisk(folder / name, size=size))
                stack.callback(disks[-1].close)
        station = Station(folder, seed=seed, every=every, disks=disks)
        stack.callback(station.close)
        yield station


class _Agent(Running):
    """Its spool is on a disk of its own."""

    def configure(self, *, more: str | None = None) -> None:
        super().configure(more=more)
        text = self.config.read_text()
        self.config.write_text(text.replace(f'path = "{self.state}/spool"', f'path = "{self.folder}/spool"'))


class Watcher(threading.Thread):
    """The oracle, all the time."""

    def __init__(self, rack: Rack, *, every: float) -> None:
        super().__init__(daemon=True)
        self._rack, self._every = rack, every
        self._over = threading.Event()
        self.looks = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while not self._over.wait(self._every):
            with self._rack.lock:
                self.faults += self._rack.witness.faults()
            self.looks += 1

    def end(self) -> None:
        self._over.set()
        self.join()
