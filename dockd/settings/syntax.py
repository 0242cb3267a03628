"""What may have been meant where a text is no TOML: the parser names a rule of the grammar, and people have forgotten a quote.

Rules kept here: pure; values are never repeated, for one may be a secret; where nothing is known for sure, `valid TOML` is all that is said.
"""

from __future__ import annotations

import re

from dockd.settings.locate import locate

VALID = "valid TOML"
_CURLY = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
_PAIR = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*")
_YAML = re.compile(r"\s*[A-Za-z0-9_-]+\s*:(\s.*)?")
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?")
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_BY_RULE = (
    ("expected '='", '[section] in brackets, or key = "value"'),
    ("expected ']'", "[section] alone on its line, with both brackets"),
    ("unescaped '\\'", "single quotes around what has backslashes in it: 'a\\b'"),
    ("unterminated string", 'a " at the end of the text, in the line in which it begins'),
    ("illegal character '\\n'", 'a " at the end of the text, in the line in which it begins'),
    ("unclosed array", 'a list that is closed, with commas in it: ["a", "b"]'),
)
_TABLE = re.compile(r"\[([A-Za-z0-9_.-]+)\]")


def hint(text: str, *, line: int, said: str) -> tuple[str, str, str]:
    """Which key is concerned ("" where that is not known), what is wrong and what was expected. `said`: the parser's words."""
    lines = text.split("\n")
    here = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
    lower = said.lower()
    if lower.startswith("cannot overwrite a value"):
        return _twice(text, lines, line)
    if lower.startswith(("cannot declare", "cannot mutate")) and (named := _TABLE.search(said)):
        first = locate(text).found.get(tuple(named[1].split(".")))
        where = f", first in line {first}" if first and first != line else ""
        return named[1], f"this section is begun twice{where}", "each section once, with all its keys below it"
    return "", "", _expected(here, lower)


def _twice(text: str, lines: list[str], line: int) -> tuple[str, str, str]:
    pair = _PAIR.fullmatch(lines[line - 1].rstrip("\r")) if line <= len(lines) else None
    if pair is None:
        return "", "", "each key once"
    headers = [found[1] for one in lines[: line - 1] if (found := _HEADER.fullmatch(one.rstrip("\r")))]
    path = (*(headers[-1].split(".") if headers else ()), *pair[1].split("."))
    first = locate(text).found.get(path)
    where = f", first in line {first}" if first and first != line else ""
    return ".".join(path)[:80], f"this key is written twice{where}", "each key once in its section"


def _expected(here: str, said: str) -> str:
    if any(one in here for one in _CURLY):
        return 'straight quotes ("), not typographic ones'
    pair = _PAIR.fullmatch(here)
    if pair is not None and said.startswith("invalid value"):
        return _value(pair[1], pair[2])
    if pair is not None and said.startswith("expected newline or end of document"):
        return f'one key and its value on a line; sizes, rates, durations and texts stand in quotes: {pair[1]} = "..."'
    if said.startswith("expected '='") and _YAML.fullmatch(here):
        return 'key = "value" below a [section]: this looks like YAML'
    return next((expected for words, expected in _BY_RULE if said.startswith(words)), VALID)


def _value(key: str, value: str) -> str:
    word = value.split("#", 1)[0].strip().lower()
    if word in ("true", "false", *_WORDS):
        return f"{key} = {_WORDS.get(word, word)}, in small letters and without quotes"
    if not word:
        return f"a value after {key} ="
    return f'the value in quotes: {key} = "..."'
