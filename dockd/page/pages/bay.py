"""One bay: why it is as it is, and its segments."""

from __future__ import annotations

from aiohttp import web

from dockd.page.doorkeeper import Problem
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs
from dockd.page.words import size_words
from ingest.copies import word
from ingest.errors import LedgerUnusable
from ingest.ledger import views
from ingest.model import legible

_SHOWN_SEGMENTS = 500


class BayPage:
    """`/bays/{n}`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/bays/{n:[0-9]{1,9}}", self.bay)

    @needs("read")
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
        return await self._rendering.page(
            request, "bay.html", bay=snapshot.bays[number], segments=rows, most=_SHOWN_SEGMENTS
        )
