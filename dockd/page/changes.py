"""The calls of the API that change something. So far there is one: the bandwidth, for a time.

Rules kept here: who asks, and what, is seen to by dockd.page.asked. There is no call that wipes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from dockd.page import documents
from dockd.page.api import BASE
from dockd.page.asked import asked_by_json
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.rights import needs
from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_duration, parse_rate
from ingest.bandwidth import LONGEST_OVERRIDE
from ingest.errors import LedgerUnusable


class Changes:
    """The routes."""

    def __init__(self, *, sources: Sources) -> None:
        self._sources = sources

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register them."""
        router.add_post(f"{BASE}/bandwidth/override", self.override)

    @needs("operate")
    async def override(self, request: web.Request) -> web.Response:
        """`POST /bandwidth/override`; answers as `GET /bandwidth` does."""
        _me, wanted = await asked_by_json(request, known={"rate", "for", "until"})
        if "rate" not in wanted:
            raise Problem(400, 'rate is missing: a rate such as "20 Mbit/s", "unlimited", or null to lift what was set')
        bandwidth = self._sources.bandwidth
        try:
            if wanted["rate"] is None:
                if len(wanted) > 1:
                    raise Problem(400, "what is lifted has no end: leave `for` and `until` out")
                await bandwidth.lift()
            else:
                await bandwidth.set(_rate(wanted["rate"]), lasts=_lasts(wanted, now=self._sources.clock.now()))
        except LedgerUnusable as error:
            raise Problem(503, error.message, headers={"Retry-After": "5"}) from error
        body = json.dumps(documents.bandwidth_document(bandwidth), separators=(",", ":")).encode("ascii")
        return web.Response(body=body, content_type="application/json")


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
