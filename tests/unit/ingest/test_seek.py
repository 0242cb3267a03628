"""What is in doubt is asked of the store: found with a proof, or lost, or asked again later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.errors import StoreDown, Withheld
from ingest.ledger import segments, views
from ingest.model import Claim, SegmentDescription
from tests.simulators.stores.in_memory import InMemoryStore, always
from tests.unit.ingest.station import Station, station


class Knows(InMemoryStore):
    """The same announced again is the same object, as the embedded store has it."""

    async def announce(self, segment: SegmentDescription) -> str:
        for address, name in self.of.items():
            if name == segment.id and address in self.things:
                self._called("announce", segment.id)
                return address
        return await super().announce(segment)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path, store=Knows()) as place:
        yield place


async def in_doubt(place: Station, content: bytes = b"footage" * 50) -> str:
    """A segment that was pulled, and of which no copy is known any more."""
    (segment,) = await place.spooled(content)
    place.spool.remove(segment)
    await place.ledger.commit(lambda tx: segments.vanished(tx, segment, error="x"))
    await place.ledger.commit(lambda tx: segments.rotted(tx, segment, error="x"))
    return segment


def has(place: Station, segment: str, content: bytes = b"footage" * 50) -> None:
    """The store has it."""
    place.store.things["http://store/files/there"], place.store.of["http://store/files/there"] = (
        bytearray(content),
        segment,
    )


async def counts(place: Station) -> tuple[int, int]:
    return await place.ledger.read(lambda db: (views.lost(db.execute), views.in_doubt(db.execute)))


async def test_found(place: Station) -> None:
    segment = await in_doubt(place)
    has(place, segment)
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    assert (await place.row(segment)).copies == {"store"}
    assert "segment.lost" not in await place.actions(segment)
    assert place.store.calls("send") == 0


async def test_lost_and_nothing_is_left_of_the_question(place: Station) -> None:
    segment = await in_doubt(place)
    async with place.at_work():
        await place.until(lambda: _is_lost(place))
    assert (await place.actions(segment))[-1] == "segment.lost"
    assert place.store.calls("withdraw") == 1
    assert place.store.things == {}


async def _is_lost(place: Station) -> bool:
    return await counts(place) == (1, 0)


async def test_in_doubt_while_the_store_is_away(place: Station) -> None:
    segment = await in_doubt(place)
    has(place, segment)
    place.store.troubles["identify"] = always(lambda: StoreDown("away"))
    async with place.at_work():
        await place.until(lambda: place.store.calls("identify") >= 2)
        assert await counts(place) == (0, 1)
        place.store.troubles.clear()
        await place.until(lambda: place.confirmed(segment))


@pytest.mark.parametrize("half", [b"footage", b""])
async def test_a_part_of_it_is_not_it(place: Station, half: bytes) -> None:
    segment = await in_doubt(place)
    has(place, segment, half)
    async with place.at_work():
        await place.until(lambda: _is_lost(place))
    assert ("http://store/files/there" in place.store.things) == bool(
        half
    )  # a part may be all that there is: it is left to the store


async def test_an_upload_that_is_another_segments_is_not_ended(place: Station) -> None:
    """A store that names uploads by what they are called points at somebody's footage when it is asked."""
    (brought,) = await place.spooled(b"footage of one")
    await place.ledger.commit(lambda tx: segments.uploading_to(tx, brought, "http://store/files/there"))
    await place.ledger.commit(lambda tx: segments.not_before(tx, brought, place.clock.now() + 1e6))
    segment = await in_doubt(place)
    has(place, segment, b"")
    async with place.at_work():
        await place.until(lambda: place.delivery.state.word == "dishonest")
    assert place.store.calls("withdraw") == 0
    assert "http://store/files/there" in place.store.things
    assert await counts(place) == (0, 1)


async def test_a_word_for_other_bytes_finds_nothing(place: Station) -> None:
    def lie(claim: Claim) -> Claim:
        return replace(claim, sha256="c" * 64)

    segment = await in_doubt(place)
    has(place, segment)
    place.store.lie = lie
    async with place.at_work():
        await place.until(lambda: place.delivery.state.word == "dishonest")
    assert await counts(place) == (0, 1)
    assert (await place.row(segment)).copies == frozenset()


async def test_a_store_that_cannot_be_asked_by_name_is_asked_at_the_address_that_is_known(tmp_path: Path) -> None:
    async with station(tmp_path, store=Knows(method="digest")) as place:
        (known,) = await place.spooled(b"footage" * 50)
        await place.ledger.commit(lambda tx: segments.uploading_to(tx, known, "http://store/files/there"))
        place.spool.remove(known)
        await place.ledger.commit(lambda tx: segments.vanished(tx, known, error="x"))
        await place.ledger.commit(lambda tx: segments.rotted(tx, known, error="x"))
        has(place, known)
        other = await in_doubt(place, b"another" * 9)
        async with place.at_work():
            await place.until(lambda: place.confirmed(known))
            await place.until(lambda: _is_lost(place))
        assert place.store.calls("announce") == 0
        assert (await place.actions(other))[-1] == "segment.lost"


