"""`/problems`: what is wrong, what it means, what to do and who does it; since when, and who has seen to it.

Rules kept here: a problem ends by itself when its cause does; that somebody has seen to it never takes it away; what cannot end by itself is closed
with a reason, which is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from dockd.page.asked import asked_by_form
from dockd.page.doings import LONGEST_REASON, Doings, Unfit
from dockd.page.doorkeeper import Problem
from dockd.page.footage_words import by_words, camera_name, shown
from dockd.page.guidance import DOERS, OF_PROBLEMS, Guidance
from dockd.page.language import english, said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import add_form, address, ask, clean, exact
from dockd.page.pages.summing_up import looked_at
from dockd.page.problem_book import StillSo
from dockd.page.rights import needs
from dockd.page.typed import typed
from dockd.page.words import age_words
from ingest.clock import from_rfc3339, rfc3339
from ingest.ledger import page_history
from ingest.ledger.history import Record

_LATELY = 7 * 86400.0
_CLOSED_MOST = 100
_HOURS: tuple[tuple[str, str], ...] = (
    ("1", said("1 hour")), ("2", said("2 hours")), ("4", said("4 hours")), ("8", said("8 hours")), ("12", said("12 hours")), ("24", said("24 hours")),
)  # fmt: skip
_DONE: Mapping[str, str] = {
    "seen": said("Noted: you have seen to it. It stays on the list until its cause is gone."),
    "closed": said("It is closed, and the reason is in the record. It comes back if it becomes worse."),
}


class ProblemsPage:
    """`/problems` and its forms."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._doings = Doings(sources=parts.sources, view=parts.view)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/problems", self.problems)
        add_form(router, "/problems/{id:[^/]+}/seen", self.seen)
        add_form(router, "/problems/{id:[^/]+}/close", self.close)

    @needs("read")
    async def problems(self, request: web.Request) -> web.Response:
        """The list, the worst first."""
        return await self._page(request)

    async def _page(
        self, request: web.Request, *, of: str = "", wrong: str = "", fields: Mapping[str, str] | None = None, status: int = 200
    ) -> web.Response:  # fmt: skip
        snapshot = await self._view.look()
        still, now = self._view.book.still_so, self._sources.clock.now()
        found = [_told(looked_at(one), now) for one in snapshot.problems]
        before = typed(request)
        if before is not None:
            of = next((one["id"] for one in found if before.action in (one["seen_action"], one["close_action"])), "")
            fields = before.fields
        of_it = next((one["anchor"] for one in found if one["id"] == of), "")
        return await self._rendering.page(
            request, "problems.html", status=status, snapshot=snapshot, problems=found, closed=await self._closed(now, still), still=[_told_still(one) for one in still], hours=_HOURS, longest=LONGEST_REASON,
            wrong={of_it: wrong} if wrong else {}, wrong_at=of_it, wrong_text=wrong, fields=fields or {},
            done=_DONE.get(request.query.get("done", ""), ""),
        )  # fmt: skip

    async def _closed(self, now: float, still: Sequence[StillSo]) -> list[dict[str, str]]:
        """What people closed in the last week, newest first; without what is told as still so."""
        told = {(one.problem.id, one.by, one.reason) for one in still}
        try:
            records = await ask(self._sources, lambda execute: page_history.of_problems(execute, count=_CLOSED_MOST))
        except Problem:  # the ledger is itself the problem: what is wrong is told all the same
            return []
        return [
            _told_closed(one)
            for one in records
            if one.action == "problem.closed" and _since(one.at) > now - _LATELY and _which(one) not in told
        ]

    @needs("change")
    async def seen(self, request: web.Request) -> web.Response:
        """Somebody has seen to it, for some hours."""
        me, fields = await asked_by_form(request, known={"hours"})
        name, hours = clean(request.match_info["id"]), fields.get("hours", "")
        if hours not in dict(_HOURS):
            return await self._page(request, of=name, wrong=said("Choose for how long."), fields=fields, status=400)
        try:
            await self._doings.seen(name, hours=float(hours), by=me.by)
        except Problem as problem:
            return await self._refused(request, name, problem, fields)
        return web.Response(status=303, headers={"Location": address("problems", done="seen")})

    @needs("change")
    async def close(self, request: web.Request) -> web.Response:
        """It is over, and why."""
        me, fields = await asked_by_form(request, known={"reason"})
        name, reason = clean(request.match_info["id"]), fields.get("reason", "")
        if not reason:
            return await self._page(
                request, of=name, wrong=said("Say why it is over: one sentence."), fields=fields, status=400
            )
        try:
            await self._doings.close(name, reason=reason, by=me.by)
        except Problem as problem:
            return await self._refused(request, name, problem, fields)
        return web.Response(status=303, headers={"Location": address("problems", done="closed")})

    async def _refused(
        self, request: web.Request, name: str, problem: Problem, fields: Mapping[str, str]
    ) -> web.Response:
        """The list again, with what was said against it and the form as it was filled in."""
        return await self._page(request, of=name, wrong=problem.why if isinstance(problem, Unfit) else problem.detail, fields=fields, status=problem.status)  # fmt: skip


def anchor_of(problem: str) -> str:
    """Where it stands on the page, by its id."""
    return f"problem-{problem}"


def guidance_of(name: str) -> Guidance:
    """What is said of every problem of this name."""
    return OF_PROBLEMS.get(name) or Guidance(
        title=english(name), means=said("This dockd has no more to say of it."), sergeant=said("Tell ops."), who="ops"
    )


def _told(one: Mapping[str, Any], now: float) -> dict[str, Any]:
    guidance = guidance_of(one["problem"])
    camera = one["camera"]
    return {
        "id": one["id"], "anchor": anchor_of(one["id"]), "name": one["problem"], "look": one["look"], "title": guidance.title, "who": DOERS[guidance.who],
        "text": "" if one["text"].rstrip(".") == guidance.title else one["text"],
        "means": guidance.means, "advice": one["advice"], "steps": guidance.steps, "detail": one["detail"], "bay": one["bay"], "camera": camera_name(camera) if camera else "",
        "camera_href": address("cameras", camera) if camera else "", "since": one["since"], "age": age_words(max(0.0, now - from_rfc3339(one["since"]))),
        "worse": one["worse"], "seen_by": by_words(one["seen_by"]) if one["seen_by"] else "", "seen_until": one["seen_until"], "closable": one["closable"],
        "seen_action": address("problems", one["id"], "seen"), "close_action": address("problems", one["id"], "close"),
    }  # fmt: skip


def _which(one: Record) -> tuple[object, ...]:
    data = one.data or {}
    return data.get("problem"), data.get("by"), data.get("reason")


def _told_still(one: StillSo) -> dict[str, Any]:
    problem = one.problem
    return {
        "title": guidance_of(problem.problem).title, "text": problem.text, "at": exact(rfc3339(one.at)), "by": by_words(one.by), "reason": shown(one.reason),
        "camera": camera_name(problem.camera) if problem.camera else "", "camera_href": address("cameras", problem.camera) if problem.camera else "",
    }  # fmt: skip


def _told_closed(one: Record) -> dict[str, str]:
    data = one.data or {}
    return {
        "title": guidance_of(shown(data.get("kind"))).title, "at": exact(one.at), "by": by_words(shown(data.get("by"))), "reason": shown(data.get("reason")),
        "camera": camera_name(str(data["camera"])) if data.get("camera") else "",
    }  # fmt: skip


def _since(at: str) -> float:
    try:
        return from_rfc3339(at)
    except ValueError:
        return 0.0
