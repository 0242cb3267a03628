"""`/footage/{id}`: one segment: where its copies are, its whole custody, its receipt, its certificate, and what a sergeant may do with it.

Rules kept here: a form says what it does before it is sent; what was done is said only where the ledger says so too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from dockd.page.asked import asked_by_form
from dockd.page.certificates import Certificates, policy_of
from dockd.page.doings import Doings
from dockd.page.doorkeeper import Problem
from dockd.page.footage_words import happened, place_of
from dockd.page.language import Said, english, joined, said
from dockd.page.pages.parts import Parts
from dockd.page.pages.reading import add_form, address, ask, clean, limit_of, number_of, plain, zoned
from dockd.page.rights import needs
from ingest.clock import rfc3339
from ingest.ledger import marks, page_cameras, page_footage, page_history, views
from ingest.ledger.evidence_times import EvidenceTimes, evidence_times
from ingest.ledger.history import Record
from ingest.ledger.marks import Mark
from ingest.ledger.segments import Segment
from ingest.model import CameraId, legible

_A_PAGE = 100
_LONGEST = 80
_ID = "{id:[^/]{1,200}}"
_DONE: Mapping[str, tuple[Callable[[Segment], bool], Said]] = {
    "evidential": (lambda one: bool(one.evidential), said("It is marked as evidence.")),
    "first": (lambda one: bool(one.priority), said("It was moved to the top: it is sent before all that is not evidence.")),
    "retry": (lambda one: one.held is None, said("It is tried again.")),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Found:
    segment: Segment
    camera: CameraId | None
    times: EvidenceTimes
    receipt: Mapping[str, Any] | None
    mark: Mark | None
    records: list[Record]


class SegmentPage:
    """`/footage/{id}`, its receipt and its certificate, and its forms."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._view = parts.view
        self._rendering = parts.rendering
        self._doings = Doings(sources=parts.sources, view=parts.view)
        self._certificates = Certificates(parts.sources.ledger.path)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(f"/footage/{_ID}", self.segment)
        router.add_get(f"/footage/{_ID}/receipt", self.receipt)
        router.add_get(f"/footage/{_ID}/certificate", self.certificate)
        add_form(router, f"/footage/{_ID}/evidential", self.evidential)
        add_form(router, f"/footage/{_ID}/first", self.first)
        add_form(router, f"/footage/{_ID}/retry", self.retry)

    @needs("read")
    async def segment(self, request: web.Request) -> web.Response:
        """The page. The beginning of an id does, where only one segment's begins so."""
        return await self._page(request)

    async def _page(self, request: web.Request, *, wrong: Said | str = "", status: int = 200) -> web.Response:
        count, after = limit_of(request, usual=_A_PAGE), number_of(request, "after") or 0
        found = await self._find(clean(request.match_info["id"]), after=after, count=count)
        one = found.segment
        here = {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}
        told = [happened(record) for record in found.records[:count]]
        return await self._rendering.page(
            request, "segment.html", status=status, one=one, name=legible(one.path), short=_short(legible(one.path)), place=place_of(one, bay=here.get(one.camera)),
            camera=plain((found.camera.serial if found.camera else "") or one.camera), camera_href=address("cameras", one.camera), bay=here.get(one.camera),
            officer=plain((self._view.registry.assigned_to(found.camera) or "") if found.camera else ""),
            why=plain(one.held_message or one.trouble), evidence=_evidence(one, found.mark), times=found.times, copies=_copies(one, bay=here.get(one.camera)), receipt=_legible(found.receipt), entries=told,
            next=told[-1].seq if len(found.records) > count else None, first=address("footage", one.id) if after else "",
            base=address("footage", one.id), done=_done(request, one), wrong={"": wrong} if wrong else {}, at=_moments(one), zoned=zoned,
        )  # fmt: skip

    async def _find(self, name: str, *, after: int = 0, count: int = 0) -> _Found:
        def question(execute: Any) -> _Found:
            segment = page_footage.named(execute, name)
            if segment is None:
                raise Problem(404, said("there is no segment of this id"))
            return _Found(
                segment=segment, camera=page_cameras.one(execute, segment.camera), times=evidence_times(execute, segment.id),
                receipt=views.receipts(execute, [segment.id]).get(segment.id), mark=marks.mark_of(execute, segment.id) if segment.evidential else None,
                records=page_history.of_segment(execute, segment.id, after=after, count=count + 1),
            )  # fmt: skip

        return await ask(self._sources, question)

    @needs("read")
    async def receipt(self, request: web.Request) -> web.Response:
        """The store's last word, as it came, as a file."""
        found = await self._find(clean(request.match_info["id"]))
        if found.receipt is None:
            raise Problem(404, said("the store has not confirmed this segment: there is no receipt"))
        signed = found.receipt["method"] == "receipt"
        return web.Response(
            body=str(found.receipt["raw"]).encode("utf-8", "backslashreplace"),
            content_type="application/jwt" if signed else "text/plain",
            headers={"Content-Disposition": f'attachment; filename="receipt-{found.segment.id}.{"jwt" if signed else "txt"}"'},
        )  # fmt: skip

    @needs("read")
    async def certificate(self, request: web.Request) -> web.Response:
        """One page to print, for a file that goes to court. Everything that it says is checked first."""
        found = await self._find(clean(request.match_info["id"]))
        text = await self._certificates.html(found.segment.id, now=self._sources.clock.now())
        return web.Response(
            body=text.encode("utf-8", "backslashreplace"), content_type="text/html", charset="utf-8",
            headers={"Content-Security-Policy": policy_of(text)},
        )  # fmt: skip

    # -- what may be done with it --------------------------------------------------------------------------------------

    @needs("change")
    async def evidential(self, request: web.Request) -> web.Response:
        """Mark it as evidence."""
        return await self._do(request, "evidential", self._doings.evidential)

    @needs("change")
    async def first(self, request: web.Request) -> web.Response:
        """Move it to the top."""
        return await self._do(request, "first", self._doings.first)

    @needs("change")
    async def retry(self, request: web.Request) -> web.Response:
        """Try a held one again."""
        return await self._do(request, "retry", self._doings.retry)

    async def _do(self, request: web.Request, what: str, doing: Callable[..., Awaitable[Any]]) -> web.Response:
        me, _fields = await asked_by_form(request, known=())
        name = clean(request.match_info["id"])
        try:
            await doing(name, by=me.by)
        except Problem as problem:
            if problem.status == 404:
                raise
            return await self._page(request, wrong=problem.detail, status=problem.status)
        return web.Response(status=303, headers={"Location": address("footage", name, done=what)})


