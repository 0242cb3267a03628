"""Signing in at the force's own provider: there by `/login/elsewhere`, and back at `/login/elsewhere/back`.

Rules kept here: what the sign-in was begun with is in a cookie of this browser alone, short-lived, seen by no script, and sent when the provider sends
the browser back (SameSite=Lax: the provider is another site); the session's own cookie is Strict, and a browser that another site has sent here does
not show it: so the way back ends in a page of this origin that goes on by itself, and not in a redirect. Where somebody goes from there is a path of this
page and nothing else. Nobody signs in elsewhere over a line that others can read. Why somebody was not let in is said in plain words to them, and more of it
to the log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from dockd.access import Who
from dockd.access.book import Damaged, Unwritten
from dockd.access.desk import Access
from dockd.access.elsewhere import voucher
from dockd.access.known import csrf_secret
from dockd.access.masking import masked
from dockd.page import cookies
from dockd.page.callers import not_now
from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.language import Said, said
from dockd.page.nearby import address_of_peer
from dockd.page.pages.login import local_way
from dockd.page.pages.parts import Parts
from dockd.page.rendering import Rendering
from dockd.page.rights import CSRF, WHO, needs
from ingest import events

if TYPE_CHECKING:
    from dockd.access.oidc import Oidc

START = "/login/elsewhere"
BACK = "/login/elsewhere/back"
COOKIE = "__Host-dockd-elsewhere"
_SAID_EVERY = 60.0
_LONGEST_COOKIE = 4096
_ANSWERS = ("state", "code", "iss", "error")

# By NotLetIn.why: the answer's status, what is said, and what to do.
_WHY_NOT: Mapping[str, tuple[int, Said, Said]] = {
    "stale": (400, said("This sign-in was not begun in this browser, or it was too long ago."), said("Begin it again.")),
    "refused": (
        403,
        said("The force's sign-in has not let you in."),
        said("Begin it again. If it says no again, ask those who look after the force's accounts."),
    ),
    "away": (
        503,
        said("The force's sign-in cannot be asked just now."),
        said("Try again in a few minutes, or sign in with a name and password of this rack. dockd's log says what is wrong."),
    ),
    "unproven": (
        502,
        said("What the force's sign-in has said of you does not hold, so nobody was let in."),
        said("Tell ops: dockd's log says what is wrong."),
    ),
    "often": (
        429,
        said("Too many sign-ins from this address came to nothing."),
        said("Wait a minute and begin again, or sign in with a name and password of this rack."),
    ),
    "busy": (
        503,
        said("Too many people are signing in at once. Try again in a few seconds."),
        said("Begin it again."),
    ),
    "no_role": (
        403,
        said("The force's sign-in knows you, and nothing that it says of you lets you in here."),
        said("Ask those who look after the force's accounts for a group or role that this rack knows."),
    ),
    "too_many_groups": (
        403,
        said("You are in so many groups that the force's sign-in leaves them out."),
        said("Tell ops: it has to send app roles instead of groups."),
    ),
    "no_name": (
        403,
        said("The force's sign-in does not say what you are called, and what is done here is written down under a name."),
        said("Tell ops: dockd's log says what is missing."),
    ),
}  # fmt: skip


class SignInElsewhere:
    """`/login/elsewhere` and `/login/elsewhere/back`: only where a provider is configured."""

    def __init__(self, parts: Parts) -> None:
        self._rendering: Rendering = parts.rendering
        self._sources: Sources = parts.sources
        self._access: Access = parts.access
        self._told: dict[str, float] = {}
        settings = parts.sources.settings.oidc
        self._oidc: Oidc | None = None
        self._voucher = voucher(settings)
        if settings.issuer is not None:
            # the client is a fifth of a second and 14 MB of imports, which a rack without a provider is spared
            from dockd.access.oidc import Oidc, Provider

            self._oidc = Oidc(settings, provider=Provider(settings), clock=parts.sources.clock)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes, where there is a provider."""
        if self._oidc is not None:
            router.add_get(START, self.start, allow_head=False)
            router.add_get(BACK, self.back, allow_head=False)

    @needs("open")
    async def start(self, request: web.Request) -> web.Response:
        """Send the browser to the provider."""
        from dockd.access.oidc import LONGEST, NotLetIn

        oidc = self._asked_for(request)
        back = f"{request.scheme}://{request.headers['Host']}{BACK}"
        try:
            begun = await oidc.begin(back=back, onward=_onward(request.query.get("next", "")))
        except NotLetIn as no:
            return await self._not_let_in(request, no.why, no.message)
        response = web.Response(status=303, headers={"Location": begun.url, "Referrer-Policy": "no-referrer"})
        _keep(response, begun.sealed, lasts=LONGEST)
        return response

    @needs("open")
    async def back(self, request: web.Request) -> web.Response:
        """The provider has sent the browser back: a session of ours, if it proves who that is."""
        from dockd.access.oidc import NotLetIn

        oidc = self._asked_for(request)
        try:
            answer = _answer_of(request)
            sealed = request.cookies.get(COOKIE, "")[:_LONGEST_COOKIE]
            somebody = await oidc.end(sealed=sealed, answer=answer, address=address_of_peer(request))
            shown = await self._access.sign_in_as(
                somebody.name,
                somebody.role,
                via=f"{self._voucher} {somebody.subject}",
                address=address_of_peer(request),
            )
        except NotLetIn as no:
            response = await self._not_let_in(request, no.why, no.message)
        except (Damaged, Unwritten) as error:
            raise not_now(error) from error
        else:
            request[CSRF] = csrf_secret(shown)  # the page is theirs already
            request[WHO] = Who(
                name=somebody.name, role=somebody.role, how="session", csrf=masked(request[CSRF]), idle_seconds=int(self._access.idle),
                kind=self._voucher.partition("-")[0],
            )  # fmt: skip
            response = await self._rendering.page(request, "elsewhere.html", onward=somebody.onward, name=somebody.name)
            cookies.keep(request, response, cookies.SESSION, shown)
        response.headers["Referrer-Policy"] = "no-referrer"
        _keep(response, "", lasts=0)
        return response

    def _asked_for(self, request: web.Request) -> Oidc:
        """The provider's side of it, for those whose line is their own. Raises Problem."""
        if self._oidc is None:
            raise Problem(404, said("there is nothing at this address"))
        if not cookies.is_private(request):
            raise Problem(403, said("signing in at the force's own sign-in needs TLS: ask ops for it"))
        return self._oidc

    async def _not_let_in(self, request: web.Request, why: str, message: str) -> web.Response:
        now = time.monotonic()
        if now - self._told.get(why, -_SAID_EVERY) >= _SAID_EVERY:
            self._told[why] = now
            self._sources.ledger.publish(events.UserRefusedElsewhere(error=message, address=address_of_peer(request)))
        status, sentence, advice = _WHY_NOT[why]
        return await self._rendering.page(
            request, "elsewhere_not.html", status=status, sentence=sentence, advice=advice, start=START
        )


def _onward(wanted: str) -> str:
    """Where somebody goes once they have signed in; never round again."""
    way = local_way(wanted)
    return "/" if way.startswith(START) else way


def _answer_of(request: web.Request) -> dict[str, str]:
    """What the provider has put into the address, each once; what is there twice is nothing."""
    return {name: request.query[name] for name in _ANSWERS if len(request.query.getall(name, [])) == 1}


def _keep(response: web.StreamResponse, sealed: str, *, lasts: int) -> None:
    response.set_cookie(COOKIE, sealed, path="/", secure=True, httponly=True, samesite="Lax", max_age=lasts)
