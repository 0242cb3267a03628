"""All bays as a list: which to take, to leave, to act on; in rack order, or sorted by what is to be done, without any script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from dockd.page.documents import Document
from dockd.page.language import said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import address
from dockd.page.pages.summing_up import KINDS, key, kind_of
from dockd.page.rights import needs

# What is to be done first comes first: act, take, may go out, leave, the rest.
_KINDS = ("act", "take", "usable", "leave", "none")
_SORTS: Mapping[str, tuple[str, Callable[[Document], Any]]] = {
    "bay": (said("Bay"), lambda bay: bay["number"]),
    "state": (said("What to do"), lambda bay: (_KINDS.index(kind_of(bay)), bay["word"], bay["number"])),
    "camera": (said("Camera"), lambda bay: (bay["camera"] is None, (bay["camera"] or {}).get("serial") or (bay["camera"] or {}).get("id") or "", bay["number"])),
    "officer": (said("Whose"), lambda bay: (not (bay["camera"] or {}).get("assigned_to"), (bay["camera"] or {}).get("assigned_to") or "", bay["number"])),
}  # fmt: skip


class BaysPage:
    """`/bays`."""

    def __init__(self, parts: Parts) -> None:
        self._view = parts.view
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/bays", self.bays)

    @needs("read")
    async def bays(self, request: web.Request) -> web.Response:
        """The table. `?sort=` bay, state, camera or officer; `?show=` a kind (take, usable, leave, act, none)."""
        snapshot = await self._view.look()
        bays = list(snapshot.bays.values())
        sort = request.query.get("sort", "")
        sort = sort if sort in _SORTS else "bay"
        show = request.query.get("show", "")
        kind = next((one for one in KINDS if one.show == show), None)
        shown = [bay for bay in bays if kind is None or kind_of(bay) == kind.show]
        return await self._rendering.page(
            request, "bays.html", snapshot=snapshot, bays=sorted(shown, key=_SORTS[sort][1]), key=key(bays), kind=kind, sort=sort, any=bool(bays),
            columns=[(name, words, address("bays", sort=name, show=show if kind else "")) for name, (words, _order) in _SORTS.items()],
            keep=f"&sort={sort}" if sort != "bay" else "",
        )  # fmt: skip
