"""Looking on: how late an event loop is, what CPU and memory processes take, and what a bench's own child process tells."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_EVERY = 0.005


@asynccontextmanager
async def loop_lag() -> AsyncIterator[dict[str, float]]:
    """Sleep 5 ms again and again; what is filled in at the end: by how much that was late, 99th percentile and worst, ms."""
    late: list[float] = []
    told: dict[str, float] = {}

    async def look() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_EVERY)
            late.append(time.perf_counter() - before - _EVERY)

    task = asyncio.create_task(look(), name="loop-lag")
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    late.sort()
    told |= {"lag_p99": late[int(len(late) * 0.99)] * 1e3, "lag_worst": late[-1] * 1e3}


def cpu_of(pid: int) -> float:
    """CPU seconds of a running process so far, user and system, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children() -> list[int]:
    """Process ids of this process's children."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in _read(task / "children").split()]


def memory_of_family() -> tuple[int, int]:
    """Proportional set size in bytes of this process and its children together, and how many children there are."""
    ours = children()
    return sum(map(_memory_of, ["self", *map(str, ours)])), len(ours)


@asynccontextmanager
async def highest_memory() -> AsyncIterator[dict[str, float]]:
    """The highest of what is seen four times a second of this process and its children: PSS in bytes, and how many children."""
    highest: dict[str, float] = {"pss": 0.0, "workers": 0.0}

    async def look() -> None:
        while True:
            pss, workers = await asyncio.to_thread(memory_of_family)
            highest["pss"], highest["workers"] = max(highest["pss"], pss), max(highest["workers"], workers)
            await asyncio.sleep(0.25)

    task = asyncio.create_task(look(), name="memory")
    try:
        yield highest
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it ended meanwhile


def _memory_of(pid: str) -> int:
    found = [line for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines() if line.startswith("Pss:")]
    return int(found[0].split()[1]) << 10 if found else 0


def told_by(module: str, *arguments: object) -> Mapping[str, float]:
    """Run `python -m MODULE ARGUMENTS` to its end; the JSON object of its last line. Raises RuntimeError where it fails."""
    return _told([sys.executable, "-m", module, *map(str, arguments)])


def _told(command: Sequence[str]) -> Mapping[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told
