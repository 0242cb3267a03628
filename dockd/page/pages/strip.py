"""The strip of figures on the front page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dockd.page.advice import some
from dockd.page.words import age_words, not_coming_words, room_words, size_words, span_words, uncopied_words
from ingest.clock import from_rfc3339

_STORE_WORDS = {
    "connected": "Connected", "slow": "Slow", "down": "Not reachable", "wrong-store": "Wrong store", "dishonest": "Not to be believed",
    "unknown": "Not yet asked",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One figure of the strip: `tone` is good, plain or bad; `note` is small print."""

    name: str
    value: str
    note: str = ""
    tone: str = "plain"


def oldest(status: dict[str, Any]) -> Fact:
    """The oldest footage that the store has not confirmed. What is lost is not confirmed either."""
    name, found, lost = "Oldest footage not yet in the store", status["oldest_unconfirmed"], status["lost_segments"]
    if found is None:
        if status["trouble"]:
            return Fact(name=name, value="Not known", tone="bad")
        if lost:
            return Fact(
                name=name, value="None", note=f"{some(lost)} {'has' if lost == 1 else 'have'} no copy left", tone="bad"
            )
        return Fact(name=name, value="None", note="all footage is confirmed", tone="good")
    place = f"bay {found['bay']}" if found["bay"] is not None else f"camera {found['camera']}, not docked"
    return Fact(
        name=name, value=f"{age_words(found['age_seconds'])} old", note=place,
        tone="bad" if found["bay"] is None else "plain",
    )  # fmt: skip


def _all_is_in(status: dict[str, Any]) -> bool:
    """Whether every segment that is known of is in the store."""
    parts = ("backlog", "held", "away")
    return not status["trouble"] and not status["lost_segments"] and not any(status[part]["segments"] for part in parts)


def on_its_way(status: dict[str, Any]) -> Fact:
    """What comes by itself, and by when. Green only where nothing at all is outside of the store."""
    name, backlog = "On its way to the store", status["backlog"]
    if status["trouble"]:
        return Fact(name=name, value="Not known", tone="bad")
    if not backlog["segments"]:
        return Fact(name=name, value="Nothing", tone="good" if _all_is_in(status) else "plain")
    eta = backlog["eta_seconds"]
    note = some(backlog["segments"])
    if eta is not None:
        note += f", {span_words(eta['low'], eta['high'])}"
    return Fact(
        name=name, value=size_words(backlog["bytes"]), note=", ".join(filter(None, (note, uncopied_words(backlog))))
    )


def not_coming(status: dict[str, Any]) -> Fact:
    """What does not come by itself: on cameras that are not here, and held."""
    name, away, held = "Not in the store, and not on its way", status["away"], status["held"]
    if status["trouble"]:
        return Fact(name=name, value="Not known", tone="bad")
    if not away["segments"] and not held["segments"]:
        return Fact(name=name, value="Nothing", tone="good" if _all_is_in(status) else "plain")
    return Fact(
        name=name, value=size_words(away["bytes"] + held["bytes"]), note=", ".join(not_coming_words(status)), tone="bad"
    )


def store(status: dict[str, Any]) -> Fact:
    """How the store stands."""
    store = status["store"]
    good = store["state"] == "connected"
    tone = "good" if good else "plain" if store["state"] == "unknown" else "bad"
    since = from_rfc3339(status["time"]) - from_rfc3339(store["since"])
    note = "" if good or store["state"] == "unknown" else f"for {age_words(since)}"
    return Fact(name="Central store", value=_STORE_WORDS[store["state"]], note=note, tone=tone)


def room(status: dict[str, Any]) -> Fact:
    """What room there is on the dock, and how long it lasts."""
    free, size, kept = status["spool"]["free_bytes"], status["spool"]["size_bytes"], status["spool"].get("kept")
    low = free is None or (size and free * 20 < size)
    return Fact(
        name="Room on the dock",
        value=room_words(free, status["spool"]["days_left"]),
        note="; ".join(filter(None, (f"of {size_words(size)}" if size else "", kept["text"] if kept else ""))),
        tone="bad" if low else "plain",
    )
