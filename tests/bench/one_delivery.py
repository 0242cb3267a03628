"""One segment, spooled and then delivered by the agent: `python -m tests.bench.one_delivery CAMERA STATE KIND URL TOKEN_FILE`.

CAMERA is a folder with one file; TOKEN_FILE is "-" where the store asks for none. First it is pulled, with nothing being delivered; its spool copy is
dropped from the page cache. Then, timed: the first contact (who is the store, does it refuse wrong bytes), and the delivery with all that belongs to
it: the copy read again, sent, proven, parts of it asked back, the ledger's commits. Tells in JSON, in seconds: `start` (the process, its imports, the
state opened), `contact`, `seconds` (the delivery up to the committed proof), `proof` (of that, after the last byte was sent), `whole` (all of those
and the end), `reread` (reading the copy again by itself, with the digests of its parts where the store wants them), and `cpu` of the delivery.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from dockd.app import Agent, agent
from dockd.oneshot import visits_of
from dockd.settings import Settings, defaults
from ingest.events import Event, SegmentConfirmed, SegmentCopied
from ingest.ledger import segments
from ingest.ledger.segments import Segment
from ingest.reread import Rereading
from tests.bench.storage import drop

_EVERY = 0.002


def _settings(state: Path, *, kind: str, url: str, token_file: str) -> Settings:
    settings = defaults()
    token = None if token_file == "-" else Path(token_file)
    return replace(
        settings,
        store=replace(settings.store, kind=kind, url=url, token_file=token),  # type: ignore[arg-type]
        ledger=replace(settings.ledger, path=state / "ledger.db"),
        spool=replace(settings.spool, path=state / "spool", keep_free=0),
        wipe=replace(settings.wipe, enabled=False),
    )


class _Heard:
    def __init__(self, built: Agent) -> None:
        self.copied: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.confirmed = asyncio.Event()
        built.ledger.subscribe(self._hear)

    def _hear(self, event: Event, _seq: int) -> None:
        if isinstance(event, SegmentCopied):
            self.copied.set_result(str(event.segment))
        elif isinstance(event, SegmentConfirmed):
            self.confirmed.set()


async def _pulled(built: Agent, camera: Path, state: Path, heard: _Heard) -> Segment:
    (visit,) = visits_of([camera], camera=None, state=[state])
    session = asyncio.create_task(built.intake.session(visit, once=False), name="session")
    name = await heard.copied
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)
    return await built.ledger.read(lambda db: segments.get(db.execute, name))


async def _reread(built: Agent, segment: Segment) -> float:
    """Seconds to read the copy again, as the delivery does before it sends it."""
    drop(built.spool.file(segment.id))
    part = built.store.part_size(segment.size, wanted=built.settings.upload.chunk)
    began = time.perf_counter()
    async with Rereading(built.spool).of(segment.id, segment.digest) as copy:
        await (copy.sound() if part is None else copy.in_parts(part))
    return time.perf_counter() - began


async def deliver(camera: Path, state: Path, *, settings: Settings) -> dict[str, float]:
    """Pull it, then deliver it. Raises what the agent raises."""
    begun = time.perf_counter()
    async with agent(settings, version="0", rest=1.0, founding=True) as built:
        opened, heard = time.perf_counter(), _Heard(built)
        segment = await _pulled(built, camera, state, heard)
        reread = await _reread(built, segment)
        drop(built.spool.file(segment.id))
        asked = time.perf_counter()
        await built.delivery.trusted()
        began, used = time.perf_counter(), time.process_time()
        delivery = asyncio.create_task(built.delivery.run(), name="delivery")
        sent = began
        while not heard.confirmed.is_set():
            if built.activity.uploaded_bytes < segment.size:
                sent = time.perf_counter()
            if delivery.done():
                delivery.result()
            await asyncio.sleep(_EVERY)
        proven, cpu = time.perf_counter(), time.process_time() - used
        delivery.cancel()
        await asyncio.gather(delivery, return_exceptions=True)
    timed = (opened - begun) + (time.perf_counter() - asked)
    return {
        "start": opened - begun, "contact": began - asked, "seconds": proven - began, "proof": proven - sent, "timed": timed, "reread": reread,
        "cpu": cpu,
    }  # fmt: skip


def _age() -> float:
    """Seconds since this process was started."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    age = _age()
    camera, state, kind, url, token_file = sys.argv[1:]
    settings = _settings(Path(state), kind=kind, url=url, token_file=token_file)
    told = asyncio.run(deliver(Path(camera), Path(state), settings=settings))
    print(json.dumps({**told, "start": told["start"] + age, "whole": told.pop("timed") + age}))


if __name__ == "__main__":
    main()
