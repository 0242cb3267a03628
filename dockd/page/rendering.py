"""Templates, and what every page has: who is signed in, the language, the words at the top, the way to the other pages.

Rules kept here: a page is of one look, its headline too; Jinja2 escapes everything, nothing may be missing; what a camera calls its files is shown by `legible`; nothing is fetched from
anywhere else; the language is what the reader chose (`?lang=`, then kept in a cookie), else the first that the browser asks for and dockd has.
"""

from __future__ import annotations

from typing import Any

import jinja2
from aiohttp import web

from dockd.access import may
from dockd.page.asked import csrf_of
from dockd.page.doorkeeper import tagged
from dockd.page.language import LANGUAGES, Language, Said, said
from dockd.page.moments import clock, moment
from dockd.page.rights import SINCE, who
from dockd.page.snapshot import Snapshot
from dockd.page.speaking import speak_in
from dockd.page.statics import address_of
from dockd.page.typed import typed
from dockd.page.view import View
from dockd.page.words import headline_of, size_words
from dockd.settings.addresses import is_loopback

LANGUAGE_COOKIE = "lang"
_A_YEAR = 365 * 86400
# Address, word: the ways that every page shows, in this order.
WAYS = (
    ("/", said("Now")), ("/bays", said("Bays")), ("/problems", said("Problems")), ("/footage", said("Footage")), ("/cameras", said("Cameras")), ("/handover", said("Handover")),
    ("/activity", said("Activity")), ("/system", said("System")), ("/help", said("Help")),
)  # fmt: skip


def templates(language: Language = "en") -> jinja2.Environment:
    """The pages' templates in `language`."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("dockd.page", "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    speak_in(found, language)
    found.filters["size"] = size_words
    found.globals["static"] = address_of
    found.filters["clock"] = clock
    found.filters["moment"] = moment
    return found


class Rendering:
    """Renders pages for requests."""

    def __init__(self, *, view: View) -> None:
        self._view = view
        self._templates = {language: templates(language) for language in LANGUAGES}

    def draw(self, language: Language, template: str, **context: Any) -> bytes:
        """A template alone, without what every page has."""
        text = self._templates[language].get_template(template).render(language=language, **context)
        return text.encode("utf-8", "backslashreplace")

    async def page(
        self, request: web.Request, template: str, /, *, status: int = 200, snapshot: Snapshot | None = None, **context: Any
    ) -> web.Response:  # fmt: skip
        """A whole page: `template` extends base.html, and has beside `context` what `frame` gives, of the same `snapshot` as the page itself."""
        language = language_of(request)
        body = self.draw(language, template, **{**await self.frame(request, snapshot), **context})
        if status != 200:
            response = web.Response(status=status, body=body, content_type="text/html", charset="utf-8")
        else:
            response = tagged(request, body, content_type="text/html")
        response.headers["Vary"] = "Accept-Language, Cookie"
        if request.query.get("lang") in LANGUAGES:
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=_A_YEAR, samesite="Strict", httponly=True)
        return response

    async def frame(self, request: web.Request, snapshot: Snapshot | None = None) -> dict[str, Any]:
        """`said` (the status with the time), `headline` (and `counts`, the same without what is wrong with the rack), `me` (Who), `rights` (what they may), `ways`, `here` (this address), `languages`, `csrf` (what forms carry), `in_clear` (it goes
        over the line unencrypted), `still` (it is not to reload itself), `icon` (the tab's),
        `since` (what the page has, for its script), `idle_seconds` (None: the session does not end by itself), `typed` (what stood in a form of this page that was not taken, or None).

        `snapshot`: what the page has looked at, so that what stands at its top counts what stands under it; None: it is looked here, by a page that has not.
        """
        now = self._view.status_now(snapshot if snapshot is not None else await self._view.look())
        me = who(request)
        return {
            "said": now, "headline": headline_of(now), "counts": headline_of(now, whole=False), "me": me,
            "rights": {right: may(me.role, right) for right in ("read", "change", "operate")}, "ways": WAYS, "here": request.path,
            "languages": LANGUAGES, "csrf": csrf_of(request), "in_clear": not request.secure and not is_loopback(request.remote or "::1"),
            "still": "still" in request.query, "icon": icon_of(now),
            "since": request.get(SINCE, ""), "idle_seconds": getattr(me, "idle_seconds", None), "typed": typed(request),
        }  # fmt: skip


def icon_of(status: dict[str, Any]) -> str:
    """The tab's icon that says what the headline says, by shape and colour."""
    if status["trouble"]:
        return "icon-dead.svg"
    wrong = status["needs_action"] or status["rack_problem"] is not None
    return "icon-action.svg" if wrong else "icon-ready.svg"


def language_of(request: web.Request) -> Language:
    """In which language the reader is told."""
    wished = [request.query.get("lang", ""), request.cookies.get(LANGUAGE_COOKIE, "")]
    wished += [
        one.split(";")[0].strip()[:2].lower() for one in request.headers.get("Accept-Language", "")[:200].split(",")
    ]
    return next((language for one in wished for language in LANGUAGES if one == language), "en")


__all__ = ["LANGUAGE_COOKIE", "WAYS", "Rendering", "Said", "language_of", "templates"]
