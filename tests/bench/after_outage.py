"""A rack after an outage, in a process of its own: `python -m tests.bench.after_outage CAMERAS STATE STORE RATE OUTAGE`.

CAMERAS is a folder of folders, each one a camera; RATE in bytes per second. The agent docks all of them while nothing listens at STORE. When all is in
the spool, OUTAGE seconds after it was docked and not before, it says `ready` on a line of its own, after having called the newest segment of every
eighth camera evidence; whoever reads that starts the store. Tells in JSON, when all is confirmed: what was confirmed in which order (camera, bytes, day,
evidence, seconds since `ready`), when the first byte went, and the highest memory of the agent and its workers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dockd.app import Agent, agent
from dockd.oneshot import visits_of
from dockd.settings import Settings, defaults
from ingest.events import Event, SegmentConfirmed, SegmentCopied
from ingest.ledger import Ledger, queue, segments
from ingest.ledger.core import Transaction
from tests.bench.watch import highest_memory, loop_lag

EVERY = 8  # cameras, of which one has evidence


def _settings(state: Path, *, store: str, rate: float) -> Settings:
    settings = defaults()
    return replace(
        settings,
        store=replace(settings.store, url=store),
        ledger=replace(settings.ledger, path=state / "ledger.db"),
        spool=replace(settings.spool, path=state / "spool", keep_free=0),
        upload=replace(settings.upload, retry_max=1.0),
        bandwidth=replace(settings.bandwidth, limit=rate),
    )


class _Heard:
    """What the ledger said: `copied` segments, and the `confirmed` ones with the moment of each."""

    def __init__(self, ledger: Ledger, wanted: int) -> None:
        self.copied: list[str] = []
        self.confirmed: list[tuple[str, float]] = []
        self.all_copied, self.all_confirmed = asyncio.Event(), asyncio.Event()
        self._wanted = wanted
        ledger.subscribe(self._hear)

    def _hear(self, event: Event, _seq: int) -> None:
        if isinstance(event, SegmentCopied):
            self.copied.append(str(event.segment))
            if len(self.copied) == self._wanted:
                self.all_copied.set()
        elif isinstance(event, SegmentConfirmed):
            self.confirmed.append((str(event.segment), time.perf_counter()))
            if len(self.confirmed) == self._wanted:
                self.all_confirmed.set()


def _call_evidence(tx: Transaction, cameras: Sequence[str]) -> None:
    for camera in cameras:
        found = tx.execute(
            "SELECT id FROM segments WHERE camera = ? AND in_spool = 1 ORDER BY captured_at DESC LIMIT 1", (camera,)
        )
        segments.mark_evidential(tx, found.fetchone()[0])


async def _clear(cameras: Path, state: Path, *, store: str, rate: float, outage: float) -> dict[str, object]:
    wanted = sum(1 for path in cameras.rglob("*") if path.is_file())
    async with agent(_settings(state, store=store, rate=rate), version="0", rest=1.0) as built:
        visits = visits_of(sorted(cameras.iterdir()), camera=None, state=[state])
        heard = _Heard(built.ledger, wanted)
        async with loop_lag() as lag, highest_memory() as memory, asyncio.TaskGroup() as work:
            tasks = [work.create_task(built.delivery.run())]
            tasks += [work.create_task(built.intake.session(visit, once=False)) for visit in visits]
            await asyncio.gather(heard.all_copied.wait(), asyncio.sleep(outage))
            with_evidence = [visit.camera.id for visit in visits[::EVERY]]
            await built.ledger.commit(lambda tx: _call_evidence(tx, with_evidence))
            print("ready", flush=True)
            began = time.perf_counter()
            first = await _first_byte(built)
            await heard.all_confirmed.wait()
            for task in tasks:
                task.cancel()
        rows = {one: await built.ledger.read(lambda db, one=one: segments.get(db.execute, one)) for one in heard.copied}  # type: ignore[misc]
    told = [
        (row.camera, row.size, queue.rank(row)[2], row.evidential, moment - began)
        for row, moment in ((rows[segment], moment) for segment, moment in heard.confirmed)
    ]
    return {"confirmed": told, "first": first - began, **lag, **memory}


async def _first_byte(built: Agent) -> float:
    while not built.activity.uploaded_bytes:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    return time.perf_counter()


def main() -> None:
    cameras, state, store, rate, outage = sys.argv[1:]
    print(json.dumps(asyncio.run(
        _clear(Path(cameras), Path(state), store=store, rate=float(rate), outage=float(outage))
    )))  # fmt: skip


if __name__ == "__main__":
    main()
