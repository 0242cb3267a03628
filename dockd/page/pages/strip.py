"""The strip of figures on the front page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dockd.page.language import counted, joined, said
from dockd.page.moments import clock
from dockd.page.words import (
    age_words,
    not_coming_words,
    room_words,
    size_words,
    some,
    span_words,
    uncopied_words,
    unlisted,
)
from ingest.clock import from_rfc3339

_STORE_WORDS = {
    "connected": said("Connected"), "slow": said("Slow"), "down": said("Not reachable"), "wrong-store": said("Wrong store"),
    "dishonest": said("Not to be believed"), "unknown": said("Not yet asked"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One figure of the strip: `tone` is good, plain or bad; `note` is small print."""

    name: str
    value: str
    note: str = ""
    tone: str = "plain"


def all_of(status: dict[str, Any], bays: Iterable[Mapping[str, Any]]) -> list[Fact]:
    """All of them, in the order in which a sergeant asks. Of cameras in `bays` that nobody has listed yet no figure has anything: that is said."""
    unread = len(unlisted(bays))
    return [
        oldest(status, unread), on_its_way(status, unread), not_coming(status, unread), store(status), room(status),
    ]  # fmt: skip


def oldest(status: dict[str, Any], unread: int = 0) -> Fact:
    """The oldest footage that the store has not confirmed. What is lost is not confirmed either."""
    name, found, lost = (
        said("Oldest footage not yet in the store"),
        status["oldest_unconfirmed"],
        status["lost_segments"],
    )
    if found is None:
        if status["trouble"]:
            return Fact(name=name, value=said("Not known"), tone="bad")
        if lost:
            note = counted(
                "{segments} has no copy left", "{segments} have no copy left", count=lost, segments=some(lost)
            )
            return Fact(name=name, value=said("None"), note=note, tone="bad")
        if doubt := status["in_doubt_segments"]:
            note = counted("{segments} is in doubt", "{segments} are in doubt", count=doubt, segments=some(doubt))
            return Fact(name=name, value=said("None"), note=note, tone="bad")
        if not status["sound"]:
            return Fact(name=name, value=said("None"), note=said("what was confirmed is in doubt"), tone="bad")
        if unread:
            return Fact(name=name, value=said("None"), note=said("all that was listed is confirmed"))
        return Fact(name=name, value=said("None"), note=said("all footage is confirmed"), tone="good")
    here = found["bay"] is not None
    place = said("bay {bay}", bay=found["bay"]) if here else said("camera {camera}, not docked", camera=found["camera"])
    return Fact(
        name=name, value=said("{age} old", age=age_words(found["age_seconds"])), note=place,
        tone="plain" if here else "bad",
    )  # fmt: skip


def _all_is_in(status: dict[str, Any], unread: int) -> bool:
    """Whether every segment is in the store, as far as that can be known, and nothing speaks against the store's word or the dock's."""
    parts = ("backlog", "held", "away")
    gone = status["lost_segments"] or status["in_doubt_segments"]
    return (
        status["sound"] and not status["trouble"] and not gone and not unread
        and not any(status[part]["segments"] for part in parts)
    )  # fmt: skip


def on_its_way(status: dict[str, Any], unread: int = 0) -> Fact:
    """What comes by itself, and by when. Green only where nothing at all is outside of the store."""
    name, backlog = said("On its way to the store"), status["backlog"]
    if status["trouble"]:
        return Fact(name=name, value=said("Not known"), tone="bad")
    if not backlog["segments"]:
        return Fact(name=name, value=_nothing(unread), tone="good" if _all_is_in(status, unread) else "plain")
    eta = backlog["eta_seconds"]
    there = said("there in {span}", span=span_words(eta["low"], eta["high"])) if eta is not None else ""
    note = joined(there, some(backlog["segments"]), uncopied_words(backlog), by=", ")
    return Fact(name=name, value=size_words(backlog["bytes"]), note=note)


def _nothing(unread: int) -> str:
    return said("Nothing of what was listed") if unread else said("Nothing")


def not_coming(status: dict[str, Any], unread: int = 0) -> Fact:
    """What does not come by itself: on cameras that are not here, and held; and of how many bays nobody can say."""
    name, away, held = said("Not in the store, and not on its way"), status["away"], status["held"]
    if status["trouble"]:
        return Fact(name=name, value=said("Not known"), tone="bad")
    bays = counted("nothing is listed of {count} bay", "nothing is listed of {count} bays", count=unread)
    note = joined(*not_coming_words(status), bays if unread else "", by=", ")
    if not away["segments"] and not held["segments"]:
        return Fact(
            name=name, value=_nothing(unread), note=note, tone="good" if _all_is_in(status, unread) else "plain",
        )  # fmt: skip
    return Fact(name=name, value=size_words(away["bytes"] + held["bytes"]), note=note, tone="bad")


def store(status: dict[str, Any]) -> Fact:
    """How the store stands, and what the line may carry."""
    store, line = status["store"], status["bandwidth"]
    good = store["state"] == "connected"
    tone = "good" if good else "plain" if store["state"] in ("unknown", "slow") else "bad"
    since = from_rfc3339(status["time"]) - from_rfc3339(store["since"])
    lasts = "" if good or store["state"] == "unknown" else said("for {age}", age=age_words(since))
    return Fact(name=said("Link to the store"), value=_STORE_WORDS[store["state"]], note=joined(lasts, _line(line), by=", "), tone=tone)  # fmt: skip


def _line(line: dict[str, Any]) -> str:
    """What may be sent, where that is bounded."""
    rate = line["limit_bytes_per_second"]
    if rate is None:
        return ""
    megabits = rate * 8 / 1e6
    shown = f"{megabits:.0f}" if megabits >= 10 else f"{megabits:.1f}"
    if line["until"]:
        return said("at most {rate} Mbit/s until {time}", rate=shown, time=clock(line["until"]))
    return said("at most {rate} Mbit/s", rate=shown)


def room(status: dict[str, Any]) -> Fact:
    """What room there is on the dock, and how long it lasts."""
    free, size, kept = status["spool"]["free_bytes"], status["spool"]["size_bytes"], status["spool"].get("kept")
    low = free is None or (size and free * 20 < size)
    of = said("of {size}", size=size_words(size)) if size else ""
    return Fact(
        name=said("Room on the dock"), value=room_words(free, status["spool"]["days_left"]),
        note=joined(of, kept["text"] if kept else "", by="; "), tone="bad" if low else "plain",
    )  # fmt: skip
