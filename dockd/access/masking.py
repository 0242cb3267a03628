"""The token that a browser's change brings along, masked anew for each answer. Pure.

Rules kept here: the session's own token is in no answer as it is, so that the length of a compressed page tells nothing of it (BREACH);
comparing takes the same time whatever was brought.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

_BYTES = 32


def masked(secret: bytes) -> str:
    """`secret` (32 bytes) as it is written into one answer: other text each time."""
    mask = secrets.token_bytes(_BYTES)
    return base64.urlsafe_b64encode(mask + _xor(mask, secret)).decode("ascii").rstrip("=")


def is_of(brought: str, secret: bytes) -> bool:
    """Whether `brought` is `secret`, under whatever mask.

    >>> secret = bytes(range(32))
    >>> is_of(masked(secret), secret), is_of(masked(bytes(32)), secret), is_of("", secret), is_of("é" * 86, secret)
    (True, False, False, False)
    """
    try:
        both = base64.b64decode(brought.encode("ascii") + b"=" * (-len(brought) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return False
    if len(both) != 2 * _BYTES or len(secret) != _BYTES:
        return False
    return hmac.compare_digest(_xor(both[:_BYTES], both[_BYTES:]), secret)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
