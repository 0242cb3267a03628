"""What the delivery shows of how it gets on, over stores that hang, are down, or work: the watchdog rests on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from dockd.ops.watching import Watch
from ingest.errors import StoreDown
from ingest.model import SegmentDescription, StoreIdentity
from tests.simulators.stores.in_memory import InMemoryStore, always
from tests.unit.ingest.station import Station, station


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class HangsAtAnUpload(InMemoryStore):
    """Takes the request, and never answers."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def announce(self, segment: SegmentDescription) -> str:
        self.reached.set()
        await asyncio.Event().wait()
        return ""


@dataclass(kw_only=True)
class HangsAtALook(InMemoryStore):
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self) -> StoreIdentity:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError


def watched(place: Station) -> tuple[Watch, Time]:
    time = Time()
    parts = (place.ledger.committing, place.ledger.reading, place.delivery.handing_out, place.delivery.sending)
    return Watch(parts, now=time), time


async def test_a_request_that_never_ends_is_stuck_while_everything_else_gets_on(tmp_path: Path) -> None:
    store = HangsAtAnUpload()
    async with station(tmp_path, store=store) as place:
        watch, time = watched(place)
        await place.spooled(b"one")
        async with place.at_work():
            async with asyncio.timeout(20):
                await store.reached.wait()
            assert watch.stuck() == []
            time.now += place.delivery.sending.patience + 1
            await place.ledger.commit(lambda tx: None)
            await place.ledger.read(lambda db: None)
            assert [one.rpartition(" (")[0] for one in watch.stuck()] == ["sending to the store"]


async def test_a_look_at_the_store_that_never_ends_is_stuck(tmp_path: Path) -> None:
    store = HangsAtALook()
    async with station(tmp_path, store=store) as place:
        watch, time = watched(place)
        async with place.at_work():
            async with asyncio.timeout(20):
                await store.reached.wait()
            assert watch.stuck() == []
            time.now += place.delivery.handing_out.patience + 1
            await place.ledger.commit(lambda tx: None)
            await place.ledger.read(lambda db: None)
            assert [one.rpartition(" (")[0] for one in watch.stuck()] == ["the queue to the store"]


async def test_a_store_that_is_down_for_days_is_no_part_that_is_stuck(tmp_path: Path) -> None:
    store = InMemoryStore()
    store.troubles["identify"] = always(lambda: StoreDown("nobody answers"))
    async with station(tmp_path, store=store) as place:
        watch, time = watched(place)
        await place.spooled(b"one")
        async with place.at_work():
            for _ in range(3):
                before = place.delivery.handing_out.done
                await place.until(lambda before=before: place.delivery.handing_out.done > before)  # type: ignore[misc]
                time.now += 86400
                assert watch.stuck() == []


async def test_what_was_delivered_leaves_nothing_wanted(tmp_path: Path) -> None:
    async with station(tmp_path) as place:
        watch, time = watched(place)
        (one,) = await place.spooled(b"one")
        async with place.at_work():
            await place.until(lambda: place.confirmed(one))
            await place.until(lambda: not place.delivery.sending.wanted)
            assert place.delivery.sending.done > 0
            watch.stuck()
            time.now += 1e6
            assert [one for one in watch.stuck() if "sending" in one] == []
