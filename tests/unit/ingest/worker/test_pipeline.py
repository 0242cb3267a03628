"""What comes out of the byte engine for whole files, of every size that could go wrong."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.worker import residency
from ingest.worker.arena import Arena
from ingest.worker.direct_io import BLOCK, Source
from ingest.worker.pipeline import INLINE_LIMIT, Measured, ReadMethod, SourceChanged, copy, fingerprint
from tests.unit.ingest.worker.storage import folder_in_memory, folder_on_disk, opened

MIB = 1 << 20
BUFFER = 2 * MIB
WRITE = os.O_RDWR | os.O_CREAT
ARENA = Arena(buffers=3, buffer_size=BUFFER)

# Around everything that the engine counts in: blocks, the inline limit, buffers, the whole ring.
EDGES = st.sampled_from([0, BLOCK, INLINE_LIMIT, BUFFER, 2 * BUFFER, 3 * BUFFER, 4 * BUFFER])
SIZES = st.builds(
    lambda edge, off: max(0, edge + off),
    EDGES,
    st.one_of(st.integers(-2, 2), st.integers(-BLOCK - 1, BLOCK + 1)),
)


@pytest.fixture(scope="module", params=["disk", "memory"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with folder_on_disk() if request.param == "disk" else folder_in_memory() as place:
        yield place


@pytest.fixture
def disk() -> Iterator[Path]:
    with folder_on_disk() as place:
        yield place


def expected(content: bytes) -> Measured:
    return Measured(
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        xxh3_128=xxhash.xxh3_128(content).hexdigest(),
    )


@settings(max_examples=40, deadline=None)
@given(size=SIZES, seed=st.integers(0, 2**32))
def test_a_copy_is_the_bytes_and_their_digests(folder: Path, size: int, seed: int) -> None:
    content = random.Random(seed).randbytes(size)
    (folder / "source").write_bytes(content)
    with opened(folder / "source") as source, opened(folder / "target", WRITE) as target:
        measured = copy(source=source, target=target, expected_size=size, arena=ARENA)
    assert measured == expected(content)
    # The target of the example before this one lay there, mostly longer or shorter.
    assert (folder / "target").read_bytes() == content


@settings(max_examples=40, deadline=None)
@given(size=SIZES, seed=st.integers(0, 2**32), sha256=st.booleans())
def test_a_second_read_finds_the_same(folder: Path, size: int, seed: int, sha256: bool) -> None:
    content = random.Random(seed).randbytes(size)
    (folder / "source").write_bytes(content)
    with opened(folder / "source") as source:
        found = fingerprint(source=source, expected_size=size, arena=ARENA, sha256=sha256)
        in_memory = residency.lives_in_memory(source)
    assert (found.size, found.xxh3_128) == (size, expected(content).xxh3_128)
    assert found.sha256 == (expected(content).sha256 if sha256 else None)
    assert found.method.past_page_cache is not in_memory


@pytest.mark.parametrize("size", [5 * BUFFER + 77, INLINE_LIMIT // 2 + 1])
@pytest.mark.parametrize("written_out", [True, False])
def test_a_second_read_called_direct_leaves_nothing_in_the_page_cache(disk: Path, size: int, written_out: bool) -> None:
    content = os.urandom(size)
    path = disk / "source"
    path.write_bytes(content)
    with opened(path) as source:
        if written_out:
            os.fsync(source)
        assert residency.resident(source, size=size) >= size, "the cache holds all of it before"
        found = fingerprint(source=source, expected_size=size, arena=ARENA)
        left = residency.resident(source, size=size)
    assert found.xxh3_128 == xxhash.xxh3_128(content).hexdigest()
    with opened(path) as source, Source(source) as plain:
        assert found.method is ReadMethod.DIRECT or not plain.direct, "direct wherever that can be"
    if found.method is ReadMethod.CACHED:
        pytest.skip("this filesystem has no direct I/O and keeps what it has read")
    if written_out:
        assert left == 0
    # Pages still dirty may stay (the device was read, after they were written out); no new ones come.
    with opened(path) as source:
        residency.drop(source)
        again = fingerprint(source=source, expected_size=size, arena=ARENA)
        assert again == found
        assert residency.resident(source, size=size) == 0


def test_a_copy_leaves_neither_side_in_the_page_cache(disk: Path) -> None:
    size = 5 * BUFFER
    path = disk / "source"
    path.write_bytes(os.urandom(size))
    with opened(path) as source, opened(disk / "target", WRITE) as target:
        residency.drop(source)
        copy(source=source, target=target, expected_size=size, arena=ARENA)
        assert residency.resident(source, size=size) == 0
        assert residency.resident(target, size=size) == 0


def test_a_longer_file_in_the_targets_place_is_cut(disk: Path) -> None:
    (disk / "source").write_bytes(b"short")
    (disk / "target").write_bytes(os.urandom(3 * MIB))
    with opened(disk / "source") as source, opened(disk / "target", WRITE) as target:
        copy(source=source, target=target, expected_size=5, arena=ARENA)
    assert (disk / "target").read_bytes() == b"short"


@pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT, 7 * BUFFER + 3])
def test_progress_rises_to_the_size_and_is_told_once_a_buffer(disk: Path, size: int) -> None:
    (disk / "source").write_bytes(os.urandom(size))
    told: list[int] = []
    with opened(disk / "source") as source, opened(disk / "target", WRITE) as target:
        copy(source=source, target=target, expected_size=size, arena=ARENA, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == size
    assert len(told) <= size // BUFFER + 2


def test_the_largest_segment_a_fat32_card_can_hold(disk: Path) -> None:
    size = (4 << 30) - 1
    if os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize < 2 * size:
        pytest.skip("needs 8 GiB of free disk")
    path = disk / "source"
    with path.open("wb") as file:  # sparse, with a mark where a 31- or 32-bit count would go wrong
        for place in (0, (2 << 30) - 1, size - 1):
            file.seek(place)
            file.write(b"\xa5")
    arena = Arena()
    with opened(path) as source, opened(disk / "target", WRITE) as target:
        measured = copy(source=source, target=target, expected_size=size, arena=arena)
        again = fingerprint(source=target, expected_size=size, arena=arena)
    # Computed once with sha256sum and the xxhash package, read in small pieces through the cache.
    assert measured == Measured(size=size, sha256=LARGEST_SHA256, xxh3_128=LARGEST_XXH3)
    assert again.xxh3_128 == LARGEST_XXH3


LARGEST_SHA256 = "49a8af102e3ec412dae9892e316b7406d66f350a12ff6ef1c3b5ae869e854703"
LARGEST_XXH3 = "25458c32d55b53b8aafaf575c5271bea"


def test_a_small_file_starts_no_thread_and_a_large_one_does(disk: Path) -> None:
    for size, started in ((INLINE_LIMIT, False), (INLINE_LIMIT + 1, True)):
        (disk / "source").write_bytes(os.urandom(size))
        before = threading.active_count()
        seen: list[int] = []

        def count(seen: list[int] = seen) -> bool:
            seen.append(threading.active_count())
            return False

        with opened(disk / "source") as source, opened(disk / "target", WRITE) as target:
            copy(source=source, target=target, expected_size=size, arena=ARENA, stop=count)
        assert (max(seen) > before) is started


class OverTheCable:
    """Bytes that no descriptor gives, in pieces of any size; a reading may be begun again."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.readings = self.ended = 0

    def __enter__(self) -> OverTheCable:
        self.readings += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.ended += 1

    def read(self, view: memoryview, *, offset: int) -> int:
        piece = self.content[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def size_now(self) -> int:
        return len(self.content)


@pytest.mark.parametrize("size", [0, 1, BLOCK, INLINE_LIMIT, INLINE_LIMIT + 1, 2 * BUFFER, 3 * BUFFER + 5])
def test_a_source_without_a_descriptor_is_copied_and_read_again(disk: Path, size: int) -> None:
    source = OverTheCable(os.urandom(size))
    with opened(disk / "target", WRITE) as target:
        measured = copy(source=source, target=target, expected_size=size, arena=ARENA)
    found = fingerprint(source=source, expected_size=size, arena=ARENA, sha256=True)
    assert measured == expected(source.content)
    assert (disk / "target").read_bytes() == source.content
    assert (found.xxh3_128, found.sha256, found.method) == (measured.xxh3_128, measured.sha256, ReadMethod.DOWNLOAD)
    assert (source.readings, source.ended) == (2, 2)


@pytest.mark.parametrize("there", [0, INLINE_LIMIT, 3 * BUFFER - 1, 3 * BUFFER + 1])
def test_a_source_without_a_descriptor_that_is_not_as_long_as_listed(disk: Path, there: int) -> None:
    source = OverTheCable(os.urandom(there))
    with opened(disk / "target", WRITE) as target, pytest.raises(SourceChanged) as caught:
        copy(source=source, target=target, expected_size=3 * BUFFER, arena=ARENA)
    assert caught.value.found == there
    assert source.ended == 1
