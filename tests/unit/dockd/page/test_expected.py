"""What is expected of a bay, from what its docking has still to do and how fast it goes; and whether cameras are short."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.page.expected import Expectations
from dockd.page.facts import Sources, Sums
from dockd.page.moment import Moment
from dockd.page.registry import Registry
from dockd.page.snapshot import Expected
from dockd.page.view import View, _is_short
from ingest.clock import Clock
from ingest.ledger import Ledger
from ingest.ledger.views import Docking, Unproven
from ingest.model import Balance, Tally
from ingest.standing import StoreState
from tests.unit.dockd.page.test_view import sources

AT = 1_800_000_000.0
MB = 10**6


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Sources]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    yield sources(tmp_path, ledger)
    await ledger.close()


def moment(told: Sources, *, copied: int, confirmed: int = 0, listed: int = 1000 * MB) -> Moment:
    size = Tally(listed=listed, copied=copied, confirmed=confirmed)
    docking = Docking(balance=Balance(segments=Tally(listed=10), bytes=size), on_camera=10)
    camera = told.rack.bays[1].camera
    assert camera is not None
    unproven = (Unproven(camera=camera.id, in_spool=True, held=False, segments=1, bytes=listed - confirmed),)
    return Moment(
        sources=told,
        registry=Registry(),
        sums=Sums(dockings={1: docking}, unproven=unproven if confirmed < listed else ()),
    )


def follow(
    told: Sources, expectations: Expectations, *, seconds: int, copying: float, sending: float | None, **more: Any
) -> Expected:
    """Samples every five seconds, while so many bytes a second are copied; what is expected at the end."""
    found: dict[int, Expected] = {}
    for passed in range(0, seconds + 1, 5):
        so_far = min(1000 * MB, round(passed * copying))
        seen = moment(told, copied=so_far, **more)
        found = expectations.sample(now=1000.0 + passed, at=AT + passed, moment=seen, fresh=True, sending=sending)
    return found.get(1, Expected())


async def test_a_copy_that_goes_on_and_is_sent_is_foretold(told: Sources) -> None:
    told.activity.camera(told.rack.bays[1].camera.id, "copying")  # type: ignore[union-attr]
    found = follow(told, Expectations(), seconds=150, copying=1 * MB, sending=1 * MB)
    assert found.ready_at == AT + 1200.0, (
        "a thousand seconds from the beginning and the emptying, on the next step of five minutes"
    )


@pytest.mark.parametrize(
    ("seconds", "copying", "sending"), [(30, 1 * MB, 1 * MB), (150, 0.0, 1 * MB), (150, 1 * MB, None)]
)
async def test_what_is_not_known_is_not_foretold(
    told: Sources, seconds: int, copying: float, sending: float | None
) -> None:
    told.activity.camera(told.rack.bays[1].camera.id, "copying")  # type: ignore[union-attr]
    assert follow(told, Expectations(), seconds=seconds, copying=copying, sending=sending) == Expected()


async def test_a_camera_that_is_not_listed_yet_or_whose_sums_are_old_is_not_foretold(told: Sources) -> None:
    told.activity.camera(told.rack.bays[1].camera.id, "copying")  # type: ignore[union-attr]
    expectations = Expectations()
    follow(told, expectations, seconds=150, copying=1 * MB, sending=1 * MB)
    old = moment(told, copied=150 * MB)
    assert expectations.sample(now=1155.0, at=AT + 155, moment=old, fresh=False, sending=1 * MB) == {}


async def test_a_battery_below_what_is_wanted_that_rises_is_foretold_and_one_that_stands_is_told_of(
    told: Sources,
) -> None:
    told.settings = replace(told.settings, ready=replace(told.settings.ready, min_battery=80))
    done = moment(told, copied=1000 * MB, confirmed=1000 * MB)
    told.activity.camera(told.rack.bays[1].camera.id, "done")  # type: ignore[union-attr]
    expectations = Expectations()
    found: dict[int, Expected] = {}
    for minute in range(31):
        told.rack.bays[1] = replace(told.rack.bays[1], battery_percent=50 + minute // 2)
        found = expectations.sample(now=minute * 60.0, at=AT + minute * 60.0, moment=done, fresh=True, sending=None)
    ready = found[1]
    assert ready.charge_ready_at is not None
    assert AT + 3600.0 <= ready.charge_ready_at <= AT + 3600.0 + 900.0, "half a point a minute, from 50 to 80"
    assert ready.will_not_charge == ""
    for minute in range(31, 130):
        found = expectations.sample(now=minute * 60.0, at=AT + minute * 60.0, moment=done, fresh=True, sending=None)
    assert found[1].will_not_charge.startswith("it stands at 65% since ")
    assert found[1].charge_ready_at is None


async def test_another_docking_begins_anew(told: Sources) -> None:
    told.activity.camera(told.rack.bays[1].camera.id, "copying")  # type: ignore[union-attr]
    expectations = Expectations()
    assert follow(told, expectations, seconds=150, copying=1 * MB, sending=1 * MB) != Expected()
    visit = told.rack.bays[1].visit
    assert visit is not None
    visit.docking = 2
    found = expectations.sample(
        now=1155.0, at=AT + 155, moment=moment(told, copied=150 * MB), fresh=True, sending=1 * MB
    )
    assert found == {}


class Passing(Clock):
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def now(self) -> float:
        return AT + self.passed

    def boottime_ns(self) -> int:
        return int((1000.0 + self.passed) * 1e9)


async def test_what_is_sampled_is_told_until_it_is_so(told: Sources) -> None:
    clock = told.clock = Passing()
    told.settings = replace(told.settings, ready=replace(told.settings.ready, min_battery=80))
    view = View(told)
    for minute in range(31):
        clock.passed = minute * 60.0
        told.rack.bays[1] = replace(told.rack.bays[1], battery_percent=50 + minute // 2)
        await view.look(anew=True)
        view.sample()
    snapshot = await view.look(anew=True)
    ready_at = snapshot.bays[1]["ready_at"]
    assert (snapshot.bays[1]["state"], snapshot.bays[1]["verb"]) == ("charging", "leave")
    assert ready_at is not None
    assert snapshot.status["next_ready_at"] == ready_at
    assert "about" in snapshot.bays[1]["word"]
    told.rack.bays[1] = replace(told.rack.bays[1], battery_percent=80)
    snapshot = await view.look(anew=True)
    assert snapshot.bays[1]["verb"] == "take"
    assert snapshot.bays[1]["ready_at"] is None, "it may be taken now: no later moment is told of it"
    assert snapshot.status["next_ready_at"] is None


@pytest.mark.parametrize(
    ("states", "short"), [([], True), (["ready"], False), (["ready", "copying"], False), (["ready", "copying", "unconfirmed"], True), (["empty", "ready"], False)]
)  # fmt: skip
def test_cameras_are_short_while_fewer_than_half_are_ready(states: list[str], *, short: bool) -> None:
    bays: list[dict[str, Any]] = [{"state": state, "camera": None if state == "empty" else {}} for state in states]
    assert _is_short(bays) is short


async def test_a_store_that_has_been_away_for_a_quarter_of_an_hour_is_late(told: Sources) -> None:
    now = told.clock.now()
    for word, since, late in (
        ("down", 901, True),
        ("down", 899, False),
        ("connected", 9000, False),
        ("slow", 9000, False),
        ("dishonest", 901, True),
    ):
        told.store_state = lambda word=word, since=since: StoreState(word=word, since=now - since)  # type: ignore[misc]
        assert Moment(sources=told, registry=Registry()).late is late, word
