"""Lanes: no more at once than there are, who is next, and nothing lost where one who waits is cancelled."""

from __future__ import annotations

import asyncio

from ingest.lanes import Lanes, Rank


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Users:
    """Each takes a lane until it is let go."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.have: list[str] = []
        self.dismissed: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.let_go: dict[str, asyncio.Event] = {}

    async def come(self, name: str, rank: int = 0, *, ahead: bool = False) -> Rank:
        self.let_go[name] = asyncio.Event()

        def mine() -> int:
            return rank

        self.tasks[name] = asyncio.create_task(self._use(name, mine, ahead))
        await _settle()
        return mine

    async def _use(self, name: str, rank: Rank, ahead: bool) -> None:
        async with self.lanes.one(rank, ahead=lambda: ahead) as had:
            if not had:
                self.dismissed.append(name)
                return
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


async def test_evidence_has_a_lane_of_its_own_while_all_are_taken_and_the_next_of_it_waits() -> None:
    users = Users(Lanes(2))
    for name in ("a", "b", "c"):
        await users.come(name, 2)
    for name in ("e1", "e2"):
        await users.come(name, 1, ahead=True)
    assert users.have == ["a", "b", "e1"]
    await users.go("a")  # e1's lane is now one of the two
    assert users.have == ["b", "e1", "e2"]
    await users.go("b")
    assert users.have == ["e1", "e2"], "what is ordinary has no lane beyond those that there are"
    await users.go("e1")
    assert users.have == ["e2", "c"]
    assert users.lanes.taken == 2
    await users.end()
    assert users.lanes.taken == 0


async def test_a_limit_leaves_fewer_lanes_and_evidence_passes_those_that_are_still_under_way() -> None:
    limited: list[int | None] = [None]
    users = Users(Lanes(4, limited=lambda: limited[0]))
    for name in ("a", "b", "c"):
        await users.come(name, 2)
    limited[0] = 1
    users.lanes.look()
    for name in ("e1", "e2"):
        await users.come(name, 1, ahead=True)
        assert users.have == ["a", "b", name]
        await users.go(name)
    await users.go("a")
    assert users.have == ["b"]
    limited[0] = None
    users.lanes.look()
    await _settle()
    assert users.have == ["b", "c"]
    await users.end()


async def test_who_is_dismissed_while_it_waits_has_no_lane_and_costs_none() -> None:
    users = Users(Lanes(1))
    await users.come("a")
    rank = await users.come("b")
    await users.come("c")
    assert users.lanes.waits(rank)
    users.lanes.dismiss(rank)
    await _settle()
    assert (users.dismissed, users.have, users.lanes.taken) == (["b"], ["a"], 1)
    assert not users.lanes.waits(rank)
    await users.go("a")
    assert users.have == ["c"]
    await users.end()


async def test_more_and_fewer_while_they_are_taken() -> None:
    users = Users(Lanes(1))
    for name in "abcd":
        await users.come(name)
    assert users.have == ["a"]
    users.lanes.resize(8)
    await _settle()
    assert users.have == ["a", "b"], "as many as a line is begun with, at once"
    users.lanes.resize(1)
    await _settle()
    assert users.have == ["a", "b"], "nobody is put out"
    await users.go("a")
    assert users.have == ["b"]
    await users.go("b")
    assert users.have == ["c"]
    await users.end()
