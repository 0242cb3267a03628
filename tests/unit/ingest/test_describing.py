"""What people have marked of a copy in the spool stands beside it: a ledger that is lost is rebuilt with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.ledger import Ledger, marks, queue, segments
from ingest.recovery import bring_together
from ingest.spool import Description, Marked, Spool
from tests.unit.ingest.station import Station, station


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


async def said(place: Station, segment: str) -> Marked:
    return place.spool.describe(segment).marked


async def test_a_mark_is_beside_the_copy_when_that_is_asked_for(place: Station) -> None:
    evidence, moved = await place.spooled(b"one", b"two")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, evidence, by="user:smith"))
    await place.ledger.commit(lambda tx: segments.move_up(tx, moved, by="token:desk"))
    assert await place.delivery.beside(evidence)
    assert await place.delivery.beside(moved)
    entry = (await place.row(moved)).priority
    assert await said(place, evidence) == Marked(evidential=True, evidential_by="user:smith")
    assert await said(place, moved) == Marked(moved_up=entry, moved_up_by="token:desk")
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == []
    assert not list(place.spool.folder.glob("*.part"))


async def test_what_nobody_wrote_then_is_written_by_the_delivery(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    assert not (await said(place, segment)).evidential
    async with place.at_work():

        async def written() -> bool:
            return await place.ledger.read(lambda db: marks.undescribed(db.execute)) == []

        await place.until(written)


async def test_one_that_is_pulled_after_it_was_marked_says_so_too(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    assert await place.delivery.beside(segment)
    row = await place.row(segment)
    await place.ledger.commit(lambda tx: segments.rotted(tx, segment, error="bad"))
    described = place.spool.describe(segment)
    place.spool.remove(segment)
    with place.spool.part(segment) as part:  # as a worker pulls it again, which knows of no marks
        part.publish(Description(**{**vars(described), "marked": Marked()}))
    await place.ledger.commit(lambda tx: segments.copied(tx, segment, digest=row.digest, second_read="direct"))
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == [segment]
    assert await place.delivery.beside(segment)
    assert (await said(place, segment)).evidential


async def test_a_ledger_rebuilt_from_the_spool_knows_what_people_had_marked_and_who(tmp_path: Path) -> None:
    async with station(tmp_path) as place:
        plain, evidence, second, first = await place.spooled(b"plain", b"evidence", b"second", b"first")
        await place.ledger.commit(lambda tx: segments.mark_evidential(tx, evidence, by="user:smith"))
        for one in (second, first):
            await place.ledger.commit(lambda tx, one=one: segments.move_up(tx, one, by="user:jones"))  # type: ignore[misc]
        for one in (evidence, second, first):
            assert await place.delivery.beside(one)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", lived=True)
    try:
        spool = Spool(tmp_path / "spool", keep_free=0)
        assert (await bring_together(ledger, spool)).recovered == 4
        order = [one.id for one in await ledger.read(lambda db: queue.next_uploads(db.execute, busy=set(), count=9))]
        assert order == [evidence, first, second, plain]
        who = await ledger.read(lambda db: marks.who(db.execute, evidence, "segment.evidential"))
        moved = await ledger.read(lambda db: marks.who(db.execute, first, "segment.moved_up"))
        assert (who, moved) == ("user:smith", "user:jones")
        assert await ledger.read(lambda db: segments.get(db.execute, evidence).evidential)
    finally:
        await ledger.close()


async def test_a_description_from_before_says_nothing_and_is_read(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    text = place.spool.description_file(segment).read_text()
    assert "evidential" not in json.loads(text)  # as an older dockd wrote it
    assert place.spool.describe(segment).marked == Marked()


@pytest.mark.parametrize(
    "odd", [{"evidential": "yes"}, {"moved_up": -1}, {"moved_up": True}, {"moved_up": 1 << 63}, {"moved_up": "7"}, {"evidential_by": 7}]
)  # fmt: skip
async def test_odd_marks_mark_nothing_and_keep_no_copy_out(place: Station, odd: dict[str, object]) -> None:
    (segment,) = await place.spooled(b"one")
    path = place.spool.description_file(segment)
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    assert place.spool.describe(segment).marked == Marked()


async def test_a_copy_that_is_given_up_meanwhile_leaves_no_description(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    place.spool.file(segment).unlink()
    place.spool.redescribe(segment, Marked(evidential=True))
    assert not place.spool.description_file(segment).exists()


async def test_a_disk_that_takes_no_description_is_tried_again(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    aside = place.spool.description_file(segment).rename(place.spool.folder / "aside")
    assert not await place.delivery.beside(segment)
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == [segment]
    aside.rename(place.spool.description_file(segment))
    assert await place.delivery.beside(segment)
