"""What is expected of a bay, from what its docking has still to do and how fast it goes; and whether cameras are short."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.page.bay_facts import BayDocuments
from dockd.page.expected import Expectations
from dockd.page.facts import Sources, Sums
from dockd.page.moment import Moment
from dockd.page.registry import Registry
from dockd.page.snapshot import Expected
from dockd.page.view import View, _is_short
from ingest.clock import Clock
from ingest.ledger import Ledger
from ingest.ledger.views import Docking, Unproven
from ingest.model import Balance, Skipped, Tally
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


NEEDS_MORE_THAN_TIME: list[tuple[str, dict[str, Any]]] = [
    ("its clock is wrong", {"bay": {"clock_offset_seconds": 10800.0}}), ("its clock is not told any more", {"bay": {"clock_lost": True}}),
    ("its charge is not told any more", {"bay": {"charge_lost": True}, "min_battery": 80}), ("nobody named it", {"bay": {"ours": False, "why_kept": "nobody has named it"}}),
    ("it may hold an only copy", {"visit": {"unsafe": "the card changed"}}), ("are they those of before?", {"visit": {"unsettled": ["a"]}}),
    ("a place that cannot be looked into", {"visit": {"skipped": (Skipped(path=b"a", kind="unreadable", message="x", hides=True),)}}), ("another card", {"missing": 1}), ("held", {"held": {"copy_failed": 1}}),
    ("held, by another sum", {"held_too": 1}), ("its battery does not charge", {"will_not_charge": "it has fallen from 90% to 80% since 05:10"}),
    ("the store was caught", {"store": "dishonest"}), ("another store", {"store": "wrong-store"}), ("the store is away", {"store": "down"}),
]  # fmt: skip


def document(told: Sources, seen: Moment) -> Any:
    return BayDocuments().of(told.rack.bays[1], seen, outrun=lambda _bay: False)


async def copying(told: Sources) -> tuple[Moment, Expected]:
    """A camera that is copied at a good pace, and what is expected of it."""
    told.activity.camera(told.rack.bays[1].camera.id, "copying")  # type: ignore[union-attr]
    found = follow(told, Expectations(), seconds=150, copying=1 * MB, sending=1 * MB)
    told.clock = Passing()
    return replace(moment(told, copied=150 * MB), expected={1: found}), found


@pytest.mark.parametrize("but", [row[1] for row in NEEDS_MORE_THAN_TIME], ids=[row[0] for row in NEEDS_MORE_THAN_TIME])
async def test_what_does_not_become_ready_by_itself_is_not_foretold(told: Sources, but: dict[str, Any]) -> None:
    seen, found = await copying(told)
    assert document(told, seen)["ready_at"] is not None
    camera, visit = told.rack.bays[1].camera, told.rack.bays[1].visit
    assert camera is not None
    assert visit is not None
    ready = replace(told.settings.ready, min_battery=but.get("min_battery", 0))
    told.settings = replace(told.settings, ready=ready, wipe=replace(told.settings.wipe, enabled=True))
    told.rack.bays[1] = replace(told.rack.bays[1], **but.get("bay", {}))
    for name, value in but.get("visit", {}).items():
        setattr(visit, name, value)
    told.store_state = lambda: StoreState(word=but.get("store", "connected"))
    docking = seen.sums.dockings[1]
    segments = replace(docking.balance.segments, held=but.get("held_too", 0))
    docking = replace(docking, held=but.get("held", {}), balance=replace(docking.balance, segments=segments))
    sums = replace(seen.sums, dockings={1: docking}, missing={camera.id: but.get("missing", 0)})
    expected = {1: replace(found, will_not_charge=but.get("will_not_charge", ""))}
    shown = document(told, replace(seen, sums=sums, expected=expected))
    assert (shown["verb"], shown["ready_at"]) == ("leave", None)


async def test_what_was_expected_of_another_docking_is_not_told_of_this_one(told: Sources) -> None:
    """What is expected is sampled every few seconds: another camera may be in the bay before the next."""
    seen, found = await copying(told)
    told.settings = replace(told.settings, ready=replace(told.settings.ready, min_battery=80))
    fault = replace(found, will_not_charge="it stands at 12% since 05:10", charge_ready_at=AT + 900.0)
    seen, visit = replace(seen, expected={1: fault}), told.rack.bays[1].visit
    told.activity.camera(told.rack.bays[1].camera.id, "done")  # type: ignore[union-attr]
    done = Docking(balance=Balance(segments=Tally(listed=1, copied=1, confirmed=1, wiped=1)))
    assert document(told, replace(seen, sums=Sums(dockings={1: done})))["state"] == "will_not_charge"
    assert visit is not None
    visit.docking = 2
    other = replace(seen, sums=Sums(dockings={2: done}))
    assert document(told, other)["state"] == "ready"
    told.rack.bays[1] = replace(told.rack.bays[1], battery_percent=50)
    shown = document(told, other)
    assert (shown["state"], shown["word"], shown["ready_at"]) == ("charging", "Charging 50%", None)


async def test_another_camera_in_the_bay_is_told_anew(told: Sources) -> None:
    """Its document is not the one of before, though the bay says the same of itself."""
    seen, found = await copying(told)
    documents, visit = BayDocuments(), told.rack.bays[1].visit
    assert visit is not None
    shown = [documents.of(told.rack.bays[1], seen, outrun=lambda _bay: False)["ready_at"]]
    seen = replace(seen, expected={1: replace(found, docking=2)})
    shown.append(documents.of(told.rack.bays[1], seen, outrun=lambda _bay: False)["ready_at"])
    assert shown[0] is not None
    assert shown[1] is None


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
