"""What the pages that go through the ledger have in common: what was asked for, taken apart and bounded, and the ledger asked off the loop.

Rules kept here: what cannot be understood gets 400 and a reason; a name that cannot be the ledger's is refused before it is asked; whatever
stands in an address was quoted whole, and whatever is shown is legible (no control characters, nothing that turns the line around).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from aiohttp import web

from dockd.page.doorkeeper import Problem
from dockd.page.facts import Sources
from dockd.page.language import Moment, said
from dockd.page.rights import needs
from dockd.page.typed import page_of
from ingest.clock import from_rfc3339
from ingest.errors import LedgerUnusable
from ingest.model import legible

T = TypeVar("T")
_LONGEST = 1000
_MOST = 500


async def ask(sources: Sources, question: Callable[[Callable[..., Any]], T]) -> T:
    """`question(execute)`, off the loop. Raises Problem (503) where the ledger cannot be asked."""
    try:
        return await sources.ledger.read(lambda db: question(db.execute))
    except LedgerUnusable as error:
        raise Problem(503, error.message, headers={"Retry-After": "5"}) from error


def limit_of(request: web.Request, *, usual: int) -> int:
    """`?limit=`, from 1 to 500. Raises Problem."""
    found = number_of(request, "limit")
    if found is None:
        return usual
    if not 1 <= found <= _MOST:
        raise Problem(400, f"limit is from 1 to {_MOST}")
    return found


def number_of(request: web.Request, name: str, *, most: int = 1 << 60) -> int | None:
    """A whole number, None where there is none. Raises Problem."""
    text = request.query.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > most:
        raise Problem(400, f"{name} is a whole number, at most {most}")
    return int(text)


def text_of(request: web.Request, name: str) -> str:
    """What was asked for under this name, without spaces at the ends; empty where nothing was. Raises Problem."""
    return clean(request.query.get(name, "")).strip()


def clean(text: str) -> str:
    """A name that the ledger can be asked for. Raises Problem."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem(400, "that is no text in UTF-8") from None
    if len(text) > _LONGEST or "\0" in text:
        raise Problem(400, "that is no name of anything here")
    return text


def address(*parts: str, **asked: object) -> str:
    """An address of this page, each part quoted whole; what is asked for is left out where it is None or empty.

    >>> address("cameras", "a/b?c", bay=3, after=None)
    '/cameras/a%2Fb%3Fc?bay=3'
    """
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    query = with_query(asked)
    return f"{path}?{query}" if query else path


def with_query(asked: Mapping[str, object]) -> str:
    """The part behind the question mark."""
    return urlencode({name: str(value) for name, value in asked.items() if value not in (None, "")})


def plain(text: str | None) -> str:
    """A name from outside as people can read it."""
    return legible((text or "").encode("utf-8", "surrogatepass"))


def add_form(router: web.UrlDispatcher, path: str, handler: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """The route of a form: POST to `path`. Who asks for it otherwise (another language, a reload) is sent to the page that the form is on, above it."""

    @needs("read")
    async def back(request: web.Request) -> web.Response:
        above = page_of(request.rel_url.raw_path)
        query = with_query({"lang": request.query.get("lang", "")[:8]})
        return web.Response(status=303, headers={"Location": f"{above}?{query}" if query else above})

    router.add_post(path, handler)
    router.add_get(path, back)


def zoned(at: str) -> str:
    """As `exact`, with how far the station's clock is from UTC: for what is compared with papers.

    >>> str(zoned("2026-07-01T05:00:00Z")).startswith(str(exact("2026-07-01T05:00:00Z")) + " (UTC"), str(zoned("no time"))
    (True, 'no time')
    """
    try:
        away = datetime.fromtimestamp(from_rfc3339(at), tz=UTC).astimezone().utcoffset() or timedelta()
    except (ValueError, OverflowError, OSError):
        return plain(at)
    minutes = round(away.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "" if not minutes else f"{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")
    return said("{time} (UTC{offset})", time=exact(at), offset=sign)


def exact(at: str) -> str:
    """RFC 3339 to the second, on the station's clock; what is no time as it is."""
    try:
        when = from_rfc3339(at)
        return said("{time}, {day}", time=Moment(when, "HH:mm:ss"), day=Moment(when, "d MMM y"))
    except (ValueError, OverflowError, OSError):
        return plain(at)
