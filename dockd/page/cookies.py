"""What browsers keep for dockd: the session of whoever is signed in, the token of a screen on a wall, and a form that could not be taken.

Rules kept here: no script reads them, no other site makes a browser send them, and no other name or path gets or sets them (`__Host-`). Browsers
take such a cookie over TLS, and over plain HTTP on this machine itself; where the site has said that the page goes in clear over a line
(page.plain_http), it has another name, and is never taken for one that came over TLS.
"""

from __future__ import annotations

from aiohttp import web

from dockd.page.nearby import host_of
from dockd.settings.addresses import is_loopback

SESSION = "__Host-dockd"
WALL = "__Host-dockd-wall"
TYPED = "__Host-dockd-typed"
_IN_CLEAR = {SESSION: "dockd-in-clear", WALL: "dockd-wall-in-clear", TYPED: "dockd-typed-in-clear"}
_LARGEST = {SESSION: 200, WALL: 200, TYPED: 4096}
_LONGEST = 400 * 86400  # no browser keeps one longer


def is_private(request: web.Request) -> bool:
    """Whether nobody is on the line between: TLS, or this machine's own name."""
    return request.secure or is_loopback(host_of(request) or "")


def shown(request: web.Request, cookie: str) -> str:
    """What the browser shows of SESSION, WALL or TYPED; empty where it shows none."""
    return request.cookies.get(_name(request, cookie), "")[: _LARGEST[cookie]]


def keep(
    request: web.Request, response: web.StreamResponse, cookie: str, value: str, *, lasts: float | None = None
) -> None:
    """Let the browser keep `value`, for `lasts` seconds or until it is closed."""
    response.set_cookie(
        _name(request, cookie), value, path="/", secure=is_private(request), httponly=True, samesite="Strict",
        max_age=None if lasts is None else int(min(lasts, _LONGEST)),
    )  # fmt: skip


def forget(request: web.Request, response: web.StreamResponse, cookie: str) -> None:
    """Let the browser forget it."""
    keep(request, response, cookie, "", lasts=0)


def _name(request: web.Request, cookie: str) -> str:
    return cookie if is_private(request) else _IN_CLEAR[cookie]
