"""Cameras docked at once into a real agent, in a process of its own: `python -m tests.bench.docked CAMERAS STATE PARALLEL`.

CAMERAS is a folder of folders, each one a camera. The store cannot be reached, so that the agent lists, pulls, verifies, spools and
writes its ledger, and nothing else. Tells in JSON, for the time from the docking of all until the last segment is in the spool:
seconds, CPU seconds of the agent and of its workers (these with their start), by how much the agent's event loop was late, and the
highest memory (PSS) of the agent and its workers together.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from dockd.app import Agent, agent
from dockd.oneshot import visits_of
from dockd.settings import Settings, defaults
from ingest.events import Event, SegmentCopied
from tests.bench.watch import children, cpu_of, highest_memory, loop_lag


def _settings(state: Path, *, parallel: int) -> Settings:
    settings = defaults()
    return replace(
        settings,
        store=replace(settings.store, url="http://127.0.0.1:9/files/"),
        ledger=replace(settings.ledger, path=state / "ledger.db"),
        spool=replace(settings.spool, path=state / "spool", keep_free=0),
        pull=replace(settings.pull, parallel=parallel),
    )


async def _dock(cameras: Path, state: Path, *, parallel: int) -> dict[str, float]:
    wanted = sum(1 for path in cameras.rglob("*") if path.is_file())
    async with agent(_settings(state, parallel=parallel), version="0", rest=1.0) as built:
        visits = visits_of(sorted(cameras.iterdir()), camera=None, state=[state])
        copied = _Count(built, wanted)
        async with loop_lag() as told, highest_memory() as memory:
            began, used = time.perf_counter(), time.process_time()
            sessions = [asyncio.create_task(built.intake.session(visit, once=False)) for visit in visits]
            await _first(copied.all_there, sessions)
            told |= {"seconds": time.perf_counter() - began, "agent_cpu": time.process_time() - used}
            told["workers_cpu"] = sum(map(cpu_of, children()))
            for session in sessions:
                session.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
    return {**told, **memory}


class _Count:
    """`all_there` is set when the ledger has said of `wanted` segments that they are in the spool."""

    def __init__(self, built: Agent, wanted: int) -> None:
        self.all_there = asyncio.Event()
        self._wanted = wanted
        built.ledger.subscribe(self._hear)

    def _hear(self, event: Event, _seq: int) -> None:
        if isinstance(event, SegmentCopied):
            self._wanted -= 1
            if self._wanted == 0:
                self.all_there.set()


async def _first(end: asyncio.Event, sessions: list[asyncio.Task[None]]) -> None:
    """Wait for the end; a session that fails before it is the end of the bench."""
    waiting = asyncio.create_task(end.wait(), name="all-copied")
    done, _ = await asyncio.wait([waiting, *sessions], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    assert waiting in done, "a camera's session ended by itself"


def main() -> None:
    cameras, state, parallel = sys.argv[1:]
    print(json.dumps(asyncio.run(_dock(Path(cameras), Path(state), parallel=int(parallel)))))


if __name__ == "__main__":
    main()
