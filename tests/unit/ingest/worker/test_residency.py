from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.worker import residency
from ingest.worker.direct_io import ReadMethod, SecondRead
from tests.unit.ingest.worker.storage import folder_in_memory, folder_on_disk, opened

SIZE = 3 * (1 << 20) + 5
PAGES = -(-SIZE // mmap.PAGESIZE) * mmap.PAGESIZE


@pytest.fixture
def disk() -> Iterator[Path]:
    with folder_on_disk() as folder:
        yield folder


@pytest.fixture
def memory() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder


def written(folder: Path) -> Path:
    path = folder / "0001.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


def test_dropping_gets_rid_even_of_pages_not_yet_written_out(disk: Path) -> None:
    with opened(written(disk)) as fd:
        assert residency.resident(fd, size=SIZE) == PAGES
        residency.drop(fd)
        assert residency.resident(fd, size=SIZE) == 0


def test_a_file_in_memory_cannot_be_dropped_and_that_is_seen(memory: Path) -> None:
    with opened(written(memory)) as fd:
        assert residency.lives_in_memory(fd)
        residency.drop(fd)
        assert residency.resident(fd, size=SIZE) == PAGES


def test_what_cannot_be_looked_at_counts_as_cached() -> None:
    readable, writable = os.pipe()
    try:
        residency.drop(readable)
        assert residency.resident(readable, size=SIZE) == PAGES
        assert not residency.lives_in_memory(readable)
    finally:
        os.close(readable)
        os.close(writable)


def test_an_empty_file_has_nothing_cached(disk: Path) -> None:
    path = disk / "empty"
    path.touch()
    with opened(path) as fd:
        assert residency.resident(fd, size=0) == 0


def test_a_filesystem_without_direct_io_is_read_from_the_device_after_a_drop(disk: Path) -> None:
    path = written(disk)
    with opened(path) as fd, SecondRead(fd, size=SIZE, direct=False) as source:
        assert source.method is ReadMethod.DONTNEED
        assert residency.resident(fd, size=SIZE) == 0
        view = memoryview(bytearray(4 << 20))
        assert source.read(view, offset=0) == SIZE
        assert view[:SIZE] == path.read_bytes()


def test_nothing_is_left_in_the_cache_for_a_second_read_to_find(disk: Path) -> None:
    """Some filesystems take O_DIRECT and read through the cache all the same."""
    with opened(written(disk)) as fd:
        os.fsync(fd)
        assert residency.resident(fd, size=SIZE) == PAGES
        with SecondRead(fd, size=SIZE) as source:
            assert residency.resident(fd, size=SIZE) == 0
            assert source.method is (ReadMethod.DIRECT if source.direct else ReadMethod.DONTNEED)


def test_a_page_that_somebody_holds_is_not_claimed_to_come_from_the_device(disk: Path) -> None:
    with opened(written(disk)) as fd, mmap.mmap(fd, SIZE, prot=mmap.PROT_READ) as held:
        assert held[SIZE // 2] in range(256)
        with SecondRead(fd, size=SIZE, direct=False) as source:
            assert source.method is ReadMethod.CACHED
            assert not source.method.past_page_cache


def test_memory_is_never_claimed_to_be_a_device_though_it_takes_direct_io(memory: Path) -> None:
    for direct in (True, False):
        with opened(written(memory)) as fd, SecondRead(fd, size=SIZE, direct=direct) as source:
            assert source.method is ReadMethod.CACHED
