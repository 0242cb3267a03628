"""Talks with cameras that want a word before they become a disk, and what those told, by place.

Rules kept here: a talk goes on when its camera leaves the bus in the middle of it, as it does when it becomes a disk; what a camera told holds
for the disk that comes to the same place in time, and for no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Set
from dataclasses import replace

from dockd.docks.usb_findings import ToUnlock, Unlocked
from ingest.camera.unlock import Unlocked as Told
from ingest.errors import Unreadable
from ingest.model import Vitals

Conversation = Callable[[ToUnlock], Awaitable[Told]]
"""Speak to a camera until it becomes a disk: what it told. Raises DockdError."""


class Talks:
    """`told()` is called when a camera has told who it is. `conversation` None: nobody can talk to any."""

    def __init__(self, conversation: Conversation | None, *, told: Callable[[], object]) -> None:
        self._conversation = conversation
        self._told = told
        self._unlocked: dict[str, Unlocked] = {}
        self._talks: dict[tuple[str, str], asyncio.Task[None]] = {}

    @property
    def places(self) -> Set[str]:
        """Where something was told."""
        return self._unlocked.keys()

    def heard(self, place: str) -> Unlocked | None:
        """What the camera there told."""
        return self._unlocked.get(place)

    def became(self, place: str, disk: str) -> None:
        """The device at this address has come, and is taken for it; what was told holds for no other from here on."""
        if place in self._unlocked and not self._unlocked[place].disk:
            self._unlocked[place] = replace(self._unlocked[place], disk=disk)

    def forget(self, place: str) -> None:
        """Nothing is there any more, and nothing is waited for."""
        self._unlocked.pop(place, None)

    async def unlock(self, place: str, found: ToUnlock) -> None:
        """Talk to it, or wait for the talk that is going on. Raises DockdError."""
        if self._conversation is None or found.profile.unlock is None:
            raise Unreadable(f"{found.profile.title}: it has to be unlocked, and nothing here can do that")
        talk = self._talks.get((place, found.address))
        if talk is None:
            work = self._talk(self._conversation(found), place, found, wait=found.profile.unlock.wait)
            talk = asyncio.create_task(work, name=f"usb-unlock-{place}")
            self._talks[place, found.address] = talk
            talk.add_done_callback(lambda done: self._ended(place, found, done))
        await asyncio.shield(talk)

    async def _talk(self, conversation: Awaitable[Told], place: str, found: ToUnlock, *, wait: float) -> None:
        told = await conversation
        until = asyncio.get_running_loop().time() + wait
        self._unlocked[place] = Unlocked(
            profile=found.profile, device_id=told.device_id, address=found.address, until=until, vitals=told.vitals, clock_set=told.clock_set,
        )  # fmt: skip
        self._told()

    def _ended(self, place: str, found: ToUnlock, talk: asyncio.Task[None]) -> None:
        self._talks.pop((place, found.address), None)
        if not talk.cancelled():
            talk.exception()  # whoever waited has it; a camera that has left has nobody to wait

    def close(self) -> None:
        """End all of them."""
        self._unlocked.clear()
        for talk in self._talks.values():
            talk.cancel()


class ClockSet:
    """Controls of a camera that told of itself, and took our time, before it became a disk, and tells no more.

    What it said before (`Docked.vitals`) stays with its footage; from here on its clock is right.
    """

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    async def battery_percent(self) -> int | None:
        """As it was when it was unlocked."""
        return self._vitals.battery_percent

    async def clock_offset_seconds(self) -> float | None:
        """None since it was set."""
        return 0.0

    async def set_clock(self) -> bool:
        """A disk has no clock to set."""
        return False
