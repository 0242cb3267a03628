"""The front page: can the next shift go out, is anything unsafe? And its moving parts alone, for the script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from dockd.page.documents import Document
from dockd.page.doorkeeper import tagged
from dockd.page.pages import strip
from dockd.page.pages.parts import Parts
from dockd.page.pages.summing_up import at_most, key, looked_at, next_ready
from dockd.page.rendering import language_of
from dockd.page.rights import needs
from dockd.page.snapshot import Snapshot

_MOST_PROBLEMS = 12
_MOST_ON_A_PHONE = 4


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
        snapshot = await self._view.look()
        return await self._rendering.page(request, "front.html", snapshot=snapshot, **self._what_is_so(snapshot))

    @needs("read")
    async def parts(self, request: web.Request) -> web.Response:
        """What changes on the front page, for the script."""
        snapshot = await self._view.look()
        context = {**await self._rendering.frame(request, snapshot), **self._what_is_so(snapshot)}
        return tagged(
            request, self._rendering.draw(language_of(request), "parts.html", **context), content_type="text/html"
        )

    def _what_is_so(self, snapshot: Snapshot) -> dict[str, Any]:
        since = f"{self._view.run}.{snapshot.sequence}"
        return {**what_is_so(snapshot, self._view.status_now(snapshot)), "since": since}


def on_a_phone(problems: Sequence[Document]) -> int:
    """How many of `problems` a narrow screen shows: the first few, and what is of the whole rack wherever it stands. _front.scss hides the others."""
    return sum(
        place < _MOST_ON_A_PHONE or (one["bay"] is None and one["camera"] is None) for place, one in enumerate(problems)
    )


def what_is_so(snapshot: Snapshot, status: Document) -> dict[str, Any]:
    """What parts.html shows, beside the frame; `status` of the same snapshot, with the time."""
    bays, problems = list(snapshot.bays.values()), at_most(snapshot.problems, _MOST_PROBLEMS)
    return {
        "bays": bays, "problems": [looked_at(one) for one in problems], "problems_in_all": len(snapshot.problems), "on_a_phone": on_a_phone(problems),
        "key": key(bays), "next": next_ready(status, bays), "facts": strip.all_of(status, bays),
    }  # fmt: skip
