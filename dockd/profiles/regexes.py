"""Regular expressions that a profile may bring: a subset whose worst case is known before it is ever used. Pure.

Why it exists: the names on a card and the answers of a device are chosen by others, and Python's engine tries every way in which an
expression can match them. Rules kept here: how many ways there are is counted from the expression alone, in a text of at most `LONGEST_TEXT`
characters, and beyond `MOST_WAYS` it is refused; what is repeated must itself match in one way; no look-around, no back-references.
"""

from __future__ import annotations

import re

from dockd.settings.mistakes import WrongValue, shown

LONGEST = 200
LONGEST_TEXT = 512
MOST_WAYS = 2048
EXPECTED = "a regular expression such as '(?P<recording>\\d{8}_\\d{6})_(?P<part>\\d{3})\\.mp4$'"

_DEEPEST = 10
_MOST_REPEATS = 512
_TIMES = re.compile(r"\{(?:([0-9]{1,3})?,([0-9]{1,3})?|([0-9]{1,3}))\}")
_GROUP = re.compile(r"\((?:\?:|\?>|\?P<[A-Za-z_][A-Za-z0-9_]{0,30}>|(?!\?))")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\[\\]|\\[^A-Za-z0-9]|\\[dDwWsSnrt])*\]")
_ESCAPE = re.compile(r"\\(?:[^A-Za-z0-9]|[dDwWsSbBAZnrt])")
_DOUBLED = re.compile(r"--|&&|\|\||~~")  # Python means to give these a meaning within [ ] one day


def checked(pattern: str, *, group: str) -> str:
    """`pattern` as it is, found harmless and with the group `group`. Raises WrongValue."""
    if len(pattern) > LONGEST:
        raise WrongValue(f"is longer than {LONGEST} characters", EXPECTED)
    if not pattern.isprintable():
        raise WrongValue(f"{shown(pattern)} has control characters in it", EXPECTED)
    ways = _Scan(pattern).whole()
    try:
        groups = re.compile(pattern, re.IGNORECASE | re.ASCII).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongValue(f"{shown(pattern)} is no regular expression: {error}", EXPECTED) from None
    if ways > MOST_WAYS:
        message = f"{shown(pattern)} can match in too many ways, and a hostile name would keep the dock busy"
        raise WrongValue(message, r"at most one open-ended repeat; of the others make \d+ a \d++ or \d{4}")
    if group not in groups:
        raise WrongValue(f"{shown(pattern)} has no group {group}", f"the part in question in (?P<{group}>...)")
    return pattern


class _Scan:
    """Counts the ways in which an expression can match; what it does not know it refuses. Ways are capped just beyond what is allowed."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> int:
        ways = self._alternatives(depth=0)
        if self._at < len(self._text):
            raise self._wrong("a ) without its (")
        return ways

    def _alternatives(self, *, depth: int) -> int:
        if depth > _DEEPEST:
            raise self._wrong("groups that are nested too deeply")
        ways = 0
        while True:
            ways += self._run(depth=depth)
            if not self._text.startswith("|", self._at):
                return min(ways, MOST_WAYS + 1)
            self._at += 1

    def _run(self, *, depth: int) -> int:
        ways = 1
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            ways = min(ways * self._repeated(self._item(depth=depth)), MOST_WAYS + 1)
        return ways

    def _item(self, *, depth: int) -> int:
        here = self._text[self._at]
        if here == "(":
            return self._group(depth=depth)
        if here in "*+?{}]":
            raise self._wrong(f"a {here} that repeats or closes nothing (write \\{here} for the character itself)")
        pattern = {"\\": _ESCAPE, "[": _CLASS}.get(here)
        if pattern is None:
            self._at += 1
            return 1
        found = pattern.match(self._text, self._at)
        if found is None or (here == "[" and _DOUBLED.search(found[0])):
            raise self._wrong("a back-reference, an escape or a [ ] that is not taken here")
        self._at = found.end()
        return 1

    def _group(self, *, depth: int) -> int:
        found = _GROUP.match(self._text, self._at)
        if found is None:
            raise self._wrong("a group that is not taken here: only ( ), (?: ), (?> ) and (?P<name> )")
        self._at = found.end()
        ways = self._alternatives(depth=depth + 1)
        if not self._text.startswith(")", self._at):
            raise self._wrong("a ( without its )")
        self._at += 1
        return ways

    def _repeated(self, ways: int) -> int:
        """The ways of an item together with the quantifier that may follow it."""
        bounds = self._quantifier()
        if bounds is None:
            return ways
        least, most = bounds
        possessive = self._text.startswith("+", self._at)
        if possessive or self._text.startswith("?", self._at):
            self._at += 1
        if most is not None and max(least, most) > _MOST_REPEATS:
            raise self._wrong(f"more than {_MOST_REPEATS} repeats")
        if most is not None and most <= 1:
            return ways if least else ways + 1
        if ways > 1:
            raise self._wrong(
                "a repeat of something that can itself match in several ways (write [ab] for a|b, \\d++ for \\d+)"
            )
        if possessive or least == most:
            return 1
        return _MOST_REPEATS if most is None else max(1, most - least + 1)

    def _quantifier(self) -> tuple[int, int | None] | None:
        here = self._text[self._at : self._at + 1]
        if here and here in "*+?":
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[here]
        found = _TIMES.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        if found[3]:
            return int(found[3]), int(found[3])
        return int(found[1] or 0), int(found[2]) if found[2] else None

    def _wrong(self, what: str) -> WrongValue:
        return WrongValue(f"{shown(self._text)} has, before character {self._at + 1}, {what}", EXPECTED)
