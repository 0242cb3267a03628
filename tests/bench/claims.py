"""A ledger with very many queued segments, in a process of its own: `python -m tests.bench.claims STATE SEGMENTS CAMERAS DAYS LATER`.

LATER of them wait for another try, and come due while it is measured. Tells in JSON: how long it takes to open the ledger and to claim the next
segment (the SQL alone; and as the delivery does it, through the ledger's reader, with eight in their places), in milliseconds; how long until
all that came due are back in the queue; and the highest memory of the process, beside what it is with an empty ledger.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ingest.lanes import Lanes
from ingest.ledger import Ledger, queue
from ingest.places import Places

CLAIMS = 2000
_INSERT = (
    "INSERT INTO segments (id, camera, path, size, mtime_ns, ctime_ns, dev, ino, on_camera, in_spool, in_store, captured_at, listed_at,"
    " next_attempt, sha256, xxh3_128) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 1, 1, 0, ?, ?, ?, ?, ?)"
)


def _fill(ledger: Path, *, count: int, cameras: int, days: int, later: int) -> None:
    """Rows as a long outage leaves them: every camera has footage of every day."""
    chance = random.Random(5)
    now = time.time()

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(count):
            captured = now - chance.random() * days * 86400
            waits = now + 3600 if number < later else 0.0
            yield (
                f"{number:032x}", f"camera-{number % cameras}", b"DCIM/%d.mp4" % number, chance.randrange(1 << 20, 1 << 32), captured,
                captured + 3600, waits, f"{number:064x}", f"{number:032x}",
            )  # fmt: skip

    with sqlite3.connect(ledger) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.executemany(
            "INSERT INTO cameras VALUES (?, 'bench', ?, '', 0, 0, NULL)",
            ((f"camera-{one}", str(one)) for one in range(cameras)),
        )
        db.executemany(_INSERT, rows())
    db.close()


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _spread(name: str, times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {f"{name}_p50": statistics.median(times) * 1e3, f"{name}_p99": times[int(0.99 * len(times))] * 1e3}


async def _measure(state: Path, *, count: int, cameras: int, days: int, later: int) -> dict[str, float]:
    path = state / "ledger.db"
    ledger = await Ledger.open(path, keys=state / "keys")
    await ledger.close()
    empty = _memory()
    await asyncio.to_thread(_fill, path, count=count, cameras=cameras, days=days, later=later)
    began = time.perf_counter()
    ledger = await Ledger.open(path, keys=state / "keys", anew=False)
    told = {"open": time.perf_counter() - began, "empty": empty}
    try:
        told |= _spread("sql", await ledger.read(_claimed))
        told |= _spread("claim", await _taken_in_turn(ledger))
        told["due"] = await _came_due(ledger) if later else 0.0
    finally:
        await ledger.close()
    return told | {"peak": _memory(), "file": path.stat().st_size}


def _claimed(db: sqlite3.Connection) -> list[float]:
    times = []
    busy: list[str] = []
    for _ in range(CLAIMS):
        began = time.perf_counter()
        found = queue.next_uploads(db.execute, busy=busy, count=1)
        times.append(time.perf_counter() - began)
        busy = [*busy[-7:], found[0].id]
    return times


async def _taken_in_turn(ledger: Ledger) -> list[float]:
    """As the delivery does it: eight places, one is left, the next is claimed."""
    places = Places(ledger=ledger, lanes=Lanes(8), longest=86400.0)
    there = list(await places.next())
    for segment in there:
        places.begin(segment).sent(64 << 20)
    times = []
    for _ in range(CLAIMS):
        places.end(there.pop(0))
        began = time.perf_counter()
        found = await places.next()
        times.append(time.perf_counter() - began)
        for segment in found:
            places.begin(segment).sent(64 << 20)
            there.append(segment)
    return times


async def _came_due(ledger: Ledger) -> float:
    """Seconds until all whose time came at one moment are back among the others."""
    await ledger.commit(lambda tx: tx.execute("UPDATE segments SET next_attempt = 1.0 WHERE next_attempt > 0").rowcount)
    began = time.perf_counter()
    while await ledger.commit(lambda tx: queue.end_waits(tx, longest=86400.0)):
        pass
    return time.perf_counter() - began


def main() -> None:
    state, *numbers = sys.argv[1:]
    count, cameras, days, later = map(int, numbers)
    Path(state).mkdir(parents=True)
    print(json.dumps(asyncio.run(_measure(Path(state), count=count, cameras=cameras, days=days, later=later))))


if __name__ == "__main__":
    main()
