"""`/cameras/{id}`: one camera: where it is, who has it, when it was docked and what became of that, its footage; a pool camera is issued here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dockd.page.asked import asked_by_form
from dockd.page.doings import LONGEST_OFFICER, Doings, Unfit, issued_meanwhile
from dockd.page.doorkeeper import Problem
from dockd.page.footage_words import by_words, place_of
from dockd.page.language import said
from dockd.page.pages.cameras import where, whose
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import add_form, address, ask, clean, limit_of, number_of, plain
from dockd.page.rights import needs
from dockd.page.roll import Row, roll
from dockd.page.typed import WAS, typed
from dockd.page.words import moment_words, size_words
from ingest.clock import rfc3339
from ingest.ledger import issues, page_cameras, page_footage
from ingest.ledger.issues import Issue
from ingest.ledger.page_cameras import LastDocking, PastDocking
from ingest.ledger.page_footage import Wanted
from ingest.ledger.segments import Segment
from ingest.model import CameraId, legible

_A_PAGE = 30
_SHOWN_FOOTAGE = 20
_NAMED = 10
_A_DAY = 86400.0


@dataclass(frozen=True, kw_only=True)
class _Found:
    """`same`: all that the ledger knows of this serial, this one among them; several where its card was changed."""

    camera: CameraId | None
    same: list[LastDocking]
    last: LastDocking | None
    dockings: list[PastDocking]
    outside: list[Segment]
    newest: list[Segment]
    alone: list[Segment]
    alone_in_all: int
    issued: dict[str, Issue]
    had: list[Issue]


class CameraPage:
    """`/cameras/{id}` and its forms. An id holds anything: in the address it is quoted whole."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._doings = Doings(sources=parts.sources, view=parts.view)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/cameras/{id:[^/]+}", self.camera)
        add_form(router, "/cameras/{id:[^/]+}/issue", self.issue)
        add_form(router, "/cameras/{id:[^/]+}/return", self.take_back)

    @needs("read")
    async def camera(self, request: web.Request) -> web.Response:
        """The page; `?before=` a docking, `?limit=`."""
        return await self._page(request)

    async def _page(
        self, request: web.Request, *, fields: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None, status: int = 200
    ) -> web.Response:  # fmt: skip
        name, count, before = (
            clean(request.match_info["id"]),
            limit_of(request, usual=_A_PAGE),
            number_of(request, "before"),
        )
        found = await self._find(name, count=count, before=before)
        if found.camera is None and found.same:  # asked for by its serial, as the site's list names it
            latest = max(found.same, key=lambda one: (one.camera.id in self._here(), one.last_known or 0.0))
            return web.Response(status=303, headers={"Location": address("cameras", latest.camera.id)})
        row = self._row(name, found)
        here = row.bay if row.where == "here" else None
        past = found.dockings[:count]
        unsent = typed(request)
        sent = fields or (unsent.fields if unsent else {})
        meanwhile = issued_meanwhile(row.issue, was=sent.get(WAS), wish=sent.get("officer", ""))
        wrong = {**({"": meanwhile} if meanwhile else {}), **(wrong or {})}
        snapshot = await self._view.look()
        return await self._rendering.page(
            request, "camera.html", status=status, snapshot=snapshot, name=plain(row.name), id=plain(row.id), row=row, whose=whose(row), where=where(row), note=plain(row.note), bay_now=here, bay=snapshot.bays.get(here) if here is not None else None,
            last=moment_words(row.last) if row.last is not None and here is None else "", dockings=[_docking(one) for one in past],
            next=past[-1].id if len(found.dockings) > count else None, first=address("cameras", name) if before is not None else "",
            outside=[_segment(one, here) for one in found.outside], newest=[_segment(one, here) for one in _newest(found)], alone=[_segment(one, here) for one in found.alone] if here is None else [], alone_in_all=found.alone_in_all, shown=_SHOWN_FOOTAGE,
            had=[_issue(one, here) for one in found.had], others=[(address("cameras", one.camera.id), plain(one.camera.id)) for one in found.same if one.camera.id != name], base=address("cameras", name), fields=sent, longest=LONGEST_OFFICER, was=row.issue.officer if row.issue else "", wrong=wrong, done=_done(request, row),
            footage=address("footage", camera=name, show="all"), footage_missing=address("footage", camera=name), activity=address("activity", camera=name) if found.camera else "", may_issue=found.camera is not None and row.kind != "personal",
        )  # fmt: skip

    async def _find(self, name: str, *, count: int, before: int | None) -> _Found:
        def question(execute: Any) -> _Found:
            camera = page_cameras.one(execute, name)
            listed = camera or CameraId(profile="folder", serial=name)
            serial = camera.serial if camera is not None else name
            same = [one for one in page_cameras.last_dockings(execute) if serial and one.camera.serial == serial]
            if camera is None and not same and name not in self._view.registry.assigned:
                raise Problem(404, said("no camera of this id was ever docked here, and the list of cameras has none"))
            last = page_cameras.last_dockings(execute, camera=name) if camera is not None else []
            alone_in_all, alone = page_footage.alone(execute, name, count=_NAMED)
            return _Found(
                alone_in_all=alone_in_all, alone=alone, camera=camera, same=same, last=last[0] if last else None, issued=issues.issued(execute), had=issues.history(execute, listed),
                dockings=page_cameras.dockings_of(execute, name, before=before, count=count + 1),
                outside=[
                    *page_footage.page(execute, Wanted(show="lost", cameras=[name]), count=_SHOWN_FOOTAGE).segments,
                    *page_footage.page(execute, Wanted(cameras=[name]), count=_SHOWN_FOOTAGE).segments,
                ],
                newest=page_footage.page(execute, Wanted(cameras=[name], show="all"), count=_SHOWN_FOOTAGE).segments,
            )  # fmt: skip

        return await ask(self._sources, question)

    def _row(self, name: str, found: _Found) -> Row:
        here = self._here()
        every = roll(
            seen=[found.last] if found.last is not None else [], registry=self._view.registry, here=here, issued=found.issued,
            now=self._sources.clock.now(), not_seen=_A_DAY,
        )  # fmt: skip
        return next(row for row in every if row.id == name)

    def _here(self) -> dict[str, int]:
        """The bays by the cameras in them."""
        return {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}

    # -- a pool camera to an officer -----------------------------------------------------------------------------------

    @needs("change")
    async def issue(self, request: web.Request) -> web.Response:
        """It goes to an officer."""
        me, fields = await asked_by_form(request, known={"officer", WAS})
        if not fields.get("officer"):
            return await self._page(request, fields=fields, wrong={"officer": said("Say to whom it goes: a name or a number.")}, status=400)  # fmt: skip
        return await self._do(request, officer=fields["officer"], by=me.by, fields=fields, done="issued")

    @needs("change")
    async def take_back(self, request: web.Request) -> web.Response:
        """It is in the pool again."""
        me, fields = await asked_by_form(request, known={WAS})
        return await self._do(request, officer="", by=me.by, fields=fields, done="returned")

    async def _do(
        self, request: web.Request, *, officer: str, by: str, fields: Mapping[str, str], done: str
    ) -> web.Response:
        name = clean(request.match_info["id"])
        try:
            await self._doings.issue(name, officer=officer, by=by, was=fields.get(WAS))
        except Problem as problem:
            if problem.status == 404:
                raise
            wrong = {"officer": problem.why} if isinstance(problem, Unfit) else {"": problem.detail}
            return await self._page(request, fields=fields, wrong=wrong, status=problem.status)
        return web.Response(status=303, headers={"Location": address("cameras", name, done=done)})


