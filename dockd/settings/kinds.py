"""The kinds of value that a key can have: how each is read, from TOML and from the environment.

Rules kept here: a value has exactly the TOML type that its kind says (a number is never taken for a name, `true` never
for 1); text from the environment is read by the same grammar; a path is absolute, for where a relative one leads
depends on who starts dockd, and a second, empty spool somewhere else is how footage gets forgotten; the value of a key
that names a secret's file is shown only if it looks like a path, for people write the secret itself there.
"""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockd.settings import addresses, credentials, units
from dockd.settings.mistakes import WrongValue, shown
from dockd.settings.timetable import A_LINE, parse_line

_MAX_TEXT = 4096  # PATH_MAX; no value of any other kind comes near it
_MAX_ITEMS = 1000
_NAME = re.compile(r"\S(?:.{0,62}\S)?")
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")  # RFC 6749, 3.3
_MAX_WORD = 256
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:+/=-]{0,199}")  # a thumbprint may begin with - or _


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    `read` turns a TOML value into dockd's own or raises WrongValue; `from_text` turns an environment variable's text
    into the TOML value that `read` expects; `expected` says in words what is right. For lists `item` is the kind of
    their entries, so that every wrong entry can be named.
    """

    expected: str
    read: Callable[[Any], Any]
    from_text: Callable[[str], Any] = str
    item: Kind | None = None


def _text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise WrongValue(f"{shown(value)} is not a string", expected)
    if len(value) > _MAX_TEXT:
        raise WrongValue(f"is longer than {_MAX_TEXT} characters", expected)
    return value


def _flag_from_text(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


def _number_from_text(text: str) -> object:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _list_from_text(text: str) -> object:
    return _toml_value(text, 'a TOML list such as ["one", "two"]')


def _table_from_text(text: str) -> object:
    return _toml_value(text, 'a TOML table such as { "one" = "two" }')


def _toml_value(text: str, expected: str) -> object:
    try:
        document = tomllib.loads(f"list = {text}")
    except (ValueError, RecursionError):
        raise WrongValue("is not a TOML value", expected) from None
    if list(document) != ["list"]:
        raise WrongValue("is not a TOML value", expected)
    return document["list"]


def _read_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongValue(f"{shown(value)} is neither true nor false", "true or false, without quotes")
    return value


FLAG = Kind("true or false", _read_flag, _flag_from_text)


def number(least: int, most: int, *, of: str) -> Kind:
    """Whole numbers from `least` to `most`; `of` names what is counted, "" where nothing is."""
    counted = f" of {of}" if of else ""
    expected = f"a whole number{counted} from {least} to {most}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise WrongValue(f"{shown(value)} is not a whole number", expected)
        if not least <= value <= most:
            raise WrongValue(f"{shown(value)} is out of range", expected)
        return value

    return Kind(expected, read, _number_from_text)


def size(least: int = 0, most: int = units.MAX_SIZE) -> Kind:
    """Sizes in bytes from `least` to `most`."""
    bounds = "" if least == 0 else f", from {units.format_bytes(least)} to {units.format_bytes(most)}"

    def read(value: Any) -> int:
        read_size = units.parse_size(value)
        if not least <= read_size <= most:
            raise WrongValue(
                f"{shown(value)} is out of range", units.A_SIZE + (bounds or f", at most {units.format_bytes(most)}")
            )
        return read_size

    return Kind(units.A_SIZE + bounds, read)


RATE = Kind(
    f"{units.A_RATE}, from {units.format_rate(units.MIN_RATE)} to {units.format_rate(units.MAX_RATE)}", units.parse_rate
)


def duration(least: float = 0.0, most: float = units.MAX_DURATION) -> Kind:
    """Durations in seconds from `least` to `most`."""
    bounds = f", from {units.format_duration(least)} to {units.format_duration(most)}"

    def read(value: Any) -> float:
        seconds = units.parse_duration(value)
        if not least <= seconds <= most:
            raise WrongValue(f"{shown(value)} is out of range", units.A_DURATION + bounds)
        return seconds

    return Kind(units.A_DURATION + bounds, read)


def choice(*words: str) -> Kind:
    """One word out of `words`."""
    expected = " or ".join(f'"{word}"' for word in words)

    def read(value: object) -> str:
        if value not in words:
            raise WrongValue(f"{shown(value)} is not one of the words known", expected)
        return str(value)

    return Kind(expected, read)


_A_NAME = "a name of 1 to 64 printable characters, in quotes"


def _read_name(value: object) -> str:
    name = _text(value, _A_NAME)
    if not name.isprintable() or _NAME.fullmatch(name) is None:
        raise WrongValue(f"{shown(name)} is not a name", _A_NAME)
    return name


NAME = Kind(_A_NAME, _read_name)


def identifier(expected: str) -> Kind:
    """Up to 200 letters, digits and `. _ : + / = -`, as machines name things."""

    def read(value: object) -> str:
        text = _text(value, expected)
        if _IDENTIFIER.fullmatch(text) is None:
            raise WrongValue(f"{shown(text)} has characters that do not belong in it", expected)
        return text

    return Kind(expected, read)


def path(expected: str, *, secret: bool = False, file: bool = False) -> Kind:
    """Absolute paths, `.` and `..` taken out. With `secret`, what does not look like a path is not shown; with `file`, it may be a credential's."""

    def read(value: object) -> Path:
        text = _text(value, expected)
        if file and text.startswith(credentials.PREFIX):
            return credentials.named(text, expected=expected)
        if not text.startswith("/"):
            what = "what is written there" if secret else shown(text)
            home = ", ~ is not known here" if text.startswith("~") else ""
            raise WrongValue(f"{what} is not an absolute path{home}", expected)
        if "\0" in text or not text.isprintable():
            raise WrongValue(f"{shown(text)} has control characters in it", expected)
        # normpath keeps a leading double slash, which POSIX leaves undefined.
        return Path(os.path.normpath("/" + text.lstrip("/")))

    return Kind(expected, read)


