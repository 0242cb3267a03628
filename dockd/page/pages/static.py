"""Style, script, icon: from memory, by name."""

from __future__ import annotations

import importlib.resources

from aiohttp import web

from dockd.page.doorkeeper import Problem, tagged
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs

_STATIC = {"page.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


class Static:
    """What pages load."""

    def __init__(self, parts: Parts) -> None:
        files = importlib.resources.files("dockd.page")
        self._static = {name: (files / "static" / name).read_bytes() for name in _STATIC}

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/static/{name}", self.static)
        router.add_get("/favicon.ico", self.icon)

    @needs("open")
    async def static(self, request: web.Request) -> web.Response:
        """By name."""
        name = request.match_info["name"]
        if name not in _STATIC:
            raise Problem(404, "there is nothing at this address")
        response = tagged(request, self._static[name], content_type=_STATIC[name])
        response.headers["Cache-Control"] = "no-cache"
        return response

    @needs("open")
    async def icon(self, request: web.Request) -> web.Response:
        """For browsers that ask without being told."""
        return tagged(request, self._static["icon.svg"], content_type="image/svg+xml")
