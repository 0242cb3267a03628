"""Lanes: no more at once than there are, who is next, and nothing lost where one who waits is cancelled."""

from __future__ import annotations

import asyncio

from ingest.lanes import Lanes


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Users:
    """Each takes a lane until it is let go."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.have: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.let_go: dict[str, asyncio.Event] = {}

    async def come(self, name: str, rank: int = 0) -> None:
        self.let_go[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._use(name, rank))
        await _settle()

    async def _use(self, name: str, rank: int) -> None:
        async with self.lanes.one(lambda: rank):
            self.have.append(name)
            try:
                await self.let_go[name].wait()
            finally:
                self.have.remove(name)

    async def go(self, name: str) -> None:
        self.let_go[name].set()
        await _settle()

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_no_more_at_once_than_there_are_and_the_highest_rank_is_next() -> None:
    users = Users(Lanes(2))
    for name, rank in (("a", 2), ("b", 2), ("c", 2), ("d", 2), ("evidence", 1)):
        await users.come(name, rank)
    assert users.have == ["a", "b"]
    await users.go("a")
    assert users.have == ["b", "evidence"]
    await users.go("b")
    assert users.have == ["evidence", "c"]
    assert users.lanes.taken == 2
    await users.end()
    assert users.lanes.taken == 0


async def test_who_is_cancelled_while_it_waits_or_is_given_one_costs_no_lane() -> None:
    users = Users(Lanes(1))
    async with users.lanes.one():
        for name in ("b", "c"):
            await users.come(name)
        users.tasks["b"].cancel()
        await _settle()
    users.tasks["c"].cancel()  # it was given the lane in this very moment, and did not run yet
    await _settle()
    assert (users.have, users.lanes.taken) == ([], 0)
    await users.come("d")
    assert users.have == ["d"]
    await users.end()


async def test_more_lanes_are_there_at_once_for_those_who_wait() -> None:
    now = [0.0]
    lanes = Lanes(8, now=lambda: now[0])
    changes: list[int] = []
    lanes.changed = lambda: changes.append(lanes.width)
    users = Users(lanes)
    for name in "abc":
        await users.come(name)
    assert users.have == ["a", "b"]
    for _ in range(60):  # who waits is demand enough
        now[0] += 0.1
        lanes.moved(1000)
    await _settle()
    assert (lanes.width, changes, users.have) == (3, [3], ["a", "b", "c"])
    await users.end()
