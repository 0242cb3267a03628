"""What goes through a store's sockets is counted, and the kernel is told of the limit."""

from __future__ import annotations

import socket
import sys

import pytest
from aiohttp import web

from ingest.store.line import Line, Patience
from ingest.store.outgoing import Outgoing
from ingest.store.throttle import Bucket, throttled
from tests.unit.ingest.store.test_throttle import blocks

_PACING = 47


class Told(Bucket):
    """A bucket that writes down what it was told of."""

    def __init__(self) -> None:
        super().__init__(1e9)
        self.heard: list[int] = []

    def sent(self, size: int) -> None:
        self.heard.append(size)
        super().sent(size)


async def test_heads_and_bodies_are_told_of_to_the_byte() -> None:
    came = 0
    bucket = Told()

    async def take(request: web.Request) -> web.Response:
        nonlocal came
        body = await request.read()
        head = f"{request.method} {request.raw_path} HTTP/1.1\r\n"
        fields = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
        came += len(head) + fields + 2 + len(body)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, sock).start()
    url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
    line = Line(url, token=lambda: "t" * 30, patience=Patience(), tls=None, outgoing=Outgoing(bucket))
    try:
        await line.ask("HEAD", url + "some%20object", doing="a look", headers={"X-One": "1"}, query={"nonce": "a b"})
        body = throttled(blocks(3, 50_000), bucket)
        await line.give("PATCH", url, headers={}, body=body, length=150_000, doing="sending")
    finally:
        await line.close()
        await runner.cleanup()
    assert sum(bucket.heard) == came > 150_000


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's words are Linux'")
def test_the_kernel_is_told_of_the_limit_and_of_every_new_one() -> None:
    bucket = Bucket(1e6)
    outgoing = Outgoing(bucket)
    with socket.socket() as sock:
        outgoing.opened(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, _PACING) == 1_050_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 16 << 10
        bucket.rate = 1e7
        assert sock.getsockopt(socket.SOL_SOCKET, _PACING) == 10_500_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 50_000
        bucket.bypass = True  # what does not wait goes over the same connections
        assert sock.getsockopt(socket.SOL_SOCKET, _PACING) & 0xFFFF_FFFF == 0xFFFF_FFFF
        bucket.bypass, bucket.rate = False, None
        assert sock.getsockopt(socket.SOL_SOCKET, _PACING) & 0xFFFF_FFFF == 0xFFFF_FFFF
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 128 << 10  # leaves past the next limit


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's words are Linux'")
def test_every_store_and_whoever_else_asked_is_told_of_a_new_limit() -> None:
    bucket, heard = Bucket(1e6), list[float | None]()
    bucket.subscribe(lambda: heard.append(bucket.rate))
    first, second = Outgoing(bucket), Outgoing(bucket)
    with socket.socket() as one, socket.socket() as other:
        first.opened(one)
        second.opened(other)
        bucket.rate = 1e7
        assert [sock.getsockopt(socket.SOL_SOCKET, _PACING) for sock in (one, other)] == [10_500_000] * 2
    assert heard == [1e7]


def test_a_socket_that_is_closed_keeps_no_rate_from_changing() -> None:
    bucket = Bucket(1e6)
    sock = socket.socket()
    Outgoing(bucket).opened(sock)
    sock.close()
    bucket.rate = 2e6
    assert bucket.rate == 2e6
