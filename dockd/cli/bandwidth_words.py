"""What may be sent, in words, with times as the clock on the station's wall shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dockd.settings.units import format_rate

_WHY = {"timetable": "by the timetable", "limit": "by bandwidth.limit", "none": "nothing limits it"}


def rate_words(limit: int | None) -> str:
    """Bytes per second as links are sold.

    >>> rate_words(2_500_000), rate_words(None)
    ('20 Mbit/s', 'no limit')
    """
    return "no limit" if limit is None else format_rate(limit)


def when_words(moment: str) -> str:
    """RFC 3339 as weekday, date and time here."""
    return datetime.fromisoformat(moment).astimezone().strftime("%a %Y-%m-%d %H:%M")


def holding_words(said: dict[str, Any]) -> str:
    """What holds now, and why."""
    rate, source, until = rate_words(said["limit_bytes_per_second"]), said["source"], said["until"]
    if source == "override" and until is not None:
        return f"{rate}, set by hand until {when_words(until)}"
    return rate if source == "none" else f"{rate}, {_WHY.get(source, source)}"


def coming_words(said: dict[str, Any]) -> list[str]:
    """One line for each change that is known ahead."""
    return [
        f"{when_words(one['at'])}  {rate_words(one['limit_bytes_per_second'])}, {_WHY.get(one['source'], one['source'])}"
        for one in said["next"]
    ]
