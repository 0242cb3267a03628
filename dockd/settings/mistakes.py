"""What can be wrong with a configuration, as values.

Rules kept here: a mistake is always one line of printable text, whatever the file or the environment held; a value
from outside is shown shortened and escaped, or not at all where it might be a secret.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass

ENVIRONMENT = "environment"
"""`Mistake.file` of what an environment variable says; `Mistake.key` is then the variable's name."""

_SHOWN = 60


class WrongValue(ValueError):
    """A value that cannot be taken.

    `message` says what is wrong ('"5 GiBs" is not a size'), `expected` what would be right ('a size such as "5 GiB"').
    """

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(f"{message}, expected {expected}")
        self.message = message
        self.expected = expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One thing that is wrong: where it is, what it is, what was expected.

    `file` is the file as it was named, or "environment"; `line` counts from 1 (None: the file as a whole, or the
    environment); `key` is `section.key`, a section, a variable's name, or "" where no key is concerned; `nearest` is
    the nearest known `section.key` or section where the key itself is not known.
    """

    file: str
    line: int | None
    key: str
    message: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        named = f"{place}: {self.key}" if self.key else place
        known = f" (nearest known key: {self.nearest})" if self.nearest else ""
        return printable(f"{named}: {self.message}, expected {self.expected}{known}")


class SettingsError(Exception):
    """A configuration that cannot be used. `mistakes` holds every one that was found, in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def printable(text: str) -> str:
    """`text` on one line: control characters, line separators and lone surrogates escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def shown(value: object) -> str:
    """A value from outside as it may stand in a message: quoted, escaped, at most 60 characters."""
    if isinstance(value, str):
        short = value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "..."
        return f'"{printable(short)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "not a number (nan)" if math.isnan(value) else repr(value)
    if isinstance(value, int):
        # A TOML integer may have thousands of digits, which str() itself refuses.
        return str(value) if value.bit_length() <= 128 else "a very large number"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, (datetime.date, datetime.time)):
        return "a date or time"
    return "a value of an unknown type"
