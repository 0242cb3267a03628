from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingest.worker.ring import Ring, RingFailedError

PROMPT = 5.0  # seconds: far more than a wake-up takes, far less than a test that hangs


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=4) as threads:
        yield threads


def test_every_consumer_sees_every_buffer_in_order(pool: ThreadPoolExecutor) -> None:
    ring = Ring(slots=3, consumers=2)

    def consume(number: int) -> list[tuple[int, int]]:
        seen = []
        while (taken := ring.take(number)) is not None:
            seen.append(taken)
            ring.release(number)
        return seen

    seen = [pool.submit(consume, number) for number in range(2)]
    filled = []
    for length in range(1, 50):
        filled.append((ring.claim(), length))
        ring.publish(length)
    ring.end()
    assert [future.result(PROMPT) for future in seen] == [filled, filled]
    assert [slot for slot, _ in filled[:4]] == [0, 1, 2, 0]
    assert ring.through() == 49


def test_a_buffer_is_not_filled_again_before_the_slowest_consumer_let_go_of_it(
    pool: ThreadPoolExecutor,
) -> None:
    ring = Ring(slots=2, consumers=2)
    for _ in range(2):
        ring.claim()
        ring.publish(1)
    for _ in range(2):  # the first consumer is through with everything, the second with nothing
        assert ring.take(0) is not None
        ring.release(0)
    claimed = pool.submit(ring.claim)
    with pytest.raises(TimeoutError):
        claimed.result(0.05)
    assert ring.through() == 0
    ring.release(1)
    assert claimed.result(PROMPT) == 0


def test_a_failure_ends_every_waiting_side_and_the_first_is_kept(pool: ThreadPoolExecutor) -> None:
    ring = Ring(slots=2, consumers=2)
    for _ in range(2):
        ring.claim()
        ring.publish(1)
    ring.take(1)
    ring.release(1)
    ring.take(1)
    ring.release(1)
    waiting = threading.Barrier(3, timeout=PROMPT)

    def claim() -> int:
        waiting.wait()
        return ring.claim()

    def take() -> tuple[int, int] | None:
        waiting.wait()
        return ring.take(1)

    filler, consumer = pool.submit(claim), pool.submit(take)
    waiting.wait()
    first = OSError(5, "the device is gone")
    ring.fail(first)
    ring.fail(OSError(28, "an echo"))
    with pytest.raises(RingFailedError):
        filler.result(PROMPT)
    assert consumer.result(PROMPT) is None
    assert ring.take(0) is None, "what was filled before a failure is not worked on after it"
    assert ring.failure is first
