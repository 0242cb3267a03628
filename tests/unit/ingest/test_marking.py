"""What becomes evidence after the store has it: the store is told until it knows, over restarts, and a store that has no marks is told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ingest.errors import Refused, StoreDown
from ingest.ledger import marks, segments, stores
from ingest.ledger.marks import Mark
from ingest.ledger.rows import faults
from ingest.model import StoreIdentity
from ingest.went_back import Memory
from tests.simulators.stores.in_memory import InMemoryStore, always, times
from tests.unit.ingest.station import Station, station


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, keep_confirmed=3600.0) as found:
        yield found


async def mark(place: Station, segment: str) -> None:
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))


async def mark_of(place: Station, segment: str) -> Mark:
    found = await place.ledger.read(lambda db: marks.mark_of(db.execute, segment))
    assert found is not None
    return found


async def known(place: Station, segment: str) -> bool:
    return (await mark_of(place, segment)).told_at is not None


async def test_what_became_evidence_later_is_told_to_the_store_and_described_anew(place: Station) -> None:
    late, other = await place.spooled(b"late", b"other")
    async with place.at_work():
        await place.until(lambda: place.confirmed(late, other))
        explained = place.store.asked.count(("explain", late))
        await mark(place, late)
        await place.until(lambda: known(place, late))
    assert (await mark_of(place, late)).known
    assert place.store.marked[late] is True
    assert place.store.asked.count(("explain", late)) == explained + 1
    assert place.store.marked[other] is False
    said = await place.actions(late)
    assert said.index("segment.evidential") < said.index("segment.marked_at_store")
    assert "segment.marked_at_store" not in await place.actions(other)


async def test_what_was_evidence_from_the_start_is_known_to_the_store_too(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    await mark(place, segment)
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        await place.until(lambda: known(place, segment))
    assert place.store.asked.count(("explain", segment)) == 1  # it said so from the start
    assert (await place.actions(segment)).count("segment.marked_at_store") == 1


async def test_a_store_that_is_away_is_told_when_it_is_back_and_a_restart_goes_on_with_it(tmp_path: Path) -> None:
    store = InMemoryStore()
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
            store.troubles["mark"] = lambda _segment: StoreDown("no route")
            await mark(place, segment)
            await place.until(lambda: store.asked.count(("mark", segment)) >= 3)
        found = await mark_of(place, segment)
        assert (found.told_at, found.trouble) == (None, "no route")
    del store.troubles["mark"]
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place, place.at_work():
        await place.until(lambda: known(place, segment))
    assert store.marked[segment] is True


async def test_a_store_without_marks_is_told_of_once_and_asked_no_more(tmp_path: Path) -> None:
    async with station(tmp_path, store=InMemoryStore(marks=False), keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
            await mark(place, segment)
            await place.until(lambda: known(place, segment))
        found = await mark_of(place, segment)
        assert not found.known
        assert "operator" in (found.cannot or "")
        assert (await place.actions(segment))[-1] == "segment.not_markable"


async def test_credentials_that_may_not_mark_are_no_end_of_it(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        place.store.troubles["mark"] = times(3, lambda: Refused("403 to the mark"))
        await mark(place, segment)
        await place.until(lambda: known(place, segment))
    assert (await mark_of(place, segment)).known


async def test_an_object_that_is_gone_is_found_lost_sent_again_and_marked(place: Station) -> None:
    """Retention came first: the store says so, the copy in the spool is sent again, and the new object is the one that is marked."""
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        before = (await place.row(segment)).object
        assert before is not None
        del place.store.things[before]
        await mark(place, segment)
        await place.until(lambda: known(place, segment), seconds=30)
    row = await place.row(segment)
    assert row.in_store
    said = await place.actions(segment)
    assert said[said.index("segment.evidential") :] == [
        "segment.evidential",
        "segment.store_lost",
        "segment.confirmed",
        "segment.marked_at_store",
    ]
    assert place.store.marked[segment] is True


async def test_another_store_than_the_one_that_has_it_is_told_nothing(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        asked = place.store.asked.count(("mark", segment))
        await place.ledger.commit(
            lambda tx: tx.execute("UPDATE segments SET store = 'elsewhere' WHERE id = ?", (segment,)).rowcount
        )
        await mark(place, segment)

        async def said() -> bool:
            return (await mark_of(place, segment)).trouble is not None

        await place.until(said)
    assert place.store.asked.count(("mark", segment)) == asked


async def test_a_clock_that_jumped_keeps_nobody_waiting(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    await mark(place, segment)
    for seconds, due in ((60.0, []), (365 * 86400.0, [segment])):
        await place.ledger.commit(partial(marks.failed, segment=segment, seconds=seconds, error="no route"))
        found = await place.ledger.read(lambda db: marks.waiting(db.execute, now=place.clock.now(), longest=86400.0))
        assert found == due


async def test_a_mark_of_an_object_that_there_is_no_more_is_not_the_new_ones(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    await mark(place, segment)
    assert not await place.ledger.commit(lambda tx: marks.told(tx, segment, object="http://store/files/other"))
    assert not await known(place, segment)


# -- what the store may have forgotten, and what it may take by now ----------------------------------------------------


async def told(place: Station, segment: str) -> None:
    """Confirmed, evidence, and the store knows it, or has no marks."""
    await place.until(lambda: place.confirmed(segment))
    await mark(place, segment)
    await place.until(lambda: known(place, segment))


async def pin(place: Station) -> None:
    """What a person does to a store that was caught."""
    pinned, answers = await place.ledger.read(lambda db: stores.pinned(db.execute)), await place.store.identify()
    assert pinned is not None
    await place.ledger.commit(lambda tx: stores.caught(tx, pinned.id, error="an older copy of itself"))
    await place.ledger.commit(lambda tx: stores.pin(tx, answers))


async def test_a_store_that_is_pinned_anew_is_told_again(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await told(place, segment)
        place.store.marked[segment] = False  # it is an older copy of itself: it has the object, and not its mark
        await pin(place)
        assert not await known(place, segment)
        await place.until(lambda: known(place, segment))
    assert place.store.marked[segment] is True


async def test_a_store_that_went_back_is_told_again(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await told(place, segment)
    memory = Memory(place.ledger)
    for before, number in ((0, 9), (9, 3)):
        await memory.hold_against(store=place.store.id, known=before, number=number)
    assert not await known(place, segment)


async def test_what_another_store_has_is_not_told_to_the_one_that_is_pinned(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await told(place, segment)
    other = StoreIdentity(id="other", url="http://other", method="read-back", durable=False)
    await place.ledger.commit(lambda tx: stores.pin(tx, other))
    assert await known(place, segment)


@pytest.mark.parametrize("restart", [True, False])
async def test_a_store_that_has_got_marks_is_told_of_all_of_it(tmp_path: Path, restart: bool) -> None:
    store = InMemoryStore(marks=False)
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        one, other = await place.spooled(b"one", b"other")
        async with place.at_work():
            await told(place, one)
            await told(place, other)
            assert await place.ledger.read(lambda db: marks.untold(db.execute)) == (0, 2)
            if not restart:
                store.marks = True
                await pin(place)
                await place.until(lambda: all_known(place, one, other))
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        asked = store.asked.count(("mark", one))
        if restart:
            async with place.at_work():  # it has none still: one of them finds that out
                await place.until(lambda: store.asked.count(("mark", one)) > asked)
                await place.until(lambda: known(place, one))
            assert (await place.actions(one)).count("segment.not_markable") == 1
            store.marks = True
            async with place.at_work():
                await place.until(lambda: all_known(place, one, other))
        assert await place.ledger.read(lambda db: marks.untold(db.execute)) == (0, 0)
        assert await place.ledger.read(faults) == []


async def all_known(place: Station, *wanted: str) -> bool:
    return all([(await mark_of(place, one)).known for one in wanted])


async def test_that_it_has_no_marks_is_believed_of_the_pinned_store_alone(place: Station) -> None:
    """What stands in front of a store that is being started anew answers for it as one that has no marks."""
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        place.store.marks = False
        place.store.troubles["identify"] = always(lambda: StoreDown("it is being started"))
        await mark(place, segment)

        async def failed() -> bool:
            return (await mark_of(place, segment)).trouble is not None

        await place.until(failed)
        place.store.marks = True
        del place.store.troubles["identify"]
        await place.until(lambda: known(place, segment))
    assert "segment.not_markable" not in await place.actions(segment)
    assert (await mark_of(place, segment)).known


async def test_a_clock_that_is_set_back_meanwhile_makes_nobody_ask_all_the_time(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    store, asked = place.store, place.store.asked.count(("mark", segment))

    def trouble(_segment: str) -> StoreDown:
        if store.asked.count(("mark", segment)) == asked + 1:
            place.clock.jump(-86400.0)
        return StoreDown("no route")

    store.troubles["mark"] = trouble
    await mark(place, segment)
    async with place.at_work():
        await place.until(lambda: store.asked.count(("mark", segment)) > asked)
        await asyncio.sleep(0.3)
    assert store.asked.count(("mark", segment)) - asked <= 4


async def test_what_the_store_does_not_have_is_no_mark_that_it_was_not_told_of(place: Station) -> None:
    one, other = await place.spooled(b"one", b"other")
    async with place.at_work():
        await place.until(lambda: place.confirmed(one, other))
    for segment in (one, other):
        await mark(place, segment)
    object = (await place.row(other)).object or ""
    await place.ledger.commit(partial(marks.told, segment=other, object=object, cannot="none"))
    await place.ledger.commit(partial(marks.failed, segment=one, seconds=60, error="404"))
    assert await place.ledger.read(lambda db: marks.untold(db.execute)) == (1, 1)
    for segment in (one, other):
        await place.ledger.commit(partial(segments.store_lost, segment=segment, error="404"))
    assert await place.ledger.read(lambda db: marks.untold(db.execute)) == (0, 0)


async def test_what_became_evidence_late_is_described_anew_though_the_store_lost_it_before_it_was_told(
    place: Station,
) -> None:
    """What lies beside the object was written before it was evidence, and stays there when the bytes go: it is not forgotten that it says too little."""
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    await mark(place, segment)
    assert await place.ledger.read(lambda db: marks.is_late(db.execute, segment))
    await place.ledger.commit(lambda tx: marks.to_tell(tx, segment))  # proven anew
    assert await place.ledger.read(lambda db: marks.is_late(db.execute, segment))
