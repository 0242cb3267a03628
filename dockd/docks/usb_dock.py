"""Every USB port of the machine as a dock: udev says what comes and goes, profiles what is a camera, and the mount helper mounts it.

Rules kept here:
* what is in a port is decided from looks at udev's database (`usb_ports`, `usb_findings`), and served by that port's own task (`usb_bay`);
  nothing that a device does keeps another waiting, or the stream of events;
* udev's events are heard before the first look, which is told whole, and everything is looked at anew every minute, after lost events,
  and when the mount helper has come back: a lost event costs a minute, never a camera;
* a machine without udev is told of once, and asked again now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockd.docks.base import Noted
from dockd.docks.udev import NoUdev, Tell
from dockd.docks.usb_bay import Bay, DockEvent, Known, Tools
from dockd.docks.usb_facts import Fact, Hint
from dockd.docks.usb_findings import Empty, Finding, Ignored, Looking, ToUnlock, Unlocked, Volumes, decide
from dockd.docks.usb_ports import Look, Ports, Seen
from dockd.docks.usb_presence import NameOf, Presence
from dockd.docks.usb_talks import Conversation, Talks
from dockd.docks.usb_volume import in_thread
from dockd.mounting.base import Mounter
from dockd.profiles.model import Profile, Properties

_log = logging.getLogger(__name__)
_END = 4.0
Warn = Callable[[str, str], object]
"""What ops should know: of what it is (settings, udev, helper), and the words."""
_LOOK = 60.0


class Devices(Protocol):
    """Where hints come from and looks go to (`dockd.docks.udev.Udev`)."""

    def open(self) -> None:
        """Blocks. Raises NoUdev."""

    def listen(self, tell: Tell) -> None:
        """Call `tell` on the loop with each hint (None: some were lost). Raises NoUdev."""

    def look(self, ports: Collection[str] | None) -> Look:
        """Blocks. Raises OSError."""

    def close(self) -> None:
        """Hear no more."""


class Cameras(Known, Protocol):
    """Which cameras are known, as it is now; `reload` reads it again."""

    def candidates(self, usb: Properties, volume: Properties | None) -> Sequence[Profile]:
        """The profiles that a device's and a volume's properties fit, best first."""

    def reload(self, site: Path | None = None) -> Sequence[str]:
        """Read everything again, the site's profiles from another folder where one is given; the mistakes, and with any of them nothing more may be emptied than before. Blocks."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds. `settle`: quiet after a hint before a port is looked at, `patience`: at most so long; `reconcile`: between looks at
    everything; `retry`: between two tries of what failed; `udev_again`: between two looks for a udev that is not there."""

    settle: float = 0.3
    patience: float = 2.0
    reconcile: float = 60.0
    retry: float = 10.0
    udev_again: float = 60.0
    mount: float = 90.0
    look: float = 30.0


class UdevDock:
    """`mapped`: the places that a bay map names (empty: there is none); `name_of`: what people call a place; `warn(about, text)` and `well(about)`: called once with
    why nothing is seen on USB. `conversation` None: cameras that have to be unlocked are told as faults."""

    def __init__(
        self, *, devices: Devices, mounter: Mounter, cameras: Cameras, mapped: Collection[str] = (),
        name_of: NameOf = lambda place: f"port {place}", warn: Warn = lambda _about, text: _log.warning("%s", text),
        well: Callable[[str], object] = lambda _about: None, notes: Sequence[str] = (),
        conversation: Conversation | None = None, timing: Timing | None = None,
    ) -> None:  # fmt: skip
        self._devices = devices
        self._cameras = cameras
        self._mapped = frozenset(mapped)
        self._warn = warn
        self._timing = timing = timing or Timing()
        self._ports = Ports(settle=timing.settle, patience=timing.patience)
        self._bays: dict[str, Bay] = {}
        self._talks = Talks(conversation, told=self._judge_soon)
        self._said: asyncio.Queue[DockEvent] = asyncio.Queue()
        self._stir = asyncio.Event()
        self._everything = self._rejudge = False
        self._back_again = 0.0
        self._missed = ""
        self._notes = tuple(notes)
        self._well = well
        self._findings: dict[str, tuple[tuple[Fact, ...], Unlocked | None, Finding]] = {}
        say = self._said.put_nowait
        presence = Presence(name_of=name_of, noted=lambda place, note: say(Noted(place=place, note=note)))
        self._tools = Tools(
            mounter=mounter, known=cameras, presence=presence, say=say, unlock=self._talks.unlock, doubt=self.look_at_everything,
            retry=timing.retry, mount=timing.mount, look=timing.look, no_helper=self._no_helper,
        )  # fmt: skip

    # -- for others ----------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[DockEvent]:
        """For ever; what is docked at the start comes first. At the end everything is unmounted."""
        keeper = asyncio.create_task(self._keep(), name="usb-ports")
        try:
            while True:
                said = asyncio.create_task(self._said.get(), name="usb-events")
                try:
                    await asyncio.wait({said, keeper}, return_when=asyncio.FIRST_COMPLETED)
                    if keeper.done():
                        keeper.result()
                    event = await said
                finally:
                    said.cancel()
                yield event
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})
            await self._end()

    def look_at_everything(self) -> None:
        """Something may have been missed: all ports are looked at anew, soon. What failed is tried again."""
        self._everything = True
        self._stir.set()

    def helper_is_back(self) -> None:
        """The mount helper can be asked again, and holds nothing of before: what it had mounted is mounted anew.

        Not again within the time between two tries: one that ends at each request is no reason to ask it without a pause.
        """
        if self._missed:
            self._missed = ""
            self._well("helper")
        now = asyncio.get_running_loop().time()
        if now < self._back_again:
            return
        self._back_again = now + self._timing.retry
        for bay in self._bays.values():
            bay.look_again()
        self.look_at_everything()

    def helper_is_gone(self) -> None:
        """The mount helper ended, and its mounts with it: cameras whose volumes it held are not docked any more."""
        self._no_helper("the mount helper has ended, and what it had mounted with it")
        for bay in list(self._bays.values()):
            bay.anew()

    def _no_helper(self, why: str) -> None:
        """Told once, until it is back."""
        if not self._missed:
            self._missed = why
            self._warn("helper", f"no camera on USB can be read: {why}")

    async def reload(self, site: Path | None = None) -> Sequence[str]:
        """Read profiles (from the folder `site`, where one is given) and registry again. With mistakes (which are returned) all stays as it was, but for
        who was struck off the registry.

        Cameras to which something else applies by now leave and are docked anew.
        """
        mistakes = await asyncio.to_thread(self._cameras.reload, site)
        if not mistakes:
            self._findings.clear()
        for bay in list(self._bays.values()):
            if bay.stale():
                bay.anew()
        if not mistakes:
            self._judge(again=True)
            self._judge_soon()
        return mistakes

    # -- the stream ----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Follow udev until cancelled."""
        await self._begin()
        clock = asyncio.get_running_loop().time
        next_whole = clock() + self._timing.reconcile
        judge_at = self._judge()
        while True:
            now = clock()
            if self._everything or now >= next_whole:
                self._everything = False
                next_whole = now + self._timing.reconcile
                await self._look(None)
                judge_at = self._judge()
            elif due := self._ports.due(now=now):
                await self._look(due)
                judge_at = self._judge()
            elif self._rejudge or now >= judge_at:
                judge_at = self._judge()
            await self._until(min(next_whole, self._ports.next_due() or next_whole, judge_at))

    async def _until(self, when: float) -> None:
        """Wait until then, or until something stirs. At least one turn of the loop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._stir.wait()
        self._stir.clear()
        await asyncio.sleep(0)

    async def _begin(self) -> None:
        """Hear udev and look at everything once. Waits for a udev where there is none."""
        told = False
        for text in self._notes:
            self._warn("settings", text)
        while True:
            try:
                await asyncio.to_thread(self._devices.open)
                self._devices.listen(self._hear)
                if told:
                    self._well("udev")
                break
            except NoUdev as error:
                if not told:
                    self._warn("udev", f"cameras on USB are not seen: {error.message}")
                    told = True
                await asyncio.sleep(self._timing.udev_again)
        await self._look(None)

    async def _end(self) -> None:
        self._devices.close()
        self._talks.close()
        if self._bays:
            await asyncio.gather(*(bay.close(seconds=_END) for bay in self._bays.values()))
        for forgotten in (self._bays, self._findings):
            forgotten.clear()
        self._ports.forget()
        while not self._said.empty():
            self._said.get_nowait()

    # -- what is where -------------------------------------------------------------------------------------------------

    def _hear(self, hint: Hint | None) -> None:
        if hint is None:
            self.look_at_everything()
            return
        if self._ports.hint(hint, now=asyncio.get_running_loop().time()):
            self._leave()
        self._stir.set()

    def _leave(self) -> None:
        """Something left: what was docked there is told to have left at once; what is there instead, the next look tells."""
        seen = self._seen()
        for place, bay in self._bays.items():
            if isinstance(bay.found, (Empty, Ignored, Looking, ToUnlock)):
                continue
            if place not in seen or self._finding(seen[place]) != bay.found:
                bay.settle(Empty())

    async def _look(self, ports: Collection[str] | None) -> None:
        asked = self._ports.ask(ports)
        try:
            found = await in_thread(lambda: self._devices.look(ports), seconds=_LOOK)
        except (OSError, TimeoutError) as error:
            _log.warning("udev's database cannot be read (%s): it is tried again", str(error) or "no answer")
            self._everything = True
            await asyncio.sleep(1.0)
            return
        self._ports.learn(asked, found, now=asyncio.get_running_loop().time())

    def _seen(self) -> dict[str, Seen]:
        return self._ports.seen(exact=self._mapped)

    def _finding(self, seen: Seen) -> Finding:
        unlocked = self._talks.heard(seen.place)
        before = self._findings.get(seen.place)
        if (
            before is not None
            and before[0] is seen.facts
            and before[1] == unlocked
            and not isinstance(before[2], Looking)
        ):
            return before[2]  # 64 bays are not judged anew because something happened in one
        now = asyncio.get_running_loop().time()
        found = decide(seen.facts, candidates=self._cameras.candidates, since=seen.since, now=now, unlocked=unlocked)
        if isinstance(found, Volumes):
            self._talks.became(seen.place, found.address)
            unlocked = self._talks.heard(seen.place)
        self._findings[seen.place] = (seen.facts, unlocked, found)
        return found

    def _judge(self, *, again: bool = False) -> float:
        """Give each bay what is found in it (`again`: by other profiles); when to judge again though nothing is heard."""
        self._rejudge = False
        waits: list[float] = []
        seen = self._seen()
        for place in seen.keys() | self._bays.keys() | self._talks.places:
            found = self._finding(seen.get(place) or Seen(place=place, facts=(), since=0.0))
            if isinstance(found, Looking):
                waits.append(found.until)
            elif isinstance(found, Empty):
                self._talks.forget(place)
            bay = self._bays.get(place)
            if bay is None:
                if isinstance(found, Empty):
                    continue
                bay = self._bays[place] = Bay(
                    place, shy=bool(self._mapped) and place not in self._mapped, tools=self._tools
                )
            bay.settle(found, again=again)
            if bay.idle:
                del self._bays[place]
                self._findings.pop(place, None)
        return min(waits, default=math.inf)

    def _judge_soon(self) -> None:
        self._rejudge = True
        self._stir.set()
