"""The front page: can the next shift go out, is anything unsafe? And its moving parts alone, for the script."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from dockd.page.doorkeeper import tagged
from dockd.page.pages import strip
from dockd.page.pages.parts import Parts
from dockd.page.rendering import language_of
from dockd.page.rights import needs
from dockd.page.view import Snapshot


class Front:
    """`/` and `/parts`."""

    def __init__(self, parts: Parts) -> None:
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/", self.front)
        router.add_get("/parts", self.parts)

    @needs("read")
    async def front(self, request: web.Request) -> web.Response:
        """Can the next shift go out? Is anything unsafe?"""
        return await self._rendering.page(request, "front.html", **await self._what_is_so())

    @needs("read")
    async def parts(self, request: web.Request) -> web.Response:
        """What changes on the front page, for the script."""
        context = {**await self._rendering.frame(request), **await self._what_is_so()}
        return tagged(
            request, self._rendering.draw(language_of(request), "parts.html", **context), content_type="text/html"
        )

    async def _what_is_so(self) -> dict[str, Any]:
        snapshot = await self._view.look()
        return {
            "bays": list(snapshot.bays.values()),
            "problems": list(snapshot.problems),
            "facts": self._strip(snapshot),
        }

    def _strip(self, snapshot: Snapshot) -> list[strip.Fact]:
        status = self._view.status_now(snapshot)
        return [
            strip.oldest(status),
            strip.on_its_way(status),
            strip.not_coming(status),
            strip.store(status),
            strip.room(status),
        ]
