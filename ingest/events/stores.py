"""What is found of a store."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.events.base import Event, Level, event


@event
class StorePinned(Event, action="store.pinned", text="the store {store} at {url} is pinned"):
    store: str
    url: str
    method: str
    keys: list[str]


@event
class StoreKeyRotated(
    Event, action="store.key_rotated", text="the store {store} has a new key, signed by a pinned one"
):
    store: str
    keys: list[str]


@event
class StoreHonest(Event, action="store.honest", text="the store {store} refused wrong bytes, as it must"):
    store: str


@event
class StoreCaught(
    Event,
    action="store.dishonest",
    text="the store {store} is not to be believed: {error}. Nothing is deleted until a person pins it anew",
    level="error",
    outcome="failure",
):
    store: str
    error: str


@event
class StoreWentBack(
    Event,
    action="store.went_back",
    text="the store {store} went back in time: it had given this dock its receipt {known}, and now gave it receipt {number}. "
    "Whatever it has proven since then is asked for again",
    level="error",
    outcome="failure",
):
    store: str
    number: int
    known: int
    last_receipt: int


@event
class StoreUnconfirmed(
    Event,
    action="store.unconfirmed",
    text="nothing is deleted until a person pins the store anew: {error}",
    level="warning",
    outcome="unknown",
):
    error: str


@event
class StoreChanged(Event, action="store.state", text="the store is {state}: {error}", outcome="unknown", custody=False):
    state: str
    error: str

    def severity(self) -> Level:
        """An outage is told to whoever wants warnings alone."""
        return _OF_STATE.get(self.state, "info")


_OF_STATE: Mapping[str, Level] = {"down": "warning", "wrong-store": "warning", "dishonest": "error"}
