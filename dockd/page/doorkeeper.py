"""Who may ask, and what goes with every answer.

Rules kept here: whoever asks has the right that the address demands, or is told to say who they are; an answer that goes on and on ends when they may
no more; only names of this machine and those that the site has named are answered (a page elsewhere that gets its own name to
point here learns nothing); what the request claims of where it comes from (X-Forwarded-…) is not read; errors are problem documents;
a defect costs one answer, never the agent, and tells the asker nothing of the inside.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Container
from typing import Any, Protocol
from urllib.parse import unquote, urlencode

from aiohttp import ETag, web

from dockd.access import STRANGER, Right
from dockd.access.known import TOKEN_BEGINS
from dockd.page.language import said
from dockd.page.nearby import host_of, is_itself
from dockd.page.rights import PATIENCE, STILL, WHO, needed
from dockd.settings.addresses import is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; worker-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser says of its own forms that they come from nowhere (Origin: null)
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
SIGN_IN = "/login"
AUTHORIZATION = "Authorization"
LONGEST_WAY = 500
_HELD = 3.0
_BODY = 10.0
_FOR_PROGRAMS = ("/api/", "/static/", "/live", "/parts", "/wall/live")
FOR_PROBES = frozenset(
    f"{base}{path}" for base in ("", "/api/v1") for path in ("/readyz", "/metrics")
)  # from this machine without a token
_PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/favicon.ico"})
_TITLES = {
    400: said("What was asked for cannot be understood"), 401: said("This is for those who have said who they are"), 403: said("This may not be done from there"), 404: said("There is nothing at this address"), 405: said("That cannot be done here"), 408: said("It did not come in time"),
    413: said("That is too much"), 415: said("That is not what this takes"), 421: said("This is not the machine that was asked for"), 429: said("Too soon"), 500: said("dockd has made a mistake"), 503: said("Not now"),
}  # fmt: skip


class Problem(Exception):
    """An answer that is an error: RFC 9457."""

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, title: str | None = None
    ) -> None:
        super().__init__(detail)
        self._title = title
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return self._title or _TITLES.get(self.status) or said("Refused")


def problem_response(problem: Problem) -> web.Response:
    """application/problem+json."""
    document = {
        "type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail,
    }  # fmt: skip
    return web.Response(
        status=problem.status, body=json.dumps(document).encode("ascii"), content_type="application/problem+json",
        headers=problem.headers,
    )  # fmt: skip


def json_response(request: web.Request, document: Any, *, identity: Any = None) -> web.Response:
    """A document with its ETag, or 304 where the asker has it. `identity`: what makes it another one, if not all of it."""
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return tagged(request, body, content_type="application/json", identity=identity)


def tagged(request: web.Request, body: bytes, *, content_type: str, identity: Any = None) -> web.Response:
    """`body` with an ETag, strong unless `identity` stands for it. 304 without a body where the asker names it."""
    what = body if identity is None else json.dumps(identity, separators=(",", ":")).encode("ascii")
    tag = ETag(value=hashlib.sha256(what).hexdigest()[:32], is_weak=identity is not None)
    known = request.if_none_match or ()
    charset = "utf-8" if content_type.startswith("text/") else None
    if any(one.value in (tag.value, "*") for one in known):
        response = web.Response(status=304)
    else:
        response = web.Response(body=body, content_type=content_type, charset=charset)
    response.etag = tag
    return response


class Asking(Protocol):
    """Finds out who asks: dockd.page.callers."""

    async def find(self, request: web.Request) -> None:
        """Puts it into the request. Raises Problem."""

    async def holds(self, request: web.Request) -> bool:
        """Whether that is still so."""

    async def still(self, request: web.Request) -> None:
        """Raises Problem unless that is still so."""

    async def wall(self, request: web.Request) -> web.Response | None:
        """The answer to a screen that comes with its token. Raises Problem."""


class Keeping(Protocol):
    """Keeps what was typed into a form that is not taken: dockd.page.typed."""

    async def keep(self, request: web.Request, response: web.StreamResponse) -> str:
        """The address of its page; empty where nothing is kept."""

    def taken(self, request: web.Request, response: web.StreamResponse) -> None:
        """A form was taken."""


Show = Callable[[web.Request, Problem], Awaitable[web.Response]]


class Doorkeeper:
    """The middleware. `names`: hosts beside loopback's that are answered, lower case, without port; `show` makes a page for people of a problem; `keeping`: what was typed is not lost; `held`: seconds between two looks whether a reading that goes on may; `body`: seconds within which what is sent has to have come."""

    def __init__(
        self, names: Container[str], asking: Asking, show: Show, *, keeping: Keeping | None = None, held: float = _HELD, body: float = _BODY,
    ) -> None:  # fmt: skip
        self._names = names
        self._asking = asking
        self._show = show
        self._keeping = keeping
        self._held = held
        self._body = body

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """See the class."""
        request[STILL], request[PATIENCE] = self._asking.still, self._body
        try:
            self._right_host(request)
            response = await self._asking.wall(request) or await self._let_in(request, handler)
        except Problem as problem:
            response = await self._told(request, problem)
        except web.HTTPException as error:
            response = await self._told(request, _of_http(error, request))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - logged whole; the asker learns nothing of the inside
            _log.exception("%s %s failed", request.method, request.rel_url.raw_path[:200])
            response = problem_response(Problem(500, said("the log says what happened")))
        if not response.prepared:
            response.headers.update({k: v for k, v in headers_of(request).items() if k not in response.headers})
        return response

    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Find out who asks, and let those in who may."""
        demanded = needed(request.match_info.handler)
        if request.path in FOR_PROBES and is_itself(request):
            demanded = "open"
        if request.match_info.http_exception is not None:
            demanded = "read"  # whoever may read is told that there is nothing
        try:
            await self._asking.find(request)
        except Problem as problem:
            if demanded != "open":
                if problem.status != 403 and _is_for_people(request) and AUTHORIZATION not in request.headers:
                    return await self._to_sign_in(request, demanded)
                raise
        me = request[WHO]
        if me.may(demanded):
            return await handler(request) if demanded == "open" else await self._while_it_holds(request, handler)
        if _is_for_people(request) and (
            me.how == "stranger" or (me.how == "token" and AUTHORIZATION not in request.headers)
        ):
            return await self._to_sign_in(request, demanded)
        if me.role == "wall" and me.how == "session" and request.path == "/":
            return web.Response(status=303, headers={"Location": "/wall"})  # the one page that is for them
        if me.how == "stranger":
            raise Problem(
                401, "say who you are: sign in, or show a token", headers={"WWW-Authenticate": 'Bearer realm="dockd"'}
            )
        raise Problem(
            403, said("this is not for {role}: ask whoever gave you that role", role=me.role),
            title=said("Your role does not allow this"),
        )  # fmt: skip

    async def _to_sign_in(self, request: web.Request, demanded: Right) -> web.Response:
        """There, and back to where they wanted to go; with what they had typed, where they sent a form."""
        response = web.Response(status=303)
        wanted = request.path_qs if request.method in ("GET", "HEAD") and request.path != "/" else ""
        if "token" in request.query or TOKEN_BEGINS in unquote(wanted):
            wanted = ""  # a secret that was mistyped into an address goes into no other one
        if request.method == "POST" and demanded in ("change", "operate") and self._keeping is not None:
            wanted = await self._keeping.keep(request, response)
        response.headers["Location"] = f"{SIGN_IN}?{urlencode({'next': wanted})}" if 0 < len(wanted) <= LONGEST_WAY else SIGN_IN  # fmt: skip
        return response

    async def _while_it_holds(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A reading that goes on is cut when whoever reads may no more."""
        if request.method != "GET":
            response = await handler(request)
            if self._keeping is not None:
                self._keeping.taken(request, response)
            return response
        answering = asyncio.ensure_future(handler(request))
        try:
            while not answering.done():
                await asyncio.wait({answering}, timeout=self._held)
                if not answering.done() and not await self._asking.holds(request):
                    raise ConnectionResetError("they may no more")
            return await answering
        finally:
            if not answering.done():
                answering.cancel()
                await asyncio.wait({answering})

    async def _told(self, request: web.Request, problem: Problem) -> web.Response:
        """For a program, or for whoever looks at a page."""
        if "text/html" not in request.headers.get("Accept", "") or request.path.startswith("/api/"):
            return problem_response(problem)
        if WHO not in request:
            request[WHO] = STRANGER
        try:
            response = await self._show(request, problem)
        except Exception:  # noqa: BLE001 - what cannot be shown is told all the same
            _log.exception("a problem cannot be shown")
            return problem_response(problem)
        response.headers.update(problem.headers)
        return response

    def _right_host(self, request: web.Request) -> None:
        host = host_of(request)
        if host is None or not (is_loopback(host) or host.lower().rstrip(".") in self._names):
            raise Problem(421, "this name is not one of page.allowed_hosts")


def headers_of(request: web.Request) -> dict[str, str]:
    """What goes with every answer."""
    return {**HEADERS, "Strict-Transport-Security": "max-age=31536000"} if request.secure else HEADERS


def _is_for_people(request: web.Request) -> bool:
    """Whether the answer is a page that somebody looks at."""
    if request.path.startswith(_FOR_PROGRAMS) or request.path in _PROBES:
        return False
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    if error.status == 405:
        allowed = error.headers.get("Allow", "")
        return Problem(405, f"this address answers to {allowed}", headers={"Allow": allowed})
    if error.status == 404:
        return Problem(404, said("there is nothing at this address"))
    return Problem(error.status, error.reason or "refused")
