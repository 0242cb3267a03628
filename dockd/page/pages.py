"""The pages for people: rendered here, readable without any script, kept current by one where there is one.

Rules kept here: Jinja2 escapes everything; what a camera calls its files is shown by `legible`; nothing is fetched from anywhere else.
One rendering serves all viewers until something changes.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jinja2
from aiohttp import web

from dockd.page.advice import some
from dockd.page.documents import Document
from dockd.page.doorkeeper import Problem, tagged
from dockd.page.facts import Sources
from dockd.page.view import Snapshot, View
from dockd.page.words import age_words, headline, not_coming_words, room_words, size_words, span_words, uncopied_words
from ingest.clock import from_rfc3339
from ingest.copies import word
from ingest.errors import LedgerUnusable
from ingest.ledger import views
from ingest.model import legible

_STATIC = {"page.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SHOWN_SEGMENTS = 500
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


def templates() -> jinja2.Environment:
    """The pages' templates, in which everything is escaped and nothing may be missing."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("dockd.page", "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters["size"] = size_words
    return found


class Pages:
    """`/`, `/bays/{n}`, and what they load."""

    def __init__(self, *, sources: Sources, view: View) -> None:
        self._sources = sources
        self._view = view
        files = importlib.resources.files("dockd.page")
        self._static = {name: (files / "static" / name).read_bytes() for name in _STATIC}
        self._templates = templates()
        self._draw_tile: Callable[[Document], str] = self._templates.get_template("tile.html").module.tile  # type: ignore[attr-defined]
        self._tiles: dict[int, tuple[Document, str]] = {}
        self._rendered: tuple[tuple[Any, ...], dict[str, bytes]] = ((), {})

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/", self.front)
        router.add_get("/parts", self.parts)
        router.add_get("/bays/{n:[0-9]{1,9}}", self.bay)
        router.add_get("/static/{name}", self.static)
        router.add_get("/favicon.ico", self.icon)

    async def front(self, request: web.Request) -> web.Response:
        """Can the next shift go out? Is anything unsafe?"""
        return tagged(request, await self._render("front.html"), content_type="text/html")

    async def parts(self, request: web.Request) -> web.Response:
        """What changes on the front page, for the script."""
        return tagged(request, await self._render("parts.html"), content_type="text/html")

    async def _render(self, template: str) -> bytes:
        snapshot = await self._view.look()
        status = self._view.status_now(snapshot)
        age = (status["oldest_unconfirmed"] or {}).get("age_seconds", 0)
        key = (snapshot.sequence, snapshot.status, age // 60, status["time"][:16])
        if self._rendered[0] != key:
            self._rendered = (key, {})
        if template not in self._rendered[1]:
            text = self._templates.get_template(template).render(
                status=status, tiles=[self._tile(bay) for bay in snapshot.bays.values()], problems=list(snapshot.problems), facts=self._strip(snapshot),
                headline=headline(status["ready"], status["needs_action"], status["usable"]),
            )  # fmt: skip
            self._rendered[1][template] = text.encode("utf-8", "backslashreplace")
        return self._rendered[1][template]

    def _tile(self, bay: Document) -> str:
        """A bay's tile, rendered once for each of its documents."""
        known = self._tiles.get(bay["number"])
        if known is None or known[0] is not bay:
            known = (bay, self._draw_tile(bay))
            self._tiles[bay["number"]] = known
        return known[1]

    def _strip(self, snapshot: Snapshot) -> list[Fact]:
        status = self._view.status_now(snapshot)
        return [oldest(status), on_its_way(status), not_coming(status), _store(status), _room(status)]

    async def bay(self, request: web.Request) -> web.Response:
        """One bay: why it is as it is, and its segments."""
        number = int(request.match_info["n"])
        snapshot = await self._view.look()
        if number not in snapshot.bays:
            raise Problem(404, f"there is no bay {number}")
        bay = self._sources.rack.bays[number]
        docking = bay.visit.docking if bay.visit is not None else bay.docking
        rows: list[dict[str, str]] = []
        if docking:
            try:
                found = await self._sources.ledger.read(
                    lambda db: views.segments_of(db.execute, docking, count=_SHOWN_SEGMENTS)
                )
            except LedgerUnusable as error:
                raise Problem(503, error.message) from error
            rows = [
                {
                    "path": legible(one.path), "size": size_words(one.size), "note": one.held_message or one.trouble or "",
                    "word": word(one.copies, held=one.held is not None),
                }
                for one in found
            ]  # fmt: skip
        text = self._templates.get_template("bay.html").render(
            status=self._view.status_now(snapshot), bay=snapshot.bays[number], segments=rows, most=_SHOWN_SEGMENTS
        )
        return tagged(request, text.encode("utf-8", "backslashreplace"), content_type="text/html")

    async def static(self, request: web.Request) -> web.Response:
        """Style, script, icon: from memory, by name."""
        name = request.match_info["name"]
        if name not in _STATIC:
            raise Problem(404, "there is nothing at this address")
        response = tagged(request, self._static[name], content_type=_STATIC[name])
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def icon(self, request: web.Request) -> web.Response:
        """For browsers that ask without being told."""
        return tagged(request, self._static["icon.svg"], content_type="image/svg+xml")


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


def _store(status: dict[str, Any]) -> Fact:
    store = status["store"]
    good = store["state"] == "connected"
    tone = "good" if good else "plain" if store["state"] == "unknown" else "bad"
    since = from_rfc3339(status["time"]) - from_rfc3339(store["since"])
    note = "" if good or store["state"] == "unknown" else f"for {age_words(since)}"
    return Fact(name="Central store", value=_STORE_WORDS[store["state"]], note=note, tone=tone)


def _room(status: dict[str, Any]) -> Fact:
    free, size, kept = status["spool"]["free_bytes"], status["spool"]["size_bytes"], status["spool"].get("kept")
    low = free is None or (size and free * 20 < size)
    return Fact(
        name="Room on the dock",
        value=room_words(free, status["spool"]["days_left"]),
        note="; ".join(filter(None, (f"of {size_words(size)}" if size else "", kept["text"] if kept else ""))),
        tone="bad" if low else "plain",
    )
