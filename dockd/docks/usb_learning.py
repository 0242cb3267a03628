"""Which port is which bay, learned from a device that somebody plugs into one bay after the other.

Rules kept here: any device will do, hubs and what is part of the machine are none; a port is one bay; what is in a port already tells
nothing, only what is plugged in does, and of two at once neither; every step can be taken back; whatever is typed gets an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dockd.docks.udev import Tell
from dockd.docks.usb_facts import Fact, Hint, place_of, port_of
from dockd.docks.usb_ports import Look

SETTLE = 0.5
"""Seconds after a plug in which a second one counts as made at the same time."""


@dataclass(frozen=True)
class Misread:
    """Something was typed that is no command."""

    text: str


Command = Literal["skip", "again", "done"] | Misread
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


async def learn(
    learning: Learning, *, devices: Devices, commands: AsyncIterator[Command], say: Say, settle: float = SETTLE
) -> None:
    """Ask for one bay after the other, into `learning`, until `commands` say "done" or end. Raises NoUdev."""
    plugged: asyncio.Queue[_Plug | Command] = asyncio.Queue()

    def hear(hint: Hint | None) -> None:
        port = port_of(hint.path) if hint is not None and hint.kind == "usb" and not hint.gone else None
        if port is not None:
            plugged.put_nowait(_Plug(port))

    async def listen() -> None:
        async for command in commands:
            plugged.put_nowait(command)
            if command == "done":
                return  # what is typed after that is for somebody else
        plugged.put_nowait("done")

    devices.listen(hear)
    there = {path: _address(facts) for path, facts in (await asyncio.to_thread(devices.look, None)).items()}
    listening = asyncio.create_task(listen(), name="commands")
    try:
        say(_asking(learning))
        while (what := await plugged.get()) != "done":
            if isinstance(what, _Plug):
                told = await _told(learning, what.port, devices, there, settle=settle)
            else:
                told = _answer(learning, what)
            if told:
                say(told)
                say(_asking(learning))
    finally:
        listening.cancel()
        devices.close()


@dataclass(frozen=True)
class _Plug:
    port: str


def _answer(learning: Learning, command: Command) -> str:
    if isinstance(command, Misread):
        return f'"{command.text}" is not understood: s, b or q and Enter, or a device in the bay'
    return learning.skip() if command == "skip" else learning.again()


async def _told(learning: Learning, port: str, devices: Devices, there: dict[str, str], *, settle: float) -> str:
    found = await asyncio.to_thread(devices.look, [port])
    if _new(found, there).get(port) is None:
        return ""  # an event about what was plugged in before, a hub, or what is soldered in
    await asyncio.sleep(settle)
    fresh = _new(await asyncio.to_thread(devices.look, None), there)
    there.update({where: usb.address for where, usb in fresh.items()})
    if len(fresh) > 1:
        places = ", ".join(sorted(place_of(usb) for usb in fresh.values()))
        return f"{len(fresh)} devices came at once ({places}): take them out, and plug in one alone"
    return learning.seen(place_of(fresh[port])) if port in fresh else ""


def _new(found: Look, there: Mapping[str, str]) -> dict[str, Fact]:
    """The devices that were not there before and may tell a bay, by their ports."""
    usb = {where: next((fact for fact in facts if fact.kind == "usb"), None) for where, facts in found.items()}
    return {
        where: fact
        for where, fact in usb.items()
        if fact is not None and not fact.hub and fact.removable != "fixed" and there.get(where) != fact.address
    }


def _address(facts: Sequence[Fact]) -> str:
    return next((fact.address for fact in facts if fact.kind == "usb"), "")


def _asking(learning: Learning) -> str:
    return f"plug a camera into bay {learning.number} (s: skip it, b: the one before again, q: that was the last)"
