"""`/activity`: what happened, newest first, in plain words, a page at a time into the past; of one camera or one bay."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from dockd.page.footage_words import Happened, happened
from dockd.page.language import Moment, Said, counted, said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import address, ask, limit_of, number_of, plain, text_of, with_query
from dockd.page.rights import needs
from ingest.clock import from_rfc3339
from ingest.ledger import page_cameras, page_history
from ingest.model import CameraId

_A_PAGE = 100
_WHAT: tuple[tuple[str, Said], ...] = (
    ("", said("What people and cameras did, and what went wrong")), ("all", said("Each file's way too")),
)  # fmt: skip


class ActivityPage:
    """`/activity`."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._rendering = parts.rendering

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/activity", self.activity)

    @needs("read")
    async def activity(self, request: web.Request) -> web.Response:
        """The list. `?camera=` (an id, a serial, or a part that only one has), `?bay=`, `?what=all`, `?before=` (an entry's number), `?limit=`."""
        camera, files = text_of(request, "camera"), text_of(request, "what") == "all"
        bay, before = number_of(request, "bay", most=999_999_999), number_of(request, "before")
        count = limit_of(request, usual=_A_PAGE)

        def question(execute: Any) -> tuple[list[CameraId], page_history.Back]:
            meant = _meant(page_cameras.known(execute), camera) if camera else []
            if camera and len(meant) != 1:
                return meant, page_history.Back()
            which = meant[0].id if meant else None
            return meant, page_history.before(execute, seq=before, count=count, camera=which, bay=bay, files=files)

        meant, back = await ask(self._sources, question)
        wrong = _wrong(camera, meant)
        asked = {"camera": camera, "bay": "" if bay is None else str(bay), "what": "all" if files else ""}
        return await self._rendering.page(
            request, "activity.html", status=400 if wrong else 200, asked=asked, what=_WHAT, wrong=wrong, next=back.next,
            days=_by_day([happened(one) for one in back.records]), keep=with_query(asked), filtered=bool(camera or bay is not None),
            first=address("activity", **asked) if before is not None else "", links=_links,
        )  # fmt: skip


def _meant(known: list[CameraId], word: str) -> list[CameraId]:
    exact = [one for one in known if one.id == word] or [one for one in known if one.serial == word]
    return exact or [one for one in known if word.casefold() in one.id.casefold()]


def _wrong(camera: str, meant: list[CameraId]) -> dict[str, Said]:
    if not camera or len(meant) == 1:
        return {}
    if not meant:
        return {"camera": said("No camera is called so.")}
    names = ", ".join(plain(one.id) for one in meant[:5])
    return {
        "camera": counted("{count} camera is called so", "{count} cameras are called so: {names}. Say which.", count=len(meant), names=names)
    }  # fmt: skip


def _by_day(entries: list[Happened]) -> list[tuple[str, list[tuple[str, Happened]]]]:
    """Days on the station's clock, with the time of each entry."""
    days: dict[str, list[tuple[str, Happened]]] = {}
    for one in entries:
        day: str
        at: str
        try:
            when = from_rfc3339(one.at)
            day, at = Moment(when, "EEEE d MMMM y"), Moment(when, "HH:mm:ss")
        except (ValueError, OverflowError, OSError):  # an entry that was tampered with: it is shown as it is
            day, at = plain(one.at), ""
        days.setdefault(day, []).append((at, one))
    return list(days.items())


def _links(one: Happened) -> list[tuple[str, Said]]:
    """Where there is more about it."""
    found = []
    if one.segment is not None:
        found.append((address("footage", one.segment), said("the file")))
    if one.camera is not None:
        found.append((address("cameras", one.camera), said("the camera")))
    if one.bay is not None:
        found.append((address("bays", str(one.bay)), said("bay {bay}", bay=one.bay)))
    return found
