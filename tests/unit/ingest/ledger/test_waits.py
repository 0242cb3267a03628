"""Since when a camera waits for the store, by the record: over restarts and boots, and never earlier than it is so."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingest.events import AgentStopped
from ingest.ledger import cameras, segments
from ingest.ledger.waits import waits_since
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at
from tests.unit.ingest.station_clock import StationClock

HOUR = 3600.0


@dataclasses.dataclass
class Waiting:
    dock: Dock
    clock: StationClock

    async def waited(self) -> float | None:
        since = await self.dock.ledger.read(lambda db: waits_since(db.execute, self.clock, camera=CAMERA.id))
        return None if since is None else self.clock.boottime_ns() / 1e9 - since

    async def docked_anew(self, *, taken: bool = False) -> None:
        await self.dock.write(lambda tx: cameras.undocked(tx, self.dock.docking, taken=taken))
        self.dock.docking = await self.dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="x"))
        await self.dock.write(
            lambda tx: cameras.listing(tx, camera=CAMERA.id, docking=self.dock.docking, files=[], skipped=[])
        )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Waiting]:
    clock = StationClock()
    given: Any = clock
    async with dock_at(tmp_path, clock=given) as dock:
        yield Waiting(dock, clock)


def is_about(found: float | None, seconds: float) -> bool:
    """At most so many, and hardly less."""
    return found is not None and seconds - 0.002 * seconds - 10 <= found <= seconds + 60


async def test_it_goes_on_over_a_restart_of_the_agent_and_what_the_store_does(place: Waiting) -> None:
    segment = await place.dock.copied()
    place.clock.pass_by(HOUR)
    await place.docked_anew()
    receipt = await place.dock.receipt(
        segment, asked_boottime_ns=place.clock.boottime_ns(), boot_id=place.clock.boot_id
    )
    await place.dock.write(lambda tx: segments.confirmed(tx, receipt))
    waited = await place.waited()
    assert is_about(waited, HOUR)


async def test_it_is_never_said_to_be_longer_than_it_is(place: Waiting) -> None:
    """The margin for a clock that was slewed is taken off; a clock that is set moves nothing."""
    place.clock.pass_by(10 * HOUR)
    await place.dock.copied()
    waited = await place.waited()
    assert waited is not None
    assert waited <= 0.5
    place.clock.jump(5 * HOUR)
    await place.dock.write(lambda tx: tx.record(AgentStopped()))
    waited = await place.waited()
    assert waited is not None
    assert waited < 60


async def test_whatever_else_happens_to_it_begins_it_anew(place: Waiting) -> None:
    await place.dock.copied(b"a")
    place.clock.pass_by(HOUR)
    await place.dock.copied(b"b")
    waited = await place.waited()
    assert waited is not None
    assert waited < 60, "its newest footage waits since now"
    other = await place.dock.listed(b"c")
    place.clock.pass_by(HOUR)
    await place.dock.write(lambda tx: segments.vanished(tx, other, error="x"))
    waited = await place.waited()
    assert waited is not None
    assert waited < 60, "one was not copied until now"


async def test_one_that_was_taken_out_waits_since_it_is_back(place: Waiting) -> None:
    await place.dock.copied()
    place.clock.pass_by(HOUR)
    await place.docked_anew(taken=True)
    waited = await place.waited()
    assert waited is not None
    assert waited < 60
    place.clock.pass_by(HOUR)
    await place.docked_anew()
    assert is_about(await place.waited(), HOUR)


@pytest.mark.parametrize(("then", "now", "wanted"), [(True, True, 3 * HOUR), (True, False, 60.0), (False, True, 60.0), (True, None, 60.0)])  # fmt: skip
async def test_over_boots_the_wall_clock_counts_only_where_it_was_and_is_synchronised(
    place: Waiting, then: bool, now: bool | None, wanted: float
) -> None:
    place.clock.in_step = then
    await place.dock.copied()
    place.clock.pass_by(3 * HOUR)
    place.clock.reboot("boot-2", uptime=60.0)
    place.clock.in_step = now
    await place.docked_anew()
    waited = await place.waited()
    assert waited is not None
    assert wanted - 10 <= waited <= wanted + 60


async def test_a_damaged_entry_is_no_ground_for_anything(place: Waiting) -> None:
    await place.dock.copied()
    await place.dock.write(lambda tx: tx.execute("DROP TRIGGER custody_no_update"))
    await place.dock.write(lambda tx: tx.execute("UPDATE custody SET body = 'x' WHERE action = 'clock.trust'"))
    assert await place.waited() is None
