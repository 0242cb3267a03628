"""Who has the turn: cameras share alike, whatever the number of their connections."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.store.throttle import LARGEST, Bucket, throttled
from ingest.store.turns import Turns
from tests.unit.ingest.store.test_throttle import MBIT, LateClock, blocks


def jain(shares: list[int]) -> float:
    """Jain's index: 1 where all have the same."""
    return sum(shares) ** 2 / (len(shares) * sum(one * one for one in shares))


@settings(max_examples=12, deadline=None)
@given(
    connections=st.lists(st.integers(1, 8), min_size=2, max_size=8), rate=st.sampled_from([8 * MBIT, 400 * MBIT]),
    late=st.sampled_from([0.0, 0.003]), block=st.sampled_from([64_000, LARGEST]),
)  # fmt: skip
def test_cameras_share_alike_however_many_connections_each_has(
    connections: list[int], rate: float, late: float, block: int
) -> None:
    async def run() -> list[int]:
        clock = LateClock(late=late, seed=1)
        bucket, begin, shares = Bucket(rate, now=clock.now, sleep=clock.sleep), clock.time, [0] * len(connections)

        async def send(camera: int) -> None:
            async for piece in throttled(blocks(1 << 30, block), bucket.lane(f"camera {camera}")):
                if clock.time - begin > 1.0:
                    return
                shares[camera] += len(piece)

        await asyncio.gather(*(send(camera) for camera, count in enumerate(connections) for _ in range(count)))
        return shares

    assert jain(asyncio.run(run())) >= 0.99


async def test_within_a_camera_it_is_the_order_of_coming() -> None:
    turns, order = Turns(), list[int]()
    await turns.enter("camera")

    async def one(number: int) -> None:
        await turns.enter("camera")
        order.append(number)
        turns.leave("camera", 1)

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    turns.leave("camera", 1)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("given_already", [False, True])
async def test_who_is_cancelled_leaves_the_turn_to_the_next(given_already: bool) -> None:
    turns = Turns()
    await turns.enter("a")
    gone, next_one = asyncio.create_task(turns.enter("b")), asyncio.create_task(turns.enter("c"))
    await asyncio.sleep(0)
    if given_already:
        turns.leave("a", 1)
        gone.cancel()
    else:
        gone.cancel()
        await asyncio.sleep(0)
        turns.leave("a", 1)
    await asyncio.wait_for(next_one, 15)
    assert gone.cancelled()
    turns.leave("c", 1)
    await asyncio.wait_for(turns.enter("d"), 15)  # it is free again


async def test_who_was_away_has_no_claim_on_what_the_others_had() -> None:
    clock = LateClock(late=0.0, seed=1)
    bucket, had = Bucket(20 * MBIT, now=clock.now, sleep=clock.sleep), {"early": 0, "late": 0}

    async def send(who: str, until: float) -> None:
        async for piece in throttled(blocks(1 << 30, LARGEST), bucket.lane(who)):
            if clock.time > until:
                return
            had[who] += len(piece)

    await send("early", clock.time + 5.0)
    had["early"] = 0
    end = clock.time + 2.0
    await asyncio.gather(send("early", end), send("late", end))
    assert jain(list(had.values())) >= 0.99
