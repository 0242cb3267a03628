"""What is wrong in the site's list of its cameras, each with its line: for `dockd check-config`.

Why it exists: the agent takes a list or leaves it as a whole, in one sentence; whoever writes the list needs the line. Rules kept here: the list is
read in bounds and never more than its own words are shown; what names nobody, or two people, is a mistake although the agent would go on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from dockd.profiles.naming import is_factory_serial
from dockd.settings.documents import Origin
from dockd.settings.mistakes import Mistake, printable, shown

LARGEST = 4 << 20
"""Bytes of a list."""
MOST_TOLD = 100

_A_HEADER = 'a first line "camera,assigned_to,note"'
_A_LIST = "a CSV file in UTF-8 with " + _A_HEADER


def registry_mistakes(path: Path) -> list[Mistake]:
    """Every mistake in the list at `path`, at most `MOST_TOLD`. Blocks. A file that cannot be read at all is told of elsewhere: no mistake here."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError:
        return []
    return mistakes_in(raw, file=printable(str(path)))


def mistakes_in(raw: bytes, *, file: str) -> list[Mistake]:
    """The same for a list's bytes."""
    if len(raw) > LARGEST:
        return [Origin(file, None, "").mistake("is larger than 4 MiB: is it the right file?", _A_LIST)]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [Origin(file, line, "").mistake("is not UTF-8 text", "UTF-8, as a spreadsheet's “CSV UTF-8” writes it")]
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        return [Origin(file, line, "").mistake("has a null character in it", _A_LIST)]
    found: list[Mistake] = []
    for mistake in _in_text(text, file=file):
        found.append(mistake)
        if len(found) == MOST_TOLD:
            found.append(Origin(file, None, "").mistake("has more mistakes than these", "these mended first"))
            break
    return found


def _in_text(text: str, *, file: str) -> Iterator[Mistake]:
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


def _in_row(line: int, row: list[str], *, names: list[str], seen: dict[str, int], file: str) -> Iterator[Mistake]:
    at = Origin(file, line, "")
    place = names.index("camera")
    camera = row[place].strip() if place < len(row) else ""
    if any(field.strip() for field in row[len(names) :]):
        yield at.mistake(f"has {len(row)} fields for {len(names)} columns", "quotes around what has a comma in it")
    if not camera:
        yield at.mistake("names no camera", "a serial or an id in the column camera")
        return
    if is_factory_serial(camera):
        message = f"{shown(camera)} is a factory's serial, the same in many cameras, and names nobody"
        yield at.mistake(message, 'the camera\'s id as the page shows it, such as "dcim:000000~1A2B-3C4D"')
    earlier = seen.setdefault(camera, line)
    if earlier != line:
        yield at.mistake(f"{shown(camera)} is already in line {earlier}", "each camera once")
