"""What somebody had typed into a form that was not taken, because they were signed out meanwhile, or signed in anew: their own browser keeps it for
a quarter of an hour, and the form has it again.

Rules kept here: nothing is done by it: it is shown, and goes nowhere until somebody presses the button of a form made for them; only what a page
of this origin sent is kept, of the fields named here, and never a password; it is shown to nobody but whom the form was made for; it is forgotten
when a form is taken, and when somebody signs out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from dockd.page import cookies
from dockd.page.asked import CSRF_FIELD, FORM, MARK_FIELD, form_fields, see_the_origin
from dockd.page.doorkeeper import Problem
from dockd.page.rights import who

WAS = "was"
FIELDS = frozenset({"reason", "officer", "hours", "rate", WAS})
LASTS = 900.0
_KEPT = "kept"
_LARGEST = 3600  # no browser keeps a cookie of more than 4096 bytes
# The addresses of forms whose page is two steps above them.
_DEEPER = ("/problems/", "/system/")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A form that was not taken: its address, for whom it was made (Who.mark), and what stood in it."""

    action: str
    mark: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What was typed, where it was in words."""
        return self.fields.get("reason") or self.fields.get("officer") or ""


class Keeper:
    """For the doorkeeper."""

    async def keep(self, request: web.Request, response: web.StreamResponse) -> str:
        """Let the browser keep the form that was sent. The address of the page that it stands on; empty where it is no form of ours."""
        try:
            see_the_origin(request)
            if request.content_type != FORM:
                return ""
            fields = await form_fields(request, known={*FIELDS, CSRF_FIELD, MARK_FIELD})
        except Problem:
            return ""
        return keep(request, response, fields)

    def taken(self, request: web.Request, response: web.StreamResponse) -> None:
        """A form was taken: what was kept of an earlier one is old."""
        if response.status == 303 and cookies.shown(request, cookies.TYPED):
            cookies.forget(request, response, cookies.TYPED)


def keep(request: web.Request, response: web.StreamResponse, fields: Mapping[str, str]) -> str:
    """See Keeper.keep. More than a cookie holds is not kept; that nothing was changed is said all the same."""
    action = request.rel_url.raw_path
    kept = {name: fields[name] for name in sorted(FIELDS & fields.keys())}
    mark = fields.get(MARK_FIELD, "")
    typed_alone = {name: one for name, one in kept.items() if name != WAS}
    value = next((one for one in (_sealed(action, mark, some) for some in (kept, typed_alone, {})) if len(one) <= _LARGEST), "")  # fmt: skip
    if not value:
        return ""
    cookies.keep(request, response, cookies.TYPED, value, lasts=LASTS)
    return f"{page_of(action)}?{_KEPT}=1"


def page_of(action: str) -> str:
    """The page that the form with this address is on.

    >>> page_of("/bays/5/out-of-use"), page_of("/problems/x/seen"), page_of("/system/bandwidth"), page_of("/system/bandwidth/lift")
    ('/bays/5', '/problems', '/system', '/system')
    """
    above = action.rpartition("/")[0]
    if above.startswith(_DEEPER):
        above = above.rpartition("/")[0]
    return above


def typed(request: web.Request) -> Typed | None:
    """What is kept for this page, where the reader was brought back to it."""
    if request.method != "GET" or _KEPT not in request.query:
        return None
    found = _opened(cookies.shown(request, cookies.TYPED))
    if found is None or page_of(found.action) != request.rel_url.raw_path or found.mark != who(request).mark:
        return None
    return found


def waits(request: web.Request, onward: str) -> bool:
    """Whether a form waits on the page to which somebody goes on once they have signed in."""
    where = urlsplit(onward)
    found = _opened(cookies.shown(request, cookies.TYPED))
    return found is not None and _KEPT in parse_qs(where.query) and page_of(found.action) == where.path


def _sealed(action: str, mark: str, fields: Mapping[str, str]) -> str:
    text = json.dumps([action, mark, fields], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode("ascii").rstrip("=")


def _opened(value: str) -> Typed | None:
    """What a browser shows is anybody's: only what could have been kept is taken."""
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(f"{value}{'=' * (-len(value) % 4)}"))
        action, mark, fields = found
    except (ValueError, TypeError, RecursionError):
        return None
    if not isinstance(action, str) or not isinstance(mark, str) or not isinstance(fields, dict):
        return None
    if fields.keys() - FIELDS or not all(isinstance(one, str) for one in fields.values()):
        return None
    return Typed(action=action, mark=mark, fields=fields)
