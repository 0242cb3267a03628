"""What looks like a secret, taken out of a text: for those that nobody here knows, and that somebody else's program has written into a log.

Rules kept here: rather a harmless word too many than a secret; every URL loses who asks and what is asked; a file's name is no secret. Pure.

>>> without_secrets("GET https://dock:pw@s.example/x?sig=1 HTTP/1.1")
('GET https://[taken out]@s.example/x?[taken out] HTTP/1.1', 2)
"""

from __future__ import annotations

import re

INSTEAD = "[taken out]"
_PASSWORDS = r"(?:passwords?|passwd|passphrase|pwd|(?<![a-z])pass)"
_WORDS = rf"(?:secret(?:[_-]?key)?|{_PASSWORDS}|tokens?|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|signature|session|csrf|(?<![a-z])(?:auth|sig))"
_HINTS = ("secret", "pass", "pwd", "token", "credential", "key", "sig", "session", "csrf", "auth")
_NAMED = rf"""(?i)({_WORDS}\d*\\?["']?\s*[:=]\s*)"""

# Of a header: in JSON within JSON, in JSON, in Python's words, and as it is. Its own quotation marks stand after `=` and before what separates.
_VALUE = (
    r"""(\\")(?:[^"\\\r\n]|\\\\\\"|\\(?!")[^\r\n])++|(")(?:[^"\\\r\n]|\\[^\r\n])++|(')[^'\r\n]++"""
    r"""|(?:[^"'\\\r\n]|(?<==)\\+"[^"\\\r\n]*\\+"(?=[,;\s"'\\]|$)|(?<==)"[^"\r\n]*"(?=[,;\s']|$)|\\(?!["\\nr])[^\r\n])++"""
)

_KEYS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,.-]*+")

# What a line holds, in small letters, where it is worth looking for the rest: most lines of a log hold none of it. Each pattern looks at a character
# once, or a bounded number of times: what is in a log, anybody may have put there.
_PATTERNS = (
    # headers, to their end: in JSON, in Python's words and as they are
    (
        ("authorization", "cookie", "csrf-token", "security-token"),
        re.compile(rf"""(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-csrf-token|x-amz-security-token)(\\?["']?\s*[:=]\s*)(?:{_VALUE})"""),
        rf"\1\2\3\4\5{INSTEAD}",
    ),
    (("bearer", "basic", "digest", "negotiate"), re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/=%-]{6,}"), rf"\1 {INSTEAD}"),
    (("dockd",), re.compile(r"(?i)((?:__Host-)?dockd(?:-wall|-typed)?(?:-in-clear)?=)[^\s;\"'\\,]+"), rf"\1{INSTEAD}"),
    (("@",), re.compile(r"(:(?:\\?/){2})[^\s\"'<>]{1,1000}@"), rf"\1{INSTEAD}@"),
    (("%40",), re.compile(r"(?i)(%3A%2F%2F)[^\s/@\"'<>&]{1,500}?(%40)"), rf"\1{INSTEAD}\2"),
    (("?", "#"), re.compile(r"(:(?:\\?/){2}[^\s\"'?#<>]*+)[?#][^\s\"'<>]++"), rf"\1?{INSTEAD}"),
    (("?",), re.compile(r"(?<=[\w/])\?[A-Za-z0-9_.%-]{1,100}=[^\s\"'<>\\]*"), f"?{INSTEAD}"),
    (("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"), INSTEAD),
    (("dockd_",), re.compile(r"\bdockd_[A-Za-z0-9_-]{40,}"), INSTEAD),  # the page's own tokens
    (("dockd1.",), re.compile(r"\bdockd1\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_.-]+)?"), INSTEAD),  # an invitation
    (("gh", "glpat-", "xox"), re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-)[A-Za-z0-9_-]{10,}"), INSTEAD),
    (("token",), re.compile(r"(?i)\b(token\s+)[A-Za-z0-9._~+/=-]{16,}"), rf"\1{INSTEAD}"),
    # as programs are called
    (("-",), re.compile(r"""(?i)(--?(?:password|passwd|passphrase|pass|pwd|token|secret|api-?key|auth)\s+)[^\s"'\\]+"""), rf"\1{INSTEAD}"),
    (("-u", "-proxy-u"), re.compile(r"""(?i)((?:^|(?<=[\s"']))(?:-u|--(?:proxy-)?user)[\s=]\s*)[^\s:"'\\]{1,200}:[^\s"'\\]+"""), rf"\1{INSTEAD}"),
    (("auth",), re.compile(r"""(?i)(\bauth(?:entication)?\s+)[^\s:"'\\]{1,200}:[^\s"'\\]+"""), rf"\1{INSTEAD}"),
    (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), INSTEAD),
    (("$",), re.compile(r"\$(?:argon2\w*|scrypt|pbkdf2[\w-]*|bcrypt\w*|2[abxy]|[156y]|gy|7)\$[^\s\"'\\;]+"), INSTEAD),
    # NAME=VALUE and "name": "value", where the name says what it is; a file's name is none
    (_HINTS, re.compile(rf"""{_NAMED}\[\s*(\\*["'])[^\]\r\n]*+\]"""), rf"\1[\2{INSTEAD}\2]"),
    (_HINTS, re.compile(rf"""{_NAMED}(\\?["'])(?!\[)[^"'\\\r\n]++(\2)?"""), rf"\1\2{INSTEAD}\3"),
    # a password unquoted may be of several words, with commas: to the end
    (("pass", "pwd"), re.compile(rf"""(?i)({_PASSWORDS}\d*\\?["']?\s*[:=]\s*)(?![\["'\\]|unknown key|# \[taken out)[^"'\\\r\n]++"""), rf"\1{INSTEAD}"),
    (_HINTS, re.compile(rf"""{_NAMED}(?![\["'\\]|unknown key|# \[taken out)[^\s"',;&<>\\]+"""), rf"\1{INSTEAD}"),
)  # fmt: skip


def without_secrets(text: str) -> tuple[str, int]:
    """The text without what looks like a secret, and how many there were."""
    text, count = _KEYS.subn(INSTEAD, text)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        lines[number], more = _line(line)
        count += more
    return "\n".join(lines), count


def _line(line: str) -> tuple[str, int]:
    small, before = line.lower(), line.count(INSTEAD)
    for hints, pattern, instead in _PATTERNS:
        if any(hint in small for hint in hints):
            line = pattern.sub(instead, line)
    return line, max(0, line.count(INSTEAD) - before)
