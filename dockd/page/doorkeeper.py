"""Who may ask, and what goes with every answer.

Rules kept here: only names of this machine and those that the site has named are answered (a page elsewhere that gets its own name to
point here learns nothing); what the request claims of where it comes from (X-Forwarded-…) is not read; errors are problem documents;
a defect costs one answer, never the agent, and tells the asker nothing of the inside.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ETag, web

from dockd.access import Who
from dockd.page.rights import CSRF, WHO
from dockd.settings.addresses import is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
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
_TITLES = {
    400: "What was asked for cannot be understood", 403: "This may not be done from there", 404: "There is nothing at this address", 405: "That cannot be done here",
    413: "That is too much", 415: "That is no JSON", 421: "This is not the machine that was asked for", 500: "dockd has made a mistake", 503: "Not now",
}  # fmt: skip


class Problem(Exception):
    """An answer that is an error: RFC 9457."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def problem_response(problem: Problem) -> web.Response:
    """application/problem+json."""
    document = {
        "type": "about:blank", "title": _TITLES.get(problem.status, "Refused"), "status": problem.status, "detail": problem.detail,
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


# While there are no users, whoever asks from this machine may read all of it.
_NOBODY = Who(name="", role="ops", how="nobody")


class Doorkeeper:
    """The middleware. `names`: hosts beside loopback's that are answered, lower case, without port."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._csrf = secrets.token_bytes(32)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """See the class."""
        try:
            self._right_host(request)
            request[WHO] = _NOBODY
            request[CSRF] = self._csrf
            response = await handler(request)
        except Problem as problem:
            response = problem_response(problem)
        except web.HTTPException as error:
            response = problem_response(_of_http(error, request))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - logged whole; the asker learns nothing of the inside
            _log.exception("%s %s failed", request.method, request.rel_url.raw_path[:200])
            response = problem_response(Problem(500, "the log says what happened"))
        if not response.prepared:
            response.headers.update({k: v for k, v in HEADERS.items() if k not in response.headers})
        return response

    def _right_host(self, request: web.Request) -> None:
        host = host_of(request)
        if host is None or not (is_loopback(host) or host.lower().rstrip(".") in self._names):
            raise Problem(421, "this name is not one of page.allowed_hosts")


def host_of(request: web.Request) -> str | None:
    """The name or address that was asked for, no port, no brackets; None where it is neither."""
    return _without_port(request.headers.get("Host", ""))


def _without_port(host: str) -> str | None:
    if host.startswith("["):
        address, bracket, rest = host[1:].partition("]")
        return address if bracket and (not rest or _is_port(rest)) else None
    name, colon, port = host.partition(":")
    return name if name and (not colon or _is_port(f":{port}")) else None


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    if error.status == 405:
        allowed = error.headers.get("Allow", "")
        return Problem(405, f"this address answers to {allowed}", headers={"Allow": allowed})
    if error.status == 404:
        return Problem(404, "there is nothing at this address")
    return Problem(error.status, error.reason or "refused")
