"""When a line counts as dead: nothing at all came back for a while, though something was sent; a store that is only slow is not."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ingest.store import sockets
from ingest.store.line import Line, Patience, _Source
from ingest.store.sockets import DEAF, Sockets


class Told(socket.socket):
    """A socket whose kernel says what a test wants it to."""

    state, probes, unacked, last_ack, arrived, unsent = 1, 0, 0, 0.0, 0, 0

    def getsockopt(self, level: int, option: int, *more: Any) -> Any:
        if (level, option) != (socket.IPPROTO_TCP, socket.TCP_INFO):
            return super().getsockopt(level, option, *more)
        info = struct.pack(
            "=BxxB4xIIIII16xIIII60xQ16xI", self.state, self.probes, 0, 0, 0, 0, self.unacked, 0, 0, 0, int(self.last_ack * 1000),
            self.arrived, self.unsent,
        )  # fmt: skip
        return info[: more[0]]


@pytest.fixture
def pair() -> Iterator[tuple[Told, socket.socket]]:
    near, far = socket.socketpair()
    with Told(fileno=near.detach()) as told, far:
        yield told, far


def watched(told: Told) -> Sockets:
    found = Sockets(given_up=310, stall=60)
    found._all.add(told)
    return found


def ended(far: socket.socket) -> bool:
    far.setblocking(False)
    try:
        return far.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize("sign", ["unacked", "probes"])
def test_one_that_nobody_answers_is_ended(pair: tuple[Told, socket.socket], sign: str) -> None:
    told, far = pair
    setattr(told, sign, 3)
    line = watched(told)
    for second in range(int(DEAF) + 2):
        assert not ended(far), f"after {second - 1} s already"
        told.last_ack = 2.0 + second  # the last word came two seconds before the first look
        line.look(1000.0 + second)
        if second >= DEAF:
            break
    assert ended(far)


def test_one_whose_other_end_takes_nothing_and_answers_is_left_alone(pair: tuple[Told, socket.socket]) -> None:
    told, far = pair
    told.unacked = told.probes = 3
    line = watched(told)
    for second in range(300):
        told.last_ack = second % 10  # its kernel answers each probe of a window that is shut
        line.look(1000.0 + second)
    assert not ended(far)


def test_one_over_which_nothing_was_sent_is_left_alone(pair: tuple[Told, socket.socket]) -> None:
    told, far = pair
    line = watched(told)
    for second in range(300):
        told.last_ack = second
        line.look(1000.0 + second)
    told.unacked = 1  # the first request in five minutes
    for second in range(300, 310):
        told.last_ack = second
        line.look(1000.0 + second)
    assert not ended(far)


def test_the_kernel_tells_it_where_it_is_looked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Sockets(given_up=310, stall=60).made((socket.AF_INET, socket.SOCK_STREAM, 0))
        with made:
            made.connect(server.getsockname())
            far, _ = server.accept()
            with far:
                far.sendall(b"x")
                assert made.recv(1) == b"x"
                made.sendall(b"abc")
                assert far.recv(3) == b"abc"
                told = sockets._INFO.unpack(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, sockets._INFO.size))
    state, probes, retransmission_timeout, *_, last_ack, arrived, unsent = told
    assert (arrived, unsent) == (4, 0)  # the SYN counts for one
    assert (state, probes) == (1, 0)
    assert 100_000 < retransmission_timeout < 3_000_000  # microseconds: what stands there is what is meant
    assert last_ack < 5_000  # milliseconds


def test_what_still_moves_is_told_by_the_one_that_stood_still_for_longest(pair: tuple[Told, socket.socket]) -> None:
    told, _far = pair
    line, heard = watched(told), list[float]()
    line._told.append(heard.append)
    line.look(1000.0)
    assert heard == [], "nothing is to be sent: nobody's patience is touched"
    told.unsent = 100_000  # a low limit holds it back, and the other end has acknowledged all that went
    for second in range(1, 6):
        told.arrived = min(second, 3) * 1000
        line.look(1000.0 + second)
    assert heard == [0, 0, 0, 1, 2]


async def test_the_kernel_gives_up_later_than_whoever_waits_for_a_slow_store() -> None:
    """A store that takes nothing for a minute at the end of a body, and answers after two, is waited for (`settle`)."""
    patience = Patience()
    line = Line("http://127.0.0.1:9", token=lambda: None, patience=patience, tls=None)
    with line._socket((socket.AF_INET, socket.SOCK_STREAM, 0)) as made:
        seconds = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
    await line.close()
    assert max(patience.settle, patience.stall) < seconds < 600


@pytest.mark.parametrize("still", [0.0, 1000.0])
async def test_a_body_is_waited_for_while_the_kernel_sends_what_it_has(still: float) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"

    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60) as watch:
        source = _Source(body(), length=3, watch=watch, patience=Patience(stall=60.0, settle=5.0))
        await anext(source)
        watch.reschedule(loop.time() + 1.0)  # nobody asked for more in 59 s
        source.still(still)
        left = (watch.when() or 0.0) - loop.time()
        assert left > 30.0 if still == 0 else left <= 1.0
        with pytest.raises(StopAsyncIteration):
            await anext(source)
        watch.reschedule(loop.time() + 1.0)
        source.still(0.0)  # that other bodies move says nothing of the answer to this one
        assert (watch.when() or 0.0) - loop.time() <= 1.0


async def test_a_line_looks_while_it_has_something_to_do() -> None:
    line = Line("http://127.0.0.1:9", token=lambda: None, patience=Patience(), tls=None)
    with line._sockets.watched():
        assert line._sockets._next is not None
    await line.close()
    await asyncio.sleep(0)
    assert line._sockets._next is None
