"""What every TOML file of dockd's is read with: the text to a document, a value to what is wrong in it, a name to its nearest.

Rules kept here: pure; whatever the text is, the answer is a document or the one mistake that keeps it from being one, with its line.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dockd.settings.kinds import Kind
from dockd.settings.mistakes import Mistake, WrongValue
from dockd.settings.syntax import VALID, hint

MAX_LINE = 4096
"""Characters in a line. tomllib takes time in the square of a dotted key's length; nobody writes lines like that."""

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
# tomllib names tables as Python does: ('store',).
_TOML_TABLE = re.compile(r"\((?:'[^']*',? ?)+\)")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a line of the file, or an environment variable."""

    file: str
    line: int | None
    key: str

    def mistake(self, message: str, expected: str, nearest: str | None = None) -> Mistake:
        """A mistake at this place."""
        return Mistake(
            file=self.file, line=self.line, key=self.key, message=message, expected=expected, nearest=nearest
        )


def parse_document(text: str, *, file: str) -> dict[str, Any] | Mistake:
    """The document that a TOML text is, or the mistake that keeps it from being one. Raises nothing."""
    for number, line_text in enumerate(text.split("\n"), start=1):
        if len(line_text) > MAX_LINE:
            said = f"a line of {len(line_text):,} characters"
            return _broken(file, number, said, f"at most {MAX_LINE:,} characters in a line")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
        said = _TOML_TABLE.sub(_as_written, _TOML_PLACE.sub("", str(error)))
        key, what, expected = hint(text, line=line, said=said)
        what = what or f"this is not TOML: {said[:1].lower()}{said[1:]}"[:300]
        return Origin(file, line, key).mistake(what, expected)
    except RecursionError:
        return _broken(file, 1, "lists or tables are nested too deeply", "the sections that the documentation lists")
    except ValueError:
        # Not a TOMLDecodeError: Python's own refusal of a number or a date that TOML's grammar lets through.
        return _broken(file, 1, "a number or date in it cannot be read", VALID)


def _broken(file: str, line: int, message: str, expected: str) -> Mistake:
    return Origin(file, line, "").mistake(message, expected)


def _as_written(table: re.Match[str]) -> str:
    return "[" + ".".join(re.findall(r"'([^']*)'", table[0])) + "]"


def wrong_in(kind: Kind, value: Any) -> list[tuple[tuple[int, ...], WrongValue]]:
    """Everything wrong with a value, each with its place in it: () the whole, (n,) entry n of a list."""
    entries: list[Any] = value if kind.item is not None and isinstance(value, list) else []
    wrong = [((index,), error) for index, entry in enumerate(entries) if (error := _refusal(kind.item, entry))]
    whole = _refusal(kind, value)
    return [*wrong] or ([((), whole)] if whole else [])


def _refusal(kind: Kind | None, value: Any) -> WrongValue | None:
    try:
        if kind is not None:
            kind.read(value)
    except WrongValue as wrong:
        return wrong
    return None


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` may have been meant for."""
    by_folded = {word.lower().replace("-", "_"): word for word in known}
    found = difflib.get_close_matches(name.lower().replace("-", "_")[:80], by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None
