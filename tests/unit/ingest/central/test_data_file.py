from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import random
from pathlib import Path

import pytest

from ingest.central.buffers import BLOCK, BufferPool, aligned_buffer
from ingest.central.data_file import DataFile, OffsetFile, open_direct
from ingest.central.disk import Disk
from ingest.central.hashing import ReadBackError, RunningDigest, StoppedError, sha256_on_disk, whole_blocks

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)


def cached_pages(path: Path) -> int:
    """How many of the file's pages the page cache holds."""
    size = path.stat().st_size
    with path.open("r+b") as file, mmap.mmap(file.fileno(), size) as view:
        pages = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
        start = ctypes.addressof(ctypes.c_char.from_buffer(view))
        assert _libc.mincore(start, size, pages) == 0
        return sum(byte & 1 for byte in pages.raw)


def placed(content: bytes, at: int) -> memoryview:
    """The content in memory that lies as `at` lies in its block."""
    buffer = aligned_buffer(len(content) + BLOCK)
    view = buffer[at % BLOCK : at % BLOCK + len(content)]
    view[:] = content
    return view


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_any_size_at_any_offset_make_the_file(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    content = dice.randbytes(200_000)
    path = tmp_path / "data"
    Disk().create(path)
    file = DataFile(path, disk=Disk())
    at = 0
    while at < len(content):
        size = dice.choice([1, 5, 4095, 4096, 4097, 10_000, 40_960])
        file.write(placed(content[at : at + size], at), at=at)
        at = min(len(content), at + size)
        if dice.random() < 0.3:
            # Cut and come again, as after a broken line.
            at = dice.randrange(max(0, at - 9000), at + 1)
            file.cut_to(at)
            assert path.stat().st_size == at
    file.sync()
    file.close()
    assert path.read_bytes() == content


def test_aligned_writes_and_reading_back_leave_the_page_cache_alone(tmp_path: Path) -> None:
    path = tmp_path / "data"
    Disk().create(path)
    fd = open_direct(path, os.O_RDWR)
    if fd is None:
        pytest.skip(f"{tmp_path} is on a filesystem without O_DIRECT")
    os.close(fd)
    content = os.urandom(8 << 20)
    file = DataFile(path, disk=Disk())
    file.write(placed(content, 0), at=0)
    file.sync()
    file.close()
    assert cached_pages(path) == 0
    assert sha256_on_disk(path, size=len(content)) == hashlib.sha256(content).hexdigest()
    assert cached_pages(path) == 0


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, (8 << 20) + 12_345])
def test_the_hash_of_what_lies_on_the_disk(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = tmp_path / "data"
    path.write_bytes(content)
    assert sha256_on_disk(path, size=size) == hashlib.sha256(content).hexdigest()
    with pytest.raises(ReadBackError):
        sha256_on_disk(path, size=size + 1)


def test_a_running_digest_goes_on_where_it_stood(tmp_path: Path) -> None:
    content = os.urandom(100_001)
    path = tmp_path / "data"
    path.write_bytes(content)
    digest = RunningDigest()
    for to in (0, 4096, 4096, 40_960, whole_blocks(99_999)):
        digest.advance(path, to=to)
        assert digest.upto == to
        assert digest.hexdigest() == hashlib.sha256(content[:to]).hexdigest()
    digest.advance(path, to=len(content))
    assert digest.hexdigest() == hashlib.sha256(content).hexdigest()


def test_reading_back_stops_when_the_store_closes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(StoppedError):
        RunningDigest().advance(path, to=10_000, stopped=lambda: True)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for open_ in (lambda p: DataFile(p, disk=Disk()), lambda p: sha256_on_disk(p, size=6)):
        with pytest.raises(OSError, match="symbolic links"):
            open_(tmp_path / "link")


def test_the_offset_survives_a_torn_record(tmp_path: Path) -> None:
    path = tmp_path / "offset"
    Disk().create(path)
    offsets = OffsetFile(path, disk=Disk())
    assert offsets.read() == 0
    for offset in (10, 5000, 2**40):
        offsets.write(offset)
        assert OffsetFile(path, disk=Disk()).read() == offset
    content = path.read_bytes()
    newest = content.index(b"%016x" % 2**40)
    for torn in range(1, 32):
        path.write_bytes(content[: newest + torn] + b"\0" * (32 - torn) + content[newest + 32 :])
        again = OffsetFile(path, disk=Disk())
        assert again.read() == 5000
        again.write(6000)
        assert OffsetFile(path, disk=Disk()).read() == 6000


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 9000, b"0" * 32, b"f" * 64, b" 000000000000000" * 2])
def test_a_foreign_offset_file_counts_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "offset"
    path.write_bytes(content)
    assert OffsetFile(path, disk=Disk()).read() == 0


def test_buffers_are_aligned_writable_and_used_again() -> None:
    pool = BufferPool(size=2 << 20)
    assert pool.take_free() is None
    one, two = pool.make(), pool.make()
    for buffer in (one, two):
        assert len(buffer) == 2 << 20
        assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % (2 << 20) == 0
        buffer[-1] = 7
    pool.give(one)
    assert pool.take_free() is one