def text_like(parse: Callable[[str], Any], expected: str) -> Kind:
    """What `parse` makes of a string."""
    return Kind(expected, lambda value: parse(_text(value, expected)))


LISTEN = text_like(addresses.parse_listen, addresses.AN_ADDRESS)
STORE_URL = Kind(addresses.A_URL + ", or the absolute path of a directory store", lambda v: _text(v, addresses.A_URL))
"""Any text: what it has to be depends on `store.kind`, see checking.py."""


PROXY_URL = text_like(addresses.parse_proxy, addresses.A_PROXY)


def list_of(item: Kind, *, plural: str) -> Kind:
    """Lists of `item`, held as tuples."""
    expected = f"a list of {plural}: [{item.expected}, ...]"

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise WrongValue(f"{shown(value)} is not a list", expected)
        if len(value) > _MAX_ITEMS:
            raise WrongValue(f"has {len(value)} entries", f"at most {_MAX_ITEMS}")
        return tuple(item.read(entry) for entry in value)

    return Kind(expected, read, _list_from_text, item)


ISSUER = text_like(addresses.parse_issuer, addresses.AN_ISSUER)


def _read_scope(value: object) -> str:
    expected = 'a scope such as "openid"'
    scope = _text(value, expected)
    if _SCOPE.fullmatch(scope) is None:
        raise WrongValue(f"{shown(scope)} is no scope", expected)
    return scope


SCOPES = list_of(Kind('"openid"', _read_scope), plural="scopes")
_A_ROLE_TABLE = (
    'what the provider says and the role that it is: { "bwc-sergeants" = "sergeant" }, with viewer, sergeant or ops'
)
_MAPPED_ROLES = ("viewer", "sergeant", "ops")


def _read_roles(value: object) -> tuple[tuple[str, str], ...]:
    """In the order in which they are written. The wall's screen is opened by a token, never by a person."""
    if not isinstance(value, dict):
        raise WrongValue(f"{shown(value)} is not a table", _A_ROLE_TABLE)
    if len(value) > _MAX_ITEMS:
        raise WrongValue(f"has {len(value)} entries", f"at most {_MAX_ITEMS}")
    for word, role in value.items():
        if not word.strip() or not word.isprintable() or len(word) > _MAX_WORD:
            raise WrongValue(f"{shown(word)} is nothing that a provider says", _A_ROLE_TABLE)
        if not isinstance(role, str) or role not in _MAPPED_ROLES:
            raise WrongValue(f"{shown(role)} is no role that a person may get", _A_ROLE_TABLE)
    return tuple(value.items())


ROLES = Kind(_A_ROLE_TABLE, _read_roles, _table_from_text)
HOSTS = list_of(text_like(addresses.parse_host, addresses.A_HOST), plural="host names")
TIMETABLE = list_of(text_like(parse_line, A_LINE), plural="timetable lines")


def read_default(kind: Kind, default: object) -> Any:
    """The value of a default that is written as in the file; None and the empty tuple are themselves."""
    if default is None or isinstance(default, Mapping):
        return default
    return kind.read(list(default) if isinstance(default, tuple) else default)
