"""A configuration as somebody else may see it: line for line, so that numbers of lines hold, and nothing in it that dockd has no name for.

Rules kept here: comments may hold anything, and go; so does the value of a key that dockd does not know (a secret in the wrong place has such a key), of one that
is to name a file and names none, and whatever cannot be followed, for a broken configuration is what is looked at. URLs and the like are `patterns`' part. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dockd.settings.reading import PREFIX
from dockd.settings.schema import KEYS, SECTIONS

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]{1,40})\s*\]\]?\s*(?:#.*)?")
_PAIR = re.compile(r"\s*((?:[A-Za-z0-9_-]{1,40}\s*\.\s*)?[A-Za-z0-9_-]{1,40})\s*=\s*(.*)", re.S)
_FILE = re.compile(r"""["'](?:/|credential:)[^"']*["']""")


@dataclass
class _Open:
    """What goes on over several lines."""

    depth: int = 0
    kept: bool = False
    until: str = ""  # the quotes that end a long string


@dataclass
class _Walk:
    section: str = ""
    open: _Open = field(default_factory=_Open)
    taken: int = 0

    def line(self, text: str) -> str:
        if self.open.until:
            if self.open.until in text:
                self.open = _Open()
            return self.gone("a part of a long text")
        if self.open.depth > 0:
            return self.more(text)
        if not text.strip():
            return ""
        if text.lstrip().startswith("#"):
            return self.gone("a comment")
        header = _HEADER.fullmatch(text)
        if header is not None:
            self.section = header[1]
            return text.split("#", 1)[0].rstrip()
        pair = _PAIR.fullmatch(text)
        return self.pair(pair[1], pair[2]) if pair is not None else self.gone("a line that is no TOML")

    def pair(self, key: str, value: str) -> str:
        section, _, name = key.rpartition(".")
        section, name = (section or self.section).strip(), name.strip()
        for quotes in ('"""', "'''"):
            if value.count(quotes) % 2:
                self.open = _Open(until=quotes)
                return self.gone("a long text", f"{key} = ")
        known = name in KEYS.get(section, ())
        shown, depth = _followed(value)
        self.open = _Open(depth=depth, kept=known)
        if not known:
            return self.gone("not a key that dockd knows" if key not in SECTIONS else "a table in a line", f"{key} = ")
        if shown is None:
            return self.gone("a text that does not end", f"{key} = ")
        if name.endswith("_file") and _FILE.fullmatch(shown) is None:
            return self.gone("not the path of a file", f"{key} = ")
        return f"{key} = {shown}"

    def more(self, text: str) -> str:
        shown, depth = _followed(text)
        self.open.depth += depth
        if not text.strip():
            return ""
        return shown if self.open.kept and shown is not None else self.gone("a part of a list or table")

    def gone(self, what: str, before: str = "") -> str:
        self.taken += 1
        return f"{before}# [taken out: {what}]"


def shown(text: str) -> tuple[str, int]:
    """The text, and from how many of its lines something was taken out."""
    walk = _Walk()
    lines = [walk.line(line) for line in text.splitlines()]
    return "\n".join([*lines, ""]), walk.taken


def overrides(environ: str) -> list[str]:
    """Of an environment (NAME=VALUE, a NUL after each) what would change the configuration; values of keys that dockd knows alone."""
    found = []
    for one in environ.split("\0"):
        name, equals, value = one.partition("=")
        if equals and name.startswith(PREFIX):
            section, _, key = name.removeprefix(PREFIX).lower().partition("__")
            known = name == name.upper() and key in KEYS.get(section, ()) and section != "bays"
            fits = known and (not key.endswith("_file") or value.startswith(("/", "credential:")))
            found.append(f"{name[:80]}={value[:500] if fits else '[taken out]'}")
    return sorted(found)


def _followed(value: str) -> tuple[str | None, int]:
    """The value without a comment at its end (None: a string in it does not end), and by how many brackets it opens more than it closes."""
    quote, depth, at = "", 0, 0
    while at < len(value):
        one = value[at]
        if quote:
            at += one == "\\" and quote == '"'
            quote = "" if one == quote else quote
        elif one == "#":
            break
        elif one in "\"'":
            quote = one
        else:
            depth += (one in "[{") - (one in "]}")
        at += 1
    return (None if quote else value[:at].rstrip()), depth
