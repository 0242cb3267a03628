"""The calls of the API that change something. So far there is one: the bandwidth, for a time.

Rules kept here: until there are users, a change is taken from a program on this machine alone: a loopback peer that asks for this machine by a
loopback name, in HTTP/1.1, and with no header that those add who speak for others (what of them adds none cannot be told from a program here); a
browser's page of another origin changes nothing (Origin, Sec-Fetch-Site, and a content type that no form can send); what is sent is small,
whole and known, or refused with a reason. There is no call that wipes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from aiohttp import HttpVersion11, web

from dockd.page import documents
from dockd.page.api import BASE
from dockd.page.doorkeeper import Problem, host_of
from dockd.page.facts import Sources
from dockd.page.rights import needs
from dockd.settings.addresses import is_loopback
from dockd.settings.mistakes import WrongValue
from dockd.settings.units import parse_duration, parse_rate
from ingest.bandwidth import LONGEST_OVERRIDE
from ingest.errors import LedgerUnusable

_LARGEST = 4 << 10
# What proxies, balancers and delivery networks add: those names, and all that begin so.
_FORWARDED = (
    "forwarded",
    "via",
    "x-real-ip",
    "client-ip",
    "true-client-ip",
    "cdn-loop",
    "max-forwards",
    "proxy-connection",
)
_FORWARDED_SO = (
    "x-forwarded",
    "x-original",
    "x-proxy",
    "x-client",
    "x-cluster",
    "x-envoy",
    "x-amzn",
    "x-arr-",
    "x-varnish",
    "cf-",
    "fastly-",
)
_SITES = (None, "same-origin", "none")


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
        see_who_asks(request)
        wanted = await _object(request, known=frozenset({"rate", "for", "until"}))
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


def see_who_asks(request: web.Request) -> None:
    """Raises Problem unless it is a program on this machine, or the page itself."""
    if not _is_here(request):
        raise Problem(403, "changes are taken from this machine alone")
    if any(_is_a_forwarders(name.lower()) for name in request.headers) or request.version < HttpVersion11:
        raise Problem(403, "this came through another server; changes are taken from this machine itself, in HTTP/1.1")
    if not is_loopback(host_of(request) or ""):  # a server that hands the name on that it was asked for
        raise Problem(403, "ask for this machine as localhost or 127.0.0.1; changes are taken from this machine itself")
    origin = request.headers.get("Origin")
    same = origin is None or origin == f"{request.scheme}://{request.headers.get('Host', '')}"
    if not same or request.headers.get("Sec-Fetch-Site") not in _SITES:
        raise Problem(403, "a page of another origin may change nothing here")
    if request.content_type != "application/json":
        raise Problem(415, "send a JSON document, with Content-Type: application/json")


def _is_a_forwarders(name: str) -> bool:
    return name in _FORWARDED or name.startswith(_FORWARDED_SO)


def _is_here(request: web.Request) -> bool:
    peer: Any = request.transport.get_extra_info("peername") if request.transport is not None else None
    try:
        return ip_address(peer[0]).is_loopback
    except (TypeError, IndexError, ValueError):
        return False


async def _object(request: web.Request, *, known: frozenset[str]) -> Mapping[str, Any]:
    body = await request.content.read(_LARGEST + 1)
    while len(body) <= _LARGEST and (more := await request.content.read(_LARGEST + 1)):
        body += more
    if len(body) > _LARGEST:
        raise Problem(413, f"more than {_LARGEST} bytes were sent")
    try:
        said = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "what was sent is no JSON document") from error
    if not isinstance(said, dict):
        raise Problem(400, 'what was sent is no JSON object, such as {"rate": "20 Mbit/s", "for": "2 h"}')
    if unknown := said.keys() - known:
        raise Problem(400, f"{min(unknown)[:40]!a} is not known here; {', '.join(sorted(known))} are")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


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
