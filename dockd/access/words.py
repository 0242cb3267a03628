"""What a user and a token may be called, and which passwords are taken. Pure.

Rules kept here (NIST SP 800-63B): a password is long, not composed; the user's own name and words that everybody tries are refused; any character
may be in it, and equal ones are equal however they were typed (NFKC). Nothing here repeats a password.
"""

from __future__ import annotations

import re
import unicodedata

SHORTEST = 12
LONGEST = 256
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
A_NAME = 'such as "k.jones": small letters, digits, and . _ - @ between them, at most 64'
# Of twelve and more characters, from lists of what is tried first; shorter ones are refused anyway.
_TRIED = frozenset({
    "123456789012", "1234567890123", "123456123456", "password1234", "password12345", "password123456", "passwordpassword", "qwertyuiop12",
    "qwertyuiop123", "qwertyuiopasdfghjkl", "1q2w3e4r5t6y", "1qaz2wsx3edc", "administrator", "administrator1", "letmeinletmein", "iloveyou1234",
    "changemechangeme", "changeme1234", "welcome12345", "welcome123456", "correcthorsebatterystaple", "policestation", "bodyworncamera",
})  # fmt: skip


class NotTaken(ValueError):
    """A name or a password that is not taken; the message says why, and repeats no password."""


def user_name(said: str) -> str:
    """The name as it is kept. Raises NotTaken.

    >>> user_name("K.Jones ")
    'k.jones'
    """
    name = unicodedata.normalize("NFKC", said[:200]).strip().lower()
    if _NAME.fullmatch(name) is None:
        raise NotTaken(f"that is no user's name, expected is one {A_NAME}")
    return name


def same_password(said: str) -> str:
    """The password as it is hashed: the same, however its characters were typed."""
    return unicodedata.normalize("NFKC", said)


def see_password(said: str, *, name: str) -> None:
    """Raises NotTaken where it is not taken as the password of `name`."""
    password = same_password(said).casefold()
    if len(password) < SHORTEST:
        raise NotTaken(f"a password has at least {SHORTEST} characters: three or four words are easy to keep in mind")
    if len(said) > LONGEST:
        raise NotTaken(f"a password has at most {LONGEST} characters")
    if any(unicodedata.category(character) == "Cc" for character in said):
        raise NotTaken("a password is one line of text, without tabs and other signs that are no characters")
    if password in _TRIED or len(set(password)) < 4:
        raise NotTaken("that is one of the first that anybody would try")
    if _bare(name) in _bare(password) and len(_bare(password)) < len(_bare(name)) + SHORTEST:
        raise NotTaken("it must not be made of the user's name")


def _bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
