"""Who is let in while the agent runs: for how long, after how many mistakes, and what is said of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dockd.access.book import Book, Damaged
from dockd.access.desk import Access, TooSoon, Wrong
from dockd.access.hashing import MOST_WAITING, Cost, Hashing, TooManyWait
from dockd.access.known import LONGEST_SESSION
from dockd.access.limits import FREE, FREE_ADDRESS, LONGEST_WAIT
from ingest import events
from ingest.errors import LedgerUnusable
from tests.unit.ingest.ledger.dock import SetClock

HASHING = Hashing(Cost(passes=1, memory=64))
PASSWORD = "correct horse battery"
IDLE = 900.0
HERE = "192.0.2.1"


@dataclass
class Desk:
    access: Access
    book: Book
    clock: SetClock
    said: list[events.Event]
    failing: list[bool] = field(default_factory=list)

    def later(self, seconds: float, *, clock: float | None = None) -> None:
        self.clock.boot += int(seconds * 1e9)
        self.clock.time += seconds if clock is None else clock

    def of(self, kind: type[events.Event]) -> list[events.Event]:
        return [event for event in self.said if isinstance(event, kind)]

    async def again(self) -> Access:
        """As after a restart of the agent."""
        await self.access.close()
        self.access = desk_at(self.book.path, self.clock, self.said, self.failing)
        return self.access


def desk_at(
    path: Path, clock: SetClock, said: list[events.Event], failing: list[bool], hashing: Hashing = HASHING
) -> Access:
    async def record(event: events.Event) -> None:
        if failing:
            raise LedgerUnusable("the disk is full")
        assert event.custody
        said.append(event)

    return Access(path, clock=clock, idle=lambda: IDLE, record=record, tell=said.append, hashing=hashing)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock, said, failing = SetClock(), [], []  # type: ignore[var-annotated]
    book = Book(tmp_path / "access.db", clock=clock.now)
    book.add_user("ann", role="sergeant", password=HASHING.make(PASSWORD), by="os:root")
    found = Desk(desk_at(book.path, clock, said, failing), book, clock, said, failing)
    yield found
    await found.access.close()
    book.close()


async def test_each_sign_in_is_a_session_of_its_own(desk: Desk) -> None:
    one = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    other = await desk.access.sign_in(" Ann", PASSWORD, address=HERE)
    assert one != other
    await desk.access.sign_out(one)
    assert await desk.access.session(one, doing=True) is None
    assert await desk.access.session(other, doing=True) is not None
    assert [event.message() for event in desk.said] == [
        "user:ann signed in (sergeant)", "user:ann signed in (sergeant)", "user:ann was signed out (asked)",
    ]  # fmt: skip


async def test_what_was_never_begun_is_no_session(desk: Desk) -> None:
    for shown in ("", "x", "0" * 43, "é" * 50, "\udcff", "dockd_x"):
        assert await desk.access.session(shown, doing=True) is None
        assert await desk.access.token(shown) is None


async def test_who_does_nothing_is_signed_out(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    for _ in range(3):
        desk.later(IDLE - 1)
        found = await desk.access.session(shown, doing=True)
        assert found is not None
        assert found.idle == IDLE
    desk.later(IDLE - 1)
    found = await desk.access.session(shown, doing=False)
    assert found is not None
    assert found.idle == pytest.approx(1.0)
    desk.later(2)
    assert await desk.access.session(shown, doing=True) is None
    assert desk.said[-1].message() == "user:ann was signed out (idle)"
    assert not desk.book.known().sessions


async def test_a_session_of_many_tabs_ends_once(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.later(IDLE + 1, clock=0.0)  # and by the station's clock it is young
    assert await asyncio.gather(*(desk.access.session(shown, doing=False) for _ in range(12))) == [None] * 12
    assert await desk.access.session(shown, doing=False) is None
    assert [event.message() for event in desk.of(events.UserSignedOut)] == ["user:ann was signed out (idle)"]
    other = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    await asyncio.gather(*(desk.access.sign_out(other) for _ in range(3)))
    assert len(desk.of(events.UserSignedOut)) == 2


async def test_nobody_stays_for_more_than_half_a_day(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    left = LONGEST_SESSION
    while left > 890:
        desk.later(890)
        left -= 890
        found = await desk.access.session(shown, doing=True)
        assert found is not None
        assert found.longest == pytest.approx(left)
    desk.later(890)
    assert await desk.access.session(shown, doing=True) is None
    assert desk.said[-1].message() == "user:ann was signed out (longest)"


async def test_a_clock_that_is_set_lengthens_no_session(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.later(IDLE + 1, clock=-86400.0)
    assert await desk.access.session(shown, doing=True) is None
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.later(1.0, clock=-86400.0)
    await desk.again()
    assert await desk.access.session(shown, doing=True) is None, "how old it is cannot be told any more"


async def test_a_restart_signs_nobody_out_and_makes_nothing_longer(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.later(100)
    await desk.access.session(shown, doing=True)
    desk.later(IDLE - 100)
    found = await (await desk.again()).session(shown, doing=False)
    assert found is not None
    assert found.idle == pytest.approx(100)
    assert found.longest == pytest.approx(LONGEST_SESSION - IDLE)
    desk.later(101)
    assert await desk.access.session(shown, doing=True) is None


async def test_what_is_changed_holds_at_once_and_is_recorded(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    assert await desk.access.session(shown, doing=True) is not None
    desk.book.change_user("ann", by="os:eve", role="ops")
    assert await desk.access.session(shown, doing=True) is None
    await desk.access.tell_changes()
    assert [event.message() for event in desk.said[1:]] == [
        "user:ann was signed out (ended)", "os:root changed who may come in: user.added ann",
        "os:eve changed who may come in: user.role_changed ann",
    ]  # fmt: skip
    before = len(desk.said)
    await desk.access.tell_changes()
    await (await desk.again()).tell_changes()
    assert len(desk.said) == before, "once"


async def test_what_cannot_be_recorded_now_is_recorded_later(desk: Desk) -> None:
    desk.failing.append(True)
    with pytest.raises(LedgerUnusable):
        await desk.access.tell_changes()
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    assert await desk.access.session(shown, doing=True) is not None, "what it shows is needed most then"
    desk.failing.clear()
    await desk.access.tell_changes()
    assert [event.message() for event in desk.said] == ["os:root changed who may come in: user.added ann"]


@pytest.mark.parametrize("name", ["ann", "nobody", "", "<script>", "x" * 5000])
async def test_mistakes_make_everybody_wait_the_same(desk: Desk, name: str) -> None:
    for _ in range(FREE):
        with pytest.raises(Wrong):
            await desk.access.sign_in(name, "wrong", address=HERE)
    for _ in range(20 - FREE):
        with pytest.raises(TooSoon) as soon:
            await desk.access.sign_in(name, "wrong", address=HERE)
        assert soon.value.seconds <= 1.0, "asking makes it no longer"
    desk.later(1.5)
    with pytest.raises(Wrong):
        await desk.access.sign_in(name, "wrong", address=HERE)
    refused = desk.of(events.UserRefused)
    assert len(refused) == 1, "one a minute"
    assert "wrong" not in str(refused)
    assert name == "ann" or not name or name not in str(refused), "no name that nobody bears: it may be a password"


async def test_the_right_password_waits_too_and_is_not_locked_out(desk: Desk) -> None:
    for _ in range(40):
        with pytest.raises((Wrong, TooSoon)):
            await desk.access.sign_in("ann", "wrong", address=HERE)
        desk.later(30)
    with pytest.raises(TooSoon):
        await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.later(LONGEST_WAIT)
    assert await desk.access.sign_in("ann", PASSWORD, address=HERE)


async def test_many_at_once_are_no_way_round(desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.access.sign_in("ann", f"wrong {n}", address=HERE) for n in range(40)), return_exceptions=True
    )
    assert sum(isinstance(one, Wrong) for one in answers) == FREE
    assert all(isinstance(one, Exception) for one in answers)


class Held(Hashing):
    """One that says nothing until it is let."""

    def __init__(self) -> None:
        super().__init__(Cost(passes=1, memory=64))
        self.let = threading.Event()

    def fits(self, kept: str | None, password: str) -> bool:
        assert self.let.wait(60)
        return super().fits(kept, password)


async def test_who_is_not_even_asked_has_made_no_mistake(desk: Desk) -> None:
    hashing = Held()
    await desk.access.close()
    desk.access = desk_at(desk.book.path, desk.clock, desk.said, desk.failing, hashing)
    asked = [
        asyncio.create_task(desk.access.sign_in(f"user{n}", "wrong", address=f"192.0.2.{n}"))
        for n in range(MOST_WAITING)
    ]
    try:
        answers = await asyncio.gather(
            *(desk.access.sign_in("ann", PASSWORD, address="198.51.100.1") for _ in range(30)), return_exceptions=True
        )
    finally:
        hashing.let.set()
    assert [type(one) for one in answers] == [TooManyWait] * 30
    assert [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)] == [Wrong] * MOST_WAITING
    assert await desk.access.sign_in("ann", PASSWORD, address="198.51.100.1")


async def test_who_has_signed_in_from_there_is_known_there_after_a_restart(desk: Desk) -> None:
    await desk.access.sign_in("ann", PASSWORD, address=HERE)
    await desk.again()
    for n in range(FREE_ADDRESS + 5):
        with pytest.raises((Wrong, TooSoon)):
            await desk.access.sign_in(f"made.up.{n}", "wrong", address=HERE)
    assert await desk.access.sign_in("ann", PASSWORD, address=HERE)
    desk.book.remove_user("ann", by="os:root")
    assert not desk.book.known().places


async def test_how_many_were_refused_is_said_once_a_minute(desk: Desk) -> None:
    for n in range(9):
        with pytest.raises((Wrong, TooSoon)):
            await desk.access.sign_in(f"nobody{n}", "wrong", address=f"192.0.2.{n}")
    desk.later(61)
    with pytest.raises(Wrong):
        await desk.access.sign_in("ann", "wrong", address=HERE)
    assert [event.data() for event in desk.of(events.UserRefused)] == [
        {"by": "somebody unknown", "address": "192.0.2.0", "count": 1}, {"by": "user:ann", "address": HERE, "count": 9},
    ]  # fmt: skip


async def test_nobody_is_needed_until_there_is_a_user(tmp_path: Path) -> None:
    access = desk_at(tmp_path / "access.db", SetClock(), [], [])
    try:
        assert await access.nobody_needed()
        book = Book(tmp_path / "access.db")
        book.add_user("ann", role="viewer", password="x", by="os:root")
        assert not await access.nobody_needed()
        book.remove_user("ann", by="os:root")
        assert await access.nobody_needed()
        book.close()
        access.elsewhere = True
        assert not await access.nobody_needed()
    finally:
        await access.close()


async def test_a_list_that_is_damaged_lets_nobody_in_until_it_is_whole_again(desk: Desk) -> None:
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    whole = desk.book.path.read_bytes()
    desk.book.path.write_bytes(b"\0" * 4096)
    for ask in (
        desk.access.nobody_needed(), desk.access.session(shown, doing=True), desk.access.token("dockd_x"),
        desk.access.sign_in("ann", PASSWORD, address=HERE),
    ):  # fmt: skip
        with pytest.raises(Damaged):
            await ask
    assert str(desk.access.trouble) != "None"
    assert len(desk.of(events.AccessUnreadable)) == 1, "said once"
    desk.book.path.write_bytes(whole)
    assert await desk.access.session(shown, doing=True) is not None
    assert desk.access.trouble is None
    assert len(desk.of(events.AccessReadable)) == 1


async def test_many_who_look_at_once_see_what_was_changed(desk: Desk) -> None:
    """What another has looked up meanwhile is not taken back by one who began to look before it was changed."""
    shown = await desk.access.sign_in("ann", PASSWORD, address=HERE)
    for role in ("ops", "viewer", "sergeant"):
        looks = [asyncio.create_task(desk.access.look()) for _ in range(5)]
        await asyncio.to_thread(desk.book.change_user, "ann", by="x", role=role)
        await asyncio.gather(*looks)
        await asyncio.gather(*(desk.access.look() for _ in range(5)))
        assert (await desk.access.look()).users["ann"].role == role
        assert await desk.access.session(shown, doing=True) is None
