"""What a profile may have said to a camera before it becomes a disk. Pure. `ingest.camera.unlock` says it, and reads the answers.

Rules kept here: commands are ASCII and bounded; nothing but the time and the password is filled in.
"""

from __future__ import annotations

import re

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
