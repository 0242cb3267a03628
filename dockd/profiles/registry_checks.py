"""The one reader of the site's list of its cameras: what stands in it, and what is wrong, each with its line.

Why it exists: `dockd check-config`, a start and a reload have to judge a list alike, for whoever is named wrongly is shown wrongly. Rules kept here: the
list is read in bounds and never more than its own words are shown; a list with one mistake is a wrong list, and what names nobody, or two people, is one,
as is one that cannot be read at all: a dock works without a list, and an agent that does not start copies nothing.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.profiles.naming import is_factory_serial
from dockd.settings.credentials import missing
from dockd.settings.documents import Origin
from dockd.settings.mistakes import Mistake, printable, shown

LARGEST = 4 << 20
"""Bytes of a list."""
MOST_TOLD = 100
MOST_CAMERAS = 50_000
LONGEST_NAME = 500
"""Characters of a camera's serial or id."""
_LONGEST = 200  # characters of the rest that are kept

_A_HEADER = 'a first line "camera,assigned_to,note"'
_A_LIST = "a CSV file in UTF-8 with " + _A_HEADER
_AS_USER = "is this the user that dockd runs as?"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row that names a camera. `assigned`: to whom, "" for one of the pool."""

    camera: str
    assigned: str
    note: str


@dataclass(frozen=True, kw_only=True)
class CameraList:
    """`entries` are the rows as far as they can be read; with `mistakes` (at most `MOST_TOLD`, and a word on the rest) nobody is named by them."""

    entries: tuple[Entry, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


def read_list(path: Path) -> CameraList:
    """The list at `path`. Blocks. Raises nothing: one that cannot be read at all is a mistake of `registry.file`."""
    file, expected = printable(str(path)), _A_LIST
    try:
        raw = _bytes(path)
    except FileNotFoundError:
        raw, expected = missing(path) or ("does not exist", _A_LIST)
    except PermissionError:
        raw, expected = "may not be read by this user", f"a file that dockd can read ({_AS_USER})"
    except (OSError, ValueError) as error:
        raw = f"cannot be read: {error.strerror if isinstance(error, OSError) and error.strerror else error}"
    if isinstance(raw, str):
        return CameraList(mistakes=(Origin(file, None, "registry.file").mistake(raw, expected),))
    return list_in(raw, file=file)


def _bytes(path: Path) -> bytes | str:
    """At most a byte more than allowed, or in words why there is nothing to read. Raises OSError, ValueError."""
    mode = path.stat().st_mode  # before it is opened: to open a device may do something to it
    if stat.S_ISREG(mode):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)  # a FIFO is not waited for
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode):
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read(LARGEST + 1)
        finally:
            os.close(descriptor)
    return "is a directory" if stat.S_ISDIR(mode) else "is not a regular file"


def registry_mistakes(path: Path) -> list[Mistake]:
    """Every mistake in the list at `path`, and that it cannot be read. Blocks."""
    return list(read_list(path).mistakes)


def list_in(raw: bytes, *, file: str) -> CameraList:
    """The same for a list's bytes."""
    if len(raw) > LARGEST:
        return _wrong(file, None, "is larger than 4 MiB: is it the right file?", _A_LIST)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _wrong(file, line, "is not UTF-8 text", "UTF-8, as a spreadsheet's “CSV UTF-8” writes it")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return _wrong(file, line, "has a null character in it", _A_LIST)
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    for found in _in_text(text, file=file):
        if isinstance(found, Mistake):
            mistakes.append(found)
        elif len(entries) < MOST_CAMERAS:
            entries.append(found)
        else:
            why = f"names more than {MOST_CAMERAS} cameras: is it the right file?"
            mistakes.append(Origin(file, None, "").mistake(why, _A_LIST))
            break
        if len(mistakes) == MOST_TOLD:
            mistakes.append(Origin(file, None, "").mistake("has more mistakes than these", "these mended first"))
            break
    return CameraList(entries=tuple(entries), mistakes=tuple(mistakes))


def mistakes_in(raw: bytes, *, file: str) -> list[Mistake]:
    """What is wrong with a list's bytes."""
    return list(list_in(raw, file=file).mistakes)


def _wrong(file: str, line: int | None, message: str, expected: str) -> CameraList:
    return CameraList(mistakes=(Origin(file, line, "").mistake(message, expected),))


def _in_text(text: str, *, file: str) -> Iterator[Entry | Mistake]:
    rows = _rows(text, file=file)
    first = next(rows, None)
    if first is None or isinstance(first, Mistake):
        yield first or Origin(file, None, "").mistake("is empty", _A_HEADER)
        return
    line, header = first
    names = [name.strip().lower() for name in header]
    at = Origin(file, line, "")
    if "camera" not in names:
        separated = next((word for sign, word in ((";", "semicolons"), ("\t", "tabs")) if sign in "".join(header)), "")
        why = f"separates its columns by {separated}" if separated else "has no column named camera"
        yield at.mistake(why, _A_HEADER + (", separated by commas" if separated else ""))
        return
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield at.mistake(f"has two columns named {shown(name)}", "each column once")
    seen: dict[str, int] = {}
    for row in rows:
        if isinstance(row, Mistake):
            yield row
        else:
            yield from _in_row(*row, names=names, seen=seen, file=file)


def _rows(text: str, *, file: str) -> Iterator[tuple[int, list[str]] | Mistake]:
    """Each row that is not blank, with the line that it begins in; a mistake in its place where it cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        at = Origin(file, line, "")
        try:
            row = next(reader, None)
        except csv.Error as error:
            opened = "unexpected end" in str(error)
            why = "opens a quote that is never closed" if opened else f"cannot be read: {error}"
            yield at.mistake(why, 'quotes in pairs, a quote within them doubled: "the ""old"" one"')
            return
        if row is None:
            return
        if reader.line_num > line and '"' in text:
            yield at.mistake(
                f"has a quote that goes on to line {reader.line_num}, so those lines are one", "quotes closed in their own line"
            )  # fmt: skip
        elif any(field.strip() for field in row):
            yield line, row


def _in_row(
    line: int, row: list[str], *, names: list[str], seen: dict[str, int], file: str
) -> Iterator[Entry | Mistake]:
    at = Origin(file, line, "")
    fields = dict(zip(names, map(str.strip, (*row, *[""] * len(names))), strict=False))
    camera = fields["camera"]
    if any(field.strip() for field in row[len(names) :]):
        yield at.mistake(f"has {len(row)} fields for {len(names)} columns", "quotes around what has a comma in it")
    if not camera:
        yield at.mistake("names no camera", "a serial or an id in the column camera")
        return
    if len(camera) > LONGEST_NAME:
        yield at.mistake(
            f"names a camera by more than {LONGEST_NAME} characters", "a serial or an id in the column camera"
        )
        return
    yield Entry(
        camera=camera, assigned=fields.get("assigned_to", "")[:_LONGEST], note=fields.get("note", "")[:_LONGEST]
    )
    if is_factory_serial(camera):
        message = f"{shown(camera)} is a factory's serial, the same in many cameras, and names nobody"
        yield at.mistake(message, 'the camera\'s id as the page shows it, such as "dcim:000000~1A2B-3C4D"')
    earlier = seen.setdefault(camera, line)
    if earlier != line:
        yield at.mistake(f"{shown(camera)} is already in line {earlier}", "each camera once")
