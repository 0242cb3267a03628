"""A store that was caught is caught: whatever its line does since, and in the next run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.errors import Garbled, StoreDishonest, StoreDown
from ingest.ledger.stores import Pinned
from ingest.standing import Standing
from tests.simulators.stores.in_memory import always
from tests.unit.ingest.station import Station, station

PINNED = Pinned(
    id="store-1", url="http://store", method="receipt", durable=True, keys=("K",), honest_at=1.0, dishonest=None
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


def standing(place: Station) -> Standing:
    return Standing(ledger=place.ledger, retry_max=600.0, now=lambda: 0.0, chance=lambda: 0.5)


async def test_a_line_that_dies_makes_a_caught_store_no_better(place: Station) -> None:
    here = standing(place)
    here.failed(StoreDishonest("it kept other bytes"), doubt=True)
    for worse in (StoreDown("no connection in 10 s"), Garbled("no answer")):
        here.failed(worse, doubt=True)
        here.suspect(worse)
        here.works()  # what was under way comes in beside
        assert (here.state.word, here.state.honest) == ("dishonest", False)
        assert "it kept other bytes" in here.state.message


async def test_one_that_a_person_has_pinned_anew_is_believed_again(place: Station) -> None:
    here = standing(place)
    here.failed(StoreDishonest("it kept other bytes"))
    here.answers(PINNED)
    assert (here.state.word, here.state.honest) == ("connected", True)
    here.failed(StoreDown("no connection in 10 s"))
    assert here.state.word == "down"


async def test_a_new_start_while_the_line_is_down_knows_it_still(tmp_path: Path) -> None:
    async with station(tmp_path) as place:
        pinned = await place.delivery.trusted()
        await place.delivery._link.caught(pinned.id, "it kept other bytes")
    async with station(tmp_path) as place:
        place.store.troubles["identify"] = always(lambda: StoreDown("no connection in 10 s"))
        async with place.at_work():
            await place.until(lambda: place.store.calls("identify") > 1)
            state = place.delivery.state
    assert (state.word, state.honest, state.id) == ("dishonest", False, pinned.id)
    assert "it kept other bytes" in state.message
