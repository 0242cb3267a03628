"""What looks like a secret, taken out of a text: for those that nobody here knows, and that somebody else's program has written into a log.

Rules kept here: rather a harmless word too many than a secret; every URL loses who asks and what is asked; a file's name is no secret. Pure.

>>> without_secrets("GET https://dock:pw@s.example/x?sig=1 HTTP/1.1")
('GET https://[taken out]@s.example/x?[taken out] HTTP/1.1', 2)
"""

from __future__ import annotations

import re

INSTEAD = "[taken out]"
_VALUE = r"""(?:"[^"\r\n]*"|'[^'\r\n]*'|[^\s"',;&<>]+)"""
_WORDS = r"secret|passwords?|passwd|passphrase|pwd|tokens?|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|signature|session|csrf"

_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.S), INSTEAD),
    # headers, to their end: in JSON, in Python's words and as they are
    (
        re.compile(r"""(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token|x-amz-security-token)(\\?["']?\s*[:=]\s*\\?["']?)[^\r\n"'\\]+"""),
        rf"\1\2{INSTEAD}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/=%-]{6,}"), rf"\1 {INSTEAD}"),
    (re.compile(r"(?i)((?:__Host-)?dockd(?:-wall|-typed)?(?:-in-clear)?=)[^\s;\"'\\,]+"), rf"\1{INSTEAD}"),
    (re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2})[^\s/@\"'<>\\]+@"), rf"\1{INSTEAD}@"),
    (re.compile(r"(?i)(%3A%2F%2F)[^\s/@\"'<>&]+?(%40)"), rf"\1{INSTEAD}\2"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*:(?:\\?/){2}[^\s\"'?#<>\\]*)[?#][^\s\"'<>\\]+"), rf"\1?{INSTEAD}"),
    (re.compile(r"(?<=[\w/])\?[A-Za-z0-9_.%-]+=[^\s\"'<>\\]*"), f"?{INSTEAD}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"), INSTEAD),
    (re.compile(r"\bdockd_[A-Za-z0-9_-]{20,}"), INSTEAD),
    (re.compile(r"\bdockd1\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_.-]+)?"), INSTEAD),  # an invitation
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), INSTEAD),
    (re.compile(r"\$(?:argon2\w*|scrypt|pbkdf2[\w-]*|bcrypt\w*|2[abxy]|[156y]|gy|7)\$[^\s\"'\\,;]+"), INSTEAD),
    # NAME=VALUE and "name": "value", where the name says what it is; a file's name is none
    (re.compile(rf"""(?i)((?<![A-Za-z])[\w.-]*?(?:{_WORDS})\d*\\?["']?\s*[:=]\s*\\?)({_VALUE})"""), rf"\1{INSTEAD}"),
)  # fmt: skip


def without_secrets(text: str) -> tuple[str, int]:
    """The text without what looks like a secret, and how many there were."""
    count = 0
    for pattern, instead in _PATTERNS:
        text, more = pattern.subn(instead, text)
        count += more
    return text, count
