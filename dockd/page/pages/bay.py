"""One bay: why it is as it is and until when, its segments and where each is, what happened in it, and taking it out of use.

Rules kept here: the sentence is the same as everywhere; what a camera calls its files is legible and leads to the segment; a bay is taken out of
use with a reason, by who may, through `Doings`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from dockd.docking import Bay
from dockd.page.asked import asked_by_form
from dockd.page.documents import Document
from dockd.page.doings import LONGEST_REASON, Doings, Unfit, marked_meanwhile
from dockd.page.doorkeeper import Problem
from dockd.page.footage_words import by_words, happened, place_of
from dockd.page.language import said
from dockd.page.moments import clock
from dockd.page.pages.parts import Parts
from dockd.page.pages.problems import anchor_of, guidance_of
from dockd.page.pages.reading import add_form, address, ask, exact, limit_of, number_of, plain
from dockd.page.pages.summing_up import kind_of
from dockd.page.rights import needs
from dockd.page.typed import WAS, typed
from ingest.ledger import page_history, views
from ingest.ledger.segments import Segment
from ingest.model import legible

_A_PAGE = 100
_HISTORY = 12
_FURTHEST = 1_000_000
_DONE = {"out": said("This bay is out of use."), "back": said("This bay may be used again.")}


class BayPage:
    """`/bays/{n}` and its forms."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._doings = Doings(sources=parts.sources, view=parts.view)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/bays/{n:[0-9]{1,9}}", self.bay)
        add_form(router, "/bays/{n:[0-9]{1,9}}/out-of-use", self.out_of_use)
        add_form(router, "/bays/{n:[0-9]{1,9}}/back-in-use", self.back_in_use)

    @needs("read")
    async def bay(self, request: web.Request) -> web.Response:
        """The page. `?from=`: the segment of this docking to begin with, counted from 0; `?limit=`."""
        return await self._page(request)

    @needs("change")
    async def out_of_use(self, request: web.Request) -> web.Response:
        """Take it out of use, with a reason."""
        me, fields = await asked_by_form(request, known={"reason", WAS})
        reason = fields.get("reason", "")
        if not reason:
            return await self._page(
                request, mistakes={"reason": said("Say why nobody is to use this bay.")}, fields=fields, status=400
            )
        return await self._do(
            request, "out", lambda number: self._doings.out_of_use(number, reason=reason, by=me.by, was=fields.get(WAS)), fields=fields
        )  # fmt: skip

    @needs("change")
    async def back_in_use(self, request: web.Request) -> web.Response:
        """It may be used again."""
        me, fields = await asked_by_form(request, known={WAS})
        return await self._do(
            request, "back", lambda number: self._doings.back_in_use(number, by=me.by, was=fields.get(WAS)), fields=fields
        )  # fmt: skip

    async def _do(
        self, request: web.Request, what: str, doing: Callable[[int], Awaitable[Any]], *, fields: Mapping[str, str]
    ) -> web.Response:
        number = int(request.match_info["n"])
        try:
            await doing(number)
        except Problem as problem:
            if problem.status == 404:
                raise
            wrong = problem.why if isinstance(problem, Unfit) else problem.detail
            mistakes = {"reason" if what == "out" else "": wrong}
            return await self._page(request, mistakes=mistakes, fields=fields, status=problem.status)
        return web.Response(status=303, headers={"Location": address("bays", str(number), done=what)})

    async def _page(
        self, request: web.Request, *, mistakes: Mapping[str, str] | None = None, fields: Mapping[str, str] | None = None, status: int = 200
    ) -> web.Response:  # fmt: skip
        number = int(request.match_info["n"])
        start = number_of(request, "from", most=_FURTHEST) or 0
        count = limit_of(request, usual=_A_PAGE)
        snapshot = await self._view.look()
        if number not in snapshot.bays:
            raise Problem(404, said("there is no bay {number}", number=number))
        known, bay = self._sources.rack.bays[number], snapshot.bays[number]
        docking = known.visit.docking if known.visit is not None else known.docking

        def question(execute: Any) -> tuple[list[Segment], page_history.Back]:
            found = views.segments_of(execute, docking, count=count + 1, skip=start) if docking else []
            return found, page_history.before(execute, seq=None, count=_HISTORY, bay=number)

        segments, history = await ask(self._sources, question)
        here = number if known.camera is not None else None
        before = typed(request)
        sent = fields or (before.fields if before is not None else {})
        reason = sent.get("reason", "")
        meanwhile = marked_meanwhile(known.out_of_use, was=sent.get(WAS), wish=reason or None)
        if meanwhile and status != 409:
            mistakes = {"": meanwhile, **(mistakes or {})}
        return await self._rendering.page(
            request, "bay.html", status=status, snapshot=snapshot, bay=bay, kind=kind_of(bay), until=_until(bay), neighbours=_neighbours(list(snapshot.bays), number),
            segments=[_row(one, bay=here) for one in segments[:count]], start=start,
            more=address("bays", str(number), limit=request.query.get("limit", ""), **{"from": start + count}) if len(segments) > count else "", done=_done(request, bay), mistakes=mistakes or {}, reason=reason, longest=LONGEST_REASON,
            out_by=by_words(bay["out_of_use"]["by"]) if bay["out_of_use"] else "", camera_address=address("cameras", bay["camera"]["id"]) if bay["camera"] else "",
            history=[(exact(one.at), one) for one in map(happened, history.records)],
            last=self._last(known), wrong=[_wrong(one) for one in snapshot.problems if one["bay"] == number],
        )  # fmt: skip

    def _last(self, bay: Bay) -> dict[str, str] | None:
        """Which camera was in it, where none is."""
        last = bay.last_camera
        if bay.camera is not None or last is None:
            return None
        return {"name": plain(last.serial or last.id), "href": address("cameras", last.id), "whose": plain(self._view.assigned_to(last) or "")}  # fmt: skip


def _row(one: Segment, *, bay: int | None) -> dict[str, Any]:
    return {
        "name": legible(one.path), "href": address("footage", one.id), "size": one.size, "captured_at": one.captured_at,
        "place": place_of(one, bay=bay), "note": one.held_message or one.trouble or "", "evidential": bool(one.evidential),
    }  # fmt: skip


def _wrong(problem: Document) -> dict[str, Any]:
    """The way to what is wrong with it."""
    return {
        "title": guidance_of(problem["problem"]).title, "href": f"/problems#{anchor_of(problem['id'])}", "closable": problem["closable"],
    }  # fmt: skip


def _until(bay: Document) -> str:
    """Until when it is to be left, where that can be told, and its own sentence does not say it."""
    if bay["verb"] != "leave" or bay["state"] == "charging" or not bay.get("ready_at"):
        return ""
    return said("It should be ready at about {time}.", time=clock(bay["ready_at"]))


def _neighbours(numbers: list[int], number: int) -> tuple[int | None, int | None]:
    """The bay before and the one after, in rack order."""
    at = numbers.index(number)
    return numbers[at - 1] if at else None, numbers[at + 1] if at + 1 < len(numbers) else None


def _done(request: web.Request, bay: Document) -> str:
    """What was done, where it is so."""
    what = request.query.get("done", "")
    is_so = bool(bay["out_of_use"]) == (what == "out")
    return _DONE[what] if what in _DONE and is_so else ""
