"""The byte engine: a camera's file into the spool with its digests, and the independent second read.

`copy` reads each byte of the source once; threads beside the caller's hash it and write it while the
next is read. `fingerprint` reads the source again, past the page cache, because comparing the copy
with what was read would miss a bad read. Both keep to these rules:

* bytes go device → buffer → device; the page cache is kept out of the way where the filesystem
  allows it;
* a source that is not exactly as long as was said raises `SourceChanged`; its bytes are never
  called whole;
* the first error on any thread ends all of them; when a call is over, no thread of it is left;
* `progress` and `stop` are called in the caller's thread, once a buffer; what they raise ends the
  call;
* nothing is fsynced here, and nothing is deleted: what is on disk after an error is the caller's to
  remove.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import xxhash

from ingest.camera.base import ByteSource
from ingest.worker.arena import Arena
from ingest.worker.direct_io import BLOCK, ReadMethod, SecondRead, Source, Target
from ingest.worker.ring import Ring, RingFailedError

__all__ = ["Fingerprint", "Measured", "ReadMethod", "SourceChanged", "Stopped", "TargetFailed", "copy", "fingerprint"]

INLINE_LIMIT = 1 << 20  # bytes: up to here starting threads costs more than they save

Progress = Callable[[int], None]
Stop = Callable[[], bool]
Consumer = Callable[[memoryview, int], None]  # takes the bytes of a filled buffer and their offset in the file


class SourceChanged(Exception):
    """The source was to hold `expected` bytes; `found` were seen (one that grows may hold more by now)."""

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(f"the file was listed with {expected} bytes, and the read found {found}")
        self.expected = expected
        self.found = found


class TargetFailed(OSError):
    """The disk that is written to failed, not the source: whose fault it is decides what a person is told."""


class Stopped(Exception):
    """`stop` said so; nothing that was measured or written so far counts."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was copied: size in bytes, and both digests in lower-case hex."""

    size: int
    sha256: str
    xxh3_128: str


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a second read found; `sha256` is None where it was not asked for, `parts` (each part's SHA-256) empty."""

    size: int
    xxh3_128: str
    sha256: str | None
    method: ReadMethod
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What bounds one reading of a source from its first byte to its end."""

    source: Source | ByteSource
    expected_size: int
    progress: Progress | None
    stop: Stop | None

    def into(self, view: memoryview, *, offset: int) -> int:
        """Read on at `offset`. Raises Stopped, SourceChanged as soon as there is too much, OSError."""
        if self.stop is not None and self.stop():
            raise Stopped
        length = self.source.read(view, offset=offset)
        if offset + length > self.expected_size:
            found = max(offset + length, self.source.size_now())
            raise SourceChanged(expected=self.expected_size, found=found)
        return length

    def ended_at(self, offset: int) -> None:
        if offset != self.expected_size:
            raise SourceChanged(expected=self.expected_size, found=offset)

    def report(self, size: int) -> None:
        if self.progress is not None:
            self.progress(size)


class _Digests:
    """The digests of one reading, each a consumer of its own.

    SHA-256 keeps a core busy and bounds a copy from a quick disk; XXH3-128 behind it in the same thread
    would take 4 % off the rate.
    """

    def __init__(self, *, sha256: bool) -> None:
        self._sha256 = hashlib.sha256() if sha256 else None
        self._xxh3 = xxhash.xxh3_128()

    def consumers(self) -> list[Consumer]:
        consumers: list[Consumer] = [lambda view, _offset: self._xxh3.update(view)]
        if (digest := self._sha256) is not None:
            consumers.append(lambda view, _offset: digest.update(view))
        return consumers

    def sha256(self) -> str | None:
        return None if self._sha256 is None else self._sha256.hexdigest()

    def xxh3_128(self) -> str:
        return self._xxh3.hexdigest()


class _PartDigests:
    """The SHA-256 of every part of `size` bytes, the last as long as it is. It keeps a core busy, too: a consumer of its own."""

    def __init__(self, size: int) -> None:
        if size <= 0:  # it would never come to the end of a buffer
            raise ValueError(f"parts of {size} bytes: there are none")
        self._size = size
        self._found: list[str] = []
        self._hasher = hashlib.sha256()
        self._filled = 0

    def consume(self, view: memoryview, _offset: int) -> None:
        start = 0
        while start < len(view):
            piece = view[start : start + self._size - self._filled]
            self._hasher.update(piece)
            start += len(piece)
            self._filled += len(piece)
            if self._filled == self._size:
                self._next()

    def _next(self) -> None:
        self._found.append(self._hasher.hexdigest())
        self._hasher, self._filled = hashlib.sha256(), 0

    def all(self) -> tuple[str, ...]:
        if self._filled or not self._found:
            self._next()
        return tuple(self._found)


def copy(
    *,
    source: int | ByteSource,
    target: int,
    expected_size: int,
    arena: Arena,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Measured:
    """Copy the whole of `source` (open for reading) to `target` (open for writing), digests on the way.

    `source` is a descriptor, or what gives the bytes of a camera that has none.

    `progress` is told how many bytes of the file are hashed and written so far, at the end `expected_size`.
    Raises SourceChanged, Stopped, ArenaBusyError, TargetFailed (ENOSPC before or while writing; EIO and others
    as that device gives them), OSError (the source), and what a source that is no descriptor raises.
    """
    digests = _Digests(sha256=True)
    with arena.claimed() as buffers, _first_read(source) as reader, Target(target) as writer:

        def write(view: memoryview, offset: int) -> None:
            with _target():
                writer.write(view, offset=offset)

        with _target():
            writer.reserve(expected_size)
        reading = _Reading(source=reader, expected_size=expected_size, progress=progress, stop=stop)
        _run(reading, buffers, [*digests.consumers(), write])
        with _target():
            writer.cut_to(expected_size)
    reading.report(expected_size)
    return Measured(size=expected_size, sha256=digests.sha256() or "", xxh3_128=digests.xxh3_128())


def fingerprint(
    *,
    source: int | ByteSource,
    expected_size: int,
    arena: Arena,
    sha256: bool = False,
    part_size: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Fingerprint:
    """Read the whole of `source` again, past the page cache if possible; `method` says whether it was.

    `part_size`: bytes of each part whose own SHA-256 is wanted, too.

    A source that is no descriptor is asked for all its bytes once more (`ReadMethod.DOWNLOAD`).

    `progress` is told how many bytes are read and hashed so far, at the end `expected_size`.
    Raises SourceChanged, Stopped, ArenaBusyError, OSError, ValueError (parts of nothing).
    """
    digests = _Digests(sha256=sha256)
    parts = _PartDigests(part_size) if part_size is not None else None
    consumers = digests.consumers() if parts is None else [*digests.consumers(), parts.consume]
    with arena.claimed() as buffers, _second_read(source, size=expected_size) as reader:
        reading = _Reading(source=reader, expected_size=expected_size, progress=progress, stop=stop)
        _run(reading, buffers, consumers)
    reading.report(expected_size)
    method = reader.method if isinstance(reader, SecondRead) else ReadMethod.DOWNLOAD
    return Fingerprint(
        size=expected_size, xxh3_128=digests.xxh3_128(), sha256=digests.sha256(), method=method,
        parts=parts.all() if parts is not None else (),
    )  # fmt: skip


@contextlib.contextmanager
def _target() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TargetFailed(error.errno, error.strerror) from error


def _first_read(source: int | ByteSource) -> Source | ByteSource:
    return Source(source) if isinstance(source, int) else source


def _second_read(source: int | ByteSource, *, size: int) -> SecondRead | ByteSource:
    return SecondRead(source, size=size) if isinstance(source, int) else source


def _run(reading: _Reading, buffers: Sequence[memoryview], consumers: Sequence[Consumer]) -> None:
    """Read to the end, each buffer through every consumer. Raises what the first side to fail raised."""
    if reading.expected_size <= INLINE_LIMIT:
        _run_inline(reading, buffers[0], consumers)
    else:
        _run_threads(reading, buffers, consumers)


def _run_inline(reading: _Reading, buffer: memoryview, consumers: Sequence[Consumer]) -> None:
    # Room for at least one byte more than there should be: that byte would be a source that grew.
    view = buffer[: (reading.expected_size // BLOCK + 1) * BLOCK]
    length = reading.into(view, offset=0)
    reading.ended_at(length)
    for consume in consumers:
        consume(view[:length], 0)


def _run_threads(reading: _Reading, buffers: Sequence[memoryview], consumers: Sequence[Consumer]) -> None:
    ring = Ring(slots=len(buffers), consumers=len(consumers))
    with contextlib.ExitStack() as joined:
        try:
            for number, consume in enumerate(consumers):
                thread = threading.Thread(target=_consume, args=(ring, number, buffers, consume))
                thread.start()
                joined.callback(thread.join)
            _fill(ring, reading, buffers)
            ring.end()
        except RingFailedError:
            pass  # what failed is raised below as what it was
        except BaseException as failure:  # noqa: BLE001 - raised below, once the threads are gone
            ring.fail(failure)
    if ring.failure is not None:
        raise ring.failure


def _fill(ring: Ring, reading: _Reading, buffers: Sequence[memoryview]) -> None:
    size = len(buffers[0])
    offset, length = 0, size
    while length == size:
        slot = ring.claim()
        length = reading.into(buffers[slot], offset=offset)
        if length:
            ring.publish(length)
            offset += length
            reading.report(min(ring.through() * size, offset))
    reading.ended_at(offset)


def _consume(ring: Ring, number: int, buffers: Sequence[memoryview], consume: Consumer) -> None:
    offset = 0
    try:
        while (taken := ring.take(number)) is not None:
            slot, length = taken
            consume(buffers[slot][:length], offset)
            offset += length
            ring.release(number)
    except BaseException as failure:  # noqa: BLE001 - raised in the caller's thread
        ring.fail(failure)
