"""How something is measured here: contenders side by side, in alternating runs, whole processes.

Absolute figures move from day to day and machine to machine; ratios hold. So every contender of a
comparison runs once a round, rounds alternate their order, and what is reported are medians, the
spread from least to most, and ratios taken pair by pair within a round.

To add a bench:

1. Write `tests/bench/NAME.py` with one function `run(options: Options) -> Report`. It makes its
   input in `options.scratch` (a folder that is removed afterwards), builds `Contender`s and hands
   them to `alternate()`.
2. A contender's `work` is either a command (a list of words: it is spawned) or a function (it runs
   in a fork of this process, so that interpreter start-up is not measured, and its CPU time and
   peak memory are its own). A function may return a mapping of names to numbers, such as
   `{"lag_p99_ms": 2.4}`; they come back in `Sample.extra` and `Results.extra("lag_p99_ms")`.
   What is not to be timed (servers, cold caches, an empty target) belongs into `before`.
3. Put the tables, the goals and the plot into a `Report` (tests/bench/report.py) and add one line to
   `BENCHES` in tests/bench/__main__.py. It is written to docs/benchmarks/NAME.md and NAME.svg.

A `work` that fails ends the bench with its error: a failed run is never a fast one.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Function = Callable[[], Mapping[str, float] | None]


def _nothing() -> None:
    """Nothing to prepare."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the caller of the bench decided: fewer and smaller runs or not, and where the files may lie."""

    quick: bool
    scratch: Path


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One side of a comparison. `payload` is what it carries, in bytes, for rates; 0 where that has no meaning."""

    name: str
    work: Function | Sequence[str]
    payload: int = 0
    before: Callable[[], None] = _nothing


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run, of the whole process and all that it waited for: seconds, CPU seconds (user + system), bytes."""

    wall: float
    cpu: float
    peak_memory: int
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of some runs, and their least and most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median=statistics.median(values), least=min(values), most=max(values))

    def text(self, digits: int = 0) -> str:
        """As it stands in a table: `median (least to most)`."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


@dataclass(frozen=True, kw_only=True)
class Results:
    """The samples of one contender, one a round."""

    contender: Contender
    samples: Sequence[Sample]

    def wall(self) -> Spread:
        return Spread.of([sample.wall for sample in self.samples])

    def rate(self) -> Spread:
        """MB/s (10^6 bytes)."""
        return Spread.of([self.contender.payload / 1e6 / sample.wall for sample in self.samples])

    def cpu_per_gb(self) -> Spread:
        """CPU seconds for each 10^9 bytes."""
        return Spread.of([sample.cpu / self.contender.payload * 1e9 for sample in self.samples])

    def peak_memory_mb(self) -> Spread:
        return Spread.of([sample.peak_memory / 1e6 for sample in self.samples])

    def extra(self, name: str) -> Spread:
        return Spread.of([sample.extra[name] for sample in self.samples])

    def speed_against(self, *bound: Results) -> Spread:
        """How fast against others, pair by pair: their wall time, one after the other, over this one's."""
        pairs = zip(self.samples, *(other.samples for other in bound), strict=True)
        return Spread.of([sum(other.wall for other in others) / own.wall for own, *others in pairs])


def alternate(contenders: Sequence[Contender], *, rounds: int) -> dict[str, Results]:
    """Run every contender once a round, every other round in reverse; one unmeasured round goes first."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(rounds + 1):
        for contender in contenders if number % 2 else reversed(contenders):
            contender.before()
            sample = measure(contender.work)
            if number:
                samples[contender.name].append(sample)
        print(f"  round {number} of {rounds}" if number else "  warmed up", file=sys.stderr, flush=True)
    return {contender.name: Results(contender=contender, samples=samples[contender.name]) for contender in contenders}


def measure(work: Function | Sequence[str]) -> Sample:
    """Run it once in a process of its own. Raises RuntimeError with what it said if it fails."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        started = time.perf_counter()
        if callable(work):
            process = _fork(work, said=said.fileno(), told=told.fileno())
        else:
            process = _spawn(work, said=said.fileno())
        _, status, used = os.wait4(process, 0)
        wall = time.perf_counter() - started
        said.seek(0)
        if status != 0:
            name = "the function" if callable(work) else " ".join(work)
            complaint = said.read().decode(errors="replace")
            raise RuntimeError(f"{name} ended with {os.waitstatus_to_exitcode(status)}: {complaint}")
        told.seek(0)
        extra = told.read()
    return Sample(
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        peak_memory=used.ru_maxrss << 10,
        extra=json.loads(extra) if extra else {},
    )


def _spawn(command: Sequence[str], *, said: int) -> int:
    quiet = [(os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
    return os.posix_spawnp(command[0], list(command), os.environ, file_actions=quiet)


def _fork(work: Function, *, said: int, told: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        extra = work()
        if extra:
            os.write(told, json.dumps(dict(extra)).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must end here, whatever happens in it
        os.write(said, traceback.format_exc().encode())
    finally:
        os._exit(code)
