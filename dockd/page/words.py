"""Figures as people say them: messages (dockd.page.language), English until they are told in another language. Pure.

>>> size_words(3_400_000_000), age_words(7_500), span_words(600, 1200)
('3.4 GB', '2 h 5 min', '10 to 20 min')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from dockd.page.language import Figure, Moment, counted, joined, said

_UNREAD = {"reading", "queued", "copy_failed", "bay_fault", "unknown"}

Thing = Literal["segment", "file", "place", "camera", "bay", "day", "problem"]


def some(count: int, thing: Thing = "segment") -> str:
    """
    >>> some(1), some(2, "file")
    ('1 segment', '2 files')
    """
    match thing:
        case "segment":
            return counted("{count} segment", "{count} segments", count=count)
        case "file":
            return counted("{count} file", "{count} files", count=count)
        case "place":
            return counted("{count} place", "{count} places", count=count)
        case "camera":
            return counted("{count} camera", "{count} cameras", count=count)
        case "bay":
            return counted("{count} bay", "{count} bays", count=count)
        case "problem":
            return counted("{count} problem", "{count} problems", count=count)
        case "day":
            return counted("{count} day", "{count} days", count=count)


def size_words(size: int | None) -> str:
    """Bytes in decimal units, as on the box of a card."""
    if size is None:
        return said("not known")
    value, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    amount = Figure(value, 1 if value < 10 else 0)
    match unit:
        case "bytes":
            return counted("{count} byte", "{count} bytes", count=size)
        case "kB":
            return said("{amount} kB", amount=amount)
        case "MB":
            return said("{amount} MB", amount=amount)
        case "GB":
            return said("{amount} GB", amount=amount)
        case _:
            return said("{amount} TB", amount=amount)


def age_words(seconds: float) -> str:
    """How long ago, in two units at most."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return said("under a minute")
    if minutes < 60:
        return said("{minutes} min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return (
            said("{hours} h {minutes} min", hours=hours, minutes=minutes) if minutes else said("{hours} h", hours=hours)
        )
    days, hours = divmod(hours, 24)
    if days > 60 or not hours:
        return some(days, "day")
    return said("{days} {hours} h", days=some(days, "day"), hours=hours)


def moment_words(moment: float) -> str:
    """A moment (seconds since the epoch) on the station's own clock; it does not tick."""
    return said("{time} on {day}", time=time_words(moment), day=Moment(moment, "d MMMM"))


def time_words(moment: float) -> str:
    """The time of day of a moment (seconds since the epoch) that is less than a day away, on the station's own clock."""
    return Moment(moment, "HH:mm")


def kept_words(size: int, first: float, last: float, *, why: str) -> str:
    """What is kept on the dock though the store has it, and until when (seconds since the epoch)."""
    begins, ends = moment_words(first), moment_words(last)
    until = begins
    if begins != ends:
        until = said("{begins} (the last of it until {ends})", begins=begins, ends=ends)
    return said("{size} that the store has are kept until {until}, {why}.", size=size_words(size), until=until, why=why)


def span_words(low: int, high: int) -> str:
    """A range of seconds, rounded."""
    if high <= 60:
        return said("about a minute")
    if low < 60:
        return said("up to {age}", age=age_words(high))
    if high < 3600:
        return said("{low} to {high} min", low=low // 60, high=high // 60)
    return said("{low} to {high}", low=age_words(low), high=age_words(high))


def headline(ready: int, needs_action: int, usable: int = 0, *, worst: str = "") -> str:
    """What everybody wants to know first. `worst`: what is wrong with the rack as a whole, a sentence.

    >>> headline(3, 1), headline(0, 2), headline(0, 1, usable=12)
    ('3 ready, 1 needs action', '0 ready, 2 need action', '0 ready, 12 may go out, 1 needs action')
    >>> headline(4, 0, worst="The central store cannot be reached.")
    '4 ready. The central store cannot be reached.'
    """
    may = counted("{count} may go out", "{count} may go out", count=usable) if usable else ""
    need = counted("{count} needs action", "{count} need action", count=needs_action) if needs_action else ""
    return joined(joined(counted("{count} ready", "{count} ready", count=ready), may, need, by=", "), worst, by=". ")


def headline_of(status: Mapping[str, Any], *, whole: bool = True) -> str:
    """The headline of a status; with `whole`, what is wrong with the rack is in it (an older agent does not say)."""
    worst = status.get("rack_problem") if whole else None
    return headline(
        status["ready"], status["needs_action"], status.get("usable", 0), worst=worst["text"] if worst else ""
    )


def room_words(free: int | None, days: float | None) -> str:
    """The dock's room, and how long it lasts if the store takes nothing.

    >>> room_words(53_000_000_000, 3.25), room_words(0, 0.0), room_words(5, None), room_words(None, None)
    ('53 GB, 3 days without the store', '0 bytes, under a day without the store', '5 bytes', 'not known')
    """
    if days is None:
        return size_words(free)
    lasts = said("under a day") if days < 1 else some(int(days), "day")
    return said("{room}, {lasts} without the store", room=size_words(free), lasts=lasts)


def uncopied_words(backlog: Mapping[str, Any]) -> str:
    """What of a status' backlog is on the cameras in the bays alone; empty where that is nothing (or an older agent does not say).

    >>> uncopied_words({"on_cameras_alone": {"segments": 2, "bytes": 311_000_000}})
    '311 MB of it on cameras alone'
    """
    alone = backlog.get("on_cameras_alone")
    return said("{size} of it on cameras alone", size=size_words(alone["bytes"])) if alone and alone["segments"] else ""


def unlisted(bays: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of bays with something of which nobody knows yet what is on it: no figure of a status has any of that.

    >>> unlisted([{"number": 1, "state": "copy_failed", "segments": {"listed": 0}}, {"number": 2, "state": "reading", "segments": {"listed": 3}}])
    [1]
    """
    return [bay["number"] for bay in bays if bay.get("state") in _UNREAD and not bay["segments"]["listed"]]


def not_coming_words(status: Mapping[str, Any]) -> list[str]:
    """What of a status is not in the store and does not come by itself, by where it is; empty where there is none.

    >>> not_coming_words({"away": {"segments": 2, "cameras": 1}, "held": {"segments": 1}})
    ['2 segments on 1 camera that is not here', '1 segment held here']
    """
    away, held = status["away"], status["held"]
    found: list[str] = []
    if away["segments"]:
        found.append(counted("{segments} on {count} camera that is not here", "{segments} on {count} cameras that are not here", count=away["cameras"], segments=some(away["segments"])))  # fmt: skip
    if held["segments"]:
        found.append(said("{segments} held here", segments=some(held["segments"])))
    return found
