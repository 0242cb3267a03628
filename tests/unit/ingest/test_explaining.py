"""Evidence is marked at the store before its proof counts; a description that cannot be laid is one segment's trouble, and no proof's."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.errors import DockdError, Refused
from ingest.events import LedgerRebuilt
from ingest.explaining import Explaining
from ingest.ledger import segments
from ingest.model import SegmentDescription
from tests.contract.store.exam import described
from tests.simulators.stores.in_memory import InMemoryStore, times
from tests.unit.ingest.station import Station, station


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, keep_confirmed=3600.0) as found:
        yield found


class MeanwhileEvidence(InMemoryStore):
    """A person marks the segment just before one of its requests is answered."""

    place: Station
    when: str = "finish"

    async def _mark(self, what: str, segment: str) -> None:
        if what == self.when:
            await self.place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment))

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        await self._mark("finish", segment.id)
        await super().finish(upload, segment)

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        await super().explain(upload, segment, custody=custody, since=since)
        await self._mark("explain", segment.id)


@pytest.mark.parametrize("when", ["finish", "explain"])
async def test_what_becomes_evidence_on_its_way_is_marked_before_it_counts(tmp_path: Path, when: str) -> None:
    store = MeanwhileEvidence()
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        store.place, store.when = place, when
        at_proof: list[bool] = []
        (segment,) = await place.spooled(b"footage")
        place.ledger.subscribe(
            lambda event, _seq: at_proof.append(store.marked[segment]) if event.action == "segment.confirmed" else None
        )
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        assert (await place.row(segment)).evidential
        assert at_proof == [True]


async def test_a_ledger_that_was_made_anew_leaves_the_longer_record_of_before(place: Station) -> None:
    (segment,), told = await place.spooled(b"footage"), described(b"footage")
    explaining = Explaining(ledger=place.ledger, store=place.store, describe=lambda _row: told, longest=60.0)
    row = await place.row(segment)
    assert await explaining.tried(row, upload="") is None
    await place.ledger.commit(lambda tx: tx.record(LedgerRebuilt(reason="it was damaged", aside="ledger.db.1")))
    assert await explaining.tried(row, upload="") is None
    begun = await place.ledger.read(
        lambda db: db.execute("SELECT hash FROM custody WHERE action = 'ledger.rebuilt'").fetchone()[0]
    )
    assert list(place.store.explained[told.id]) == ["", begun[:8]]


async def test_a_description_that_is_refused_for_ever_keeps_nothing_unproven(
    place: Station, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await place.spooled(b"bad", b"good")

    def refused(segment: str) -> DockdError | None:
        return Refused("403 to its description") if segment == bad else None

    place.store.troubles["explain"] = refused
    with caplog.at_level(logging.WARNING, logger="ingest.explaining"):
        async with place.at_work():
            await place.until(lambda: place.confirmed(bad, good))
            assert place.delivery.state.word == "connected"
            await place.until(lambda: "is not tried again: 403 to its description" in caplog.text)
    assert place.store.asked.count(("explain", bad)) == 5
    assert place.store.asked.count(("explain", good)) == 1


async def test_a_description_that_is_refused_for_a_while_comes_later(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    place.store.troubles["explain"] = times(2, lambda: Refused("403 to its description"))
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
        await place.until(lambda: place.store.calls("explain") == 3)


async def test_what_cannot_be_marked_is_not_proven_and_the_others_go_on(place: Station) -> None:
    bad, good = await place.spooled(b"bad", b"good")

    def refused(segment: str) -> DockdError | None:
        return Refused("it may not tag") if segment == bad else None

    place.store.troubles["mark"] = refused
    async with place.at_work():
        await place.until(lambda: place.confirmed(good))
        await place.until(lambda: place.store.asked.count(("mark", bad)) >= 2)
        assert place.delivery.state.word == "connected"
    assert (await place.row(bad)).confirmed_at is None
    assert place.store.asked.count(("claim", bad)) == 0
