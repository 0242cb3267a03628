"""What people ask to be changed: by a form of a page, or by a JSON document of the API. Every change goes through one of the two functions here.

    me, fields = await asked_by_form(request, known={"reason", "until"})     # Mapping[str, str]; then answer 303
    me, wanted = await asked_by_json(request, known={"rate", "for"})         # Mapping[str, Any]

Whether they may at all is said by `@needs(...)` at the handler, and demanded by the doorkeeper before the handler is called; `me.by` is what
custody calls them. Both raise Problem. A form has a hidden field `csrf` with the value of `csrf` in every template (`csrf_of(request)`); a script
sends it as the header X-CSRF-Token. `mark` says for whom a form was made, for what was typed into one that is not taken (dockd.page.typed). Neither
is among the fields that are given back.

Rules kept here: who is signed in by a browser changes something only from a page of this origin (Origin, Sec-Fetch-Site) that was made for this
very session (the token); a bearer token of the API is no browser's, and needs neither. Until there are users a change is taken from this machine itself
alone (dockd.page.nearby). What is sent is small, whole and known, and comes within ten seconds, or is refused with a reason; once it is there, it is
asked again whether whoever sent it may still, and nothing is done that they may no more. There is nothing here that wipes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from dockd.access import Who
from dockd.access.masking import is_of
from dockd.page.doorkeeper import AUTHORIZATION, Problem
from dockd.page.language import said
from dockd.page.nearby import why_not_itself
from dockd.page.rights import CSRF, PATIENCE, STILL, who

CSRF_FIELD = "csrf"
MARK_FIELD = "mark"
CSRF_HEADER = "X-CSRF-Token"
_LARGEST = 4 << 10
_LARGEST_FORM = 16 << 10
FORM = "application/x-www-form-urlencoded"
_SITES = (None, "same-origin", "none")


class OldForm(Problem):
    """A form that was made for an earlier session, or for somebody else: nothing is done, and what was typed is not lost (dockd.page.typed)."""

    def __init__(self, detail: str, fields: Mapping[str, str]) -> None:
        super().__init__(403, detail, title=said("Nothing was changed"))
        self.fields = fields


def csrf_of(request: web.Request) -> str:
    """What a form made for this asker carries in its field `csrf`: other text in each answer, always the same token."""
    return who(request).csrf


async def asked_by_form(request: web.Request, *, known: Collection[str]) -> tuple[Who, Mapping[str, str]]:
    """Who asks, and the fields of their form: those that are `known`, each once, without spaces at the ends; one that was not sent is not there.

    Raises Problem: 403 (another origin, no or a wrong token), 415, 413, 400.
    """
    me = who(request)
    if me.how in ("token", "stranger"):
        raise Problem(403, said("forms are for those who have signed in: with a token ask the API"))
    if me.how == "nobody":
        _see_that_it_is_here(request)
    if request.content_type != FORM:
        raise Problem(415, f"send a form, with Content-Type: {FORM}")
    _see_the_origin(request, demanded=True)
    fields = await form_fields(request, known={*known, CSRF_FIELD, MARK_FIELD})
    brought = fields.pop(CSRF_FIELD, "")
    try:
        await request[STILL](request)
        _see_the_token(request, brought)
    except Problem as problem:
        raise OldForm(problem.detail, fields) from None
    fields.pop(MARK_FIELD, None)
    return me, fields


async def asked_by_json(request: web.Request, *, known: Collection[str]) -> tuple[Who, Mapping[str, Any]]:
    """Who asks, and the JSON object that they sent: all of its names are `known`, and none comes twice.

    Raises Problem: 403, 415, 413, 400.
    """
    me = who(request)
    if me.how == "nobody":
        _see_that_it_is_here(request)
        _see_the_origin(request, demanded=False)
    elif me.how == "session":
        _see_the_origin(request, demanded=True)
        _see_the_token(request, request.headers.get(CSRF_HEADER, ""))
    elif (
        me.how != "token" or AUTHORIZATION not in request.headers
    ):  # a token in a cookie is a screen's on a wall: it changes nothing
        raise Problem(403, "changes are for those who have signed in, or show a token of their own")
    if request.content_type != "application/json":
        raise Problem(415, "send a JSON document, with Content-Type: application/json")
    wanted = await _object(request, known=frozenset(known))
    await request[STILL](request)
    return me, wanted


async def form_fields(
    request: web.Request, *, known: Collection[str], as_sent: Collection[str] = ()
) -> dict[str, str]:  # fmt: skip
    """The fields of a form, whoever sent it; those `as_sent` keep their spaces. Raises Problem."""
    body = await _body(request, most=_LARGEST_FORM)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=len(known) + 1
        )  # fmt: skip
    except ValueError as error:
        raise Problem(400, "what was sent is no form of this page") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or fields.keys() - set(known) or any("\0" in value for value in fields.values()):
        raise Problem(400, "what was sent is no form of this page")
    return {name: value if name in as_sent else value.replace("\r\n", "\n").strip() for name, value in fields.items()}


def _see_that_it_is_here(request: web.Request) -> None:
    if (why := why_not_itself(request)) is not None:
        raise Problem(403, why)


def see_the_origin(request: web.Request) -> None:
    """Raises Problem unless a page of this very origin sent this, as far as a browser says so; all of them do."""
    _see_the_origin(request, demanded=True)


def _see_the_origin(request: web.Request, *, demanded: bool) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    same = origin is None or origin == f"{request.scheme}://{request.headers.get('Host', '')}"
    if not same or site not in _SITES:
        raise Problem(403, said("a page of another origin may change nothing here"))
    if demanded and origin is None and site != "same-origin":
        raise Problem(403, said("a change by a browser says from which page it comes (Origin); this one does not"))


def _see_the_token(request: web.Request, brought: str) -> None:
    if CSRF not in request or not is_of(brought, request[CSRF]):
        raise Problem(
            403, said("this form is an old one, or was not made for you: load the page again, and send it once more")
        )


async def _body(request: web.Request, *, most: int) -> bytes:
    try:
        async with asyncio.timeout(request[PATIENCE]):
            body = await request.content.read(most + 1)
            while len(body) <= most and (more := await request.content.read(most + 1)):
                body += more
    except TimeoutError:
        raise Problem(
            408, said("what was sent did not come in time: nothing was changed"), headers={"Connection": "close"}
        ) from None
    if len(body) > most:
        raise Problem(413, f"more than {most} bytes were sent")
    return body


async def _object(request: web.Request, *, known: frozenset[str]) -> Mapping[str, Any]:
    body = await _body(request, most=_LARGEST)
    try:
        said = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "what was sent is no JSON document") from error
    if not isinstance(said, dict):
        raise Problem(400, f"what was sent is no JSON object; its names here are {', '.join(sorted(known))}")
    if unknown := said.keys() - known:
        raise Problem(400, f"{min(unknown)[:40]!a} is not known here; {', '.join(sorted(known))} are")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found