async def test_what_only_its_camera_is_believed_to_have_is_asked_for_once(place: Station) -> None:
    (here, gone) = await place.spooled(b"one" * 50, b"two" * 50)
    for segment in (here, gone):
        place.spool.remove(segment)
        await place.ledger.commit(lambda tx, segment=segment: segments.rotted(tx, segment, error="x"))  # type: ignore[misc]
    has(place, gone, b"two" * 50)
    async with place.at_work():
        await place.until(lambda: place.confirmed(gone))
        await place.delivery.nothing_in_doubt()
    assert (await place.row(here)).copies == {"camera"}
    assert (await place.row(gone)).copies == {"camera", "store"}
    assert place.store.calls("announce") == 2


class KeepsZeros(Knows):
    """It speaks of what came in, and has kept zeros."""

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        given = await super().part(upload, offset=offset, length=length, size=size)
        return given and bytes(len(given))


class GivesNothing(Knows):
    """It keeps its bytes to itself."""

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        await super().part(upload, offset=offset, length=length, size=size)
        return None


async def only_on_its_camera(place: Station) -> str:
    """A segment whose spool copy went bad after it had been sent."""
    (segment,) = await place.spooled(b"footage" * 50)
    place.spool.remove(segment)
    await place.ledger.commit(lambda tx: segments.rotted(tx, segment, error="x"))
    has(place, segment)
    return segment


async def test_other_bytes_are_not_found_whatever_is_signed(tmp_path: Path) -> None:
    async with station(tmp_path, store=KeepsZeros()) as place:
        segment = await only_on_its_camera(place)
        async with place.at_work():
            await place.until(lambda: place.delivery.state.word == "dishonest")
        assert (await place.row(segment)).copies == {"camera"}
        assert "segment.found_in_store" not in await place.actions()


async def test_a_word_alone_finds_nothing_beside_a_camera(tmp_path: Path) -> None:
    async with station(tmp_path, store=GivesNothing()) as place:
        segment = await only_on_its_camera(place)
        async with place.at_work():
            await place.until(lambda: place.store.calls("part") > 0)
            await place.delivery.nothing_in_doubt()
        assert (await place.row(segment)).copies == {"camera"}


async def test_a_word_alone_finds_what_has_no_other_copy(tmp_path: Path) -> None:
    async with station(tmp_path, store=GivesNothing()) as place:
        segment = await in_doubt(place)
        has(place, segment)
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))


async def test_what_is_withheld_is_neither_found_nor_lost(place: Station) -> None:
    segment = await in_doubt(place)
    has(place, segment)
    place.store.troubles["part"] = always(lambda: Withheld("a page"))
    async with place.at_work():
        await place.until(lambda: place.store.calls("part") >= 2)
        assert await counts(place) == (0, 1)
        place.store.troubles.clear()
        await place.until(lambda: place.confirmed(segment))


async def test_one_that_the_store_fails_on_blocks_no_other(place: Station) -> None:
    bad, good = [await in_doubt(place, content) for content in (b"bad" * 50, b"good" * 50)]
    has(place, good, b"good" * 50)
    place.store.troubles["announce"] = lambda segment: StoreDown("500") if segment == bad else None
    async with place.at_work():
        await place.until(lambda: place.confirmed(good))
        row = await place.row(good)
        for _ in range(5):
            assert await place.delivery.attest([row]) == [good]
        assert place.delivery.state.word == "connected"
        assert str(place.delivery.in_vain()).startswith("1 segments wait for the store's answer: 500")
        place.store.troubles.clear()
        await place.until(lambda: _is_lost(place))
    assert place.delivery.in_vain() is None


async def test_what_was_called_lost_is_asked_for_at_the_next_start(tmp_path: Path) -> None:
    async with station(tmp_path, store=Knows()) as place:
        segment = await in_doubt(place)
        async with place.at_work():
            await place.until(lambda: _is_lost(place))
    async with station(tmp_path, store=Knows()) as place:
        has(place, segment)  # an operator has put it back
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        assert (await place.actions(segment))[-2:] == ["segment.lost", "segment.found_in_store"]
        assert await counts(place) == (0, 0)


async def test_what_was_never_pulled_is_decided_by_a_history_that_the_store_has_seen(tmp_path: Path) -> None:
    async with station(tmp_path, store=Knows(method="digest")) as place:
        place.ledger.settled = False
        (stored,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(stored))
        assert not place.ledger.settled  # it was asked with no head
    async with station(tmp_path / "other") as place:
        place.ledger.settled = False
        (stored,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(stored))
        assert place.ledger.settled
