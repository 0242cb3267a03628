"""A viewer that is slow costs a bounded queue, and gets a snapshot afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from dockd.page.doorkeeper import Handler, Problem, problem_response
from dockd.page.live import Live, Viewer
from dockd.page.seats import Seats
from dockd.page.view import LOOK_AT_MOST_EVERY, View
from ingest.ledger import Ledger
from tests.unit.dockd.page.test_view import sources


async def test_a_slow_viewer_is_marked_and_told_no_more() -> None:
    viewer = Viewer()
    for number in range(1000):
        viewer.tell(b"%d" % number)
    assert viewer.behind
    found = [viewer.queue.get_nowait() for _ in range(viewer.queue.qsize())]
    assert found == [b"%d" % number for number in range(256)]
    viewer.tell(b"late")
    assert viewer.queue.empty()
    viewer.behind = False
    viewer.tell(b"snapshot")
    assert viewer.queue.get_nowait() == b"snapshot"


async def test_one_that_takes_nothing_is_let_go(tmp_path: Path) -> None:
    """Its line is not cut: it only does not read. Else two hundred such would keep everybody else out."""
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    told = sources(tmp_path, ledger)
    live = Live(View(told), patience=0.2)
    app = web.Application()
    app.router.add_get("/events", live.stream)
    looking = asyncio.create_task(live.run())
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    try:
        async with TestServer(app) as server, asyncio.timeout(20):
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", server.port or 0))
            deaf.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while not live.viewers:  # noqa: ASYNC110 - it says so by its figure alone
                await asyncio.sleep(0.01)
            turn = 0
            while live.viewers:
                turn += 1
                told.troubles.open("usb_trouble", f"{turn} " + "x" * 1_000_000)
                await asyncio.sleep(LOOK_AT_MOST_EVERY)
    finally:
        deaf.close()
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await ledger.close()


@web.middleware
async def _refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(problem)


async def test_beyond_the_room_there_is_nobody_is_let_in_and_who_leaves_makes_room(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    live = Live(View(sources(tmp_path, ledger)), seats=Seats(5))
    app = web.Application(middlewares=[_refusing])
    app.router.add_get("/events", live.stream)
    looking = asyncio.create_task(live.run())
    try:
        async with TestServer(app) as server, ClientSession() as client, asyncio.timeout(20):
            url = server.make_url("/events")
            one, *others = [await client.get(url) for _ in range(3)]
            async with client.get(url) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), "three fifths are one address's"
            one.close()
            while live.viewers == 3:  # noqa: ASYNC110 - it says so by its figure alone
                await asyncio.sleep(0.01)
            async with client.get(url) as answer:
                assert answer.status == 200
            live.close()
            for other in others:
                other.close()
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await ledger.close()
