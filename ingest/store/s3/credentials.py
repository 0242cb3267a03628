"""What the secret's file of an S3 store says: whose key signs the requests.

Rules: the file is read again at each use, so that a new key needs no restart; nothing of it is ever repeated, least of all in an error.
"""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass, field

from ingest.errors import Refused

_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_LARGEST = 64 << 10
_EXPECTED = (
    "an access key and its secret: on two lines, or as KEY:SECRET, or as an AWS credentials file "
    "(aws_access_key_id = ... and aws_secret_access_key = ... under [default])"
)


@dataclass(frozen=True, kw_only=True)
class Keys:
    """An access key; `token` goes with a temporary one. Never shown."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def keys_of(text: str | None) -> Keys:
    """Read the file's text. Raises Refused, which names store.token_file, what is expected, and nothing of what was found."""
    if text is None:
        raise Refused(f"store.token_file is not set or cannot be read: name a file that holds {_EXPECTED}")
    if len(text) > _LARGEST:
        raise _unlike("is too long")
    found = _ini(text) if re.search(r"^\s*\[", text, re.MULTILINE) or "aws_access_key_id" in text else _words(text)
    for one in (found.access, found.secret, found.token or "x"):
        if not one or not one.isascii() or not one.isprintable() or " " in one:
            raise _unlike("has a key that is empty or holds characters that no key has")
    return found


def _words(text: str) -> Keys:
    words = [word for line in text.lstrip("\ufeff").splitlines() for word in _COMMENT.sub("", line).split()]
    match words:
        case [one] if ":" in one:
            access, _, secret = one.rpartition(":")
            return Keys(access=access, secret=secret)
        case [access, secret]:
            return Keys(access=access, secret=secret)
        case []:
            raise _unlike("is empty")
    raise _unlike("is not in a form that is known")


def _ini(text: str) -> Keys:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" #", "\t#"), strict=False, default_section="")
    if not re.search(r"^\s*\[", text, re.MULTILINE):
        text = f"[default]\n{text}"
    try:
        parser.read_string("\n".join(line.strip() for line in text.lstrip("\ufeff").splitlines()))
    except configparser.Error:
        raise _unlike("is no credentials file") from None  # its own message repeats a line
    names = parser.sections()
    name = "default" if "default" in names else (names[0] if len(names) == 1 else None)
    if name is None:
        raise _unlike("has no section [default]")
    found = {key: _COMMENT.sub("", value or "").strip() for key, value in parser.items(name)}
    if not found.get("aws_access_key_id") or not found.get("aws_secret_access_key"):
        raise _unlike("names no aws_access_key_id with an aws_secret_access_key")
    return Keys(
        access=found["aws_access_key_id"], secret=found["aws_secret_access_key"], token=found.get("aws_session_token") or None
    )  # fmt: skip


def _unlike(what: str) -> Refused:
    return Refused(f"the file that store.token_file names {what}: expected is {_EXPECTED}")
