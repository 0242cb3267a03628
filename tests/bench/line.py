"""One segment over a station's line, in the net lab: how full dockd keeps it beside curl, and how well the limit is held beside rclone and curl."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from tests.bench import machine
from tests.bench.harness import Options, Spread
from tests.bench.report import Goal, Report, Table
from tests.netlab.lab import HOST, MBIT, Lab, missing
from tests.netlab.scene import TOKEN, Scene, scene
from tests.program import environment

MB = 1_000_000
DOCKD, CURL, RCLONE = "dockd", "curl", "rclone"
WINDOW = 10.0  # seconds over which the limit is judged

TEXT = """
A station and its store in network namespaces of one machine, with a router between them that shapes (token bucket), loses and cuts
(`tests/netlab/lab.py`); cubic at both ends, no delay but the router's queue of 100 ms. `dockd ingest --wipe` with everything that it does,
to `dockd store serve`; curl sends the same file by one tus PATCH to the same store. Each line's contenders run one after another, in
alternating order.

*Line use* is TCP's payload that came through the router in a second, from a tenth of the file to nineteen twentieths of it: what each client does
before and after (interpreter, honesty check, receipts) is left out. It is counted at the router, packets of at most 1500 bytes (no offload), 52 bytes a
packet taken off for IPv4 and TCP with timestamps. *TCP's own repetitions* are the kernel's count: of what was lost, and of what overfilled the
router's queue. What dockd itself sends twice on bad lines is tested, not raced: `make test-netlab`.

*The limit* is a rate below the line's, given as `--limit`, `--limit-rate` and `--bwlimit` (rclone to its own webdav server). The error is that
of the payload that left in each window of ten seconds within the same part of the file: the mean of them, and the worst.
"""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a run sent: (seconds, payload so far) every tenth of a second; bytes of the file; bytes that TCP sent again."""

    samples: Sequence[tuple[float, int]]
    size: int
    repeated: int

    def _footage(self) -> list[tuple[float, int]]:
        last = self.samples[-1][1]
        first, over = last - 0.9 * self.size, last - 0.05 * self.size
        return [sample for sample in self.samples if first <= sample[1] <= over]

    @property
    def rate(self) -> float:
        """Bits a second in the middle of the file."""
        (began, first), *_, (over, last) = self._footage()
        return (last - first) * 8 / (over - began)

    def windows(self) -> list[float]:
        """Bits a second in each window of ten seconds."""
        found, rates = self._footage(), []
        for began, first in found:
            later = next((sample for sample in found if sample[0] >= began + WINDOW), None)
            if later is not None:
                rates.append((later[1] - first) * 8 / (later[0] - began))
        return rates


