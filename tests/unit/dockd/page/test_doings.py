"""What people may change, and what nobody can: whatever is pressed, in whatever state a segment is, no copy of it goes and no check is passed over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dockd.docking import Bay
from dockd.page.doings import Doings
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.registry import Registry
from dockd.page.view import View
from ingest.ledger import cameras, marks, segments
from ingest.model import folder_camera
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

BY = "user:smith"


@dataclass
class Page:
    """A rack with one camera in bay 1, its ledger, and what people may do."""

    dock: Dock
    found: Sources
    view: View
    doings: Doings

    async def held(self, reason: str, *, path: bytes = b"a", copied: bool = False) -> str:
        segment = await (self.dock.copied(path) if copied else self.dock.listed(path))
        await self.dock.write(lambda tx: segments.hold(tx, segment, reason=reason, error="why"))
        return str(segment)

    def leaves(self) -> None:
        """The camera is not there any more."""
        self.found.activity.camera_left(CAMERA.id)
        self.found.rack.bays[1] = Bay(number=1, last_camera=CAMERA)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        view = View(found)
        yield Page(dock=dock, found=found, view=view, doings=Doings(sources=found, view=view))


async def refused(work: Awaitable[Any]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        await work
    return caught.value.status, caught.value.detail


# -- trying again ------------------------------------------------------------------------------------------------------


async def test_what_failed_its_checks_is_not_passed_while_its_camera_is_away(page: Page) -> None:
    segment = await page.held("integrity_failed")
    page.leaves()
    before = await page.dock.actions()
    status, why = await refused(page.doings.retry(segment, by=BY))
    assert status == 409
    assert "put that camera into a bay" in why
    row = await page.dock.segment(segment)
    assert (row.held, row.held_message, row.copies) == ("integrity_failed", "why", frozenset({"camera"}))
    assert await page.dock.actions() == before


async def test_it_is_tried_again_when_its_camera_is_there_and_that_is_written_down_once(page: Page) -> None:
    segment = await page.held("integrity_failed")
    for _press in range(2):
        document = await page.doings.retry(segment, by=BY)
        assert (document["held"], document["copies"]) == (None, ["camera"])
    assert (await page.dock.actions())[-2:] == ["segment.tried_again", "segment.unheld"]


async def test_what_no_copy_is_left_of_is_not_tried_again_because_its_camera_is_there(page: Page) -> None:
    segment = await page.held("copy_failed")
    await page.dock.write(lambda tx: segments.vanished(tx, segment, error="gone"))
    assert (await page.dock.segment(segment)).held is None, "it is lost"
    for again in (None, "copy_failed"):
        if again:
            await page.dock.write(lambda tx: segments.hold(tx, segment, reason="copy_failed", error="why"))
        status, why = await refused(page.doings.retry(segment, by=BY))
        assert (status, "no copy of it is left" in why) == (409, True)
        assert (await page.dock.segment(segment)).held == again


async def test_what_a_caught_store_held_is_for_a_persons_pin_alone(page: Page) -> None:
    segment = await page.held("dishonest", copied=True)
    status, why = await refused(page.doings.retry(segment, by=BY))
    assert (status, "pinned a store anew" in why) == (409, True)
    assert (await page.dock.segment(segment)).held == "dishonest"


REASONS = ("integrity_failed", "not_deletable", "store_refused", "spool_rotted", "in_doubt", "dishonest", "")
_LEAVE = "SELECT count(*) FROM receipts UNION ALL SELECT count(*) FROM permits"


async def test_whatever_is_pressed_no_copy_goes_and_no_leave_to_delete_comes(page: Page) -> None:
    pressed = 0
    for state in ("listed", "copied", "confirmed", "attested"):
        for reason in REASONS:
            segment = str(await getattr(page.dock, state)(f"{state} {reason}".encode()))
            if reason:
                await page.dock.write(partial(segments.hold, segment=segment, reason=reason, error="why"))
            before, leave = await page.dock.segment(segment), await everything(page)
            pressed += await press_everything(page, segment)
            after = await page.dock.segment(segment)
            assert after.copies == before.copies
            assert (after.object, after.confirmed_at, after.wipe_permit, after.sha256) == (before.object, before.confirmed_at, before.wipe_permit, before.sha256)  # fmt: skip
            assert await everything(page) == leave
    assert pressed > 200  # most of it was not refused


async def everything(page: Page) -> list[tuple[int]]:
    """How many receipts and permits there are."""
    return await page.dock.ledger.read(lambda db: db.execute(_LEAVE).fetchall())


async def press_everything(page: Page, segment: str) -> int:
    """Whatever there is to press, twice; what makes no sense is refused as that. Returns how much was done."""
    doings, done = page.doings, 0
    presses: list[Callable[[], Awaitable[Any]]] = [
        lambda: doings.retry(segment, by=BY), lambda: doings.first(segment, by=BY), lambda: doings.evidential(segment, by=BY),
        lambda: doings.issue(CAMERA.id, officer="PC Jones", by=BY), lambda: doings.issue(CAMERA.id, officer="", by=BY),
    ]  # fmt: skip
    statuses = []
    for press in presses * 2:
        try:
            await press()
            done += 1
        except Problem as problem:
            statuses.append(problem.status)
    assert set(statuses) <= {409}
    return done


# -- order and evidence ------------------------------------------------------------------------------------------------


async def test_first_is_first_however_often_it_is_pressed(page: Page) -> None:
    one, two = await page.dock.copied(b"one"), await page.dock.copied(b"two")
    for segment in (one, two, two, one):
        assert (await page.doings.first(segment, by=BY))["id"] == segment
    assert (await page.dock.actions()).count("segment.moved_up") == 3
    assert (await page.dock.segment(one)).priority > (await page.dock.segment(two)).priority


async def test_what_the_store_has_is_not_sent_first(page: Page) -> None:
    assert (await refused(page.doings.first(await page.dock.confirmed(), by=BY)))[0] == 409


async def test_evidence_is_marked_here_and_the_store_is_to_be_told(page: Page) -> None:
    told: list[str] = []

    async def beside(segment: str) -> bool:
        told.append(segment)
        return True

    page.found.beside = beside
    here, there = await page.dock.copied(b"here"), await page.dock.confirmed(b"there")
    assert (await page.doings.evidential(here, by=BY))["evidential_at_store"] is None
    assert (await page.doings.evidential(there, by=BY))["evidential_at_store"] == "waiting"
    assert (await page.doings.evidential(there, by=BY))["evidential"] is True
    assert told == [here, there, there]
    assert (await page.dock.actions()).count("segment.evidential") == 2


async def test_evidence_that_the_store_does_not_take_as_such_is_a_problem_until_it_does(page: Page) -> None:
    one, two = await page.dock.confirmed(b"one"), await page.dock.confirmed(b"two")
    for segment in (one, two):
        await page.doings.evidential(segment, by=BY)
    assert (await page.view.look(anew=True)).problems == ()  # it is told at once, as a rule
    await page.dock.write(lambda tx: marks.failed(tx, one, seconds=60.0, error="403"))
    await page.dock.write(lambda tx: marks.told(tx, two, object=f"o-{two}", cannot="it has no marks"))
    (problem,) = (await page.view.look(anew=True)).problems
    assert problem["problem"] == "evidence_not_marked"
    assert problem["text"] == (
        "1 segment is evidence, and the store does not know that yet. 1 segment is evidence, and this store cannot be told."
    )
    await page.dock.write(lambda tx: marks.told(tx, one, object=f"o-{one}"))
    (problem,) = (await page.view.look(anew=True)).problems
    assert problem["text"] == "1 segment is evidence, and this store cannot be told."
    await page.doings.close(problem["id"], reason="the operator keeps it", by=BY)
    assert (await page.view.look(anew=True)).problems == ()


# -- bays --------------------------------------------------------------------------------------------------------------


async def test_an_empty_bay_out_of_use_says_so_and_who_and_is_given_back(page: Page) -> None:
    page.leaves()
    document = await page.doings.out_of_use(1, reason="  its socket\nis broken ", by=BY)
    assert (document["state"], document["word"]) == ("out_of_use", "Out of use")
    assert "“its socket is broken”" in document["why"]
    assert (document["out_of_use"]["reason"], document["out_of_use"]["by"]) == ("its socket is broken", BY)
    document = await page.doings.back_in_use(1, by=BY)
    assert (document["state"], document["out_of_use"]) == ("empty", None)


async def test_a_camera_in_a_bay_out_of_use_is_served_and_told_of(page: Page) -> None:
    document = await page.doings.out_of_use(1, reason="it does not charge", by=BY)
    assert document["state"] == "ready"
    assert document["camera"]["id"] == CAMERA.id
    assert "This bay is out of use: “it does not charge”. Put no other camera into it." in document["why"]


# -- cameras -----------------------------------------------------------------------------------------------------------


async def test_a_pool_camera_is_issued_and_its_bay_says_to_whom(page: Page) -> None:
    document = await page.doings.issue(CAMERA.id, officer=" PC  Jones ", by=BY)
    assert (document["assigned_to"], document["issued"]["officer"], document["issued"]["by"]) == ("PC Jones", "PC Jones", BY)  # fmt: skip
    snapshot = await page.view.look(anew=True)
    assert snapshot.bays[1]["camera"]["assigned_to"] == "PC Jones"
    assert page.view.assigned_to(CAMERA) == "PC Jones"
    document = await page.doings.issue(CAMERA.id, officer="", by=BY)
    assert (document["assigned_to"], document["issued"]) == (None, None)


async def test_an_officers_own_camera_is_not_issued_to_another(page: Page) -> None:
    page.view.registry = Registry(assigned={CAMERA.serial: "PC Smith"})
    status, why = await refused(page.doings.issue(CAMERA.id, officer="PC Jones", by=BY))
    assert (status, "PC Smith" in why) == (409, True)
    assert (await page.doings.issue(CAMERA.id, officer="", by=BY))["assigned_to"] == "PC Smith"


# -- problems ----------------------------------------------------------------------------------------------------------


async def left_early(page: Page) -> str:
    await page.dock.copied()
    await page.dock.write(lambda tx: cameras.undocked(tx, page.dock.docking, taken=True))
    page.leaves()
    await page.found.rack.recall()
    snapshot = await page.view.look(anew=True)
    (problem,) = [one for one in snapshot.problems if one["problem"] == "removed_early"]
    assert snapshot.bays[1]["state"] == "removed_early"
    assert problem["closable"]
    return str(problem["id"])


async def test_a_camera_that_does_not_come_back_is_closed_with_a_reason_and_its_bay_follows(page: Page) -> None:
    problem = await left_early(page)
    document = await page.doings.close(problem, reason="it lies in the river", by=BY)
    assert document["id"] == problem
    snapshot = await page.view.look(anew=True)
    assert snapshot.problems == ()
    assert snapshot.bays[1]["state"] == "empty"
    assert snapshot.status["needs_action"] == 0
    assert (await page.dock.actions())[-1] == "problem.closed"
    anew = View(page.found)  # dockd was started anew
    await page.found.rack.recall()
    snapshot = await anew.look()
    assert (snapshot.problems, snapshot.bays[1]["state"], snapshot.status["needs_action"]) == ((), "empty", 0)


async def test_having_seen_it_leaves_it_a_problem(page: Page) -> None:
    problem = await left_early(page)
    document = await page.doings.seen(problem, hours=2, by=BY)
    assert (document["seen_by"], document["problem"]) == (BY, "removed_early")
    assert document["seen_until"] is not None
    assert (await page.view.look(anew=True)).status["needs_action"] == 1
    page.dock.clock.time += 2 * 3600 + 1
    (told,) = (await page.view.look(anew=True)).problems
    assert (told["seen_by"], told["seen_until"]) == (None, None)


async def test_what_closes_by_itself_is_not_closed_by_hand(page: Page) -> None:
    page.found.troubles.open("usb_trouble", "a hub does not answer")
    (problem,) = (await page.view.look(anew=True)).problems
    assert (await refused(page.doings.close(problem["id"], reason="I do not like it", by=BY)))[0] == 409
    assert (await page.view.look(anew=True)).problems[0]["id"] == problem["id"]


# -- words and names that cannot be taken ------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", " \n", "x" * 301, "a\x00b", "a\x1bb", "a\u202eb"])
async def test_reasons_that_cannot_be_read_are_no_reasons(page: Page, reason: str) -> None:
    problem = await left_early(page)
    assert (await refused(page.doings.out_of_use(1, reason=reason, by=BY)))[0] == 400
    assert (await refused(page.doings.close(problem, reason=reason, by=BY)))[0] == 400


@pytest.mark.parametrize("hours", [0.0, -1.0, 24.5, float("nan"), float("inf")])
async def test_nobody_has_seen_to_it_for_ever(page: Page, hours: float) -> None:
    assert (await refused(page.doings.seen("store_down", hours=hours, by=BY)))[0] == 400


async def test_what_is_not_there(page: Page) -> None:
    nobody = folder_camera(b"nobody").id
    for work in (
        page.doings.first("0" * 32, by=BY), page.doings.evidential("x", by=BY), page.doings.retry("x", by=BY),
        page.doings.out_of_use(9, reason="broken", by=BY), page.doings.back_in_use(9, by=BY), page.doings.issue(nobody, officer="PC Jones", by=BY),
        page.doings.seen("x", hours=1, by=BY), page.doings.close("x", reason="over", by=BY),
    ):  # fmt: skip
        assert (await refused(work))[0] == 404


async def test_a_ledger_that_cannot_be_written_is_said(page: Page) -> None:
    segment = await page.dock.copied()
    await page.dock.ledger.close()
    assert (await refused(page.doings.evidential(segment, by=BY)))[0] == 503
