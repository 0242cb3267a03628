from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.worker import residency
from ingest.worker.arena import Arena
from ingest.worker.direct_io import FLUSH_WINDOW, Source, Target
from tests.unit.ingest.worker.storage import failing_device, folder_on_disk, opened, small_filesystem

MIB = 1 << 20
WRITE = os.O_RDWR | os.O_CREAT


@pytest.fixture
def disk() -> Iterator[Path]:
    with folder_on_disk() as folder:
        yield folder


@pytest.fixture(scope="module")
def view() -> memoryview:
    return Arena(buffers=2, buffer_size=4 * MIB).buffers[0]


def is_direct(fd: int) -> bool:
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)


@pytest.mark.parametrize("opened_direct", [False, True])
def test_a_descriptor_comes_back_with_the_flags_it_had(disk: Path, view: memoryview, opened_direct: bool) -> None:
    flags = WRITE | (os.O_DIRECT if opened_direct else 0)
    with opened(disk / "a", flags) as fd:
        with Target(fd) as target:
            target.write(view[:5000], offset=0)  # the odd end clears the flag on the way
        assert is_direct(fd) is opened_direct
        with Source(fd):
            assert is_direct(fd)
        assert is_direct(fd) is opened_direct


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 4 * MIB - 1, 4 * MIB])
def test_a_read_stops_exactly_at_the_end(disk: Path, view: memoryview, size: int, direct: bool) -> None:
    content = os.urandom(size)
    (disk / "a").write_bytes(content)
    with opened(disk / "a") as fd, Source(fd, direct=direct) as source:
        assert source.read(view, offset=0) == size
        assert view[:size] == content
        assert source.read(view, offset=4 * MIB) == 0


class GrowsAtItsEnd(Source):
    """A recorder that writes on just when the reader has come to the end."""

    more = os.urandom(10_000)

    def _ends_at(self, position: int) -> bool:
        with Path(f"/proc/self/fd/{self.fd}").open("ab") as recorder:
            recorder.write(self.more)
            self.more = b""
        return super()._ends_at(position)


def test_an_end_inside_a_block_is_looked_at_again_without_leaving_direct_io(disk: Path, view: memoryview) -> None:
    content = os.urandom(5000)
    (disk / "a").write_bytes(content)
    with opened(disk / "a") as fd, GrowsAtItsEnd(fd) as source:
        direct = source.direct
        assert source.read(view, offset=0) == 15_000
        assert view[:15_000] == content + GrowsAtItsEnd.more
        assert source.direct is direct


def test_what_goes_through_the_cache_does_not_stay_there(disk: Path, view: memoryview) -> None:
    pieces = 3 * FLUSH_WINDOW // len(view)
    with opened(disk / "a", WRITE) as fd, Target(fd, direct=False) as target:
        for piece in range(pieces):
            target.write(view, offset=piece * len(view))
        left = residency.resident(fd, size=3 * FLUSH_WINDOW)
        assert left <= FLUSH_WINDOW, "all but the window being written out has been dropped"
    with opened(disk / "a") as fd, Source(fd, direct=False) as source:
        os.fsync(fd)
        for piece in range(pieces):
            assert source.read(view, offset=piece * len(view)) == len(view)
        assert residency.resident(fd, size=3 * FLUSH_WINDOW) <= 2 * len(view)


def test_reserving_is_refused_with_the_reason_before_a_byte_is_written(disk: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with opened(disk / "a", WRITE) as fd, Target(fd) as target:
            with pytest.raises(OSError, match="reserving 2097152 bytes") as caught:
                target.reserve(2 * MIB)
            assert caught.value.errno == errno.EFBIG
            assert os.fstat(fd).st_size == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_short_write_goes_on_until_the_filesystem_says_why(tmp_path: Path, view: memoryview) -> None:
    with (
        small_filesystem(tmp_path / "small", size=3 * MIB) as folder,
        opened(folder / "a", WRITE) as fd,
        Target(fd) as target,
    ):
        with pytest.raises(OSError, match="No space left") as caught:
            target.write(view, offset=0)
        assert caught.value.errno == errno.ENOSPC
        assert os.fstat(fd).st_size == 3 * MIB, "the part that fitted was written by a short write before"


@pytest.mark.parametrize("direct", [True, False])
def test_a_failing_device_comes_out_as_what_it_says(disk: Path, view: memoryview, direct: bool) -> None:
    content = os.urandom(8 * MIB)
    with (
        failing_device(disk, content=content, whole=6 * MIB) as device,
        opened(device) as fd,
        Source(fd, direct=direct) as source,
    ):
        assert source.direct is direct
        assert source.read(view, offset=0) == 4 * MIB
        assert view == content[: 4 * MIB]
        with pytest.raises(OSError, match="Input/output error") as caught:
            source.read(view, offset=4 * MIB)
        assert caught.value.errno == errno.EIO
