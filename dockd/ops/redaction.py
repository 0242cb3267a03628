"""No secret in a log line, whoever wrote it.

dockd itself never puts one there; a library's message or a traceback might. Pure.

>>> redacted("Authorization: Bearer abc.def, next")
'Authorization: [redacted], next'
"""

from __future__ import annotations

import re

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
    (re.compile(r"(?i)(https?://)[^\s/@]+:[^\s/@]+@"), r"\1[redacted]@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), "[redacted]"),
)


def redacted(text: str) -> str:
    """`text` without what looks like a secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
