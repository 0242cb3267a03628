"""No secret in a log line, whoever wrote it.

dockd itself never puts one there; a library's message or a traceback might. Who did something may be `token:NAME`, which looks like one: it is let
through where the event itself says so of who did it, whole and to the letter, and nowhere else. Pure.

>>> redacted("Authorization: Bearer abc.def, next")
'Authorization: [redacted], next'
"""

from __future__ import annotations

import re
from functools import partial

_SECRETS = (
    (
        re.compile(
            r"(?i)\b(authorization|cookie|set-cookie|x-csrf-token)(['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic)\s+)?[^\s,;'\"]+"
        ),
        r"\1\2[redacted]",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}"), r"\1 [redacted]"),
    (
        re.compile(r"(?i)\b(token|password|passwd|secret|api[_-]?key)(['\"]?\s*[:=]\s*['\"]?)[^\s,;'\"&]+"),
        r"\1\2[redacted]",
    ),
    (re.compile(r"\bdockd_[A-Za-z0-9_-]{40,}"), "[redacted]"),  # the page's own tokens, whatever stands before them
    (re.compile(r"(?i)(https?://)[^\s/@]+:[^\s/@]+@"), r"\1[redacted]@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), "[redacted]"),
)

_TOKENS_NAME = re.compile(r"token:[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def redacted(text: str, *, by: str = "") -> str:
    """`text` without what looks like a secret. `by`: who did what it tells of, as custody names them.

    >>> redacted("bay 6 was taken out of use by token:desk (token:abc)", by="token:desk")
    'bay 6 was taken out of use by token:desk (token:[redacted]'
    """
    known = by if _TOKENS_NAME.fullmatch(by) else None
    for pattern, instead in _SECRETS:
        text = pattern.sub(partial(_hidden, instead=instead, known=known), text)
    return text


def _hidden(found: re.Match[str], *, instead: str, known: str | None) -> str:
    return found[0] if found[0].rstrip(".):") == known else found.expand(instead)
