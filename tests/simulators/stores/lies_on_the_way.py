"""What a store, or whoever sits between it and the dock, does with the line: drips, never ends, sends elsewhere, downgrades."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from tests.simulators.stores.honest import HonestStore, Kind, Shelf
from tests.simulators.stores.lies import drained

PORTAL = "<html><title>Welcome to the guest network</title><form action=login></form></html>"


class Lies(HonestStore):
    """Does something else with one kind of question: a method, or the end of an address ("receipt", "dockd-store")."""

    def __init__(self, shelf: Shelf | None = None, *, what: str, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.what = what

    def about(self, request: web.Request) -> bool:
        if request.method == self.what:
            return self.what != "GET" or not request.path.endswith(("dockd-store", "receipt"))
        return request.path.endswith(self.what)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await (self.lie(request) if self.about(request) else super().answer(request))

    async def lie(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError


class SlowDrip(Lies):
    """The answer begins at once, and comes byte by byte."""

    async def lie(self, request: web.Request) -> web.StreamResponse:
        await drained(request)
        answer = web.StreamResponse(status=200, headers={"Content-Type": "application/json"})
        answer.content_length = 1 << 20
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b" ")
                await asyncio.sleep(0.02)
        return answer


class EndlessBody(Lies):
    """The answer never ends."""

    async def lie(self, request: web.Request) -> web.StreamResponse:
        await drained(request)
        answer = web.StreamResponse(status=200, headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"e" * (64 << 10))
        return answer


class SilentAbout(Lies):
    """Takes the question, and never answers."""

    async def lie(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError


class RedirectElsewhere(Lies):
    """307 to another server."""

    elsewhere = ""

    async def lie(self, request: web.Request) -> web.StreamResponse:
        await drained(request)
        return web.Response(status=307, headers={"Location": f"{self.elsewhere}{request.path_qs}"})


class DowngradeToHttp(HonestStore):
    """Over https, each upload's address is the same one with http."""

    async def create(self, request: web.Request) -> web.StreamResponse:
        answer = await super().create(request)
        answer.headers["Location"] = f"http://{request.host}{answer.headers['Location']}"
        return answer


class WellKnownDowngrade(HonestStore):
    """Over https, its upload folder is said to be at http."""

    async def well_known(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({**self.document(), "upload": f"http://{request.host}/files/"})


class RedirectToHttp(Lies):
    """Over https, 308 to the same address with http."""

    async def lie(self, request: web.Request) -> web.StreamResponse:
        await drained(request)
        return web.Response(status=308, headers={"Location": f"http://{request.host}{request.path_qs}"})


class CaptivePortal(HonestStore):
    """A guest network's login page, 200, to everything that comes after so many honest answers."""

    status = 200

    def __init__(self, shelf: Shelf | None = None, *, after: int, kind: Kind | None = None) -> None:
        super().__init__(shelf, kind=kind)
        self.left = after

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.left -= 1
        if self.left >= 0:
            return await super().answer(request)
        await drained(request)
        return web.Response(status=self.status, text=PORTAL, content_type="text/html")


class NetworkLogin(CaptivePortal):
    """The same, and it says so: 511."""

    status = 511
