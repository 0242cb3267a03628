"""Signing in, and out again; and what is shown to people instead of a page that they may not see.

Rules kept here: a sign-in makes a new session, whatever the browser brought along; which of name and password was wrong is not said; the way on after it is
an address of this page and no other. Everything works without a script.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from dockd.access.book import Damaged, Unwritten
from dockd.access.desk import TooSoon, Wrong
from dockd.access.hashing import TooManyWait
from dockd.page import cookies, typed
from dockd.page.asked import CSRF_FIELD, OldForm, asked_by_form, form_fields, see_the_origin
from dockd.page.callers import BUSY, not_now
from dockd.page.doorkeeper import LONGEST_WAY, SIGN_IN, Problem
from dockd.page.language import Said, counted, english, said
from dockd.page.nearby import address_of_peer
from dockd.page.opening import UNREADABLE
from dockd.page.pages.parts import Parts
from dockd.page.rights import needs, who

_LONGEST_FIELD = 1000
_WRONG = said("The name or the password is wrong.")
_BUSY = said("Too many people are signing in at once. Try again in a few seconds.")


class LoginPage:
    """`/login` and `/logout`."""

    def __init__(self, parts: Parts) -> None:
        self._access = parts.access
        self._rendering = parts.rendering
        self._oidc = parts.sources.settings.oidc

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(SIGN_IN, self.form)
        router.add_post(SIGN_IN, self.sign_in)
        router.add_post("/logout", self.sign_out)

    @needs("open")
    async def form(self, request: web.Request) -> web.Response:
        """The form; what to do where the list of users cannot be read; the way on for those who have signed in."""
        onward = local_way(request.query.get("next", ""))
        if who(request).how == "session" and self._access.trouble is None:
            return web.Response(status=303, headers={"Location": onward})
        return await self._form(request, onward=onward)

    @needs("open")
    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session, or say that it is not begun."""
        see_the_origin(request)
        fields = await form_fields(request, known={"name", "password", "next", CSRF_FIELD}, as_sent={"password"})
        name, password = fields.get("name", "")[:_LONGEST_FIELD], fields.get("password", "")[:_LONGEST_FIELD]
        onward = local_way(fields.get("next", ""))
        try:
            shown = await self._access.sign_in(name, password, address=address_of_peer(request))
        except Wrong:
            return await self._form(request, onward=onward, name=name, wrong=_WRONG, status=401)
        except TooSoon as soon:
            return await self._form(
                request, onward=onward, name=name, wrong=_wait(soon.seconds), status=429, after=soon.seconds
            )
        except TooManyWait:
            return await self._form(request, onward=onward, name=name, wrong=_BUSY, status=503, after=5)
        except Unwritten:
            return await self._form(request, onward=onward, name=name, wrong=BUSY, status=503, after=5)
        except Damaged:
            return await self._form(request, onward=onward, name=name, status=503, after=5)
        await self._end_the_one_before(request)
        response = web.Response(status=303, headers={"Location": onward})
        cookies.keep(request, response, cookies.SESSION, shown)
        return response

    @needs("open")
    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session, and go to where one signs in. A form elsewhere comes without the cookie, and must not make the browser forget it."""
        see_the_origin(request)
        response = web.Response(status=303, headers={"Location": SIGN_IN, "Clear-Site-Data": '"cache"'})
        if who(request).how == "session":
            await asked_by_form(request, known=())
            await self._end_the_one_before(request)
        cookies.forget(request, response, cookies.SESSION)
        cookies.forget(request, response, cookies.TYPED)
        return response

    async def _end_the_one_before(self, request: web.Request) -> None:
        """The session that this browser shows, if any."""
        if shown := cookies.shown(request, cookies.SESSION):
            try:
                await self._access.sign_out(shown)
            except (Damaged, Unwritten) as error:
                raise not_now(error) from error

    async def _form(
        self, request: web.Request, *, onward: str, name: str = "", wrong: Said | None = None, status: int = 200, after: float = 0,
    ) -> web.Response:  # fmt: skip
        trouble = UNREADABLE if self._access.trouble is not None else None
        response = await self._rendering.page(
            request, "login.html", status=status, onward=onward, name=name, wrong=wrong, trouble=trouble, icon="icon-ready.svg",
            minutes=max(1, round(self._access.idle / 60)), elsewhere=self._oidc.issuer is not None, kept=typed.waits(request, onward),
        )  # fmt: skip
        if after:
            response.headers["Retry-After"] = str(int(after) + 1)
        return response


class RefusedPage:
    """What people see instead of a page that cannot be shown to them. No address of its own."""

    def __init__(self, parts: Parts) -> None:
        self._rendering = parts.rendering

    async def show(self, request: web.Request, problem: Problem) -> web.Response:
        """The problem in words, and the way back; to a form that is an old one with what was typed."""
        noted = web.Response()
        back = typed.keep(request, noted, problem.fields) if isinstance(problem, OldForm) else ""
        response = await self._rendering.page(
            request, "refused.html", status=problem.status, title=problem.title, text=english(problem.detail),
            back=back, icon="icon-ready.svg",
        )  # fmt: skip
        response.cookies.update(noted.cookies)
        return response


def local_way(said: str) -> str:
    """An address of this page to go on to; the front page where it is another's, or no address.

    >>> local_way("/bays/3?lang=cy"), local_way("//evil.example"), local_way("/\\\\evil.example"), local_way("https://evil.example/")
    ('/bays/3?lang=cy', '/', '/', '/')
    """
    plain = said.isascii() and said.isprintable() and len(said) <= LONGEST_WAY and "\\" not in said
    if not plain or not said.startswith("/") or said.startswith("//"):
        return "/"
    try:
        parts = urlsplit(said)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path in (SIGN_IN, "/logout"):
        return "/"
    return said


def _wait(seconds: float) -> Said:
    if seconds <= 90:
        return counted(
            "Too many mistakes. Try again in {count} second.", "Too many mistakes. Try again in {count} seconds.", count=int(seconds) + 1
        )  # fmt: skip
    return said("Too many mistakes. Try again in {minutes} minutes.", minutes=int(seconds // 60) + 1)
