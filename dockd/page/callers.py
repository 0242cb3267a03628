"""Who it is that asks: a token of the API, a session, a screen on a wall, or nobody in particular on this machine while there are no users.

Rules kept here: what is shown and holds no more opens nothing, whatever else is shown beside it; a token in an address opens the wall's screen and
nothing else, and is out of the address at once; where nobody can be looked up, everybody is a stranger.
"""

from __future__ import annotations

import secrets

from aiohttp import web

from dockd.access import STRANGER, Who
from dockd.access.book import Damaged, Unwritten
from dockd.access.desk import Access
from dockd.access.known import TOKEN_BEGINS, csrf_secret
from dockd.access.masking import masked
from dockd.page import cookies
from dockd.page.doorkeeper import AUTHORIZATION, Problem
from dockd.page.language import said
from dockd.page.nearby import is_here, why_not_itself
from dockd.page.opening import UNREADABLE
from dockd.page.rights import CSRF, WHO

WALL_PATH = "/wall"
BUSY = said("The list of those who may come in is being written. Try again in a few seconds.")
_BY_THEMSELVES = ("/api/", "/live", "/parts", "/static/", "/wall")


class Callers:
    """Finds out who asks. One for the page's life."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._local = secrets.token_bytes(32)

    async def find(self, request: web.Request) -> None:
        """Puts who asks into the request, for `rights.who`. Raises Problem: 401 (a token that opens nothing), 503 (nobody can be looked up)."""
        request[WHO] = STRANGER
        try:
            request[WHO] = await self._found(request, doing=_is_a_persons(request))
        except (Damaged, Unwritten) as error:
            raise not_now(error) from error

    async def holds(self, request: web.Request) -> bool:
        """Whether whoever asked is still who they were. For answers that go on and on."""
        try:
            await self.still(request)
        except Problem:
            return False
        return True

    async def still(self, request: web.Request) -> None:
        """Raises Problem unless whoever asked is still who they were: 401, 503 (nobody can be looked up)."""
        before = request[WHO]
        try:
            now = await self._found(request, doing=False)
        except (Damaged, Unwritten) as error:
            raise not_now(error) from error
        if (now.name, now.role, now.how, now.kind) != (before.name, before.role, before.how, before.kind):
            raise Problem(401, said("you may not do this any more: sign in again"))

    async def _found(self, request: web.Request, *, doing: bool) -> Who:
        if AUTHORIZATION in request.headers:
            return await self._bearer(request)
        if shown := cookies.shown(request, cookies.SESSION):
            found = await self._access.session(shown, doing=doing)
            if found is not None:
                request[CSRF] = csrf_secret(shown)
                idle = int(min(found.idle, found.longest))
                one = found.session
                return Who(
                    name=one.name,
                    role=one.role,
                    how="session",
                    csrf=masked(request[CSRF]),
                    idle_seconds=idle,
                    kind=one.kind,
                )
        if shown := cookies.shown(request, cookies.WALL):
            token = await self._access.token(shown)
            if token is not None and token.role == "wall":
                return Who(name=token.name, role="wall", how="token")
        if await self._access.nobody_needed() and is_here(request):
            if (why := why_not_itself(request)) is not None:
                raise Problem(403, why)
            request[CSRF] = self._local
            return Who(name="", role="ops", how="nobody", csrf=masked(self._local))
        return STRANGER

    async def _bearer(self, request: web.Request) -> Who:
        kind, _, shown = request.headers[AUTHORIZATION].partition(" ")
        token = await self._access.token(shown.strip()[:200]) if kind.lower() == "bearer" else None
        if token is None:
            challenge = 'Bearer realm="dockd", error="invalid_token"'
            raise Problem(401, "this token opens nothing: it is wrong, has expired, or was revoked", headers={"WWW-Authenticate": challenge})  # fmt: skip
        return Who(name=token.name, role=token.role, how="token")

    async def wall(self, request: web.Request) -> web.Response | None:
        """For a screen that comes with its token in the address: let it keep the token, and come again without. None for all others. Raises Problem."""
        if request.path != WALL_PATH or "token" not in request.query:
            return None
        shown = request.query["token"][:200]
        try:
            token = await self._access.token(shown) if shown.startswith(TOKEN_BEGINS) else None
        except (Damaged, Unwritten) as error:
            raise not_now(error) from error
        if token is None or token.role != "wall":
            raise Problem(
                403, said("the token in this address is not one of a wall's screen, or does not hold any more: ask ops for a new one"),
                title=said("This screen may not come in"),
            )  # fmt: skip
        response = web.Response(status=303, headers={"Location": WALL_PATH})
        cookies.keep(request, response, cookies.WALL, shown, lasts=token.expires_at - self._access.now())
        return response


def not_now(error: Damaged | Unwritten) -> Problem:
    """What is told to whoever cannot be looked up."""
    return Problem(503, UNREADABLE if isinstance(error, Damaged) else BUSY, headers={"Retry-After": "5"})


def _is_a_persons(request: web.Request) -> bool:
    """Whether a person has done something, and not a page by itself: browsers say so where the line is private; elsewhere a page that is loaded counts."""
    if request.method not in ("GET", "HEAD"):
        return True
    if "Dockd-Live" in request.headers:
        return False  # the page's own script reads it again
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate" and request.headers.get("Sec-Fetch-User") == "?1"
    return not request.path.startswith(_BY_THEMSELVES) and not request.path.endswith("/parts")
