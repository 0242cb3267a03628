from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.store.slices import READ, slices
from ingest.store.throttle import Bucket, throttled

SIZE = 3 * READ + 5001


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    content = os.urandom(SIZE)
    path = tmp_path_factory.mktemp("spool") / "segment"
    path.write_bytes(content)
    return path, content


async def _all(path: Path, *, offset: int, length: int, slice_size: int = 256 << 10) -> list[bytes]:
    return [piece async for piece in slices(path, offset=offset, length=length, slice_size=slice_size)]


def _edges() -> st.SearchStrategy[int]:
    near = [0, 4096, READ, 2 * READ, 3 * READ, SIZE]
    return st.one_of(st.integers(0, SIZE), st.sampled_from(near).flatmap(lambda at: st.integers(at - 2, at + 2)))


@given(one=_edges(), other=_edges(), slice_size=st.sampled_from([16 << 10, 100_001, 256 << 10]))
@settings(max_examples=30, deadline=None)
def test_every_range_comes_as_it_lies_on_the_disk(
    footage: tuple[Path, bytes], one: int, other: int, slice_size: int
) -> None:
    path, content = footage
    offset, end = sorted(min(max(edge, 0), SIZE) for edge in (one, other))
    pieces = asyncio.run(_all(path, offset=offset, length=end - offset, slice_size=slice_size))
    assert b"".join(pieces) == content[offset:end]
    assert all(0 < len(piece) <= slice_size for piece in pieces)


async def test_slices_that_are_kept_stay_as_they_were(footage: tuple[Path, bytes]) -> None:
    """A socket may hold on to a slice while the buffer that it came from is filled again."""
    path, content = footage
    kept = await _all(path, offset=0, length=SIZE)
    await asyncio.sleep(0)
    assert b"".join(kept) == content


@pytest.mark.parametrize("size", [0, 1, 4096, READ, READ + 1])
async def test_a_file_that_is_shorter_than_it_should_be(tmp_path: Path, size: int) -> None:
    path = tmp_path / "segment"
    path.write_bytes(b"x" * size)
    with pytest.raises(EOFError, match=rf"ends at {size}, "):
        await _all(path, offset=0, length=size + 1)


async def test_a_filesystem_in_memory(footage: tuple[Path, bytes]) -> None:
    """Some of them take O_DIRECT, some do not: the bytes are the same."""
    _path, content = footage
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "segment"
        path.write_bytes(content)
        assert b"".join(await _all(path, offset=4097, length=SIZE - 4097)) == content[4097:]


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "segment").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        await _all(tmp_path / "segment", offset=0, length=1)


@pytest.mark.parametrize("turns", [0, 1, 2, 50])
async def test_one_that_is_cancelled_leaves_no_descriptor(footage: tuple[Path, bytes], turns: int) -> None:
    path, _content = footage
    waiting = asyncio.create_task(_all(path, offset=0, length=SIZE, slice_size=4096))
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):  # where it has not come to its end before
        await waiting
    assert _open_of(path) == []


async def test_one_that_is_left_in_the_middle_leaves_no_descriptor(footage: tuple[Path, bytes]) -> None:
    path, _content = footage
    source = slices(path, offset=0, length=SIZE)
    assert isinstance(source, AsyncGenerator)
    await anext(source)
    assert len(_open_of(path)) == 1
    await source.aclose()
    assert _open_of(path) == []


def _open_of(path: Path) -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/self/fd/{fd}") == str(path):
                found.append(fd)
    return found


async def test_without_a_limit_a_slice_goes_as_it_is(footage: tuple[Path, bytes]) -> None:
    path, _content = footage
    given_out: list[bytes] = []

    async def watched() -> AsyncIterator[bytes]:
        async for piece in slices(path, offset=0, length=SIZE):
            given_out.append(piece)
            yield piece

    passed = [piece async for piece in throttled(watched(), Bucket(None))]
    assert all(one is other for one, other in zip(passed, given_out, strict=True))