def _newest(found: _Found) -> list[Segment]:
    """The newest footage, where that is not the list of what is not in the store over again."""
    outside = {one.id for one in found.outside}
    return found.newest if any(one.id not in outside for one in found.newest) else []


def _done(request: web.Request, row: Row) -> str:
    """What was done, where it is so."""
    match request.query.get("done", ""):
        case "issued" if row.issue is not None:
            return said("It is issued to {officer}.", officer=plain(row.issue.officer))
        case "returned" if row.issue is None:
            return said("It is in the pool again.")
        case _:
            return ""


def _docking(one: PastDocking) -> dict[str, Any]:
    sums = one.sums.balance.segments
    return {
        "bay": one.bay, "came": moment_words(one.docked_at), "left": moment_words(one.undocked_at) if one.undocked_at is not None else "",
        "segments": sums.as_dict(), "went_out": one.went_out,
    }  # fmt: skip


def _segment(one: Segment, bay: int | None) -> dict[str, Any]:
    return {
        "href": address("footage", one.id), "name": legible(one.path), "size": size_words(one.size), "recorded": rfc3339(one.captured_at),
        "place": place_of(one, bay=bay),
    }  # fmt: skip


def _issue(one: Issue, bay: int | None) -> dict[str, str]:
    now = said("has it now") if bay is None else said("not over: it is in bay {bay}", bay=bay)
    return {
        "officer": plain(one.officer), "since": moment_words(one.since), "by": by_words(one.by),
        "until": moment_words(one.returned_at) if one.returned_at is not None else now,
    }  # fmt: skip
