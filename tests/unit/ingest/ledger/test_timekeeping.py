"""What is recorded of the station's clock, how much time has surely passed, and what evidence says of its times."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingest.events import AgentStopped
from ingest.ledger import Ledger, proofs, queue, segments
from ingest.ledger.evidence_times import EvidenceTimes, evidence_times
from ingest.ledger.passed import since_proof
from tests.simulators.stores.in_memory import InMemoryStore
from tests.unit.ingest.station import Station, station
from tests.unit.ingest.station_clock import StationClock

HOUR, DAY, YEAR = 3600.0, 86400.0, 365.25 * 86400
JUMPS = [-10 * YEAR, -HOUR, HOUR, 10 * YEAR, -1_800_000_000.0 + 60]  # the last: 1970


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


async def clock_entries(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    rows = await ledger.read(
        lambda db: db.execute("SELECT action, body FROM custody WHERE action LIKE 'clock.%' ORDER BY seq").fetchall()
    )
    return [(action, json.loads(body)["data"]) for action, body in rows]


async def anything(ledger: Ledger) -> None:
    await ledger.commit(lambda tx: tx.record(AgentStopped()))


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_is_recorded_before_what_carries_the_new_time(place: Station, jump: float) -> None:
    await anything(place.ledger)
    before = place.ledger.head.seq
    place.clock.jump(jump)
    await anything(place.ledger)
    rows = await place.ledger.read(
        lambda db: db.execute("SELECT action, body FROM custody WHERE seq > ? ORDER BY seq", (before,)).fetchall()
    )
    assert [row[0] for row in rows] == ["clock.jumped", "agent.stopped"]
    assert abs(json.loads(rows[0][1])["data"]["seconds"] - jump) <= 1
    await anything(place.ledger)
    assert len([action for action, _ in await clock_entries(place.ledger) if action == "clock.jumped"]) == 1


async def test_time_that_passes_suspend_and_slewing_are_no_jumps(place: Station) -> None:
    for passed, slewed in ((1.0, 0.5), (DAY, 40.0), (30 * DAY, -1000.0), (0.0, 1.9)):
        place.clock.pass_by(passed)
        place.clock.jump(slewed)
        await anything(place.ledger)
    assert [action for action, _ in await clock_entries(place.ledger)] == ["clock.trust"]


async def test_trust_is_recorded_when_it_changes_and_once_a_boot(tmp_path: Path) -> None:
    clock = StationClock()
    clock.in_step = False

    async def run(*, then: bool | None) -> None:
        ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
        await anything(ledger)
        clock.in_step = then
        await anything(ledger)
        await ledger.close()

    await run(then=True)
    await run(then=True)
    clock.reboot("boot-2")
    await run(then=None)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
    said = [data["synchronised"] for _, data in await clock_entries(ledger)]
    await ledger.close()
    assert said == [False, True, True, False]


async def test_a_jump_while_dockd_did_not_run_is_recorded_too(tmp_path: Path) -> None:
    clock = StationClock()

    async def run() -> list[tuple[str, dict[str, Any]]]:
        ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
        await anything(ledger)
        found = await clock_entries(ledger)
        await ledger.close()
        return found

    await run()
    clock.jump(HOUR)
    assert (await run())[-1][1]["seconds"] == pytest.approx(HOUR, abs=1)
    clock.reboot("boot-2")
    clock.jump(-1_800_000_000.0 + 60)  # the machine has no battery, and there is no network yet
    found = await run()
    assert [action for action, _ in found[-2:]] == ["clock.jumped", "clock.trust"]
    assert found[-2][1]["seconds"] < -1_700_000_000


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_wait_stays_as_long_as_it_was(place: Station, jump: float) -> None:
    (segment,) = await place.spooled(b"footage")
    await place.ledger.commit(lambda tx: segments.delay(tx, segment, seconds=600, error="busy"))

    async def waiting() -> bool:
        await anything(place.ledger)
        await place.ledger.commit(lambda tx: queue.end_waits(tx, longest=DAY))
        found = await place.ledger.read(lambda db: queue.next_uploads(db.execute, busy=(), count=5))
        return found == []

    place.clock.jump(jump)
    assert await waiting()
    place.clock.pass_by(500)
    assert await waiting()
    place.clock.pass_by(101)
    assert not await waiting()


# -- what has surely passed --------------------------------------------------------------------------------------------


@pytest.fixture
async def read_back(tmp_path: Path) -> AsyncIterator[Station]:
    """A store that gives nothing but the bytes: a spool copy waits a day for the second look."""
    async with station(tmp_path, store=InMemoryStore(method="read-back")) as found:
        yield found


async def confirmed(place: Station) -> str:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    return segment


async def lasts(place: Station, segment: str) -> bool:
    row = await place.row(segment)
    proof = await place.ledger.read(lambda db: proofs.of(db.execute, row, store=place.store.id, clock=place.clock))
    return proof.lasts(place.clock.now())


@pytest.mark.parametrize("jump", JUMPS)
async def test_no_jump_makes_the_second_look_early_or_late(read_back: Station, jump: float) -> None:
    place = read_back
    segment = await confirmed(place)
    place.clock.jump(jump)
    async with place.at_work():
        await anything(place.ledger)
    assert not await lasts(place, segment)
    assert (await place.row(segment)).in_spool
    place.clock.pass_by(DAY - 60)
    assert not await lasts(place, segment)
    place.clock.pass_by(61)
    assert await lasts(place, segment)
    async with place.at_work():
        await place.until(lambda: place.spool.segments() == [])


@pytest.mark.parametrize(
    ("then", "now", "uptime", "lasting"),
    [(True, True, 60.0, True), (True, False, 60.0, False), (False, True, 60.0, False), (True, None, 60.0, False), (True, False, DAY, True)],
)  # fmt: skip
async def test_across_boots_a_day_counts_only_by_a_clock_that_is_trusted(
    tmp_path: Path, then: bool, now: bool | None, uptime: float, lasting: bool
) -> None:
    async with station(tmp_path, store=InMemoryStore(method="read-back")) as place:
        place.clock.in_step = then
        segment = await confirmed(place)
        place.clock.reboot("boot-2", uptime=uptime)
        place.clock.in_step = now
        place.clock.jump(DAY + 60 if now else 10 * YEAR)
        assert await lasts(place, segment) is lasting


@pytest.mark.parametrize("jump", JUMPS)
async def test_what_the_site_wants_kept_is_kept_as_long(tmp_path: Path, jump: float) -> None:
    async with station(tmp_path, keep_confirmed=600) as place:
        segment = await confirmed(place)
        place.clock.jump(jump)
        place.clock.pass_by(590)
        async with place.at_work():
            await anything(place.ledger)
            await place.until(lambda: place.delivery.state.word != "unknown")
        assert place.spool.segments() == [segment]
        age = await place.ledger.read(lambda db: since_proof(db.execute, place.clock, segment))
        assert age == pytest.approx(590, abs=5)
        place.clock.pass_by(11)
        async with place.at_work():
            await place.until(lambda: place.spool.segments() == [])


# -- evidence ----------------------------------------------------------------------------------------------------------


async def times(place: Station, segment: str) -> EvidenceTimes:
    return await place.ledger.read(lambda db: evidence_times(db.execute, segment))


async def test_evidence_says_which_time_is_to_be_trusted(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    said = await times(place, segment)
    assert (said.station_synchronised, said.trusted, said.listed_corrected) == (True, "station", None)
    assert said.camera_time == "1970-01-01T00:00:00.000Z"
    assert "trust its times over the camera's" in said.words


async def test_a_boot_at_1970_that_is_set_right_later_is_told_by_both_clocks(tmp_path: Path) -> None:
    async with station(tmp_path) as place:
        place.clock.reboot("boot-2")
        right = place.clock.now()
        place.clock.jump(-right + 100)
        place.clock.in_step = False
        (segment,) = await place.spooled(b"footage")
        said = await times(place, segment)
        assert said.listed_at.startswith("1970-01-01T00:01:4")
        assert (said.station_synchronised, said.trusted) == (False, "neither")
        place.clock.pass_by(HOUR)
        place.clock.jump(right - 100)
        place.clock.in_step = True
        await anything(place.ledger)
        said = await times(place, segment)
        assert said.trusted == "station, as corrected"
        assert said.listed_corrected is not None
        assert said.listed_corrected.startswith("2027-01-15T08:0")
        assert said.listed_at.startswith("1970")
        place.clock.reboot("boot-3")
        await anything(place.ledger)
        assert (await times(place, segment)).listed_corrected == said.listed_corrected
