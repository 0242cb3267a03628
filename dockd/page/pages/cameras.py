"""`/cameras`: who has which camera, where each is, and which have not come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from dockd.page.doorkeeper import Problem
from dockd.page.language import said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import address, ask, clean, limit_of, number_of, plain, text_of, with_query
from dockd.page.rights import needs
from dockd.page.roll import Row, roll, sums
from dockd.page.words import age_words, moment_words
from ingest.ledger import issues, page_cameras

_A_PAGE = 200
_USUAL_HOURS = 24
_MOST_HOURS = 24 * 366
SHOWS: Mapping[str, tuple[str, Callable[[Row], bool]]] = {
    "all": (said("All cameras"), lambda row: True),
    "out": (said("Out"), lambda row: row.where == "out"),
    "absent": (said("Not come back"), lambda row: row.absent and row.where == "out"),
    "here": (said("In a bay"), lambda row: row.where == "here"),
    "issued": (said("Issued from the pool"), lambda row: row.issue is not None),
    "pool": (said("The pool"), lambda row: row.kind == "pool"),
    "personal": (said("Somebody's own"), lambda row: row.kind == "personal"),
    "never": (said("On the list, never docked here"), lambda row: row.where == "never"),
    "unlisted": (said("Docked here, not on the list"), lambda row: row.kind is None),
}


class CamerasPage:
    """`/cameras`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/cameras", self.cameras)

    @needs("read")
    async def cameras(self, request: web.Request) -> web.Response:
        """The list. `?show=`, `?hours=` (for how long one that has not come back was not seen), `?q=` (part of a name), `?after=`, `?limit=`."""
        show, q, after = text_of(request, "show") or "all", text_of(request, "q"), clean(request.query.get("after", ""))
        if show not in SHOWS:
            raise Problem(400, f"show is one of {', '.join(SHOWS)}")
        hours, count = number_of(request, "hours", most=_MOST_HOURS) or _USUAL_HOURS, limit_of(request, usual=_A_PAGE)
        now = self._sources.clock.now()
        every = await self._roll(now, not_seen=hours * 3600.0)
        rows = [row for row in every if SHOWS[show][1](row) and _is_asked_for(row, q)]
        start = next((at for at, row in enumerate(rows, 1) if row.id == after), 0) if after else 0
        found = rows[start : start + count]
        asked = {"show": show, "hours": str(hours), "q": q}
        return await self._rendering.page(
            request, "cameras.html", asked=asked, shows=[(name, word) for name, (word, _which) in SHOWS.items()], rows=[_told(row, now) for row in found],
            sums=sums(every), hours=hours, total=len(rows), next=found[-1].id if start + count < len(rows) else None, keep=with_query(asked),
            first=address("cameras", **asked) if start else "", trouble=self._view.registry.trouble, has_list=bool(self._view.registry.assigned),
            filtered=bool(q) or show != "all",
        )  # fmt: skip

    async def _roll(self, now: float, *, not_seen: float) -> list[Row]:
        seen, issued = await ask(
            self._sources, lambda execute: (page_cameras.last_dockings(execute), issues.issued(execute))
        )
        here = {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}
        return roll(
            seen=seen, registry=self._view.registry, here=here, issued=issued, now=now, not_seen=not_seen
        )  # fmt: skip


def _is_asked_for(row: Row, q: str) -> bool:
    part = q.casefold()
    return not part or any(part in text.casefold() for text in (row.id, row.serial, row.officer, row.note))


def _told(row: Row, now: float) -> dict[str, Any]:
    return {
        "href": address("cameras", row.id), "name": plain(row.name), "whose": whose(row), "note": plain(row.note), "where": where(row), "bay": row.bay,
        "here": row.where == "here", "last": moment_words(row.last) if row.last is not None else "", "absent": row.absent and row.where == "out",
        "age": age_words(max(0.0, now - row.last)) if row.last is not None else "",
    }  # fmt: skip


def whose(row: Row) -> str:
    """Whose it is, or who has it."""
    if row.issue is not None and row.where == "here":
        return said(
            "To go to {officer}, from the pool since {since}; it is in its bay",
            officer=plain(row.issue.officer),
            since=moment_words(row.issue.since),
        )
    if row.issue is not None:
        return said(
            "{officer}, from the pool since {since}",
            officer=plain(row.issue.officer),
            since=moment_words(row.issue.since),
        )
    if row.kind == "personal":
        return plain(row.officer)
    return said("The pool") if row.kind == "pool" else said("Not on the list")


def where(row: Row) -> str:
    """Where it is."""
    if row.where == "here":
        return said("Bay {bay}", bay=row.bay)
    if row.where == "never":
        return said("Never docked here")
    return said("Out; last in bay {bay}", bay=row.bay) if row.bay is not None else said("Out")
