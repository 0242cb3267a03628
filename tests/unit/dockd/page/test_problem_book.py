"""The book of problems: since when, worse, seen, closed; over restarts, and with a ledger that cannot be written."""

from __future__ import annotations

import asyncio
import doctest
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from dockd.page import problems as problems_module
from dockd.page.problem_book import AGAIN, LONGEST_SEEN, Kept, ProblemBook
from dockd.page.problems import Problem
from ingest.events import Event
from ingest.ledger import Ledger, Transaction, problems_book

T = TypeVar("T")
LOST = Problem(problem="footage_lost", text="1 segment has no copy left.", advice="Tell ops.", weight=1)
EARLY = Problem(problem="removed_early", text="Camera A left.", advice="Put it back.", bay=3, camera="A", weight=5)
DOWN = Problem(problem="store_down", text="The store is away.", advice="Wait.")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    try:
        yield ledger
    finally:
        await ledger.close()


async def opened(ledger: Ledger) -> ProblemBook:
    book = ProblemBook(ledger)
    await book.load()
    return book


def shown(book: ProblemBook, *found: Problem, now: float, blind: bool = False) -> dict[str, Kept]:
    kept, _over = book.keep(found, now=now, blind=blind)
    return {one.problem.problem: one for one in kept}


def heard(ledger: Ledger) -> list[str]:
    actions: list[str] = []

    def hear(event: Event, _seq: int) -> None:
        actions.append(event.action)

    ledger.subscribe(hear)
    return actions


async def in_custody(ledger: Ledger) -> list[str]:
    rows = await ledger.read(lambda db: db.execute("SELECT action FROM custody WHERE action LIKE 'problem.%' ORDER BY seq").fetchall())  # fmt: skip
    return [row[0] for row in rows]


def test_examples() -> None:
    assert doctest.testmod(problems_module).failed == 0


@pytest.mark.parametrize("camera", ["CAM01", "a/b c?d#e%", "Zoë\n\u202e", "\udcff", ".." * 90])
def test_an_id_can_stand_in_an_address_whatever_the_camera_is_called(camera: str) -> None:
    one = Problem(problem="copy_failed", text="", advice="", bay=12, camera=camera)
    assert re.fullmatch(r"copy_failed-12-[0-9a-f]{12}", one.id)
    assert replace(one, camera=camera + "x").id != one.id


def test_a_camera_that_left_is_one_problem_whatever_bay_speaks_of_it() -> None:
    assert EARLY.id == replace(EARLY, bay=None).id == replace(EARLY, bay=9).id
    fault = replace(EARLY, problem="copy_failed")
    assert fault.id != replace(fault, bay=9).id


async def test_what_was_closed_is_told_as_long_as_it_is_so(ledger: Ledger) -> None:
    book = await opened(ledger)
    shown(book, EARLY, LOST, now=100.0)
    await book.write()
    assert book.still_so == []
    await book.close(EARLY.id, reason="it was run over", by="user:smith", now=110.0)
    assert EARLY.problem not in shown(book, replace(EARLY, text="Fewer.", weight=4), LOST, now=120.0)
    (one,) = book.still_so
    assert (one.problem.text, one.by, one.reason, one.at) == ("Fewer.", "user:smith", "it was run over", 110.0)
    await book.write()
    anew = await opened(ledger)
    shown(anew, EARLY, now=130.0)
    assert [one.reason for one in anew.still_so] == ["it was run over"], "a restart does not forget it"
    shown(anew, LOST, now=140.0)
    assert anew.still_so == []


async def test_it_is_open_since_it_began_over_restarts_and_small_gaps(ledger: Ledger) -> None:
    book, actions = await opened(ledger), heard(ledger)
    assert shown(book, DOWN, now=1000.0)["store_down"].since == 1000.0
    assert shown(book, now=1010.0) == {}
    assert shown(book, DOWN, now=1010.0 + AGAIN - 1)["store_down"].since == 1000.0
    await book.write()
    again = await opened(ledger)
    assert shown(again, now=9000.0) == {}  # at the start nothing is known yet
    assert shown(again, DOWN, now=9030.0)["store_down"].since == 1000.0
    assert actions == ["problem.opened"]
    assert await in_custody(ledger) == []


