"""`/api/v1`: what docs/api.md says, for reading. Nothing here changes anything.

Rules kept here: a question that cannot be understood gets 400 and a reason; lists are pages of at most 1,000; every document has an ETag;
the ledger is asked off the loop; where it cannot be asked, the answer is 503 and says why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web

from dockd.page import documents
from dockd.page.doorkeeper import Problem, json_response
from dockd.page.facts import Sources
from dockd.page.live import Live
from dockd.page.openapi import document as openapi
from dockd.page.rights import needs
from dockd.page.segment_documents import segment_documents
from dockd.page.view import View
from ingest.errors import LedgerUnusable
from ingest.ledger import issues, segments, views
from ingest.ledger.evidence_times import evidence_times
from ingest.ledger.issues import Issue
from ingest.model import CameraId

T = TypeVar("T")
BASE = "/api/v1"
_MOST = 1000
_USUAL = 100


class Api:
    """The API's routes. `metrics` gives the exposition text."""

    def __init__(
        self, *, sources: Sources, view: View, live: Live, metrics: Callable[[], Awaitable[tuple[bytes, str]]]
    ) -> None:  # fmt: skip
        self._sources = sources
        self._view = view
        self._live = live
        self._metrics = metrics
        self._openapi = openapi(version=sources.version)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes; `/healthz`, `/readyz` and `/metrics` also where probes and scrapers look by custom."""
        for path, handler in (
            ("/status", self.status), ("/bays", self.bays), ("/bays/{n}", self.bay), ("/cameras", self.cameras),
            ("/cameras/{id}", self.camera), ("/segments", self.segments), ("/segments/{id}", self.segment),
            ("/segments/{id}/custody", self.custody), ("/activity", self.activity), ("/problems", self.problems),
            ("/events", self._live.stream), ("/openapi.json", self.description), ("/bandwidth", self.bandwidth),
        ):  # fmt: skip
            router.add_get(BASE + anything(path), handler, allow_head=path != "/events")
        for path, handler in (("/healthz", self.healthz), ("/readyz", self.readyz), ("/metrics", self.metrics)):
            router.add_get(BASE + path, handler)
            router.add_get(path, handler)

    async def _ask(self, question: Callable[[Any], T]) -> T:
        try:
            return await self._sources.ledger.read(lambda db: question(db.execute))
        except LedgerUnusable as error:
            raise Problem(503, error.message, headers={"Retry-After": "5"}) from error

    # -- what is so now ------------------------------------------------------------------------------------------------

    @needs("read")
    async def status(self, request: web.Request) -> web.Response:
        """`GET /status`. `time` and `age_seconds` go on by themselves: they make no new ETag."""
        snapshot = await self._view.look()
        return json_response(request, self._view.status_now(snapshot), identity=[snapshot.sequence, snapshot.status])

    @needs("read")
    async def bays(self, request: web.Request) -> web.Response:
        """`GET /bays`."""
        after, limit = _number(request, "after", 0), _limit(request)
        snapshot = await self._view.look()
        numbers = [n for n in snapshot.bays if n > after]
        return json_response(
            request,
            {"bays": [snapshot.bays[n] for n in numbers[:limit]], "next": _next(numbers, limit)},
        )

    @needs("read")
    async def bay(self, request: web.Request) -> web.Response:
        """`GET /bays/{n}`."""
        number = number_in(request)
        snapshot = await self._view.look()
        if number not in snapshot.bays:
            raise Problem(404, f"there is no bay {number}")
        return json_response(request, snapshot.bays[number])

    @needs("read")
    async def problems(self, request: web.Request) -> web.Response:
        """`GET /problems`: what is wrong now, the worst first."""
        after, limit = _text(request, "after"), _limit(request)
        snapshot = await self._view.look()
        names = [one["id"] for one in snapshot.problems]
        first = names.index(after) + 1 if after in names else 0  # one that is over since: from the start
        return json_response(request, {"problems": list(snapshot.problems[first : first + limit]), "next": _next(names[first:], limit)})  # fmt: skip

    @needs("read")
    async def bandwidth(self, request: web.Request) -> web.Response:
        """`GET /bandwidth`: what may be sent now, and what the timetable says next."""
        return json_response(request, documents.bandwidth_document(self._sources.bandwidth))

    # -- what the ledger holds -----------------------------------------------------------------------------------------

    @needs("read")
    async def cameras(self, request: web.Request) -> web.Response:
        """`GET /cameras`."""
        after, limit = _text(request, "after"), _limit(request)
        found, issued = await self._ask(
            lambda execute: (views.cameras_after(execute, after=after, count=limit + 1), issues.issued(execute))
        )
        said = [self._camera(one, issued) for one in found[:limit]]
        return json_response(request, {"cameras": said, "next": _next([one["id"] for one in said], limit, more=len(found) > limit)})  # fmt: skip

    @needs("read")
    async def camera(self, request: web.Request) -> web.Response:
        """`GET /cameras/{id}`."""
        name = name_in(request)
        found, issued = await self._ask(lambda execute: (views.camera(execute, name), issues.issued(execute)))
        if found is None:
            raise Problem(404, "no camera of this id was ever docked here")
        return json_response(request, self._camera(found, issued))

    def _camera(self, camera: views.Camera, issued: Mapping[str, Issue]) -> documents.Document:
        here = {bay.camera.id: n for n, bay in self._sources.rack.bays.items() if bay.camera is not None}
        identity = CameraId(profile=camera.profile, serial=camera.serial, card=camera.card)
        return documents.camera_document(
            camera, bay=here.get(camera.id), assigned_to=self._view.registry.assigned_to(identity),
            issue=issues.of_camera(issued, identity),
        )  # fmt: skip

    @needs("read")
    async def segments(self, request: web.Request) -> web.Response:
        """`GET /segments`, of one camera with `?camera=`."""
        after, limit, camera = _text(request, "after"), _limit(request), request.query.get("camera")
        if camera is not None:
            camera = clean(camera)

        def ask(execute: Any) -> tuple[list[documents.Document], bool]:
            found = views.segments_after(execute, after=after, count=limit + 1, camera=camera)
            return segment_documents(execute, found[:limit]), len(found) > limit

        said, more = await self._ask(ask)
        return json_response(request, {"segments": said, "next": _next([one["id"] for one in said], limit, more=more)})  # fmt: skip

    @needs("read")
    async def segment(self, request: web.Request) -> web.Response:
        """`GET /segments/{id}`; `times` says when it was by both clocks, and which of them is to be trusted."""
        name = name_in(request)

        def ask(execute: Any) -> dict[str, Any] | None:
            try:
                found = segments.get(execute, name)
            except KeyError:
                return None
            return segment_documents(execute, [found])[0] | {"times": evidence_times(execute, name).document()}

        said = await self._ask(ask)
        if said is None:
            raise Problem(404, "there is no segment of this id")
        return json_response(request, said)

    @needs("read")
    async def custody(self, request: web.Request) -> web.Response:
        """`GET /segments/{id}/custody`."""
        name, after, limit = name_in(request), _number(request, "after", 0), _limit(request)
        found = await self._ask(
            lambda execute: views.custody_after(execute, after=after, count=limit + 1, segment=name)
        )
        if not found and after == 0:
            raise Problem(404, "there is no segment of this id")
        said = [documents.entry_document(one) for one in found[:limit]]
        return json_response(request, {"entries": said, "next": _next([one["seq"] for one in said], limit, more=len(found) > limit)})  # fmt: skip

    @needs("read")
    async def activity(self, request: web.Request) -> web.Response:
        """`GET /activity`: everything that happened, in order."""
        after, limit = _number(request, "after", 0), _limit(request)
        found = await self._ask(lambda execute: views.custody_after(execute, after=after, count=limit + 1))
        said = [documents.activity_document(one) for one in found[:limit]]
        return json_response(request, {"activity": said, "next": _next([one["seq"] for one in said], limit, more=len(found) > limit)})  # fmt: skip

    # -- for machines --------------------------------------------------------------------------------------------------

    @needs("read")
    async def description(self, request: web.Request) -> web.Response:
        """`GET /openapi.json`."""
        return json_response(request, self._openapi)

    @needs("open")
    async def healthz(self, request: web.Request) -> web.Response:
        """The process is alive and its loop turns."""
        return json_response(request, {"alive": True})

    @needs("read")
    async def readyz(self, request: web.Request) -> web.Response:
        """Whether it can ingest now: the ledger can be read, and the spool has room. 503 and why where it cannot."""
        snapshot = await self._view.look()
        why = [
            text for name, text in self._sources.troubles.now.items() if name in ("ledger_unusable", "dock_unwatched")
        ]
        if snapshot.status.get("trouble"):
            why.append(snapshot.status["trouble"])
        if snapshot.room.free is None:
            why.append("the spool's disk does not answer")
        elif self._sources.activity.spool_refuses:
            why.append(self._sources.activity.spool_refuses)
        elif self._sources.activity.spool_full:
            why.append("the dock's room is used up")
        if why:
            raise Problem(503, "; ".join(why), headers={"Retry-After": "5"})
        return json_response(request, {"ready": True})

    @needs("read")
    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus."""
        body, content_type = await self._metrics()
        response = web.Response(body=body)
        response.headers["Content-Type"] = content_type
        return response


