"""What a store gives back, held against the spool: whole where it is small, of a large segment both ends and some places."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest import sample
from ingest.errors import ObjectGone, Retry
from ingest.sample import PART, WHOLE, differs, places
from tests.simulators.stores.in_memory import InMemoryStore
from tests.unit.ingest.station import station

SMALL = 100_000
LARGE = WHOLE + 3 * PART


def given(folder: Path, size: int) -> tuple[InMemoryStore, Path]:
    """A store that has what lies in this file."""
    content = os.urandom(size)
    (folder / "spooled").write_bytes(content)
    return InMemoryStore(things={"upload": bytearray(content)}, of={"upload": "segment"}), folder / "spooled"


@pytest.mark.parametrize("size", [0, 1, PART, SMALL, LARGE])
async def test_the_same_bytes_do_not_differ(tmp_path: Path, size: int) -> None:
    store, file = given(tmp_path, size)
    assert await differs(store, "upload", file=file, size=size) is None
    if size:
        await sample.there(store, "upload", size=size)


@pytest.mark.parametrize("at", [0, SMALL // 2, SMALL - 1])
async def test_one_bit_anywhere_in_a_small_segment(tmp_path: Path, at: int) -> None:
    store, file = given(tmp_path, SMALL)
    store.things["upload"][at] ^= 1
    assert "are others than were sent" in str(await differs(store, "upload", file=file, size=SMALL))


@pytest.mark.parametrize("at", [0, PART - 1, LARGE - PART, LARGE - 1])
async def test_one_bit_at_either_end_of_a_large_one(tmp_path: Path, at: int) -> None:
    store, file = given(tmp_path, LARGE)
    store.things["upload"][at] ^= 1
    assert "are others than were sent" in str(await differs(store, "upload", file=file, size=LARGE))


def test_the_places_lie_within_and_are_drawn_anew() -> None:
    drawn = [places(LARGE) for _ in range(20)]
    assert len({tuple(one) for one in drawn}) > 1
    for one in drawn:
        assert one[:2] == [(0, PART), (LARGE - PART, PART)]
        assert all(offset >= 0 and offset + length <= LARGE for offset, length in one)


async def test_what_is_gone_and_what_our_own_disk_does_not_give(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)
    os.truncate(file, SMALL - 1)
    with pytest.raises(Retry, match="shorter than what was pulled"):
        await differs(store, "upload", file=file, size=SMALL)
    del store.things["upload"]
    with pytest.raises(ObjectGone):
        await differs(store, "upload", file=file, size=SMALL)


@dataclass(kw_only=True)
class SignsFromMemory(InMemoryStore):
    """It vouches in good faith for what came in; what it gives back is what it has."""

    forgotten: set[str] = field(default_factory=set)

    async def part(self, upload: str, *, offset: int, length: int, size: int) -> bytes | None:
        given = await super().part(upload, offset=offset, length=length, size=size)
        if upload in self.forgotten:
            raise ObjectGone("that is not there any more")
        return given and bytes(len(given))


async def test_what_is_proven_and_not_given_back_is_not_confirmed(tmp_path: Path) -> None:
    async with station(tmp_path, store=SignsFromMemory()) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.store.calls("claim") > 0 and place.store.calls("part") > 0)
            await place.until(lambda: place.delivery.state.word == "dishonest")
        row = await place.row(segment)
        assert (row.in_store, row.in_spool, row.confirmed_at) == (0, 1, None)


async def test_what_is_lost_since_is_not_attested_though_it_is_signed_for(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        row = await place.row(segment)
        assert await place.delivery.attest([row]) == [segment]
        place.store.__class__ = SignsFromMemory
        place.store.forgotten = {str(row.object)}  # type: ignore[attr-defined]
        assert await place.delivery.attest([row]) == []
        assert (await place.row(segment)).in_store == 0
