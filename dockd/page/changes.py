"""The calls of the API that change something.

Rules kept here: who asks, and what, is seen to by dockd.page.asked; what it does, by dockd.page.doings. There is no call that wipes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from dockd.page import documents
from dockd.page.api import BASE, anything, clean, name_in, number_in
from dockd.page.asked import asked_by_json
from dockd.page.doings import Doings
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.rights import needs
from dockd.page.view import View
from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_duration, parse_rate
from ingest.bandwidth import LONGEST_OVERRIDE
from ingest.errors import LedgerUnusable


class Changes:
    """The routes."""

    def __init__(self, *, sources: Sources, view: View) -> None:
        self._sources = sources
        self._doings = Doings(sources=sources, view=view)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register them."""
        for path, handler in (
            ("/segments/{id}/first", self.first), ("/segments/{id}/evidential", self.evidential), ("/segments/{id}/retry", self.retry),
            ("/bays/{n}/out-of-use", self.out_of_use), ("/cameras/{id}/issue", self.issue), ("/problems/{id}/seen", self.seen),
            ("/problems/{id}/close", self.close), ("/bandwidth/override", self.override),
        ):  # fmt: skip
            router.add_post(BASE + anything(path), handler)

    @needs("change")
    async def first(self, request: web.Request) -> web.Response:
        """`POST /segments/{id}/first`, `{}`: to the top of the queue; answers as `GET /segments/{id}` does, without `times`."""
        me, _wanted = await asked_by_json(request, known=())
        return _answer(await self._doings.first(name_in(request), by=me.by))

    @needs("change")
    async def evidential(self, request: web.Request) -> web.Response:
        """`POST /segments/{id}/evidential`, `{}`: it is evidence, for good."""
        me, _wanted = await asked_by_json(request, known=())
        return _answer(await self._doings.evidential(name_in(request), by=me.by))

    @needs("change")
    async def retry(self, request: web.Request) -> web.Response:
        """`POST /segments/{id}/retry`, `{}`: a held one, once its cause is gone."""
        me, _wanted = await asked_by_json(request, known=())
        return _answer(await self._doings.retry(name_in(request), by=me.by))

    @needs("change")
    async def out_of_use(self, request: web.Request) -> web.Response:
        """`POST /bays/{n}/out-of-use`, `{"reason": …}`, or `{"in_use": true}` to put it back, and `was`: the reason that held as far as the caller
        knows; answers as `GET /bays/{n}` does."""
        me, wanted = await asked_by_json(request, known={"reason", "in_use", "was"})
        bay, was = number_in(request), _text(wanted, "was") if "was" in wanted else None
        wanted = {name: one for name, one in wanted.items() if name != "was"}
        if len(wanted) != 1 or wanted.get("in_use", True) is not True:
            raise Problem(
                400, 'say why, {"reason": "its socket is broken"}, or that it may be used again, {"in_use": true}'
            )
        if "in_use" in wanted:
            return _answer(await self._doings.back_in_use(bay, by=me.by, was=was))
        return _answer(await self._doings.out_of_use(bay, reason=_text(wanted, "reason"), by=me.by, was=was))

    @needs("change")
    async def issue(self, request: web.Request) -> web.Response:
        """`POST /cameras/{id}/issue`, `{"officer": …}`; "" takes it back into the pool; `was`: who has it as far as the caller knows. Answers as
        `GET /cameras/{id}` does."""
        me, wanted = await asked_by_json(request, known={"officer", "was"})
        was = _text(wanted, "was") if "was" in wanted else None
        return _answer(await self._doings.issue(name_in(request), officer=_text(wanted, "officer"), by=me.by, was=was))

    @needs("change")
    async def seen(self, request: web.Request) -> web.Response:
        """`POST /problems/{id}/seen`, `{"hours": 4}`; answers with the problem."""
        me, wanted = await asked_by_json(request, known={"hours"})
        hours = wanted.get("hours")
        if isinstance(hours, bool) or not isinstance(hours, int | float):
            raise Problem(400, 'hours: for how long, such as {"hours": 4}')
        return _answer(await self._doings.seen(name_in(request), hours=_number(hours), by=me.by))

    @needs("change")
    async def close(self, request: web.Request) -> web.Response:
        """`POST /problems/{id}/close`, `{"reason": …}`: what cannot close by itself; answers with the problem as it was."""
        me, wanted = await asked_by_json(request, known={"reason"})
        return _answer(await self._doings.close(name_in(request), reason=_text(wanted, "reason"), by=me.by))

    @needs("operate")
    async def override(self, request: web.Request) -> web.Response:
        """`POST /bandwidth/override`; answers as `GET /bandwidth` does."""
        me, wanted = await asked_by_json(request, known={"rate", "for", "until"})
        if "rate" not in wanted:
            raise Problem(400, 'rate is missing: a rate such as "20 Mbit/s", "unlimited", or null to lift what was set')
        bandwidth = self._sources.bandwidth
        try:
            if wanted["rate"] is None:
                if len(wanted) > 1:
                    raise Problem(400, "what is lifted has no end: leave `for` and `until` out")
                await bandwidth.lift(by=me.by)
            else:
                lasts = _lasts(wanted, now=self._sources.clock.now())
                await bandwidth.set(_rate(wanted["rate"]), lasts=lasts, by=me.by)
        except LedgerUnusable as error:
            raise Problem(503, error.message, headers={"Retry-After": "5"}) from error
        return _answer(documents.bandwidth_document(bandwidth))


def _answer(document: documents.Document) -> web.Response:
    """What is so now."""
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return web.Response(body=body, content_type="application/json")


def _text(wanted: Mapping[str, Any], name: str) -> str:
    said = wanted.get(name)
    if not isinstance(said, str):
        raise Problem(400, f"{name} is missing, or is no text")
    return clean(said)


def _number(said: int | float) -> float:
    try:
        return float(said)
    except OverflowError:
        return math.inf


def _rate(said: object) -> float | None:
    if said == "unlimited":
        return None
    try:
        return parse_rate(said)
    except WrongValue as error:
        raise Problem(400, f"rate: {error}, or unlimited, or null to lift what was set") from error


def _lasts(wanted: Mapping[str, Any], *, now: float) -> float:
    """Seconds from now on."""
    if ("for" in wanted) == ("until" in wanted):
        raise Problem(400, 'say how long: for, such as "2 h", or until, such as "2026-11-20T18:00:00Z"')
    lasts = _duration(wanted["for"]) if "for" in wanted else _moment(wanted["until"]) - now
    if lasts <= 0:
        raise Problem(400, "that is over already: it must end later than now")
    if lasts > LONGEST_OVERRIDE:
        raise Problem(400, "that is more than 7 days: write it into the configuration")
    return lasts


def _duration(said: object) -> float:
    try:
        return parse_duration(said)
    except WrongValue as error:
        raise Problem(400, f"for: {error}") from error


def _moment(said: object) -> float:
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise Problem(400, 'until: a time with its zone, such as "2026-11-20T18:00:00Z"')
