"""64 cameras and an hour without a link, scaled 1:64: time until all is confirmed, in which order, and how fairly."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.after_outage import EVERY
from tests.bench.harness import Options
from tests.bench.report import Goal, Report, Table
from tests.bench.storage import fill
from tests.bench.watch import ROOT
from tests.program import StoreProcess

MIB = 1 << 20
_DAY = 86400

TEXT = """
64 cameras of 64 MB dock while the line is cut, for a minute. Then it is back, at 1 Gbit/s: what 64 cameras of 4 GB and an hour's outage are, at a 64th
of the size and the time, with real bytes through the real agent (workers, spool,
ledger, custody, receipts, and the deletion from the cameras meanwhile) and the embedded store in a process of its own, on the same two cores. A
quarter of each camera's footage is a day older than the rest; of every eighth camera the newest segment was called evidence before the line came back.

The ideal is all bytes at the rate that the limit allows, from the moment at which the store listens: it includes finding out that it is back, and the
last proof. Fairness is Jain's index over the bytes confirmed of each camera (1: all alike; 1/64: all of one), each time another quarter of the bytes has
been confirmed. Overtaken: how many places in the order of ranks (evidence, then by day) a segment was passed by others that should have come after
it; as many as are sent at once pass each other without harm.
"""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """`cameras` of `files` files of `size` bytes each; bytes per second; seconds."""

    cameras: int
    files: int
    size: int
    rate: float
    outage: float

    @property
    def payload(self) -> int:
        return self.cameras * self.files * self.size


FULL = Scale(cameras=64, files=8, size=8_000_000, rate=125e6, outage=60)
QUICK = Scale(cameras=8, files=4, size=8_000_000, rate=40e6, outage=2)


def run(options: Options) -> Report:
    """Once: it takes some minutes, and what it tells is an order, and a time against what cannot be beaten."""
    scale = QUICK if options.quick else FULL
    cameras = options.scratch / "cameras"
    _fill(cameras, scale)
    told = _run(cameras, options.scratch, scale)
    return _report(told, scale, options.scratch)


def _fill(cameras: Path, scale: Scale) -> None:
    noon = int(time.time()) // _DAY * _DAY + _DAY // 2
    for camera in range(scale.cameras):
        folder = cameras / f"CAM{camera:03}"
        folder.mkdir(parents=True)
        for number in range(scale.files):
            file = folder / f"{number:02}.mp4"
            fill(file, size=scale.size)
            days = 3 if number < scale.files // 4 else 2
            moment = noon - days * _DAY + number * 60 + camera
            os.utime(file, (moment, moment))


def _run(cameras: Path, scratch: Path, scale: Scale) -> dict[str, Any]:
    store = StoreProcess(root=scratch / "store")
    store.start()  # once, for its address
    store.stop()
    words = [
        sys.executable, "-m", "tests.bench.after_outage", *map(str, (cameras, scratch / "state", store.url, scale.rate, scale.outage)),
    ]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{' '.join(words)} was never ready")
            store.start()
            last = process.stdout.read().splitlines()
        finally:
            process.kill()
            store.kill()
    if not last:
        raise RuntimeError(f"{' '.join(words)} did not come to its end")
    found: dict[str, Any] = json.loads(last[-1])
    return found


def jain(shares: Sequence[float]) -> float:
    """1 where all are alike, 1/n where one has all.

    >>> jain([1, 1, 1, 1]), jain([4, 0, 0, 0])
    (1.0, 0.25)
    """
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def _quarters(told: dict[str, Any], scale: Scale) -> list[tuple[float, float]]:
    """When each quarter of the bytes was there, and Jain's index over what the cameras had then."""
    had: Counter[str] = Counter({str(one[0]): 0 for one in told["confirmed"]})
    found: list[tuple[float, float]] = []
    for camera, size, _day, evidential, moment in told["confirmed"]:
        had[camera] += 0 if evidential else size
        if sum(had.values()) >= (len(found) + 1) * scale.payload / 4 * _ordinary(scale):
            found.append((moment, jain(list(had.values()))))
    return found


def _ordinary(scale: Scale) -> float:
    """The part of all bytes that is no evidence."""
    return 1 - -(-scale.cameras // EVERY) / (scale.cameras * scale.files)


def overtaken(ranks: Sequence[tuple[int, int]]) -> int:
    """The most that any was passed by others of a lower rank.

    >>> overtaken([(0, 1), (0, 1), (0, 2)]), overtaken([(0, 2), (0, 2), (0, 1)])
    (0, 2)
    """
    worst = 0
    lower: Counter[tuple[int, int]] = Counter()
    for rank in ranks:
        worst = max(worst, sum(count for other, count in lower.items() if other > rank))
        lower[rank] += 1
    return worst


def _report(told: dict[str, Any], scale: Scale, scratch: Path) -> Report:
    confirmed = told["confirmed"]
    ideal, taken = scale.payload / scale.rate, confirmed[-1][4]
    ranks = [(-evidential, day) for _camera, _size, day, evidential, _moment in confirmed]
    quarters = _quarters(told, scale)
    groups = [
        [name, str(len(times)), f"{times[0]:.1f}", f"{times[-1]:.1f}"]
        for name, times in (
            ("evidence", [one[4] for one in confirmed if one[3]]),
            *(
                (f"of {word} day", [one[4] for one in confirmed if not one[3] and one[2] == day])
                for word, day in zip(("the older", "the newer"), sorted({one[2] for one in confirmed}), strict=True)
            ),
        )
    ]
    return Report(
        name="backlog", title="A rack of cameras after an outage", machine=machine.description(scratch), text=TEXT,
        goals=[
            Goal(name="time until all is confirmed, of the ideal", wanted=1.15, reached=taken / ideal, at_least=False),
            Goal(name="Jain's index, the least of the quarters", wanted=0.95, reached=min(one[1] for one in quarters)),
            Goal(name="overtaken, segments", wanted=9, reached=overtaken(ranks), at_least=False),
            Goal(name="memory of agent and workers, MB", wanted=300, reached=told["pss"] / 1e6, at_least=False),
        ],
        tables=[
            Table(
                title="All of it", columns=["", "bytes", "ideal, s", "first byte, s", "taken, s", "MB/s", "memory, MB", "loop lag p99; worst, ms"],
                rows=[[
                    f"{scale.cameras} cameras, {scale.files} segments each", f"{scale.payload:,}", f"{ideal:.1f}", f"{told['first']:.1f}",
                    f"{taken:.1f}", f"{scale.payload / taken / 1e6:.0f}", f"{told['pss'] / 1e6:.0f}",
                    f"{told['lag_p99']:.1f}; {told['lag_worst']:.1f}",
                ]],
            ),
            Table(title="In which order", columns=["", "segments", "first confirmed, s", "last confirmed, s"], rows=groups),
            Table(
                title="How fairly", columns=["of what is no evidence", "after, s", "Jain's index"],
                rows=[[f"{number} of 4", f"{moment:.1f}", f"{index:.3f}"] for number, (moment, index) in zip(itertools.count(1), quarters)],
            ),
        ],
    )  # fmt: skip
