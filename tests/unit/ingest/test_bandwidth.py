"""What may be sent now, as clocks go on and are set, and what a person has said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockd.settings.timetable import parse_line
from ingest.bandwidth import LONGEST_OVERRIDE, Bandwidth, Holding, Rules
from ingest.events import Event
from ingest.ledger import Ledger
from ingest.store.throttle import Bucket
from ingest.timetable import WallTime
from tests.unit.ingest.station_clock import StationClock

DAY_RULES = Rules(limit=5e6, lines=(parse_line("Mon-Fri 07:00-19:00 8 Mbit/s"),))
FRIDAY = datetime(2026, 11, 20, 6, 0, tzinfo=UTC).timestamp()


def in_utc(moment: float) -> WallTime:
    said = datetime.fromtimestamp(moment, UTC)
    return WallTime(day=said.weekday(), second=said.hour * 3600 + said.minute * 60 + said.second, ahead=0)


@pytest.fixture
def clock() -> StationClock:
    found = StationClock()
    found.seconds = FRIDAY
    return found


@pytest.fixture
async def ledger(tmp_path: Path, clock: StationClock) -> AsyncIterator[Ledger]:
    found = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
    yield found
    await found.close()


def of(ledger: Ledger, clock: StationClock, rules: Rules = DAY_RULES) -> tuple[Bandwidth, Bucket]:
    bucket = Bucket(None)
    return Bandwidth(ledger=ledger, bucket=bucket, rules=rules, clock=clock, wall=in_utc), bucket


async def said(ledger: Ledger, action: str) -> list[dict[str, str]]:
    rows = await ledger.read(
        lambda db: db.execute("SELECT body FROM custody WHERE action = ? ORDER BY seq", (action,)).fetchall()
    )
    return [json.loads(row[0])["data"] for row in rows]


async def test_the_timetable_is_followed_as_time_goes_on_and_as_the_clock_is_set(
    ledger: Ledger, clock: StationClock
) -> None:
    told: list[Event] = []
    ledger.subscribe(lambda event, _seq: told.append(event))
    bandwidth, bucket = of(ledger, clock)
    assert (bucket.rate, bandwidth.now.source) == (5e6, "limit")
    clock.pass_by(3600)
    bandwidth.look()
    assert (bucket.rate, bandwidth.now.source) == (1e6, "timetable")
    clock.jump(13 * 3600)
    bandwidth.look()
    assert bucket.rate == 5e6
    clock.jump(-10 * 3600)
    bandwidth.look()
    bandwidth.look()
    assert bucket.rate == 1e6
    changes = [event.message() for event in told if event.action == "bandwidth.changed"]
    assert changes == [
        "what dockd may send is now: 1000000 bytes/s (by: timetable)", "what dockd may send is now: 5000000 bytes/s (by: limit)",
        "what dockd may send is now: 1000000 bytes/s (by: timetable)",
    ]  # fmt: skip


async def test_new_rules_hold_at_once(ledger: Ledger, clock: StationClock) -> None:
    bandwidth, bucket = of(ledger, clock)
    bandwidth.rules = Rules(limit=None, bypass=True)
    assert (bucket.rate, bucket.bypass, bandwidth.now.source) == (None, True, "none")
    bandwidth.rules = Rules(limit=None)
    assert not bucket.bypass


async def test_an_override_goes_before_the_timetable_ends_by_itself_and_is_recorded(
    ledger: Ledger, clock: StationClock
) -> None:
    over = asyncio.Event()
    ledger.subscribe(lambda event, _seq: over.set() if event.action == "bandwidth.lifted" else None)
    bandwidth, bucket = of(ledger, clock)
    task = asyncio.create_task(bandwidth.run())
    await bandwidth.set(2e6, lasts=7200)
    assert (bucket.rate, bandwidth.now) == (2e6, Holding(rate=2e6, source="override", until=bandwidth.now.until))
    coming = bandwidth.coming(3)
    assert [(round(one.at - FRIDAY, -1), one.rate) for one in coming] == [(7200, 1e6), (13 * 3600, 5e6), (73 * 3600, 1e6)]  # fmt: skip
    clock.pass_by(7190)
    assert bandwidth.look().source == "override"
    clock.pass_by(20)
    assert (bandwidth.look().source, bucket.rate) == ("timetable", 1e6)
    async with asyncio.timeout(15):
        await over.wait()
    task.cancel()
    await asyncio.wait({task})
    assert (await said(ledger, "bandwidth.overridden"))[0]["limit"] == "2000000 bytes/s"
    assert await said(ledger, "bandwidth.lifted") == [{"reason": "its time was over"}]


@pytest.mark.parametrize("jump", [8000.0, -30 * 86400.0], ids=["forward", "back"])
async def test_an_override_ends_at_the_latest_when_either_clock_says_so(
    ledger: Ledger, clock: StationClock, jump: float
) -> None:
    bandwidth, _bucket = of(ledger, clock)
    await bandwidth.set(None, lasts=7200)
    clock.jump(jump)
    held = bandwidth.look().source == "override"
    assert held is (jump < 0)  # by the wall clock it is over, or it is not for a month
    clock.pass_by(7201)
    assert bandwidth.look().source != "override"


async def test_an_override_outlives_a_restart_but_not_its_time(
    ledger: Ledger, clock: StationClock, tmp_path: Path
) -> None:
    bandwidth, _bucket = of(ledger, clock)
    await bandwidth.set(3e6, lasts=7200)
    clock.pass_by(3600)
    for boot, uptime, jump, held in (
        ("boot-1", None, 0.0, True), ("boot-2", 5.0, 0.0, True), ("boot-3", 5.0, -86400.0, True), ("boot-4", 7300.0, -86400.0, False),
        ("boot-5", 5.0, 7200.0, False),
    ):  # fmt: skip
        seconds = clock.now()
        if uptime is not None:
            clock.reboot(boot, uptime=uptime)
            clock.seconds = seconds
        clock.jump(jump)
        again, bucket = of(ledger, clock)
        await again.recall()
        assert (again.now.source == "override", bucket.rate == 3e6) == (held, held), boot
        clock.jump(-jump)


async def test_the_end_of_one_override_takes_no_other_with_it(ledger: Ledger, clock: StationClock) -> None:
    bandwidth, _bucket = of(ledger, clock)
    await bandwidth.set(3e6, lasts=60)
    clock.pass_by(61)
    bandwidth.look()  # it is over, which is to be written down yet
    fresh = asyncio.create_task(bandwidth.set(4e6, lasts=600))
    await asyncio.sleep(0)
    task = asyncio.create_task(bandwidth.run())
    await fresh
    await ledger.commit(lambda _tx: None)
    task.cancel()
    await asyncio.wait({task})
    again, bucket = of(ledger, clock)
    await again.recall()
    assert (again.now.source, bucket.rate) == ("override", 4e6)


async def test_lifting_is_recorded_once(ledger: Ledger, clock: StationClock) -> None:
    bandwidth, bucket = of(ledger, clock)
    await bandwidth.set(3e6, lasts=7200)
    await bandwidth.set(4e6, lasts=60)
    assert bucket.rate == 4e6
    assert await bandwidth.lift()
    assert not await bandwidth.lift()
    assert bucket.rate == 5e6
    assert await said(ledger, "bandwidth.lifted") == [{"reason": "it was lifted"}]


@pytest.mark.parametrize("lasts", [0.0, -1.0, LONGEST_OVERRIDE + 1, float("nan"), float("inf")])
async def test_an_override_always_has_an_end(ledger: Ledger, clock: StationClock, lasts: float) -> None:
    bandwidth, bucket = of(ledger, clock)
    with pytest.raises(ValueError):
        await bandwidth.set(1e6, lasts=lasts)
    assert bucket.rate == 5e6
