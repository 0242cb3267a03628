"""Figures as people say them. Pure.

>>> size_words(3_400_000_000), age_words(7_500), span_words(600, 1200)
('3.4 GB', '2 h 5 min', '10 to 20 min')
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def size_words(size: int | None) -> str:
    """Bytes in decimal units, as on the box of a card."""
    if size is None:
        return "not known"
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    if unit == "bytes":
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def age_words(seconds: float) -> str:
    """How long ago, in two units at most."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    if days > 60:
        return f"{days} days"
    return f"{_some(days, 'day')} {hours} h" if hours else _some(days, "day")


def moment_words(moment: float) -> str:
    """A moment (seconds since the epoch) on the station's own clock; it does not tick."""
    return time.strftime("%H:%M on %-d %B", time.localtime(moment))


def time_words(moment: float) -> str:
    """The time of day of a moment (seconds since the epoch) that is less than a day away, on the station's own clock."""
    return time.strftime("%H:%M", time.localtime(moment))


def kept_words(size: int, first: float, last: float, *, why: str) -> str:
    """What is kept on the dock though the store has it, and until when (seconds since the epoch)."""
    begins, ends = moment_words(first), moment_words(last)
    until = begins if begins == ends else f"{begins} (the last of it until {ends})"
    return f"{size_words(size)} that the store has are kept until {until}, {why}."


def span_words(low: int, high: int) -> str:
    """A range of seconds, rounded."""
    if high <= 60:
        return "about a minute"
    if low < 60:
        return f"up to {age_words(high)}"
    if high < 3600:
        return f"{low // 60} to {high // 60} min"
    return f"{age_words(low)} to {age_words(high)}"


def headline(ready: int, needs_action: int, usable: int = 0) -> str:
    """What everybody wants to know first.

    >>> headline(3, 1), headline(0, 2), headline(0, 1, usable=12)
    ('3 ready, 1 needs action', '0 ready, 2 need action', '0 ready, 12 may go out, 1 needs action')
    """
    may = f", {usable} may go out" if usable else ""
    if needs_action:
        return f"{ready} ready{may}, {needs_action} need{'s' if needs_action == 1 else ''} action"
    return f"{ready} ready{may}"


def room_words(free: int | None, days: float | None) -> str:
    """The dock's room, and how long it lasts if the store takes nothing.

    >>> room_words(53_000_000_000, 3.25), room_words(0, 0.0), room_words(5, None), room_words(None, None)
    ('53 GB, 3 days without the store', '0 bytes, under a day without the store', '5 bytes', 'not known')
    """
    if days is None:
        return size_words(free)
    lasts = "under a day" if days < 1 else _some(int(days), "day")
    return f"{size_words(free)}, {lasts} without the store"


def uncopied_words(backlog: Mapping[str, Any]) -> str:
    """What of a status' backlog is on the cameras in the bays alone; empty where that is nothing (or an older agent does not say).

    >>> uncopied_words({"on_cameras_alone": {"segments": 2, "bytes": 311_000_000}})
    '311 MB of it on cameras alone'
    """
    alone = backlog.get("on_cameras_alone")
    return f"{size_words(alone['bytes'])} of it on cameras alone" if alone and alone["segments"] else ""


def not_coming_words(status: Mapping[str, Any]) -> list[str]:
    """What of a status is not in the store and does not come by itself, by where it is; empty where there is none.

    >>> not_coming_words({"away": {"segments": 2, "cameras": 1}, "held": {"segments": 1}})
    ['2 segments on 1 camera that is not here', '1 segment held here']
    """
    away, held = status["away"], status["held"]
    found = []
    if away["segments"]:
        where = "that is not here" if away["cameras"] == 1 else "that are not here"
        found.append(f"{_some(away['segments'], 'segment')} on {_some(away['cameras'], 'camera')} {where}")
    if held["segments"]:
        found.append(f"{_some(held['segments'], 'segment')} held here")
    return found


def _some(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
