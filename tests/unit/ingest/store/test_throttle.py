"""The bandwidth limit, on a clock of the test's own; one measurement on the real one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.store.throttle import LARGEST, Bucket, throttled

MBIT = 125_000.0
WINDOW = 0.1


class LateClock:
    """Time passes only in sleeps, and each ends up to `late` seconds after it should, as on a busy machine."""

    def __init__(self, *, late: float, seed: int) -> None:
        self.time = 1000.0
        self._late = late
        self._chance = random.Random(seed)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds + self._chance.random() ** 3 * self._late
        await asyncio.sleep(0)


Sent = list[tuple[float, int]]


async def blocks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(size)


async def send(bucket: Bucket, clock: LateClock, *, seconds: float, senders: int, block: int) -> list[Sent]:
    """Several senders for so long; what each sent, and when."""
    begin, sent = clock.time, [Sent() for _ in range(senders)]

    async def one(mine: Sent) -> None:
        async for piece in throttled(blocks(1 << 30, block), bucket):
            if clock.time - begin > seconds:
                return
            mine.append((clock.time, len(piece)))

    await asyncio.gather(*(one(mine) for mine in sent))
    return sent


def worst_window(sent: Sent, *, rate: float) -> float:
    """The most that any 100 ms carried, wherever they begin, as a ratio to the rate."""
    first, carried, worst = 0, 0, 0
    for moment, size in sent:
        carried += size
        while moment - sent[first][0] >= WINDOW - 1e-9:
            carried -= sent[first][1]
            first += 1
        worst = max(worst, carried)
    return worst / (rate * WINDOW)


@pytest.mark.parametrize("late", [0.0, 0.002, 0.02], ids=["exact", "2ms-late", "20ms-late"])
@pytest.mark.parametrize("senders", [1, 8])
@pytest.mark.parametrize("rate", [2 * MBIT, 10 * MBIT, 50 * MBIT, 200 * MBIT, 1000 * MBIT])
async def test_average_windows_and_first_second(rate: float, senders: int, late: float) -> None:
    clock = LateClock(late=late, seed=1)
    bucket = Bucket(rate, now=clock.now, sleep=clock.sleep)
    begin = clock.time
    each = await send(bucket, clock, seconds=10.0, senders=senders, block=LARGEST)
    sent = sorted(pair for mine in each for pair in mine)
    assert worst_window(sent, rate=rate) <= 1.10
    total, lasted = sum(size for _, size in sent), sent[-1][0] - begin
    at_the_end = (bucket.slice_size / rate + late) / 10.0  # the last slice itself may be late
    lost = 0.02 if late > 0.01 else 0.0  # whoever is late at every turn is slower, never faster
    assert 1 - 0.001 - at_the_end - lost <= total / lasted / rate <= 1.001 + at_the_end
    first = sum(size for moment, size in sent if moment - begin < 1.0)
    assert 0.95 - lost <= first / rate <= 1.02
    shares = [sum(size for _, size in mine) for mine in each]
    assert max(shares) - min(shares) <= 2 * bucket.slice_size


@given(
    rate=st.floats(min_value=1 * MBIT, max_value=300 * MBIT), late=st.floats(min_value=0, max_value=0.05),
    seed=st.integers(0, 1000), block=st.integers(20_000, 1 << 20),
)  # fmt: skip
def test_no_window_is_above_its_share(rate: float, late: float, seed: int, block: int) -> None:
    async def run() -> Sent:
        clock = LateClock(late=late, seed=seed)
        bucket = Bucket(rate, now=clock.now, sleep=clock.sleep)
        return (await send(bucket, clock, seconds=0.4, senders=1, block=block))[0]

    sent = asyncio.run(run())
    assert worst_window(sent, rate=rate) <= 1.10
    assert all(one[0] <= other[0] for one, other in pairwise(sent))


async def test_at_the_least_limit_none_of_eight_connections_is_silent_for_as_long_as_a_store_waits() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(125.0, now=clock.now, sleep=clock.sleep)  # 1 kbit/s
    each = await send(bucket, clock, seconds=300.0, senders=8, block=LARGEST)
    gaps = [after[0] - before[0] for mine in each for before, after in pairwise(mine)]
    assert max(gaps) < 40
    assert max(size for mine in each for _, size in mine) == 256


async def test_a_pause_earns_nothing() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(10 * MBIT, now=clock.now, sleep=clock.sleep)
    before = await send(bucket, clock, seconds=0.5, senders=1, block=LARGEST)
    clock.time += 3600.0
    begin = clock.time
    after = (await send(bucket, clock, seconds=1.0, senders=1, block=LARGEST))[0]
    assert worst_window(before[0] + after, rate=10 * MBIT) <= 1.10
    assert sum(size for moment, size in after if moment - begin < 1.0) <= 1.01 * 10 * MBIT


async def test_the_rate_may_change_while_slices_wait() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket = Bucket(10 * MBIT, now=clock.now, sleep=clock.sleep)
    await send(bucket, clock, seconds=1.0, senders=2, block=LARGEST)
    bucket.rate = 100 * MBIT
    begin = clock.time
    faster = sum(size for mine in await send(bucket, clock, seconds=1.0, senders=2, block=LARGEST) for _, size in mine)
    assert faster / (clock.time - begin) == pytest.approx(100 * MBIT, rel=0.05)
    bucket.rate = None
    await asyncio.wait_for(bucket.take(1 << 40), 15)


async def test_bytes_are_the_same_and_an_early_end_closes_the_source() -> None:
    clock, closed = LateClock(late=0.0, seed=1), asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            for number in range(100):
                yield bytes([number]) * 10_000
        finally:
            closed.set()

    bucket = Bucket(10 * MBIT, now=clock.now, sleep=clock.sleep)
    found = b"".join([piece async for piece in throttled(source(), bucket)])
    assert found == b"".join(bytes([number]) * 10_000 for number in range(100))
    closed.clear()
    early = throttled(source(), bucket)
    await anext(early)
    await early.aclose()  # type: ignore[attr-defined]
    assert closed.is_set()


async def test_on_the_real_clock_it_is_never_too_fast() -> None:
    """Only an upper bound is asserted: a busy machine may be slow, and must never be fast."""
    rate, begin = 20 * MBIT, time.monotonic()
    bucket, size = Bucket(rate), 0
    async for piece in throttled(blocks(1 << 20, LARGEST), bucket):
        size += len(piece)
        if time.monotonic() - begin > 1.0:
            break
    assert size <= rate * (time.monotonic() - begin) * 1.01 + 2 * bucket.slice_size
