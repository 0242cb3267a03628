"""Server-Sent Events: a snapshot on every connection, then what changes, and a beat every five seconds, so that silence is noticed.

Rules kept here: a viewer that is slow gets a new snapshot in place of what it missed, never an endless queue; with no viewer nothing is
looked at; at the end all streams are closed at once, and hold nothing up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

from dockd.page.doorkeeper import HEADERS, Problem
from dockd.page.rights import needs
from dockd.page.view import Change, View

BEAT = 5.0
_LOOK = 0.25
_MOST_VIEWERS = 200
_BEHIND = 256


class Viewer:
    """One connection: what it is still to be told. `behind`: it was too slow, and needs a new snapshot instead of what it missed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)
        self.behind = False

    def tell(self, frame: bytes) -> None:
        """Queue a frame, unless there are too many."""
        if self.behind:
            return
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.behind = True


class Live:
    """All viewers. `run()` until cancelled; `close()` lets go of all of them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._viewers: set[Viewer] = set()
        self._someone = asyncio.Event()
        self._closed = False
        view.listen(self._hear)

    @property
    def viewers(self) -> int:
        """How many are connected."""
        return len(self._viewers)

    def _hear(self, change: Change) -> None:
        if not self._viewers:
            return
        document = self._view.status_now(self._view.now) if change.kind == "status" else change.document
        frame = _frame(change.kind, change.sequence, document)
        for viewer in self._viewers:
            viewer.tell(frame)

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
            if loop.time() >= beat_at:
                beat_at = loop.time() + BEAT
                status = self._view.status_now(snapshot)
                frame = _frame("beat", snapshot.sequence, {"time": status["time"], "sequence": snapshot.sequence})
                for viewer in self._viewers:
                    viewer.tell(frame)
            await asyncio.sleep(_LOOK)

    def close(self) -> None:
        """End all streams now."""
        self._closed = True
        for viewer in self._viewers:
            viewer.behind = True
            with contextlib.suppress(asyncio.QueueEmpty):
                while True:
                    viewer.queue.get_nowait()
            viewer.queue.put_nowait(None)

    async def _snapshot(self) -> bytes:
        await self._view.look()
        return self._whole()

    def _whole(self) -> bytes:
        now = self._view.now
        document = {
            "status": self._view.status_now(now),
            "bays": list(now.bays.values()),
            "problems": list(now.problems),
        }
        return _frame("snapshot", now.sequence, document)

    @needs("read")
    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`GET /events`."""
        if self._closed or len(self._viewers) >= _MOST_VIEWERS:
            raise Problem(503, "there are too many viewers, or dockd is ending", headers={"Retry-After": "5"})
        await self._view.look()
        viewer = Viewer()
        viewer.tell(b"retry: 2000\n\n" + self._whole())  # no waiting between the snapshot and being told of changes
        self._viewers.add(viewer)
        self._someone.set()
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})  # fmt: skip
        try:
            await response.prepare(request)
            await self._feed(viewer, response)
        except ConnectionError:
            pass  # it has left
        finally:
            self._viewers.discard(viewer)
        return response

    async def _feed(self, viewer: Viewer, response: web.StreamResponse) -> None:
        while True:
            frame = await viewer.queue.get()
            if frame is None:
                return
            await response.write(frame)
            if viewer.behind and viewer.queue.empty() and not self._closed:
                viewer.behind = False
                viewer.tell(self._whole())


def _frame(kind: str, sequence: int, document: Any) -> bytes:
    """One event. JSON without line ends, so one data line."""
    return f"event: {kind}\nid: {sequence}\ndata: {json.dumps(document, separators=(',', ':'))}\n\n".encode("ascii")
