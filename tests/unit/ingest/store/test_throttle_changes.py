"""The limit while it changes, what goes past it, and what the line sends beside segments."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.store.throttle import LARGEST, TRICKLE, Bucket, throttled
from tests.unit.ingest.store.test_throttle import MBIT, LateClock, Sent, blocks, worst_window


class Sending:
    """Senders of endless bodies on a clock of the test's own."""

    def __init__(self, rate: float | None, *, bypass: bool = False) -> None:
        self.clock = LateClock(late=0.0005, seed=1)
        self.bucket = Bucket(rate, bypass=bypass, now=self.clock.now, sleep=self.clock.sleep)
        self.sent: Sent = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, count: int) -> None:
        self._tasks = [asyncio.create_task(self._send(number)) for number in range(count)]

    async def _send(self, number: int) -> None:
        async for piece in throttled(blocks(1 << 40, LARGEST), self.bucket.lane(f"camera {number}")):
            self.sent.append((self.clock.time, len(piece)))
            if self.bucket.rate is None:
                await self.clock.sleep(0.001)  # the socket pushes back

    async def until(self, moment: float) -> None:
        while self.clock.time < moment:  # noqa: ASYNC110 - time passes in the senders' own sleeps
            await asyncio.sleep(0)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


RATES = st.sampled_from([2 * MBIT, 8 * MBIT, 80 * MBIT, 400 * MBIT, None])


@settings(max_examples=40, deadline=None)
@given(rates=st.lists(RATES, min_size=2, max_size=4), senders=st.sampled_from([1, 5]), held=st.floats(0.13, 0.4))
def test_a_new_rate_holds_from_the_next_slice_on(rates: list[float | None], senders: int, held: float) -> None:
    async def run() -> tuple[Sending, list[tuple[float, int, float | None]]]:
        sending = Sending(rates[0])
        sending.start(senders)
        changes: list[tuple[float, int, float | None]] = [(sending.clock.time, 0, rates[0])]
        await sending.until(sending.clock.time + held)
        for rate in rates[1:]:
            sending.bucket.rate = rate
            changes.append((sending.clock.time, len(sending.sent), rate))
            await sending.until(sending.clock.time + held)
        changes.append((sending.clock.time, len(sending.sent), None))
        await sending.stop()
        return sending, changes

    sending, changes = asyncio.run(run())
    for (begin, first, rate), (end, last, _next) in itertools.pairwise(changes):
        during = sending.sent[first:last]
        if rate is None:
            continue
        assert worst_window(during, rate=rate) <= 1.10
        moments = [begin, *(moment for moment, _size in during), end]
        slice_takes = max(1024, min(LARGEST, rate / 200)) / rate
        stall = max(after - before for before, after in itertools.pairwise(moments))
        assert stall <= slice_takes + 0.011, (begin, rate)  # the last slice of the old rate, and timers that are late


async def test_from_80_to_8_and_back_and_to_none_and_back_keeps_the_average() -> None:
    sending = Sending(80 * MBIT)
    sending.start(3)
    for rate in (80 * MBIT, 8 * MBIT, 80 * MBIT, None, 8 * MBIT):
        sending.bucket.rate = rate
        begin = sending.clock.time
        await sending.until(begin + 3.0)
        if rate is not None:
            size = sum(size for moment, size in sending.sent if begin < moment <= begin + 3.0)
            assert size / 3.0 == pytest.approx(rate, rel=0.005)
    await sending.stop()


async def test_evidential_segments_do_not_wait_and_the_others_give_way_but_never_stand_still() -> None:
    sending = Sending(8 * MBIT, bypass=True)
    clock, bucket = sending.clock, sending.bucket
    sending.start(2)
    await sending.until(clock.time + 1.0)
    evidential, begin = bucket.lane("evidence", evidential=True), clock.time

    async def evidence() -> None:
        while clock.time < begin + 5.0:
            assert await evidential.take(1 << 20) == LARGEST
            await clock.sleep(LARGEST / (80 * MBIT))  # ten times the limit

    await evidence()
    beside = sum(size for moment, size in sending.sent if begin < moment <= begin + 5.0)
    assert beside / 5.0 == pytest.approx(TRICKLE * 8 * MBIT, rel=0.15)
    over = clock.time
    await sending.until(over + 2.0)
    later = sum(size for moment, size in sending.sent if over + 1.2 < moment <= over + 2.0)
    assert later / 0.8 == pytest.approx(8 * MBIT, rel=0.03)  # what is owed is a second's worth at most
    await sending.stop()


async def test_the_others_give_way_by_as_much_as_evidential_segments_take() -> None:
    sending = Sending(8 * MBIT, bypass=True)
    clock, begin = sending.clock, sending.clock.time
    sending.start(1)
    evidential, passed = sending.bucket.lane("evidence", evidential=True), 0
    while clock.time < begin + 4.0:
        passed += await evidential.take(10_000)
        await clock.sleep(10_000 / (4 * MBIT))  # half of the limit
    beside = sum(size for moment, size in sending.sent if begin < moment <= begin + 4.0)
    assert (passed + beside) / 4.0 == pytest.approx(8 * MBIT, rel=0.03)
    await sending.stop()


async def test_without_the_sites_word_evidential_segments_wait_as_all_do() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(8 * MBIT, now=clock.now, sleep=clock.sleep)
    lane, begin, size = bucket.lane("evidence", evidential=True), clock.time, 0
    while clock.time < begin + 2.0:
        size += await lane.take(1 << 20)
    assert size / 2.0 == pytest.approx(8 * MBIT, rel=0.01)


async def test_heads_and_small_bodies_are_charged_and_what_was_granted_is_not_charged_twice() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(8 * MBIT, now=clock.now, sleep=clock.sleep)
    begin, total = clock.time, 0
    while clock.time < begin + 4.0:
        bucket.sent(600)  # a head
        size = await bucket.take(1 << 20)
        bucket.sent(size)
        total += size + 600
    assert total / 4.0 == pytest.approx(8 * MBIT, rel=0.005)


async def test_heads_alone_keep_no_slice_waiting_for_ever() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(MBIT / 50, now=clock.now, sleep=clock.sleep)
    done = asyncio.create_task(bucket.take(1 << 20))
    await asyncio.sleep(0)
    second = asyncio.create_task(bucket.take(1 << 20))
    for _ in range(3000):
        bucket.sent(600)
        await asyncio.sleep(0)
    assert done.done()
    assert second.done()
