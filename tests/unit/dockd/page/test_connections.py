"""Whoever can reach the page may connect to it, and costs the intake of footage nothing by that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dockd.page.connections import MOST, Connections, most_now, raise_the_limit
from dockd.page.opening import Certificate
from tests.simulators.authority import Authority


class Greeting(asyncio.Protocol):
    """Says that somebody is there, and hears nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"here\n")


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


@contextlib.asynccontextmanager
async def come(sock: socket.socket, *, of: str = "127.0.0.1") -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection(*sock.getsockname(), local_addr=(of, 0))
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def greeted(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(15):
        try:
            return await reader.readline() == b"here\n"
        except ConnectionError:
            return False


@contextlib.contextmanager
def limited(to: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (to, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_nobody_takes_all_the_room_there_is(caplog: pytest.LogCaptureFixture) -> None:
    sock = listening()
    async with contextlib.AsyncExitStack() as stack, Connections(sock, Greeting, most=lambda: 8).taken():

        async def comes(of: str) -> bool:
            return await greeted(await stack.enter_async_context(come(sock, of=of)))

        assert [await comes("127.0.0.1") for _ in range(5)] == [True, True, True, False, False], "three eighths"
        assert [await comes("127.0.0.2") for _ in range(4)] == [True, True, True, False]
        async with come(sock, of="127.0.0.3") as reader:
            assert await greeted(reader)
            assert await comes("127.0.0.3")
            assert not await comes("127.0.0.4"), "eight in all"
        async with asyncio.timeout(15):
            while not await comes("127.0.0.4"):  # who has left makes room, as soon as that is known
                pass
    assert len(caplog.records) == 1, "said once a minute, however many there are"


async def test_without_a_descriptor_it_rests_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    sock = listening()
    client = socket.socket()
    client.setblocking(False)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    loop = asyncio.get_running_loop()
    async with Connections(sock, Greeting, rest=0.01).taken():
        with limited(lowest):
            await loop.sock_connect(client, sock.getsockname())
            await asyncio.sleep(0.2)
            found = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        async with asyncio.timeout(15):
            assert await loop.sock_recv(client, 10) == b"here\n"
    client.close()
    assert len(found) == 1
    assert "no connection can be taken: Too many open files" in found[0]


def test_most_descriptors_are_for_the_intake() -> None:
    with limited(128):
        assert most_now() == 32
        raise_the_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 128
    with limited(4096):
        assert most_now() == MOST


def shown(sock: socket.socket, trusted: ssl.SSLContext) -> bytes | None:
    with (
        socket.create_connection(sock.getsockname(), timeout=5) as plain,
        trusted.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.recv(10)
        return line.getpeercert(binary_form=True)


async def test_a_certificate_that_is_half_renewed_leaves_the_one_of_before(tmp_path: Path) -> None:
    """Two files are not renewed in one moment, and OpenSSL takes the first into the context before it sees that the second does not fit."""
    authority = Authority(tmp_path / "authority")
    first, second = (authority.issue(name).read_bytes() for name in ("first", "second"))
    cert, key = tmp_path / "page.pem", tmp_path / "page.key"
    for file in (cert, key):
        file.write_bytes(first)
    certificate = Certificate(cert=cert, key=key)
    context = certificate.context
    trusted, sock = authority.trusted(), listening()
    async with Connections(sock, Greeting, tls=lambda: certificate.context).taken():
        before = await asyncio.to_thread(shown, sock, trusted)
        cert.write_bytes(second)
        with pytest.raises(Exception, match="cannot be used"):
            certificate.again(cert=cert, key=key)
        assert certificate.context is context
        assert await asyncio.to_thread(shown, sock, trusted) == before
        key.write_bytes(second)
        assert certificate.again(cert=cert, key=key)
        assert certificate.context is not context, "never loaded into one that serves"
        assert await asyncio.to_thread(shown, sock, trusted) not in (before, None)
        with socket.create_connection(sock.getsockname(), timeout=5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.to_thread(plain.recv, 100)
        assert await asyncio.to_thread(shown, sock, trusted) not in (before, None), (
            "who speaks no TLS costs nobody else"
        )
