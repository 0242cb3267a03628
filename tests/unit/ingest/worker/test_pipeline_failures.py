"""What comes out of the byte engine when the source changes, a side fails, or somebody says stop."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.worker.arena import Arena, ArenaBusyError
from ingest.worker.pipeline import SourceChanged, Stopped, TargetFailed, copy, fingerprint
from tests.unit.ingest.worker.storage import (
    device_that_stops_writing,
    failing_device,
    folder_on_disk,
    opened,
    small_filesystem,
)

MIB = 1 << 20
BUFFER = 2 * MIB
SIZE = 8 * BUFFER
WRITE = os.O_RDWR | os.O_CREAT
ARENA = Arena(buffers=3, buffer_size=BUFFER)


@pytest.fixture
def disk() -> Iterator[Path]:
    with folder_on_disk() as place:
        yield place


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before, "a thread outlived its call"
    with ARENA.claimed():  # and the arena is free for the next file
        pass


@pytest.fixture
def source_path(disk: Path) -> Path:
    path = disk / "source"
    path.write_bytes(os.urandom(SIZE))
    return path


class During:
    """A second thread that does something to the file when a number of buffers has been read."""

    def __init__(self, act: Callable[[], None], *, buffers: int) -> None:
        self._left = buffers
        self._now = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(act,))

    def _run(self, act: Callable[[], None]) -> None:
        self._now.wait(10)
        act()
        self._done.set()

    def __enter__(self) -> During:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._now.set()
        self._thread.join()

    def stop(self) -> bool:
        """To be polled as `stop`: never says stop, but lets the other thread act in the middle of the read."""
        self._left -= 1
        if self._left == 0:
            self._now.set()
            assert self._done.wait(10)
        return False


def read_whole(source: int, disk: Path, *, second: bool, size: int, stop: Callable[[], bool]) -> None:
    if second:
        fingerprint(source=source, expected_size=size, arena=ARENA, stop=stop)
    else:
        with opened(disk / "target", WRITE) as target:
            copy(source=source, target=target, expected_size=size, arena=ARENA, stop=stop)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("by", [1, 4096, 3 * BUFFER + 1])
def test_a_source_that_grows_during_the_read(source_path: Path, disk: Path, by: int, second: bool) -> None:
    def grow() -> None:
        with source_path.open("ab") as file:
            file.write(os.urandom(by))

    with (
        opened(source_path) as source,
        During(grow, buffers=3) as during,
        pytest.raises(SourceChanged) as caught,
    ):
        read_whole(source, disk, second=second, size=SIZE, stop=during.stop)
    assert (caught.value.expected, caught.value.found) == (SIZE, SIZE + by)
    assert f"{SIZE} bytes" in str(caught.value)
    assert str(SIZE + by) in str(caught.value)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("by", [1, 4096, 3 * BUFFER + 1])
def test_a_source_that_shrinks_during_the_read(source_path: Path, disk: Path, by: int, second: bool) -> None:
    with (
        opened(source_path) as source,
        During(lambda: os.truncate(source_path, SIZE - by), buffers=3) as during,
        pytest.raises(SourceChanged) as caught,
    ):
        read_whole(source, disk, second=second, size=SIZE, stop=during.stop)
    assert (caught.value.expected, caught.value.found) == (SIZE, SIZE - by)


def test_a_source_cut_to_nothing_during_the_read(source_path: Path, disk: Path) -> None:
    with (
        opened(source_path) as source,
        During(lambda: os.truncate(source_path, 0), buffers=3) as during,
        pytest.raises(SourceChanged) as caught,
    ):
        read_whole(source, disk, second=False, size=SIZE, stop=during.stop)
    assert caught.value.found == 2 * BUFFER, "what had been read before is not taken for the whole"


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(
    ("listed", "there"),
    [(0, 1), (0, 1000), (1, 1000), (999, 1000), (1001, 1000), (MIB, 1000), (SIZE, 1000), (4096, 4097), (SIZE, 0)],
)
def test_a_source_that_is_not_as_long_as_listed(disk: Path, listed: int, there: int, second: bool) -> None:
    path = disk / "source"
    path.write_bytes(os.urandom(there))
    with opened(path) as source, pytest.raises(SourceChanged) as caught:
        read_whole(source, disk, second=second, size=listed, stop=lambda: False)
    assert (caught.value.expected, caught.value.found) == (listed, there)


def test_a_source_without_end_is_not_read_to_its_end(source_path: Path, disk: Path) -> None:
    polled = 0

    def stop() -> bool:
        nonlocal polled
        polled += 1
        return False

    with opened(source_path) as source, pytest.raises(SourceChanged) as caught:
        read_whole(source, disk, second=False, size=2 * BUFFER, stop=stop)
    assert caught.value.found == SIZE
    assert polled == 3, "one buffer more than there should be, and no further"


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(("size", "polls"), [(1000, 1), (SIZE, 1), (SIZE, 4)])
def test_stop_is_obeyed_at_the_next_buffer(disk: Path, size: int, polls: int, second: bool) -> None:
    path = disk / "source"
    path.write_bytes(os.urandom(size))
    polled = 0

    def stop() -> bool:
        nonlocal polled
        polled += 1
        return polled == polls

    with opened(path) as source, pytest.raises(Stopped):
        read_whole(source, disk, second=second, size=size, stop=stop)
    assert polled == polls


def test_what_progress_raises_ends_the_copy_and_comes_out(source_path: Path, disk: Path) -> None:
    def broken(_size: int) -> None:
        raise ZeroDivisionError

    with (
        opened(source_path) as source,
        opened(disk / "target", WRITE) as target,
        pytest.raises(ZeroDivisionError),
    ):
        copy(source=source, target=target, expected_size=SIZE, arena=ARENA, progress=broken)


@pytest.mark.parametrize("size", [1000, SIZE])
def test_a_source_that_cannot_be_read(disk: Path, size: int) -> None:
    # The memory of a process at address 0 is mapped by nobody: a real EIO that needs no broken disk.
    with opened(Path("/proc/self/mem")) as source, opened(disk / "target", WRITE) as target:
        for measure in (
            lambda: copy(source=source, target=target, expected_size=size, arena=ARENA),
            lambda: fingerprint(source=source, expected_size=size, arena=ARENA),
        ):
            with pytest.raises(OSError, match="Input/output error") as caught:
                measure()
            assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("size", [1000, SIZE])
def test_a_target_that_is_full(disk: Path, size: int) -> None:
    path = disk / "source"
    path.write_bytes(os.urandom(size))
    with (
        opened(path) as source,
        opened(Path("/dev/full"), os.O_RDWR) as target,
        pytest.raises(TargetFailed, match="No space left") as caught,
    ):
        copy(source=source, target=target, expected_size=size, arena=ARENA)
    assert caught.value.errno == errno.ENOSPC


def test_a_device_that_fails_in_the_middle_of_the_read(disk: Path) -> None:
    with (
        failing_device(disk, content=os.urandom(SIZE), whole=5 * BUFFER) as device,
        opened(device) as source,
        opened(disk / "target", WRITE) as target,
    ):
        with pytest.raises(OSError, match="Input/output error") as caught:
            copy(source=source, target=target, expected_size=SIZE, arena=ARENA)
        assert caught.value.errno == errno.EIO
        assert not isinstance(caught.value, TargetFailed), "the source failed, not what is written to"
        with pytest.raises(OSError, match="Input/output error"):
            fingerprint(source=source, expected_size=SIZE, arena=ARENA)


def test_a_device_that_fails_in_the_middle_of_the_write(source_path: Path, disk: Path) -> None:
    with (
        device_that_stops_writing(disk, size=SIZE, room=4 * BUFFER) as device,
        opened(source_path) as source,
        opened(device, os.O_RDWR) as target,
        pytest.raises(TargetFailed, match=r"Input/output error|No space left"),
    ):
        copy(source=source, target=target, expected_size=SIZE, arena=ARENA)


def test_a_spool_without_room_says_so_before_the_first_byte(source_path: Path, disk: Path) -> None:
    told: list[int] = []
    with (
        small_filesystem(disk / "small", size=SIZE - MIB) as small,
        opened(source_path) as source,
        opened(small / "target", WRITE) as target,
        pytest.raises(TargetFailed, match="No space left") as caught,
    ):
        copy(source=source, target=target, expected_size=SIZE, arena=ARENA, progress=told.append)
    assert caught.value.errno == errno.ENOSPC
    assert told == []


def test_two_files_at_once_in_one_arena_are_refused(source_path: Path, disk: Path) -> None:
    def second() -> bool:
        with opened(source_path) as source:
            fingerprint(source=source, expected_size=SIZE, arena=ARENA)
        return False

    with opened(source_path) as source, pytest.raises(ArenaBusyError):
        read_whole(source, disk, second=False, size=SIZE, stop=second)
