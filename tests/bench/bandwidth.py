"""How well a limit is held, as the far side sees it: dockd, rclone --bwlimit and curl --limit-rate, at three rates, with one upload and with eight."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import machine
from tests.bench.harness import Options, Spread
from tests.bench.report import Goal, Report, Table
from tests.bench.watch import ROOT

MBIT = 125_000.0
RATES = (10, 50, 200)
UPLOADS = (1, 8)
WINDOW = 0.1
DOCKD = "dockd"

TEXT = """
Each program sends files that do not end to a receiver on the same machine, over loopback without TLS, for ten seconds from the first byte that arrives. The
receiver is a process of its own that writes down how much came when; all figures are its. *Error* is the average over the ten seconds against the limit; *worst
100 ms* the most that any 100 ms carried, wherever they begin, as a ratio to the limit; *first second* what the first carried. rclone limits all its transfers together; curl has a
limit for each transfer, so eight get an eighth each. Figures are medians (least to most) over the rounds. What counts for all is HTTP's bytes, heads included.
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the receiver saw of one run: error in per cent, the others as ratios to the limit."""

    error: float
    worst: float
    first: float


def run(options: Options) -> Report:
    """Every program at every rate."""
    seconds, rounds = (3.0, 1) if options.quick else (10.0, 3)
    files = _endless(options.scratch / "files")
    found: dict[tuple[str, int, int], list[Seen]] = {}
    for number in range(rounds):
        for rate in RATES:
            for uploads in UPLOADS:
                for name, start in _programs(files, rate=rate * MBIT, uploads=uploads).items():
                    seen = _measure(start, options.scratch / "came", rate=rate * MBIT, seconds=seconds)
                    found.setdefault((name, rate, uploads), []).append(seen)
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    ours = [Spread.of([abs(one.error) for one in seen]).median for (name, *_), seen in found.items() if name == DOCKD]
    windows = [Spread.of([one.worst for one in seen]).median for (name, *_), seen in found.items() if name == DOCKD]
    return Report(
        name="bandwidth", title="Bandwidth", machine=machine.description(options.scratch), text=TEXT,
        goals=[
            Goal(name="error over ten seconds, per cent", wanted=0.1, reached=max(ours), at_least=False),
            Goal(name="worst 100 ms, of the limit's", wanted=1.10, reached=max(windows), at_least=False),
        ],
        tables=[_table(found, uploads) for uploads in UPLOADS],
    )  # fmt: skip


def _table(found: dict[tuple[str, int, int], list[Seen]], uploads: int) -> Table:
    rows = [
        [
            f"{name}, {rate} Mbit/s", Spread.of([one.error for one in seen]).text(2), Spread.of([one.worst for one in seen]).text(2),
            Spread.of([one.first for one in seen]).text(2),
        ]
        for (name, rate, count), seen in found.items()
        if count == uploads
    ]  # fmt: skip
    title = "One upload" if uploads == 1 else f"{uploads} uploads at once"
    return Table(title=title, columns=["", "error, %", "worst 100 ms", "first second"], rows=rows)


def _endless(folder: Path) -> Sequence[Path]:
    """Files of which no run sees the end; they take no room."""
    folder.mkdir()
    files = [folder / f"upload-{number}" for number in range(max(UPLOADS))]
    for file in files:
        with file.open("wb") as made:
            made.truncate(4 << 30)
    return files


Start = Callable[[str], list[list[str]]]


def _programs(files: Sequence[Path], *, rate: float, uploads: int) -> dict[str, Start]:
    """For each program the commands that send `uploads` files to a URL."""
    some = files[:uploads]
    sender = [sys.executable, "-m", "tests.bench.bandwidth_sender"]

    def dockd(url: str) -> list[list[str]]:
        return [[*sender, url, str(files[0]), str(rate), str(uploads)]]

    def rclone(url: str) -> list[list[str]]:
        names = [word for file in some for word in ("--include", file.name)]
        limit = f"--bwlimit={int(rate)}B"
        return [
            [
                _rclone(), "copy", str(files[0].parent), f":webdav,url='{url}':", *names, limit, f"--transfers={uploads}", "--retries=1",
                "--config=",
            ]
        ]  # fmt: skip

    def curl(url: str) -> list[list[str]]:
        return [
            ["curl", "-s", "-o", "/dev/null", "--limit-rate", str(int(rate / uploads)), "-T", str(file), url]
            for file in some
        ]

    return {DOCKD: dockd, "rclone --bwlimit": rclone, "curl --limit-rate": curl}


def _rclone() -> str:
    """That of this environment, else whatever is on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else "rclone"


def _measure(start: Start, came: Path, *, rate: float, seconds: float) -> Seen:
    with _sink(came) as url:
        senders = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for command in start(url)
        ]
        time.sleep(seconds + 2.0)
        ended = [sender for sender in senders if sender.poll() is not None]
        for sender in senders:
            sender.kill()
        said = [sender.communicate()[1] for sender in senders]
        if ended:
            raise RuntimeError(f"{ended[0].args!r} ended by itself: {said[senders.index(ended[0])][-500:]!r}")
    return seen_in(came.read_text(), rate=rate, seconds=seconds)


@contextmanager
def _sink(came: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.bandwidth_sink", str(came)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
    finally:
        process.stdin.close()
        process.wait(timeout=20)


def seen_in(lines: str, *, rate: float, seconds: float) -> Seen:
    """From the receiver's `seconds bytes` lines; what came before bodies did (the words before an upload) is left out."""
    came = [(float(moment), int(size)) for moment, size in (line.split() for line in lines.splitlines())]
    begin = next(moment for moment, size in came if size >= 1024)
    came = [(moment - begin, size) for moment, size in came if 0 <= moment - begin < seconds]
    total = sum(size for _moment, size in came)
    return Seen(
        error=(total / seconds / rate - 1) * 100, worst=_worst(came) / (rate * WINDOW),
        first=sum(size for moment, size in came if moment < 1.0) / rate,
    )  # fmt: skip


def _worst(came: Sequence[tuple[float, int]]) -> int:
    first = carried = worst = 0
    for moment, size in came:
        carried += size
        while moment - came[first][0] >= WINDOW:
            carried -= came[first][1]
            first += 1
        worst = max(worst, carried)
    return worst
