"""Server-Sent Events: a snapshot on every connection, then what changes as soon as it does, and a beat every five seconds, so that silence is noticed.

Rules kept here: a viewer that is slow gets a new snapshot in place of what it missed, never an endless queue, and one that takes nothing for half a
minute is let go; a change is put into words once for all who watch in the same way; with no viewer nothing is looked at; a beat is sent only after a
look, so that a dock that cannot see itself is silent; who may not watch any more is told so, and let go; at the end all streams are closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from dockd.page.channels import Channel, Documents, Face, Rendered, Since, frame
from dockd.page.doorkeeper import Handler, Problem, headers_of, json_response
from dockd.page.language import LANGUAGES, Language
from dockd.page.rights import SINCE, needs, who
from dockd.page.seats import Seats, seat_of
from dockd.page.snapshot import Change
from dockd.page.view import View

BEAT = 5.0
MARK = "Dockd-Mark"  # to whom an answer was given: roles.Who.mark
_BEHIND = 256
_TAKES_NOTHING = 30.0


class Viewer:
    """One connection: what it is still to be told. `behind`: it was too slow, and needs a new snapshot instead of what it missed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)
        self.behind = False

    def tell(self, frames: bytes) -> None:
        """Queue what is new, unless there is too much."""
        if self.behind:
            return
        try:
            self.queue.put_nowait(frames)
        except asyncio.QueueFull:
            self.behind = True

    def end(self) -> None:
        """Nothing more, and nothing of what waits."""
        self.behind = True
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self.queue.get_nowait()
        self.queue.put_nowait(None)


