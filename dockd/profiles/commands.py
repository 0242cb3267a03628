"""What is said to a camera before it becomes a disk, and what its answers mean. Pure: whoever holds the line sends and reads.

Rules kept here: commands are ASCII and bounded; only the time and the password are filled in, and the password never comes back out in a
message; an answer is the device's own word, so it is cut to a bounded length before anything looks into it, and nonsense is None.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from dockd.profiles.model import Unlock
from dockd.profiles.regexes import LONGEST_TEXT
from dockd.settings.mistakes import WrongValue, shown

MOST_COMMANDS = 8
A_COMMAND = 'a command such as "@Gdv;8;{password};", with {password}, {time} or {time:%Y%m%d} filled in'
A_TIME_FORMAT = 'the order of a time such as "%Y%m%d%H%M%S" (%Y %m %d %H %M %S %y %j %%)'

_DIRECTIVES = re.compile(r"(?:%[YmdHMSyj%]|[^%{}])+")
_FILLED = re.compile(r"\{(?:(password)|time(?::([^{}]+))?)\}")


def command(text: str) -> str:
    """A command as it stands in a profile. Raises WrongValue."""
    if not text.isascii() or not text.isprintable() or not 1 <= len(text) <= 200:
        raise WrongValue(f"{shown(text)} is not 1 to 200 printable ASCII characters", A_COMMAND)
    rest = _FILLED.sub("", text)
    if "{" in rest or "}" in rest:
        raise WrongValue(f"{shown(text)} has a {{ or }} that fills in nothing known", A_COMMAND)
    for found in _FILLED.finditer(text):
        if found[2]:
            time_format(found[2])
    return text


def time_format(text: str) -> str:
    """How a camera writes a time. Raises WrongValue."""
    if not text.isascii() or not text.isprintable() or len(text) > 64 or _DIRECTIVES.fullmatch(text) is None:
        raise WrongValue(f"{shown(text)} is no order of a time", A_TIME_FORMAT)
    return text


def asks_for(text: str, what: str) -> bool:
    """Whether a command has `what` ("password" or "time") filled in."""
    return any((found[1] or "time") == what for found in _FILLED.finditer(text))


def spoken(unlock: Unlock, text: str, *, now: datetime, password: str = "") -> tuple[bytes, ...]:
    """What to send for one of the profile's commands: each line of `text` with its terminator, the time (`now`, aware) in the camera's zone.

    Raises ValueError where the password is no printable ASCII or ends a command; the message does not repeat it.
    """
    if not password.isascii() or not password.isprintable() or unlock.terminator in password:
        raise ValueError("the camera's password has characters in it that cannot be sent")
    local = now.astimezone(zone(unlock.time_zone))

    def filled(found: re.Match[str]) -> str:
        return password if found[1] else local.strftime(found[2] or unlock.time_format)

    lines = [line for line in text.split("\n") if line]
    return tuple((_FILLED.sub(filled, line) + unlock.terminator).encode("ascii") for line in lines)


def heard(pattern: str, answer: bytes) -> str | None:
    """What the group `value` of a profile's pattern finds in an answer; None where it finds nothing.

    >>> heard(r"@Gdv;\\d++;(?P<value>\\w++)", b"@Gdv;8;CAM00017;#")
    'CAM00017'
    """
    found = re.search(pattern, answer[:LONGEST_TEXT].decode("ascii", "replace"), re.IGNORECASE | re.ASCII)
    return (found["value"] or "").strip() or None if found else None


def heard_clock(unlock: Unlock, answer: bytes) -> datetime | None:
    """The time that a camera told, aware; None where it told none."""
    value = heard(unlock.clock_pattern, answer)
    try:
        told = datetime.strptime(value or "", unlock.time_format)  # noqa: DTZ007 - its zone is the profile's, in the next line
        where = zone(unlock.time_zone)
        return (told.replace(tzinfo=where) if where else told.astimezone()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def heard_battery(unlock: Unlock, answer: bytes) -> int | None:
    """The charge that a camera told, 0 to 100; None where it told none."""
    value = heard(unlock.battery_pattern, answer)
    if value is None or not value.isdecimal() or len(value) > 3:
        return None
    return int(value) if int(value) <= 100 else None


def zone(name: str) -> tzinfo | None:
    """The zone of a profile's `time_zone`; None: the station's own."""
    return None if name == "local" else ZoneInfo(name)
