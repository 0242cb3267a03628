"""What a store gives back, held against the spool: whole where it is small, of a large segment both ends and some places."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.errors import Garbled, Retry, Withheld
from ingest.sample import PART, WHOLE, Sampling, places
from tests.simulators.stores.in_memory import InMemoryStore, always
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
    assert await Sampling(store).differs("upload", file=file, size=size) is None
    await Sampling(store).there("upload", size=size)
    assert await Sampling(store).holds("upload", size=size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


@pytest.mark.parametrize("at", [0, SMALL // 2, SMALL - 1])
async def test_one_bit_anywhere_in_a_small_segment(tmp_path: Path, at: int) -> None:
    store, file = given(tmp_path, SMALL)
    store.things["upload"][at] ^= 1
    assert "are others than were sent" in str(await Sampling(store).differs("upload", file=file, size=SMALL))


@pytest.mark.parametrize("at", [0, PART - 1, LARGE - PART, LARGE - 1])
async def test_one_bit_at_either_end_of_a_large_one(tmp_path: Path, at: int) -> None:
    store, file = given(tmp_path, LARGE)
    store.things["upload"][at] ^= 1
    assert "are others than were sent" in str(await Sampling(store).differs("upload", file=file, size=LARGE))


def test_the_places_lie_within_and_are_drawn_anew() -> None:
    drawn = [places(LARGE) for _ in range(20)]
    assert len({tuple(one) for one in drawn}) > 1
    for one in drawn:
        assert one[:2] == [(0, PART), (LARGE - PART, PART)]
        assert all(offset >= 0 and offset + length <= LARGE for offset, length in one)


async def test_what_is_not_given_and_what_our_own_disk_does_not_give(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)
    os.truncate(file, SMALL - 1)
    with pytest.raises(Retry, match="shorter than what was pulled"):
        await Sampling(store).differs("upload", file=file, size=SMALL)
    os.truncate(file, SMALL)
    del store.things["upload"]
    with pytest.raises(Withheld):
        await Sampling(store).differs("upload", file=file, size=SMALL)


async def test_bytes_that_differ_once_condemn_nobody(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)

    @dataclass(kw_only=True)
    class Once(InMemoryStore):
        async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
            found = await super().part(upload, offset=offset, length=length, size=size)
            return found if fresh else bytes(length)

    flaky = Once(things=store.things)
    with pytest.raises(Garbled, match="not when it was asked again"):
        await Sampling(flaky).differs("upload", file=file, size=SMALL)
    with pytest.raises(Garbled, match="not when it was asked again"):
        await Sampling(flaky).holds("upload", size=SMALL, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


async def test_all_that_is_given_is_held_against_the_proof(tmp_path: Path) -> None:
    store, file = given(tmp_path, LARGE)
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    store.things["upload"][LARGE // 2] ^= 1
    assert await Sampling(store).holds("upload", size=LARGE, sha256=wanted) is False


async def test_a_store_that_gives_nothing_that_fits_for_long_enough_keeps_its_bytes_to_itself(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)
    sampling, page = Sampling(store, insist=0.0), always(lambda: Withheld("a page"))
    store.troubles["part"] = page
    for _ in range(4):
        with pytest.raises(Withheld):
            await sampling.differs("upload", file=file, size=SMALL)
    assert await sampling.differs("upload", file=file, size=SMALL) is None
    await sampling.there("upload", size=SMALL)
    store.troubles.clear()
    assert await sampling.differs("upload", file=file, size=SMALL) is None
    store.troubles["part"] = page
    for _ in range(9):  # it does give bytes: what is withheld is looked at
        with pytest.raises(Withheld):
            await sampling.there("upload", size=SMALL)


async def test_a_store_that_is_withheld_for_a_moment_is_insisted_on(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)
    store.troubles["part"] = always(lambda: Withheld("a page"))
    sampling = Sampling(store)
    for _ in range(20):
        with pytest.raises(Withheld):
            await sampling.differs("upload", file=file, size=SMALL)


async def test_one_that_speaks_of_another_length_never_passes_for_one_that_gives_nothing(tmp_path: Path) -> None:
    store, file = given(tmp_path, SMALL)
    del store.things["upload"][-1]
    sampling = Sampling(store, insist=0.0)
    for _ in range(9):
        with pytest.raises(Garbled):
            await sampling.differs("upload", file=file, size=SMALL)
    store.troubles["part"] = always(lambda: Withheld("a page"))
    for _ in range(9):
        with pytest.raises(Garbled):  # asked what it has, it says so
            await sampling.there("upload", size=SMALL)


@dataclass(kw_only=True)
class SignsFromMemory(InMemoryStore):
    """It vouches in good faith for what came in; what it gives back is what it has."""

    forgotten: set[str] = field(default_factory=set)

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        given = await super().part(upload, offset=offset, length=length, size=size)
        if upload in self.forgotten:
            raise Withheld("that is not there any more")
        return given and bytes(len(given))


async def test_what_is_proven_and_not_given_back_is_not_confirmed(tmp_path: Path) -> None:
    async with station(tmp_path, store=SignsFromMemory()) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.store.calls("claim") > 0 and place.store.calls("part") > 0)
            await place.until(lambda: place.delivery.state.word == "dishonest")
        row = await place.row(segment)
        assert (row.in_store, row.in_spool, row.confirmed_at) == (0, 1, None)


async def test_what_is_not_given_any_more_is_not_attested_though_it_is_signed_for(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        row = await place.row(segment)
        assert await place.delivery.attest([row]) == [segment]
        place.store.__class__ = SignsFromMemory
        place.store.forgotten = {str(row.object)}  # type: ignore[attr-defined]
        with pytest.raises(Withheld):
            await place.delivery.attest([row])
        after = await place.row(segment)
        assert (after.in_store, after.in_spool) == (1, 1)  # its proof holds: it is not called lost either
