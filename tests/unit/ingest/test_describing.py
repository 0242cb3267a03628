"""What people have marked of a copy in the spool stands beside it: a ledger that is lost is rebuilt with it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.describing import Describing
from ingest.ledger import Ledger, Transaction, marks, queue, segments
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


async def test_what_is_given_up_is_described_by_nobody(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    before = sorted(path.name for path in place.spool.folder.iterdir())
    aside = place.spool.file(segment).rename(place.spool.folder / "aside")
    assert not await place.delivery.beside(segment)  # its disk may be away: it is written when it is back
    aside.rename(place.spool.file(segment))
    assert sorted(path.name for path in place.spool.folder.iterdir()) == before
    assert await place.delivery.beside(segment)
    place.spool.remove(segment)
    assert not await place.delivery.beside(segment)
    assert not list(place.spool.folder.iterdir())


class Slow(Spool):
    """A spool whose disk hangs with the first description until it is let: before anything of it is written, or (`late`) when all of it is."""

    def __init__(self, folder: Path, *, late: bool = False) -> None:
        super().__init__(folder, keep_free=0)
        self.late, self.there, self.go = late, threading.Event(), threading.Event()

    def _hang(self) -> None:
        if not self.there.is_set():
            self.there.set()
            self.go.wait(20)

    def sync_folder(self) -> None:
        self._hang()
        super().sync_folder()

    def redescribe(self, segment: str, marked: Marked) -> None:
        if not self.late:
            self._hang()
        super().redescribe(segment, marked)


async def test_a_copy_that_is_published_meanwhile_keeps_its_description(place: Station) -> None:
    """Its bytes were given up while their description was written, and it is pulled again: its description has its name before its bytes do."""
    (segment,) = await place.spooled(b"one")
    described, spool = place.spool.describe(segment), Slow(place.spool.folder, late=True)
    writing = asyncio.create_task(asyncio.to_thread(spool.redescribe, segment, Marked(evidential=True)))
    await asyncio.to_thread(spool.there.wait, 20)
    place.spool.remove(segment)
    place.spool.description_file(segment).write_text(described.text())  # so far a worker's `publish` has come
    spool.go.set()
    await writing
    place.spool.file(segment).write_bytes(b"one")
    assert place.spool.describe(segment).digest == described.digest


async def test_a_disk_that_hangs_keeps_nobody_waiting_and_what_was_marked_last_stands_there_in_the_end(
    place: Station,
) -> None:
    (segment,) = await place.spooled(b"one")
    spool = Slow(place.spool.folder)
    describing = Describing(ledger=place.ledger, spool=spool, patience=0.05)
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    async with asyncio.timeout(15):
        assert not await describing.now(segment)
        await place.ledger.commit(lambda tx: segments.move_up(tx, segment, by="user:jones"))
        assert not await describing.now(segment)
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == [segment]
    spool.go.set()

    async def written() -> bool:
        return await place.ledger.read(lambda db: marks.undescribed(db.execute)) == []

    await place.until(written)
    marked = await said(place, segment)
    assert (marked.evidential, marked.moved_up) == (True, (await place.row(segment)).priority)


async def test_what_was_marked_while_it_was_written_is_written_again(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    await place.ledger.commit(lambda tx: segments.move_up(tx, segment, by="user:jones"))
    await place.ledger.commit(lambda tx: marks.described(tx, segment, evidential=True, moved_up=0))
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == [segment]
    up = (await place.row(segment)).priority
    await place.ledger.commit(lambda tx: marks.described(tx, segment, evidential=True, moved_up=up))
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == []


async def test_many_that_cannot_be_written_keep_no_other_waiting(place: Station) -> None:
    ids = sorted(await place.spooled(*[b"%d" % number for number in range(51)]))
    for one in ids[:50]:
        place.spool.description_file(one).write_text("{cut")

    def mark(tx: Transaction) -> None:
        for one in ids:
            segments.mark_evidential(tx, one, by="user:smith")

    await place.ledger.commit(mark)
    async with place.at_work():

        async def written() -> bool:
            return (await said(place, ids[50])).evidential

        await place.until(written)


async def test_evidence_beside_a_copy_stays_evidence_whoever_writes(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    place.spool.redescribe(segment, Marked(evidential=True, evidential_by="user:smith"))
    place.spool.redescribe(segment, Marked(moved_up=7, moved_up_by="user:jones"))
    assert await said(place, segment) == Marked(
        evidential=True, evidential_by="user:smith", moved_up=7, moved_up_by="user:jones"
    )


async def test_a_ledger_that_is_an_older_copy_of_itself_takes_in_what_stands_beside_the_copies(tmp_path: Path) -> None:
    async with station(tmp_path) as place:
        evidence, second, first, rotten = await place.spooled(b"evidence", b"second", b"first", b"rotten")
    older = {path.name: path.read_bytes() for path in tmp_path.glob("ledger.db*")}
    async with station(tmp_path) as place:
        for one in (evidence, rotten):
            await place.ledger.commit(lambda tx, one=one: segments.mark_evidential(tx, one, by="user:smith"))  # type: ignore[misc]
        for one in (second, first):
            await place.ledger.commit(lambda tx, one=one: segments.move_up(tx, one, by="user:jones"))  # type: ignore[misc]
        for one in (evidence, second, first, rotten):
            assert await place.delivery.beside(one)
        place.spool.file(rotten).unlink()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    for name, content in older.items():
        (tmp_path / name).write_bytes(content)
    async with station(tmp_path) as place:
        found = await bring_together(place.ledger, place.spool)
        assert (found.rotted, found.recovered) == (1, 0)
        assert (await place.row(evidence)).evidential
        assert (await place.row(rotten)).evidential, "it may be pulled again from its camera"
        assert (await place.row(first)).priority > (await place.row(second)).priority > 0
        assert await place.ledger.read(lambda db: marks.who(db.execute, evidence, "segment.evidential")) == "user:smith"
        said = await place.actions()
        await bring_together(place.ledger, place.spool)
        assert await place.actions() == said, "once is enough"


async def test_what_stands_beside_other_bytes_marks_nothing(place: Station) -> None:
    one, other = await place.spooled(b"one", b"other")
    described = place.spool.describe(other)
    text = replace(described, segment=one, marked=Marked(evidential=True)).text()
    place.spool.description_file(one).write_text(text)
    await bring_together(place.ledger, place.spool)
    assert not (await place.row(one)).evidential


async def test_a_disk_that_takes_no_description_is_tried_again(place: Station) -> None:
    (segment,) = await place.spooled(b"one")
    await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    aside = place.spool.description_file(segment).rename(place.spool.folder / "aside")
    assert not await place.delivery.beside(segment)
    assert await place.ledger.read(lambda db: marks.undescribed(db.execute)) == [segment]
    aside.rename(place.spool.description_file(segment))
    assert await place.delivery.beside(segment)
