"""`/help`: what each word and shape means and what to do with each, made from the same tables as the pages, so that it cannot go stale."""

from __future__ import annotations

from aiohttp import web

from dockd.page.guidance import OF_PROBLEMS, OF_STATES
from dockd.page.language import said
from dockd.page.looks import LOOKS, Verb
from dockd.page.pages.parts import Parts
from dockd.page.problems import PROBLEMS
from dockd.page.rights import needs

_VERBS: tuple[tuple[Verb, str, str], ...] = (
    ("take", said("Take"), said("These cameras may be taken.")),
    ("leave", said("Leave"), said("These cameras must stay where they are. They come on by themselves.")),
    ("act", said("Act"), said("Somebody has to do something.")),
    ("none", said("Nothing to do"), said("No camera, or nothing that is known.")),
)  # fmt: skip


class HelpPage:
    """`/help`."""

    def __init__(self, parts: Parts) -> None:
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/help", self.help)

    @needs("read")
    async def help(self, request: web.Request) -> web.Response:
        """The page."""
        groups = [
            (word, text, [(LOOKS[state], OF_STATES[state]) for state in LOOKS if LOOKS[state].verb == verb])
            for verb, word, text in _VERBS
        ]
        problems = [(name, OF_PROBLEMS[name]) for name in PROBLEMS if name in OF_PROBLEMS]
        return await self._rendering.page(request, "help.html", groups=groups, problems=problems)
