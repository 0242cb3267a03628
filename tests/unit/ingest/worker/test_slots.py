"""Slots: no more at once than there are, in the order in which they asked, and another number while they are taken."""

from __future__ import annotations

import asyncio

from ingest.worker.slots import Slots


class Users:
    """Each takes a slot until it is let go."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.have: list[int] = []
        self.let_go: dict[int, asyncio.Event] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def come(self, *names: int) -> None:
        for name in names:
            self.let_go[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._use(name))
        await settled()

    async def _use(self, name: int) -> None:
        async with self.slots:
            self.have.append(name)
            try:
                await self.let_go[name].wait()
            finally:
                self.have.remove(name)

    async def go(self, name: int) -> None:
        self.let_go[name].set()
        await self.tasks[name]
        await settled()

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_more_come_at_once_and_with_fewer_nobody_is_put_out() -> None:
    users = Users(Slots(2))
    await users.come(1, 2, 3, 4, 5)
    assert users.have == [1, 2]
    users.slots.resize(4)
    await settled()
    assert users.have == [1, 2, 3, 4]
    users.slots.resize(1)
    for name in (1, 2, 3):
        await users.go(name)
        assert users.have == [one for one in (2, 3, 4) if one > name]
    await users.go(4)
    assert users.have == [5]
    await users.end()


async def test_who_is_cancelled_takes_no_slot_along() -> None:
    users = Users(Slots(1))
    await users.come(1, 2, 3)
    users.tasks[2].cancel()
    await settled()
    users.let_go[1].set()
    await users.tasks[1]  # the slot is 3's by now, and it has not run
    users.tasks[3].cancel()
    await settled()
    await users.come(4)
    assert users.have == [4]
    await users.end()