class Live:
    """All viewers. `run()` until cancelled; `close()` lets go of all of them. `faces`: how the pages are drawn, by name; `patience`: seconds for which a
    viewer may take nothing; `seats`: for how many there is room."""

    def __init__(
        self,
        view: View,
        faces: dict[str, Face] | None = None,
        *,
        patience: float = _TAKES_NOTHING,
        seats: Seats | None = None,
    ) -> None:
        self._view = view
        self._patience = patience
        self._faces = faces or {}
        self._channels: dict[tuple[str, Language], Channel] = {}
        self._seats = seats or Seats()
        self._viewers: dict[Viewer, tuple[str, Language]] = {}
        self._pending: list[Change] = []
        self._someone = asyncio.Event()
        self._closed = False
        view.listen(self._hear)

    @property
    def viewers(self) -> int:
        """How many are connected."""
        return len(self._viewers)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register what the pages' own script asks; the API's stream is registered by the API."""
        router.add_get("/live", self.pages, allow_head=False)
        router.add_get("/live/now", self.pages_now)
        router.add_post("/live/here", self.here)
        router.add_get("/wall/live", self.wall, allow_head=False)
        router.add_get("/wall/live/now", self.wall_now)

    @web.middleware
    async def noted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware that notes for each request which moment was known when it came."""
        request[SINCE] = f"{self._view.run}.{self._view.now.sequence}"
        return await handler(request)

    # -- what is new ---------------------------------------------------------------------------------------------------

    def _hear(self, change: Change) -> None:
        """Of one look there may be many; they are told together."""
        if not self._viewers:
            return
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._tell)
        self._pending.append(change)

    def _tell(self) -> None:
        changes, self._pending = self._pending, []
        frames = {key: self._channel(*key).news(changes) for key in set(self._viewers.values())}
        for viewer, key in self._viewers.items():
            if frames[key]:
                viewer.tell(frames[key])

    def _channel(self, kind: str, language: Language) -> Channel:
        known = self._channels.get((kind, language))
        if known is None:
            known = (
                Documents(self._view, language)
                if kind == "documents"
                else Rendered(self._view, language, self._faces[kind])
            )
            self._channels[kind, language] = known
        return known

    async def run(self) -> None:
        """Look for changes while somebody watches, and beat."""
        beat_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if not self._viewers:
                self._someone.clear()
                await self._someone.wait()
                beat_at = loop.time() + BEAT
            snapshot = await self._view.look()
            self._tell()
            if loop.time() >= beat_at:
                beat_at = loop.time() + BEAT
                said = {"time": self._view.status_now(snapshot)["time"], "sequence": snapshot.sequence}
                beat = frame("beat", snapshot.sequence, said)
                for viewer in self._viewers:
                    viewer.tell(beat)
            await self._view.news(at_most=max(0.0, beat_at - loop.time()))

    def close(self) -> None:
        """End all streams now."""
        self._closed = True
        for viewer in self._viewers:
            viewer.end()

    # -- those who watch -----------------------------------------------------------------------------------------------

    @needs("read")
    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`GET /api/v1/events`."""
        return await self._watch(request, "documents")

    @needs("read")
    async def pages(self, request: web.Request) -> web.StreamResponse:
        """`GET /live`: the pages' parts as they are drawn. `since`: what the page has."""
        return await self._watch(request, "front")

    @needs("read")
    async def pages_now(self, request: web.Request) -> web.Response:
        """`GET /live/now`: one snapshot of the same."""
        return await self._now(request, "front")

    @needs("wall")
    async def wall(self, request: web.Request) -> web.StreamResponse:
        """`GET /wall/live`."""
        return await self._watch(request, "wall")

    @needs("wall")
    async def wall_now(self, request: web.Request) -> web.Response:
        """`GET /wall/live/now`."""
        return await self._now(request, "wall")

    @needs("read")
    async def here(self, request: web.Request) -> web.Response:
        """`POST /live/here`: somebody sits before a page that changes by itself. That they asked keeps their session; `idle_seconds`: for so long again."""
        return web.json_response({"idle_seconds": who(request).idle_seconds})

    async def _now(self, request: web.Request, kind: str) -> web.Response:
        await self._view.look()
        channel = self._channel(kind, _language(request))
        assert isinstance(channel, Rendered)  # noqa: S101 - the two calls above name rendered kinds alone
        response = json_response(request, channel.document(_since(request)))
        response.headers[MARK] = who(request).mark
        return response

    async def _watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        seat = seat_of(request)
        if self._closed or not self._seats.take(seat):
            raise Problem(503, "there are too many viewers, or dockd is ending", headers={"Retry-After": "5"})
        try:
            return await self._watched(request, kind)
        finally:
            self._seats.leave(seat)

    async def _watched(self, request: web.Request, kind: str) -> web.StreamResponse:
        language = _language(request)
        channel = self._channel(kind, language)
        await self._view.look()
        viewer = Viewer()
        self._tell()  # what others have not been told yet is in this one's snapshot
        since = _since(request)
        # a page hears first to whom it is told: one that was made for somebody else takes nothing of it
        for_whom = b"" if kind == "documents" else frame("who", 0, {"mark": who(request).mark})
        viewer.tell(
            b"retry: 2000\n\n" + for_whom + channel.whole(since)
        )  # no waiting between the snapshot and being told of changes
        self._viewers[viewer] = (kind, language)
        self._someone.set()
        response = web.StreamResponse(headers={**headers_of(request), "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})  # fmt: skip
        try:
            await response.prepare(request)
            await self._feed(viewer, response, lambda: channel.whole(Since()))
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # what it was told lies in the kernel, and nobody takes it
        except ConnectionError:
            pass  # it has left
        finally:
            self._viewers.pop(viewer, None)
        return response

    async def _feed(self, viewer: Viewer, response: web.StreamResponse, whole: Callable[[], bytes]) -> None:
        while True:
            frames = await viewer.queue.get()
            if frames is None:
                return
            async with asyncio.timeout(self._patience):
                await response.write(frames)
            if viewer.behind and viewer.queue.empty() and not self._closed:
                viewer.behind = False
                viewer.tell(whole())


def _since(request: web.Request) -> Since:
    return Since.of(request.query.get("since", ""), head="head" in request.query)


def _language(request: web.Request) -> Language:
    """As it is asked for; English else: a program's words are not its reader's browser's."""
    wished = request.query.get("lang", "")
    return next((language for language in LANGUAGES if language == wished), "en")
