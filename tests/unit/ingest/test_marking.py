"""What becomes evidence after the store has it: the store is told until it knows, over restarts, and a store that has no marks is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ingest.errors import Refused, StoreDown
from ingest.ledger import marks, segments
from ingest.ledger.marks import Mark
from tests.simulators.stores.in_memory import InMemoryStore, times
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
