"""Every key that a camera profile can have, and the kind of its value.

Rules kept here: what the reader takes stands here and nowhere else, and docs/camera-profiles.md lists the same (a test holds the two equal);
the defaults are those of `dockd.profiles.model`; whatever is to be matched against what a camera chose is bounded when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dockd.profiles.commands import A_COMMAND, A_TIME_FORMAT, MOST_COMMANDS, command, time_format
from dockd.profiles.regexes import EXPECTED as A_REGEX
from dockd.profiles.regexes import checked
from dockd.settings import kinds
from dockd.settings.kinds import Kind
from dockd.settings.mistakes import WrongValue, shown
from ingest.rules import pattern_of

MOST_PATTERNS = 100
A_NAME = 'lower-case letters, digits and - (at most 32), such as "patrol-camera"'
A_PATTERN = 'a pattern such as "vfat|exfat", "CAM*" or "?*" (anything, but not nothing)'
A_PATH_PATTERN = 'a path pattern such as "DCIM/*/*.MP4" or "System Volume Information/**"'
A_ZONE = '"UTC", "local" (the station\'s) or a name such as "Europe/Vienna"'
A_PROPERTY = "the name of a udev property, such as ID_VENDOR_ID or ID_FS_LABEL"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9][A-Za-z0-9_+-]{0,30}){0,2}")
_PROPERTY = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
LONGEST_PATTERN = 200
"""Characters; of a path's pattern too, which gets a folder in front where a camera has several volumes (`ingest.rules` takes 256)."""


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise WrongValue(f"{shown(text)} is not a profile's name", A_NAME)
    if text == "folder":
        raise WrongValue('"folder" is what docks that are folders are called', "another name")
    return text


def _pattern(text: str) -> str:
    if not text.isprintable() or len(text) > LONGEST_PATTERN:
        raise WrongValue(f"{shown(text)} is longer than {LONGEST_PATTERN} characters or not printable", A_PATTERN)
    if "" in text.split("|"):
        raise WrongValue(f"{shown(text)} is empty, or has an empty alternative", A_PATTERN)
    return text


def _path_pattern(text: str) -> str:
    if len(text) > LONGEST_PATTERN:
        raise WrongValue(f"{shown(text)} is longer than {LONGEST_PATTERN} characters", A_PATH_PATTERN)
    try:
        pattern_of(text)
    except ValueError as wrong:
        raise WrongValue(f"{shown(text)} {wrong}", A_PATH_PATTERN) from None
    return text


def _zone(text: str) -> str:
    if text == "local":
        return text
    try:
        if _ZONE.fullmatch(text):
            ZoneInfo(text)
            return text
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # said below, as for what is no name of a zone at all
    raise WrongValue(f"{shown(text)} is no time zone that this machine knows", A_ZONE)


def _terminator(text: str) -> str:
    if not text.isascii() or not 1 <= len(text) <= 8:
        raise WrongValue(f"{shown(text)} is no terminator", 'one to eight ASCII characters, such as "#" or "\\r\\n"')
    return text


def _phrase(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not 1 <= len(text) <= 64:
        raise WrongValue(f"{shown(text)} is no part of an answer", "1 to 64 printable ASCII characters")
    return text


def property_name(name: str) -> bool:
    """Whether udev could have a property of this name."""
    return _PROPERTY.fullmatch(name) is not None


def _regex(group: str) -> Kind:
    return kinds.text_like(lambda text: checked(text, group=group), A_REGEX)


def _few(item: Kind, *, plural: str, most: int = MOST_PATTERNS) -> Kind:
    whole = kinds.list_of(item, plural=plural)

    def read(value: object) -> object:
        entries: tuple[object, ...] = whole.read(value)
        if len(entries) > most:
            raise WrongValue(f"has {len(entries)} entries", f"at most {most}")
        return entries

    return Kind(whole.expected, read, whole.from_text, item)


def _text(parse: Callable[[str], str], expected: str) -> Kind:
    return kinds.text_like(parse, expected)


PATTERN = _text(_pattern, A_PATTERN)
_ZONE_KIND = _text(_zone, A_ZONE)
_PATHS = _few(_text(_path_pattern, A_PATH_PATTERN), plural="path patterns")
_COMMAND = _text(command, A_COMMAND)

KEYS: dict[str, dict[str, Kind]] = {
    "": {
        "name": _text(_name, A_NAME),
        "title": kinds.NAME,
        "kind": kinds.choice("disk", "mtp", "unlock"),
        "generic": kinds.FLAG,
        "wipe": kinds.FLAG,
        "time_zone": _ZONE_KIND,
    },
    "match": {"contents": _few(PATTERN, plural="patterns")},
    "identity": {
        "serial": kinds.choice("usb-serial", "volume-label", "volume-uuid", "device-id"),
        "card": kinds.choice("volume-uuid", "volume-label", "none"),
    },
    "files": {"segments": _PATHS, "sidecars": _PATHS, "ignorable": _PATHS},
    "grouping": {
        "pattern": _regex("recording"),
        "pre_record": kinds.duration(0.0, 3600.0),
        "post_record": kinds.duration(0.0, 3600.0),
    },
    "unlock": {
        "login": _COMMAND,
        "accepted": _text(_phrase, "1 to 64 printable ASCII characters"),
        "ask_id": _COMMAND,
        "id_pattern": _regex("value"),
        "ask_clock": _COMMAND,
        "clock_pattern": _regex("value"),
        "ask_battery": _COMMAND,
        "battery_pattern": _regex("value"),
        "set_clock": _few(_COMMAND, plural="commands", most=MOST_COMMANDS),
        "become_disk": _COMMAND,
        "terminator": _text(_terminator, 'one to eight ASCII characters, such as "#" or "\\r\\n"'),
        "time_format": _text(time_format, A_TIME_FORMAT),
        "time_zone": _ZONE_KIND,
        "interface": kinds.number(0, 31, of=""),
        "wait": kinds.duration(1.0, 120.0),
        "password_file": kinds.path('an absolute path such as "/etc/dockd/camera-password"', secret=True),
        "label_is_id": kinds.FLAG,
    },
}
"""Every section ("" for the keys outside of any) and its keys. [match.usb] and [match.volume] hold udev properties, each with a PATTERN."""

PROPERTY_SECTIONS = ("usb", "volume")

NEEDED = (("", "name"), ("", "title"), ("files", "segments"))
"""Keys that every profile has to have."""
