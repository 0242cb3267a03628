"""Whether the secrets' files of a store hold what they are to hold, before a server is asked.

Rules kept here: nothing of what a file holds is repeated; what cannot be read has been told of already, and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dockd.settings.mistakes import Mistake
from dockd.settings.reading import Reading
from ingest.errors import Refused
from ingest.token_lines import first_token

_LARGEST = 64 << 10
_TOKEN = "a bearer token, alone on its line and without spaces (a # at the start of a line or after a space begins a comment)"
_USER = "USER:PASSWORD in its first line"


def wrong_secrets(reading: Reading) -> Iterator[Mistake]:
    """Mistakes of what stands in `store.token_file` and `store.proxy_auth_file`. Raises nothing."""
    store = reading.settings.store
    token, user = _text(store.token_file), _text(store.proxy_auth_file)
    if token is not None and store.kind == "s3":
        yield from _keys(reading, token)
    elif token is not None and store.kind == "tus" and not _is_token(token):
        yield reading.origin("store", "token_file").mistake(f"{store.token_file} holds no token", _TOKEN)
    if user is not None and not _is_user(user):
        yield reading.origin("store", "proxy_auth_file").mistake(
            f"{store.proxy_auth_file} names no user and password", _USER
        )


def _keys(reading: Reading, text: str) -> Iterator[Mistake]:
    from ingest.store.s3.credentials import keys_of

    try:
        keys_of(text)
    except Refused as refused:
        what, _, expected = refused.message.partition(": expected is ")
        at = reading.origin("store", "token_file")
        yield at.mistake(what, expected or "an access key and its secret")


def _is_token(text: str) -> bool:
    token = first_token(text) or ""
    return len(token.split()) == 1 and token.isascii() and token.isprintable()


def _is_user(text: str) -> bool:
    user, colon, _ = text.split("\n", 1)[0].partition(":")
    return bool(user and colon)


def _text(file: Path | None) -> str | None:
    """At most a character more than any secret has; bytes that are no text stand for themselves. None where there is nothing to look at."""
    try:
        if file is None or not file.is_file():
            return None
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_LARGEST + 1)
    except OSError:
        return None
