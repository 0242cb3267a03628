"""Which port is which bay, learned from a device that somebody plugs into one bay after the other.

Rules kept here: any device will do, hubs and what is part of the machine are none; a port is one bay; what is in a port already tells
nothing, only what is plugged in does; every step can be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dockd.docks.udev import Tell
from dockd.docks.usb_facts import Fact, Hint, place_of, port_of
from dockd.docks.usb_ports import Look

Command = Literal["skip", "again", "done"]
Say = Callable[[str], object]


class Devices(Protocol):
    """`dockd.docks.udev.Udev`, opened."""

    def listen(self, tell: Tell) -> None:
        """Call `tell` on the loop with each hint. Raises NoUdev."""

    def look(self, ports: Collection[str] | None) -> Look:
        """Blocks."""

    def close(self) -> None:
        """Hear no more."""


@dataclass(kw_only=True)
class Learning:
    """The map so far. `number`: the bay that is asked for now."""

    number: int
    bays: dict[int, str] = field(default_factory=dict)
    _last: int | None = None

    def seen(self, place: str) -> str:
        """A device was plugged in there; what to tell."""
        known = next((number for number, where in self.bays.items() if where == place), None)
        if known is not None:
            return (
                "" if known == self._last else f"that is bay {known} already ({place}): plug it into bay {self.number}"
            )
        self.bays[self.number] = place
        self._last, self.number = self.number, self.number + 1
        return f"bay {self._last}: {place}"

    def skip(self) -> str:
        """This number has no port, or none now."""
        self.bays.pop(self.number, None)
        self._last, self.number = self.number, self.number + 1
        return f"bay {self._last}: skipped"

    def again(self) -> str:
        """The bay before once more."""
        if self._last is None:
            return "there is none before it"
        self.bays.pop(self._last, None)
        self.number, self._last = self._last, self._last - 1 if self._last - 1 in self.bays else None
        return f"bay {self.number} again"


async def learn(learning: Learning, *, devices: Devices, commands: AsyncIterator[Command], say: Say) -> None:
    """Ask for one bay after the other, into `learning`, until `commands` say "done" or end. Raises NoUdev."""
    plugged: asyncio.Queue[str | Command] = asyncio.Queue()

    def hear(hint: Hint | None) -> None:
        port = port_of(hint.path) if hint is not None and hint.kind == "usb" and not hint.gone else None
        if port is not None:
            plugged.put_nowait(port)

    async def listen() -> None:
        async for command in commands:
            plugged.put_nowait(command)
        plugged.put_nowait("done")

    devices.listen(hear)
    there = {path: _address(facts) for path, facts in (await asyncio.to_thread(devices.look, None)).items()}
    listening = asyncio.create_task(listen(), name="commands")
    try:
        say(_asking(learning))
        while (what := await plugged.get()) != "done":
            told = await _told(learning, what, devices, there)
            if told:
                say(told)
                say(_asking(learning))
    finally:
        listening.cancel()
        devices.close()


async def _told(learning: Learning, what: str, devices: Devices, there: dict[str, str]) -> str:
    if what == "skip":
        return learning.skip()
    if what == "again":
        return learning.again()
    found = await asyncio.to_thread(devices.look, [what])
    usb = next((fact for fact in found.get(what, ()) if fact.kind == "usb"), None)
    if usb is None or usb.hub or usb.removable == "fixed" or there.get(what) == usb.address:
        return ""  # or an event about what was plugged in before
    there[what] = usb.address
    return learning.seen(place_of(usb))


def _address(facts: Sequence[Fact]) -> str:
    return next((fact.address for fact in facts if fact.kind == "usb"), "")


def _asking(learning: Learning) -> str:
    return f"plug a camera into bay {learning.number} (s: skip it, b: the one before again, q: that was the last)"