def run(options: Options) -> Report:
    """All lines; without root or tools a page that says so."""
    about = machine.description(options.scratch)
    why = missing()
    if why is not None:
        print(f"line: skipped: {why}", file=sys.stderr)
        return Report(name="line", title="The line", machine=about, text=f"Not measured: {why}.", tables=[])
    size, rounds = (12 * MB, 1) if options.quick else (100 * MB, 3)
    lines = {"20 Mbit/s, 1 % loss": (20, 10), "8 Mbit/s": (8, 0), "80 Mbit/s": (80, 0)}
    used = {
        name: _race(options.scratch, mbit=mbit, loss=loss, size=size // (2 if mbit < 10 else 1), rounds=rounds)
        for name, (mbit, loss) in lines.items()
    }
    limited = _limits(options.scratch, size=(14 if options.quick else 30) * MB, rounds=rounds)
    ratios = {name: _ratio(found[DOCKD], found[CURL]) for name, found in used.items()}
    goals = [Goal(name=f"line use, of curl's, {name}", wanted=0.95, reached=ratio) for name, ratio in ratios.items()]
    error = 100 * _mean([_mean_error(course) for course in limited[DOCKD]])
    goals.append(Goal(name="the limit over 10 s: mean error, %", wanted=0.5, reached=error, at_least=False))
    return Report(
        name="line", title="The line", machine=about, text=TEXT, goals=goals,
        tables=[_use_table(used, lines), _limit_table(limited)],
    )  # fmt: skip


def _race(scratch: Path, *, mbit: int, loss: int, size: int, rounds: int) -> dict[str, list[Course]]:
    def shape(lab: Lab) -> None:
        lab.rate(mbit * MBIT, 50 * MBIT)
        if loss:
            lab.loss(per_mille=loss)

    return _rounds(scratch, {DOCKD: _dockd(), CURL: _curl()}, shape=shape, size=size, rounds=rounds)


LIMIT = 8 * MBIT


def _limits(scratch: Path, *, size: int, rounds: int) -> dict[str, list[Course]]:
    contenders = {
        DOCKD: _dockd("--limit", "8 Mbit/s"),
        CURL: _curl("--limit-rate", str(LIMIT // 8)),
        RCLONE: _rclone("--bwlimit", f"{LIMIT / 8 / 1024}k"),
    }
    return _rounds(scratch, contenders, shape=lambda lab: lab.rate(50 * MBIT), size=size, rounds=rounds)


Work = Callable[[Scene], None]


def _rounds(
    scratch: Path, contenders: dict[str, Work], *, shape: Callable[[Lab], None], size: int, rounds: int
) -> dict[str, list[Course]]:
    found: dict[str, list[Course]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders) if number % 2 == 0 else reversed(list(contenders)):
            with Lab() as lab, tempfile.TemporaryDirectory(dir=scratch) as folder, scene(lab, Path(folder)) as one:
                shape(lab)
                one.record("clip.mp4", size)
                found[name].append(_watched(one, contenders[name]))
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def _watched(one: Scene, work: Work) -> Course:
    samples: list[tuple[float, int]] = []
    over, repeated = threading.Event(), one.lab.repeated()

    def look() -> None:
        while not over.wait(0.1):
            samples.append((time.monotonic(), one.lab.arrived().payload))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        work(one)
    finally:
        over.set()
        watch.join()
    samples.append((time.monotonic(), one.lab.arrived().payload))
    return Course(samples=samples, size=one.size, repeated=one.lab.repeated() - repeated)


def _dockd(*options: str) -> Work:
    def work(one: Scene) -> None:
        process = one.ingest(*options)
        said = process.communicate()
        if process.returncode or one.not_delivered() or one.left():
            raise RuntimeError(f"dockd ended with {process.returncode}: {said}")

    return work


def _curl(*options: str) -> Work:
    def work(one: Scene) -> None:
        own = ["-sS", "--fail", "-i", "-H", "Tus-Resumable: 1.0.0", "-H", f"Authorization: Bearer {TOKEN}"]
        words = [*one.lab.on("agent"), "curl", *own]
        said = _said([*words, "-X", "POST", "-H", f"Upload-Length: {one.size}", f"{one.url}/files/"])
        place = next(line.split(":", 1)[1].strip() for line in said if line.lower().startswith("location:"))
        body = ["-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream", "-H", "Expect:"]
        sent = ["-X", "PATCH", *body, *options, "-T", str(one.camera / "clip.mp4")]
        _said([*words, *sent, urljoin(f"{one.url}/files/", place)])
        if one.not_delivered():
            raise RuntimeError("curl did not deliver")

    return work


def _rclone(*options: str) -> Work:
    def work(one: Scene) -> None:
        with _webdav(one) as url:
            copy = ["copyto", str(one.camera / "clip.mp4"), ":webdav:clip.mp4", "--webdav-url", url, "--retries", "1"]
            _said([*one.lab.on("agent"), _program(), *copy, *options])

    return work


@contextlib.contextmanager
def _webdav(one: Scene) -> Iterator[str]:
    target = one.folder / "webdav"
    target.mkdir()
    command = [*one.lab.on("host"), _program(), "serve", "webdav", str(target), "--addr", f"{HOST}:8900"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        listens = f"until (exec 3<>/dev/tcp/{HOST}/8900) 2>/dev/null; do sleep 0.05; done"
        subprocess.run([*one.lab.on("host"), "timeout", "20", "bash", "-c", listens], check=True)
        yield f"http://{HOST}:8900"
    finally:
        process.terminate()
        process.wait()


def _program() -> str:
    beside = Path(sys.executable).with_name(RCLONE)
    found = str(beside) if beside.exists() else shutil.which(RCLONE)
    if found is None:
        raise RuntimeError("no rclone: make env-bench")
    return found


def _said(words: list[str]) -> list[str]:
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout.splitlines()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ratio(ours: Sequence[Course], theirs: Sequence[Course]) -> float:
    return Spread.of([own.rate / other.rate for own, other in zip(ours, theirs, strict=True)]).median


def _mean_error(course: Course) -> float:
    return abs(_mean(course.windows()) / LIMIT - 1)


def _worst_error(course: Course) -> float:
    return max(abs(rate / LIMIT - 1) for rate in course.windows())


def _use_table(used: dict[str, dict[str, list[Course]]], lines: dict[str, tuple[int, int]]) -> Table:
    rows = []
    for line, found in used.items():
        for name, courses in found.items():
            rate = Spread.of([course.rate / 1e6 for course in courses])
            share = rate.median / lines[line][0]
            repeated = Spread.of([100 * course.repeated * 1448 / course.size for course in courses])
            ratio = f"{_ratio(found[DOCKD], found[CURL]):.3f}" if name == DOCKD else ""
            rows.append(
                [line, f"**{name}**" if name == DOCKD else name, rate.text(2), f"{share:.3f}", ratio, repeated.text(2)]
            )
    columns = ["line", "", "payload, Mbit/s", "of the line", "of curl's", "TCP's own repetitions, % of the file"]
    return Table(
        title="Line use", columns=columns, rows=rows, note="Headers take 3.5 % of a line: 0.965 is a full one."
    )


def _limit_table(limited: dict[str, list[Course]]) -> Table:
    rows = []
    for name, courses in limited.items():
        mean = Spread.of([100 * _mean_error(course) for course in courses])
        worst = Spread.of([100 * _worst_error(course) for course in courses])
        rate = Spread.of([_mean(course.windows()) / 1e6 for course in courses])
        rows.append([f"**{name}**" if name == DOCKD else name, rate.text(3), mean.text(2), worst.text(2)])
    columns = ["", "Mbit/s", "mean error over 10 s, %", "worst window of 10 s, %"]
    return Table(title="A limit of 8 Mbit/s on a line of 50", columns=columns, rows=rows)