def anything(path: str) -> str:
    """A route whose `{id}` holds anything, braces too: in an address it is quoted whole."""
    return path.replace("{id}", "{id:[^/]+}")


# -- what was asked for --------------------------------------------------------------------------------------------------


def _limit(request: web.Request) -> int:
    limit = _number(request, "limit", _USUAL)
    if not 1 <= limit <= _MOST:
        raise Problem(400, f"limit is from 1 to {_MOST}")
    return limit


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Problem(400, f"{name} is a whole number")
    return int(text)


def number_in(request: web.Request) -> int:
    """The `{n}` of an address. Raises Problem."""
    text = request.match_info["n"]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem(404, "bays have numbers")
    return int(text)


def _text(request: web.Request, name: str) -> str:
    return clean(request.query.get(name, ""))


def name_in(request: web.Request) -> str:
    """The `{id}` of an address. Raises Problem."""
    return clean(request.match_info["id"])


def clean(text: str) -> str:
    """A name that the ledger can be asked for: no half characters, no end of text inside."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem(400, "that is no text in UTF-8") from None
    if len(text) > 1000 or "\0" in text:
        raise Problem(400, "that is no name of anything here")
    return text


def _next(keys: list[Any], limit: int, *, more: bool | None = None) -> Any:
    """Where to go on, null at the end."""
    more = len(keys) > limit if more is None else more
    return keys[min(limit, len(keys)) - 1] if more and keys else None
