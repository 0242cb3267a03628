"""Secrets that are known, because this dock has them: found again wherever they stand, as they are and as programs write them.

Rules kept here: what is known is looked for, whatever it looks like; a pattern would have to guess. A secret may stand inside of something longer, in a URL,
in JSON, in HTML, in hexadecimal digits, or in base64 at any of three alignments. Pure.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

INSTEAD = "[secret taken out]"
_SHORTEST = 6
_SHORTEST_CORE = 8
_JS_SAFE = "!*'()~"
_COMMENT = re.compile(r"\s#.*$")
_HEADER = re.compile(r"\[[^]]*\]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def words_of(text: str) -> set[str]:
    """What of a secret's file may be the secret: the whole, each line as it stands, and what comes before a comment, after `=` or around `:` in it.

    >>> sorted(words_of("# a\\n[x]\\nsecret_key = abcdefgh\\n"))
    ['# a\\n[x]\\nsecret_key = abcdefgh', 'abcdefgh', 'secret_key = abcdefgh']
    """
    if "-----BEGIN" in text:  # of PEM the private blocks alone, line by line: certificates are no secret
        blocks = re.findall(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(.*?)(?:-----END|\Z)", text, re.S)
        return {line.strip() for block in blocks for line in block.splitlines() if len(line.strip()) >= _SHORTEST}
    found = {text.strip()}
    for line in map(str.strip, text.lstrip("\ufeff").splitlines()):
        found.add(line)
        if not (line.startswith("#") or _HEADER.fullmatch(line)):
            found |= _pieces(line) | _pieces(_COMMENT.sub("", line))
    return {word for word in found if len(word) >= _SHORTEST}


def _pieces(line: str) -> set[str]:
    name, equals, value = line.partition("=")
    named = bool(equals) and _NAME.fullmatch(name.strip()) is not None
    said = value.strip() if named else line
    return {piece.strip() for piece in (said, *said.split(":"), said.partition(":")[2], *said.split())}


def forms(secret: str) -> set[str]:
    """Every text in which this secret may stand somewhere."""
    raw = secret.encode("utf-8", "surrogateescape")
    found = {secret, html.escape(secret), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for quoted in (quote(raw, safe=""), quote(raw), quote(raw, safe=_JS_SAFE), quote_plus(raw)):
        found |= {quoted, re.sub(r"%[0-9A-F]{2}", lambda one: one[0].lower(), quoted)}
    every = "".join(f"%{byte:02X}" for byte in raw)
    found |= {every, every.lower(), raw.hex(), raw.hex().upper()}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = _core(encode(b"\0" * before + raw).decode(), before=before, size=len(raw))
            if len(core) >= _SHORTEST_CORE:
                found |= {core, quote(core, safe="")}
    return {one for one in found if len(one) >= _SHORTEST}


def _core(text: str, *, before: int, size: int) -> str:
    """What of base64 is made of the secret's own bytes alone, whatever stands around it."""
    first = -(-before * 8 // 6)
    return text[first : (before + size) * 8 // 6]


class Secrets:
    """All that are known. `taken_out` is quick where there are few: each form is looked for by itself."""

    def __init__(self, secrets: Iterable[str], *, as_they_are: Iterable[str] = ()) -> None:
        """`as_they_are`: such as hashes of which there may be thousands: looked for in no other form."""
        found = {form for secret in secrets for form in forms(secret)}
        self._forms = sorted(found, key=len, reverse=True)
        hashes = sorted({re.escape(one) for one in as_they_are if len(one) >= _SHORTEST})
        self._hashes = re.compile("|".join(hashes)) if hashes else None

    def taken_out(self, text: str) -> tuple[str, int]:
        """The text without them, and how many there were."""
        count = 0
        for form in self._forms:
            if form in text:
                count += text.count(form)
                text = text.replace(form, INSTEAD)
        if self._hashes is not None:
            text, more = self._hashes.subn(INSTEAD, text)
            count += more
        return text, count
