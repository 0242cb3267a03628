"""Which line of a TOML text each key is in, for tomllib does not say.

Rules kept here: never raises and never hangs, whatever the text is (time in proportion to its length, nesting
bounded); says nothing of whether the text is right, which is tomllib's to say; what it cannot follow it leaves out,
and `Lines.of` then answers with the nearest thing around it that was found.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""Names of tables and keys, and positions in arrays from 0: ("bays", 1, "usb_path")."""

_DEEPEST = 50
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]++")
_SPACE = re.compile(r"[ \t]*+")
_SPACE_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_REST_OF_LINE = re.compile(r"[^\n]*+")
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]*+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\[^\n])*+"')
_LITERAL = re.compile(r"'[^'\n]*+'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']|'{1,2}(?!'))*+'{3,5}")


class Lines:
    """The lines, from 1, of what was found in a text."""

    def __init__(self, found: dict[KeyPath, int]) -> None:
        self.found = found

    def of(self, *path: str | int) -> int:
        """The line of `path`, else of the nearest table around it, else 1."""
        for length in range(len(path), 0, -1):
            line = self.found.get(path[:length])
            if line is not None:
                return line
        return 1


def locate(text: str) -> Lines:
    """The lines of all tables, keys and array entries in a TOML text."""
    walk = _Walk(text)
    walk.document()
    return Lines(walk.found)


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}
        self._line_ends = [place.start() for place in re.finditer("\n", text)]

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._pass(_SPACE_AND_COMMENTS)
            if self.at >= len(self.text):
                return
            if self._next("["):
                table = self._header()
            else:
                self._pair(table, depth=0)
            self._pass(_REST_OF_LINE)

    def _header(self) -> KeyPath:
        begin = self.at
        doubled = self.text.startswith("[[", begin)
        self.at += 2 if doubled else 1
        parts = self._key()
        if not parts:
            return ("",)  # what follows belongs to no table that has a name
        table: KeyPath = ()
        for part in parts[:-1]:
            table = self._last_of((*table, part))
            self._note(table, begin)
        table = (*table, parts[-1])
        self._note(table, begin)
        if not doubled:
            return self._last_of(table)
        self._arrays[table] = self._arrays.get(table, -1) + 1
        table = self._last_of(table)
        self._note(table, begin)
        return table

    def _last_of(self, table: KeyPath) -> KeyPath:
        """An array of tables stands, in a later header, for its last entry."""
        return (*table, self._arrays[table]) if table in self._arrays else table

    def _pair(self, table: KeyPath, *, depth: int) -> bool:
        """A key and its value, from where the walk stands; False if there is none."""
        begin = self.at
        parts = self._key()
        if not parts or not self._next("="):
            return False
        path = table
        for part in parts:
            path = (*path, part)
            self._note(path, begin)
        self.at += 1
        self._pass(_SPACE)
        self._value(path, depth=depth)
        return True

    def _key(self) -> list[str]:
        parts: list[str] = []
        while len(parts) < _DEEPEST:
            self._pass(_SPACE)
            part = self._key_part()
            if part is None:
                return []
            parts.append(part)
            self._pass(_SPACE)
            if not self._next("."):
                break
            self.at += 1
        return parts

    def _key_part(self) -> str | None:
        for pattern in (_BARE_KEY, _LITERAL, _BASIC):
            found = pattern.match(self.text, self.at)
            if found is not None:
                self.at = found.end()
                raw = found[0]
                if pattern is _BARE_KEY:
                    return raw
                return raw[1:-1] if "\\" not in raw or pattern is _LITERAL else _unescaped(raw)
        return None

    def _value(self, path: KeyPath, *, depth: int) -> None:
        if depth >= _DEEPEST:
            self._pass(_REST_OF_LINE)
        elif self._next("["):
            self._array(path, depth=depth)
        elif self._next("{"):
            self._inline_table(path, depth=depth)
        elif self._next('"') or self._next("'"):
            self._string()
        else:
            self._pass(_PLAIN_VALUE)

    def _string(self) -> None:
        for opening, pattern in (('"""', _LONG_BASIC), ("'''", _LONG_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self.text.startswith(opening, self.at):
                found = pattern.match(self.text, self.at)
                if found is not None:
                    self.at = found.end()
                elif len(opening) == 3:
                    self.at = len(self.text)
                else:
                    self._pass(_REST_OF_LINE)
                return

    def _array(self, path: KeyPath, *, depth: int) -> None:
        self.at += 1
        entry = 0
        while True:
            self._pass(_SPACE_AND_COMMENTS)
            if self._closed("]"):
                return
            begin = self.at
            self._note((*path, entry), begin)
            self._value((*path, entry), depth=depth + 1)
            self._pass(_SPACE_AND_COMMENTS)
            if self._next(","):
                self.at += 1
                entry += 1
            elif self.at == begin or not self._next("]"):
                return

    def _inline_table(self, path: KeyPath, *, depth: int) -> None:
        self.at += 1
        while True:
            self._pass(_SPACE_AND_COMMENTS)
            if self._closed("}") or not self._pair(path, depth=depth + 1):
                return
            self._pass(_SPACE_AND_COMMENTS)
            if self._next(","):
                self.at += 1

    def _closed(self, bracket: str) -> bool:
        if self._next(bracket):
            self.at += 1
            return True
        return self.at >= len(self.text)

    def _next(self, character: str) -> bool:
        return self.text.startswith(character, self.at)

    def _pass(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _note(self, path: KeyPath, place: int) -> None:
        self.found.setdefault(path, bisect_right(self._line_ends, place - 1) + 1)


def _unescaped(raw: str) -> str:
    """A quoted key with escapes in it, as tomllib reads it; as it stands where tomllib does not."""
    try:
        return str(tomllib.loads(f"key = {raw}")["key"])
    except ValueError:
        return raw
