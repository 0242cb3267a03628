"""What a store gives back, held against the spool: whole where it is small, of a large segment both ends and some places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest import sample
from ingest.errors import ObjectGone, Retry
from ingest.sample import PART, WHOLE, differs, places
from tests.simulators.stores.in_memory import InMemoryStore

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
