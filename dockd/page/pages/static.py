"""Style, scripts, icons: from memory, by name; for good under the address of their version (`?v=`)."""

from __future__ import annotations

from aiohttp import web

from dockd.page.doorkeeper import Problem, tagged
from dockd.page.language import said
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs
from dockd.page.statics import statics

_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


class Static:
    """What pages load: every style, script and drawing in `static/`."""

    def __init__(self, parts: Parts) -> None:
        self._static = statics()

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
            raise Problem(404, said("there is nothing at this address"))
        found = self._static[name]
        response = tagged(request, found.body, content_type=found.kind)
        response.headers["Cache-Control"] = _FOR_GOOD if request.query.get("v") == found.version else _ASK_AGAIN
        return response
