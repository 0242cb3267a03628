"""What the processes take, and how quickly the page answers: looked at all the time, judged at the end."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_PAGES = ("/healthz", "/api/v1/status", "/metrics", "/api/v1/bays", "/")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look at one process: `at` seconds on the monotonic clock, `rss` bytes."""

    at: float
    rss: int
    fds: int
    threads: int


def sample(pid: int) -> Sample | None:
    """None where it has ended."""
    try:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        fds = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Sample(
            at=time.monotonic(), rss=int(status["VmRSS"].split()[0]) << 10, fds=fds, threads=int(status["Threads"])
        )
    except (OSError, KeyError):
        return None


def children(pid: int) -> dict[int, str]:
    """The states of a process's children by pid: S, R, D, T, Z ..."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) == pid:
                    found[int(folder.name)] = state
    return found


def workers(pid: int) -> list[int]:
    """The worker processes of an agent."""
    found = []
    for child, state in children(pid).items():
        with contextlib.suppress(OSError):
            if state != "Z" and b"ingest.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@dataclass(kw_only=True)
class Life:
    """All samples of one process."""

    name: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.samples[-1].at - self.samples[0].at if self.samples else 0.0

    def quarter(self, number: int) -> Sample:
        """The medians of a quarter of its life, 0 to 3."""
        size = max(1, len(self.samples) // 4)
        mine = self.samples[number * size : (number + 1) * size] or self.samples[-1:]
        return Sample(
            at=median(one.at for one in mine), rss=int(median(one.rss for one in mine)), fds=int(median(one.fds for one in mine)),
            threads=int(median(one.threads for one in mine)),
        )  # fmt: skip

    def grown(self, *, rss: int, fds: int, threads: int) -> list[str]:
        """Where the last quarter takes more than the second by more than this."""
        second, last = self.quarter(1), self.quarter(3)
        return [
            f"{self.name} {self.pid} after {self.seconds:.0f} s: {what} grew from {before} to {after}"
            for what, before, after, bound in (
                ("resident bytes", second.rss, last.rss, rss), ("descriptors", second.fds, last.fds, fds), ("threads", second.threads, last.threads, threads),
            )
            if after - before > bound
        ]  # fmt: skip

    def told(self) -> str:
        """For people."""
        looks = (self.quarter(0), self.quarter(1), self.quarter(3))
        rss = " / ".join(f"{one.rss / 1e6:.1f}" for one in looks)
        fds, threads = (" / ".join(str(getattr(one, name)) for one in looks) for name in ("fds", "threads"))
        return f"{self.name} {self.pid}, {self.seconds:.0f} s: RSS {rss} MB, fds {fds}, threads {threads} (first / second / last quarter)"


class Sampler(threading.Thread):
    """Looks at every process that `who` names, again and again. `zombies`: children that were dead and not fetched in two looks on end."""

    def __init__(self, who: Callable[[], Iterable[tuple[str, int]]], *, every: float) -> None:
        super().__init__(daemon=True)
        self._who, self._every = who, every
        self._over = threading.Event()
        self.lives: dict[tuple[str, int], Life] = {}
        self.zombies: set[int] = set()
        self._dead: set[int] = set()

    def run(self) -> None:
        while not self._over.wait(self._every):
            dead: set[int] = set()
            for name, pid in self._who():
                seen = sample(pid)
                if seen is not None:
                    self.lives.setdefault((name, pid), Life(name=name, pid=pid)).samples.append(seen)
                    dead |= {child for child, state in children(pid).items() if state == "Z"}
            self.zombies |= dead & self._dead
            self._dead = dead

    def longest(self, name: str) -> Life:
        """The process of this name that lived longest."""
        mine = [life for life in self.lives.values() if life.name == name]
        return max(mine, key=lambda life: life.seconds, default=Life(name=name, pid=0))

    def end(self) -> None:
        self._over.set()
        self.join()


class Visitor(threading.Thread):
    """Somebody at the page. An agent that is alive before and after has to answer: `faults` says where it did not."""

    def __init__(self, where: Callable[[], tuple[int, str] | None], *, every: float, patience: float) -> None:
        super().__init__(daemon=True)
        self._where, self._every, self._patience = where, every, patience
        self._over = threading.Event()
        self.faults: list[str] = []
        self.longest = 0.0
        self.answers = 0
        self.codes: dict[int, int] = {}

    def run(self) -> None:
        turn = 0
        while not self._over.wait(self._every):
            there = self._where()
            if there is None:
                continue
            path = _PAGES[turn % len(_PAGES)]
            turn += 1
            began = time.monotonic()
            code = self._ask(there[1] + path)
            took = time.monotonic() - began
            if self._where() == there:
                self._judge(path, code, took)

    def _ask(self, url: str) -> int | str:
        try:
            with urllib.request.urlopen(url, timeout=self._patience) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError as error:
            return str(error)

    def _judge(self, path: str, code: int | str, took: float) -> None:
        self.longest = max(self.longest, took)
        if isinstance(code, str):
            self.faults.append(f"{path}: {code} after {took:.1f} s")
            return
        self.answers += 1
        self.codes[code] = self.codes.get(code, 0) + 1
        if code != 200 or took > self._patience:
            self.faults.append(f"{path}: {code} after {took:.1f} s")

    def end(self) -> None:
        self._over.set()
        self.join()
