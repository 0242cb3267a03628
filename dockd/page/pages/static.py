"""Style, scripts, icons: from memory, by name."""

from __future__ import annotations

import importlib.resources

from aiohttp import web

from dockd.page.doorkeeper import Problem, tagged
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Static:
    """What pages load: every style, script and drawing in `static/`."""

    def __init__(self, parts: Parts) -> None:
        folder = importlib.resources.files("dockd.page") / "static"
        self._static = {
            one.name: (one.read_bytes(), kind)
            for one in folder.iterdir()
            for suffix, kind in _KINDS.items()
            if one.name.endswith(suffix)
        }

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/static/{name}", self.static)
        router.add_get("/favicon.ico", self.icon)

    @needs("open")
    async def static(self, request: web.Request) -> web.Response:
        """By name."""
        return self._answer(request, request.match_info["name"])

    @needs("open")
    async def icon(self, request: web.Request) -> web.Response:
        """For browsers that ask without being told."""
        return self._answer(request, "icon.svg")

    def _answer(self, request: web.Request, name: str) -> web.Response:
        if name not in self._static:
            raise Problem(404, "there is nothing at this address")
        body, kind = self._static[name]
        response = tagged(request, body, content_type=kind)
        response.headers["Cache-Control"] = "no-cache"
        return response