def _done(request: web.Request, segment: Segment) -> Said | str:
    """What was done, where it is so."""
    is_so, words = _DONE.get(request.query.get("done", ""), (lambda _one: False, said("")))
    return words if is_so(segment) else ""


def _evidence(one: Segment, mark: Mark | None) -> str:
    """Who knows that it is evidence; empty where it is none."""
    if not one.evidential:
        return ""
    if not one.in_store:
        return said("This dock knows. The store is told with the file.")
    if mark is None or mark.told_at is None:
        return said(
            "This dock knows. The store is being told: until it knows, it may delete the file when its time is over."
        )
    if mark.cannot:
        return joined(said("This dock knows. The store cannot be told:"), english(plain(mark.cannot)))
    return said("This dock knows, and the store does.")


def _short(name: str) -> str:
    """The last part of a file's name, as far as a heading can have it."""
    last = name.rpartition("/")[2] or name
    return last if len(last) <= _LONGEST else f"{last[:_LONGEST]}…"


def _moments(one: Segment) -> list[tuple[Said, str]]:
    """When what happened, by the station's clock, as far as it has."""
    rows = (
        (said("Found on its camera"), one.listed_at), (said("Copied, and read a second time"), one.verified_at),
        (said("Proven by the store"), one.confirmed_at), (said("Deleted from its camera"), one.wiped_at),
        (said("Given up on the dock, for the store has it"), one.released_at),
    )  # fmt: skip
    return [(words, rfc3339(at)) for words, at in rows if at is not None]


def _copies(one: Segment, *, bay: int | None) -> list[Said]:
    """Where its copies are, each as a sentence."""
    found = []
    if one.on_camera:
        found.append(
            said("on its camera, which is in bay {bay}", bay=bay)
            if bay is not None
            else said("on its camera, which is not in a bay")
        )
    if one.in_spool:
        found.append(said("on this dock, checked"))
    if one.in_store:
        found.append(said("in the central store, proven"))
    return found or [said("nowhere that is known here")]


def _legible(receipt: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if receipt is None else {k: plain(v) if isinstance(v, str) else v for k, v in receipt.items()}