async def test_it_is_over_by_itself_and_another_begins_anew(ledger: Ledger) -> None:
    book, actions = await opened(ledger), heard(ledger)
    shown(book, DOWN, now=1000.0)
    shown(book, now=1010.0)
    shown(book, now=1010.0 + AGAIN)
    assert shown(book, DOWN, now=1300.0)["store_down"].since == 1300.0
    await book.write()
    assert actions == ["problem.opened", "problem.ended", "problem.opened"]


async def test_one_who_sees_nothing_concludes_nothing(ledger: Ledger) -> None:
    book = await opened(ledger)
    shown(book, EARLY, now=1000.0)
    shown(book, now=1001.0, blind=True)
    shown(book, now=1001.0 + 2 * AGAIN, blind=True)
    assert shown(book, EARLY, now=2000.0)["removed_early"].since == 1000.0


async def test_it_is_worse_when_it_grows_and_what_was_seen_is_not_seen_any_more(ledger: Ledger) -> None:
    book, actions = await opened(ledger), heard(ledger)
    shown(book, LOST, now=1000.0)
    assert await book.seen(LOST.id, until=5000.0, by="user:smith")
    found = shown(book, LOST, now=1100.0)["footage_lost"]
    assert (found.seen_by, found.seen_until, found.worse) == ("user:smith", 5000.0, None)
    found = shown(book, replace(LOST, weight=2), now=1200.0)["footage_lost"]
    assert (found.since, found.worse, found.seen_by) == (1000.0, 1200.0, None)
    found = shown(book, LOST, now=1300.0)["footage_lost"]
    assert (found.since, found.worse) == (1000.0, 1200.0)
    await book.write()
    assert actions == ["problem.opened", "problem.seen", "problem.worsened"]
    assert await in_custody(ledger) == ["problem.seen"]


async def test_having_seen_it_ends_and_never_takes_it_away(ledger: Ledger) -> None:
    book = await opened(ledger)
    shown(book, DOWN, now=1000.0)
    assert await book.seen(DOWN.id, until=2000.0, by="user:smith")
    assert shown(book, DOWN, now=1999.0)["store_down"].seen_by == "user:smith"
    assert shown(book, DOWN, now=2001.0)["store_down"].seen_by is None
    assert not await book.seen("nothing", until=2000.0, by="user:smith")


async def test_what_was_closed_stays_so_over_restarts_until_its_cause_is_gone(ledger: Ledger) -> None:
    book = await opened(ledger)
    shown(book, EARLY, now=1000.0)
    assert await book.close(EARLY.id, reason="it was run over", by="user:smith", now=1100.0)
    assert not await book.close(EARLY.id, reason="again", by="user:smith", now=1100.0)
    assert shown(book, EARLY, now=1101.0) == {}
    again = await opened(ledger)
    assert shown(again, EARLY, now=2000.0) == {}
    assert again.closed_cameras == {"A": 0}
    assert await in_custody(ledger) == ["problem.closed"]
    _kept, over = again.keep([], now=2001.0)  # it was docked again
    assert [one.camera for one in over] == ["A"]
    assert again.closed_cameras == {}
    assert shown(again, EARLY, now=2002.0)["removed_early"].since == 2002.0


async def test_what_was_closed_and_became_worse_is_open_again(ledger: Ledger) -> None:
    book = await opened(ledger)
    shown(book, EARLY, now=1000.0)
    await book.close(EARLY.id, reason="it was run over", by="user:smith", now=1100.0)
    assert shown(book, replace(EARLY, weight=3), now=1200.0) == {}  # some of it reached the store
    found = shown(book, replace(EARLY, weight=4), now=1300.0)["removed_early"]  # and then a copy here went bad
    assert (found.since, found.worse) == (1000.0, 1300.0)
    assert book.closed_cameras == {}


