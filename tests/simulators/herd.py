"""Sixty racks and one store with limited strength, on a clock that jumps from one thing to the next: an hour passes in a moment.

The racks' links are the real ones (`ingest.link`, `ingest.standing`, `ingest.setbacks`), on a real ledger that they share. What is simulated is
the store, the line, and the hands that send: each rack keeps a number of senders at it, and each of those asks the link before every segment,
as the delivery does. `chance` None: no jitter at all, for comparison.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from ingest.errors import DockdError, Retry, Stop, StoreBusy, StoreDown
from ingest.ledger import Ledger, Transaction
from ingest.link import Link
from ingest.model import StoreIdentity
from ingest.store.throttle import Bucket
from tests.simulators.stores.in_memory import InMemoryStore

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing that is only time: it lets that pass at once, unless a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if self.threads or timeout is None:
            return super().select(None if self.threads else 1.0)
        self.seconds += timeout
        return []


class VirtualTime(asyncio.SelectorEventLoop):
    """An event loop whose clock moves when nothing else does."""

    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.seconds

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.jumping.threads += 1
        future.add_done_callback(self._back)
        return future

    def _back(self, _future: asyncio.Future[Any]) -> None:
        self.jumping.threads -= 1


def in_virtual_time(work: Callable[[VirtualTime], Coroutine[Any, Any, T]]) -> T:
    """Run it to its end, and leave nothing behind."""
    loop = VirtualTime()
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class Waited(Ledger):
    """A ledger for whose thread the clock waits."""

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTime)
        loop.jumping.threads += 1
        try:
            return await super().commit(work)
        finally:
            loop.jumping.threads -= 1


@dataclass(kw_only=True)
class Crowded(InMemoryStore):
    """`hands` requests are served at once, `bench` more may wait, whatever comes beyond is told to come back after `after` seconds.

    `down`: nobody is there. `busy`: everybody is sent away. `came`: requests that reached it, by second; `looks` those that only asked who it is;
    `away` those that it sent away; `served` those that it carried out.
    """

    loop: VirtualTime
    hands: int = 128
    bench: int = 128
    after: float = 120.0
    down: bool = False
    busy: bool = False
    came: Counter[int] = field(default_factory=Counter)
    looks: Counter[int] = field(default_factory=Counter)
    away: Counter[int] = field(default_factory=Counter)
    served: Counter[int] = field(default_factory=Counter)
    inside: int = 0

    def __post_init__(self) -> None:
        self._hands = asyncio.Semaphore(self.hands)

    async def request(self, *, seconds: float, look: bool = False) -> None:
        """One request that keeps a hand busy for so long. Raises StoreDown, StoreBusy."""
        if self.down:
            raise StoreDown("the store cannot be reached")
        now = int(self.loop.time())
        self.came[now] += 1
        self.looks[now] += look
        if self.busy or self.inside >= self.hands + self.bench:
            self.away[now] += 1
            raise StoreBusy("the store is busy", after=self.after)
        self.inside += 1
        try:
            async with self._hands:
                await asyncio.sleep(seconds)
        finally:
            self.inside -= 1
        if self.down:
            raise StoreDown("the line was cut")
        self.served[int(self.loop.time())] += 1

    async def identify(self) -> StoreIdentity:
        await self.request(seconds=0.01, look=True)
        return await super().identify()


@dataclass(kw_only=True)
class Rack:
    """One rack with more to send than it can; `senders` at once."""

    link: Link
    store: Crowded
    chance: Callable[[], float]
    senders: int = 4

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.link.kept())
            for _ in range(self.senders):
                group.create_task(self._sends())

    async def _sends(self) -> None:
        while True:
            try:
                await self.link.trusted()
            except (Retry, Stop):
                await asyncio.sleep(max(0.2, self.link.standing.closed_for()))
                continue
            try:
                await self.store.request(seconds=0.05)  # announced
                await self.store.request(seconds=1.0 + self.chance())  # sent
                await self.store.request(seconds=0.2)  # proven
            except DockdError as error:
                self.link.standing.failed(error, doubt=True)
            else:
                self.link.standing.works()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a store saw. Seconds count from when it was there again; `strength`: requests a second that it can carry out."""

    came: Counter[int]
    looks: Counter[int]
    away: Counter[int]
    served: Counter[int]
    strength: float

    def peak(self, counts: Counter[int], *, before: int = 180) -> int:
        """The most in one second, from when it was there again."""
        return max((n for second, n in counts.items() if 0 <= second < before), default=0)


SERVED_IN = (0.05 + 1.5 + 0.2) / 3  # seconds that a request keeps a hand, on average


async def _seen(
    loop: VirtualTime,
    folder: Path,
    *,
    racks: int,
    senders: int,
    seed: int | None,
    trouble: str,
    lasts: float,
    looked: float,
) -> Seen:
    ledger = await Waited.open(folder / "ledger.db", keys=folder / "keys")
    store = Crowded(loop=loop)
    luck = random.Random(seed)

    def chance() -> float:
        return 0.0 if seed is None else luck.random()

    def rack() -> Rack:
        link = Link(
            ledger=ledger, store=store, station="s", wanted=None, bucket=Bucket(None), retry_max=600.0, believed=lambda: None, now=loop.time,
            chance=chance,
        )  # fmt: skip
        return Rack(link=link, store=store, chance=luck.random, senders=senders)

    tasks = [asyncio.ensure_future(rack().run()) for _ in range(racks)]
    await asyncio.sleep(30.0)
    setattr(store, trouble, True)
    await asyncio.sleep(lasts)
    setattr(store, trouble, False)
    back = int(loop.time())
    await asyncio.sleep(looked)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(asyncio.CancelledError):
        await ledger.close()

    def since(counts: Counter[int]) -> Counter[int]:
        return Counter({second - back: n for second, n in counts.items()})

    return Seen(
        came=since(store.came), looks=since(store.looks), away=since(store.away), served=since(store.served),
        strength=store.hands / SERVED_IN,
    )  # fmt: skip


def after_an_outage(
    folder: Path, *, seed: int | None, racks: int = 60, senders: int = 4, hours: float = 1.0, looked: float = 180.0
) -> Seen:
    """The store is gone for so long, and there again at once. `seed` None: without jitter."""
    return in_virtual_time(
        lambda loop: _seen(
            loop, folder, racks=racks, senders=senders, seed=seed, trouble="down", lasts=hours * 3600, looked=looked
        )
    )


def after_being_sent_away(
    folder: Path, *, seed: int | None, racks: int = 60, senders: int = 4, seconds: float = 100.0, looked: float = 180.0
) -> Seen:
    """The store sends everybody away for so long, each with the same Retry-After of two minutes. `seed` None: without jitter."""
    return in_virtual_time(
        lambda loop: _seen(
            loop, folder, racks=racks, senders=senders, seed=seed, trouble="busy", lasts=seconds, looked=looked
        )
    )
