"""Lines of a file that may be anything: plain or gzip, of any size, cut off, with no line ends at all. Never more than one line in memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, cast

TOO_LONG = 4 << 20
"""Bytes. No line of dockd's comes near it."""
_GZIP = b"\x1f\x8b"


class Torn(Exception):
    """The file ends in the middle, or is damaged from here on; the text says how."""


class Cut(bytes):
    """The last line of a file that has no end: perhaps not all of it."""


def read_lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Each line without its end (a Cut where there was none); None for one that is longer than TOO_LONG.

    Raises Torn after the last line that could be read, where the rest is damaged; OSError where the file cannot be read.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), 1 << 20) if not hasattr(stream, "peek") else stream
    packed = buffered.peek(2)[:2] == _GZIP
    source = cast("IO[bytes]", gzip.GzipFile(fileobj=buffered, mode="rb") if packed else buffered)
    try:
        yield from _lines(io.BufferedReader(cast("io.RawIOBase", source), 1 << 20) if packed else source)
    except EOFError as error:
        raise Torn("its compressed data ends in the middle") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Torn(f"its compressed data is damaged ({error})") from error


def _lines(source: IO[bytes]) -> Iterator[bytes | None]:
    while line := source.readline(TOO_LONG):
        if len(line) < TOO_LONG or line.endswith(b"\n"):
            yield line.rstrip(b"\r\n") if line.endswith(b"\n") else Cut(line)
            continue
        while (rest := source.readline(TOO_LONG)) and not rest.endswith(b"\n"):
            pass
        yield None
