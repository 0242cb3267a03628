"""What happens in the demo: cameras come, one is taken out too early and put back, the store goes away and returns, all become ready.

Rules: a story only pushes, pulls and switches off, and waits for what the page says; the lines between are what the agent committed as
events. Whatever does not come about is a problem with a name, never a hang.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dockd.demo.far_end import FarEnd
from dockd.demo.plan import Pace, Part
from dockd.demo.rack import SimulatedCamera, SimulatedRack
from dockd.demo.wall import Wall
from ingest import events

_NOTICED_WITHIN = 30.0
_STORE_LEAVES_AT = 0.3
_TOLD = (
    events.CameraDocked, events.CameraRemovedEarly, events.ClockSet, events.CameraEmptied, events.StorePinned, events.SegmentHeld,
    events.SegmentLost, events.SegmentVanished, events.CameraFailed,
)  # fmt: skip


@dataclass(kw_only=True)
class Player:
    """A camera with its part; `ready_at`: seconds after the beginning, once it was ready."""

    part: Part
    camera: SimulatedCamera
    files: int
    ready_at: float | None = None


@dataclass(kw_only=True)
class Story:
    """One run. `hear` is for the ledger's events, `tell` says a line to people; `problems` is empty when everything ended well."""

    rack: SimulatedRack
    store: FarEnd
    wall: Wall
    pace: Pace
    players: Sequence[Player]
    tell: Callable[[str], None]
    problems: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._copied: Counter[str] = Counter()
        self._confirmed = 0
        self._moved = asyncio.Event()
        self._bays: asyncio.Queue[int] = asyncio.Queue()
        self._waiting = 0
        for number in self.rack.numbers:
            self._bays.put_nowait(number)

    def hear(self, event: events.Event, _seq: int) -> None:
        """Tell what matters, count what moves."""
        if isinstance(event, events.SegmentCopied) and event.camera is not None:
            self._copied[event.camera] += 1
        elif isinstance(event, events.SegmentConfirmed):
            self._confirmed += 1
        if isinstance(event, _TOLD):
            self.say(event.message())
        self._moved.set()

    def say(self, text: str) -> None:
        """A line with the time since the beginning."""
        self.tell(f"{time.monotonic() - self.began:5.1f} s  {text}")

    async def run(self) -> None:
        """From the first camera to the last that is ready, or until patience is at its end. Raises FarEndError in a group."""
        self.began = time.monotonic()
        looking = asyncio.create_task(self.wall.run(), name="demo-wall")
        try:
            async with asyncio.timeout(self.pace.patience), asyncio.TaskGroup() as group:
                for player in self.players:
                    group.create_task(self._visit(player), name=f"demo-{player.part.serial}")
                group.create_task(self._outage(), name="demo-store")
        except TimeoutError:
            self.problems += [
                f"camera {player.part.serial} was not ready after {self.pace.patience:.0f} s"
                for player in self.players
                if player.ready_at is None
            ]
            if self.wall.problem:
                self.problems.append(self.wall.problem)
        finally:
            looking.cancel()
            await asyncio.wait({looking})

    async def _visit(self, player: Player) -> None:
        """A camera is pushed into a free bay and stays until it is ready; then it makes room, if others wait."""
        await asyncio.sleep(player.part.arrives)
        self._waiting += 1
        bay = await self._bays.get()
        self._waiting -= 1
        self.rack.put_in(player.camera, bay)
        if "early" in player.part.roles:
            await self._taken_too_early(player, bay)
        while not self.wall.is_ready(player.camera.id.id, bay):
            await self._next_look()
        player.ready_at = time.monotonic() - self.began
        self.say(f"bay {bay}: camera {player.part.serial} may be taken. {self.wall.why(bay)}")
        if self._waiting:
            await asyncio.sleep(self.pace.shown)
            self.rack.take_out(player.camera, bay)
            while self.wall.state(bay) != "empty":
                await self._next_look()
            self._bays.put_nowait(bay)

    async def _taken_too_early(self, player: Player, bay: int) -> None:
        """Its officer is called out in the middle of the copying, and brings it back."""
        while self._copied[player.camera.id.id] * 2 < player.files:
            self._moved.clear()
            await self._moved.wait()
        self.say(f"camera {player.part.serial} is pulled out of bay {bay} in the middle of it")
        self.rack.take_out(player.camera, bay)
        if await self._seen(lambda: self.wall.state(bay) == "removed_early"):
            self.say(f"bay {bay}: {self.wall.why(bay)}")
        else:
            self.problems.append(f"the page did not say that camera {player.part.serial} left bay {bay} too early")
        await asyncio.sleep(self.pace.away)
        self.say(f"camera {player.part.serial} is put back")
        self.rack.put_in(player.camera, bay)

    async def _outage(self) -> None:
        """The store's process is killed when some of the footage is in it, and starts again at the same address."""
        files = sum(player.files for player in self.players)
        while self._confirmed < files * _STORE_LEAVES_AT:
            self._moved.clear()
            await self._moved.wait()
        self.say("the central store is switched off")
        await self.store.kill()
        if await self._seen(lambda: self.wall.store == "down"):
            self.say("the page says that the store cannot be reached; docking and copying go on")
        else:
            self.problems.append("the page did not say that the store was away")
        await asyncio.sleep(self.pace.outage)
        await self.store.start()
        self.say("the central store is switched on again")
        if await self._seen(lambda: self.wall.store == "connected"):
            self.say("the page says that the store is connected")
        else:
            self.problems.append("the store came back, and the page did not say so")

    async def _seen(self, condition: Callable[[], bool]) -> bool:
        """Whether the page comes to say so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NOTICED_WITHIN):
                while not condition():
                    await self._next_look()
                return True
        return False

    async def _next_look(self) -> None:
        self.wall.looked.clear()
        await self.wall.looked.wait()