async def test_a_ledger_that_cannot_be_written_keeps_nobody_from_seeing_what_is_wrong(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    book = await opened(ledger)
    await ledger.close()
    assert set(shown(book, DOWN, now=1000.0)) == {"store_down"}
    unread = ProblemBook(ledger)
    assert set(shown(unread, DOWN, EARLY, now=1000.0)) == {"store_down", "removed_early"}
    assert unread.get(DOWN.id) is None
    assert shown(unread, DOWN, now=1005.0)["store_down"].since == 1000.0


def test_what_cannot_close_by_itself_can_be_closed() -> None:
    closable = {one.problem: Kept(problem=one, since=0.0).closable for one in (LOST, EARLY, DOWN)}
    assert closable == {"footage_lost": True, "removed_early": True, "store_down": False}


class Slow(Ledger):
    """Its first commit waits, while somebody else does something."""

    def begin(self) -> None:
        self.waits, self.begun, self.go_on = True, asyncio.Event(), asyncio.Event()

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        if getattr(self, "waits", False):
            self.waits = False
            self.begun.set()
            await self.go_on.wait()
        return await super().commit(work)


async def test_what_a_person_says_and_what_a_look_finds_are_written_one_after_the_other(tmp_path: Path) -> None:
    ledger = await Slow.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    assert isinstance(ledger, Slow)
    try:
        book = await opened(ledger)
        shown(book, LOST, now=1.0)
        await book.write()
        ledger.begin()
        person = asyncio.create_task(book.close(LOST.id, reason="r", by="user:smith", now=2.0))
        await ledger.begun.wait()
        assert LOST.problem in shown(book, replace(LOST, weight=2), now=3.0)
        look = asyncio.create_task(book.write())
        await asyncio.sleep(0)
        ledger.go_on.set()
        await asyncio.gather(person, look)
        assert LOST.problem in shown(book, replace(LOST, weight=2), now=3.5)
        row = (await ledger.read(lambda db: problems_book.all_noted(db.execute)))[LOST.id]
        assert (row.closed_at, row.weight) == (None, 2), "it grew in that moment: that is news, and is kept so"
        assert LOST.problem in shown(await opened(ledger), replace(LOST, weight=2), now=4.0)
    finally:
        await ledger.close()


async def test_two_that_write_at_once_write_each_thing_once(tmp_path: Path) -> None:
    ledger = await Slow.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    assert isinstance(ledger, Slow)
    try:
        book, actions = await opened(ledger), heard(ledger)
        shown(book, LOST, now=1.0)
        ledger.begin()
        first = asyncio.create_task(book.write())
        await ledger.begun.wait()
        second = asyncio.create_task(book.write())
        await asyncio.sleep(0)
        shown(book, LOST, DOWN, now=2.0)
        ledger.go_on.set()
        await asyncio.gather(first, second)
        await book.write()
        assert actions == ["problem.opened", "problem.opened"]
        assert set(await ledger.read(lambda db: problems_book.all_noted(db.execute))) == {LOST.id, DOWN.id}
    finally:
        await ledger.close()


async def test_seen_to_until_further_ahead_than_anybody_says_is_void(ledger: Ledger) -> None:
    book, ahead = await opened(ledger), 30 * 86400.0
    shown(book, DOWN, now=ahead)
    assert await book.seen(DOWN.id, until=ahead + LONGEST_SEEN, by="user:smith")
    assert shown(book, DOWN, now=ahead)[DOWN.problem].seen_by == "user:smith"
    assert shown(book, DOWN, now=1.0)[DOWN.problem].seen_by is None, "the clock was a month ahead"
    await book.write()
    again = await opened(ledger)
    assert shown(again, DOWN, now=ahead - 1.0)[DOWN.problem].seen_by is None, "and it stays void"
