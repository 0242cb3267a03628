"""One USB port at work: what was found in it is mounted, identified and told, until something else is found in it.

Rules kept here:
* one task for each finding; the next begins when the one before has unmounted what it had;
* what left is told at once, whatever its task is still waiting for;
* nothing is told twice, and after Docked comes Undocked before anything else;
* what goes wrong is told in plain words, and tried again for as long as the same thing is in the port; a docked camera whose volume failed
  is docked anew, for nobody but this bay mounts: not at once, since it may have left, and not in a tight loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from dockd.docks.base import Docked, Noted, Occupied, Undocked
from dockd.docks.usb_facts import controller_of
from dockd.docks.usb_findings import (
    Empty,
    Faulty,
    Finding,
    Ignored,
    Looking,
    Mtp,
    NotOurs,
    ToUnlock,
    Volumes,
)
from dockd.docks.usb_mounting import Mounting, RootsDiffer, Taken, folder_of
from dockd.docks.usb_presence import Presence
from dockd.docks.usb_talks import ClockSet
from dockd.docks.usb_volume import Mounted
from dockd.docks.usb_words import sentence
from dockd.mounting.base import HelperGone, Mounter, MountRefused
from dockd.profiles.model import Profile, Properties
from ingest.errors import CameraGone, DockdError
from ingest.model import CameraId, Vitals

_log = logging.getLogger(__name__)
NO_HELPER = "No camera on USB can be read without it: leave the camera in, and tell ops."
NOTHING_FITS = "What lies on it is not what any camera profile asks for: not touched."

DockEvent = Docked | Noted | Occupied | Undocked


class Known(Protocol):
    """Which cameras are known, and which of them may be emptied."""

    def contents_fit(self, profile: Profile, names: Sequence[bytes]) -> bool:
        """Whether a volume with these names in its root is what the profile asks for."""

    def identify(self, profile: Profile, *, usb: Properties, volume: Properties, device_id: str) -> CameraId:
        """Who it is. Raises Unreadable where it does not say."""

    def may_wipe(self, profile: Profile, camera: CameraId) -> tuple[bool, str]:
        """Whether it may be emptied; else why not."""


Unlock = Callable[[str, ToUnlock], Awaitable[None]]
"""Speak to the camera in a place until it becomes a disk. Raises DockdError."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What all bays share. Seconds: `retry` between two tries, `mount` and `look` that one may take; `doubt()` asks for a look at everything;
    `no_helper(why)` says that nothing can be mounted now."""

    mounter: Mounter
    known: Known
    presence: Presence
    say: Callable[[DockEvent], object]
    unlock: Unlock
    doubt: Callable[[], object]
    no_helper: Callable[[str], object] = lambda _why: None
    retry: float = 10.0
    mount: float = 90.0
    look: float = 30.0


class Bay:
    """The port at `place`. `shy`: a bay map does not name it, so only cameras in it are told of."""

    def __init__(self, place: str, *, shy: bool, tools: Tools) -> None:
        self.place = place
        self._shy = shy
        self._tools = tools
        self._found: Finding = Empty()
        self._shown: Docked | Occupied | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._again = asyncio.Event()
        self._wipe: tuple[Profile, CameraId] | None = None
        self._root = 0

    @property
    def found(self) -> Finding:
        """What is believed to be in it."""
        return self._found

    @property
    def docked(self) -> bool:
        """Whether a camera in it has been told of."""
        return isinstance(self._shown, Docked)

    @property
    def idle(self) -> bool:
        """Whether there is nothing in it and nothing left to do."""
        return isinstance(self._found, Empty) and not self._tasks and self._shown is None

    def settle(self, found: Finding, *, again: bool = False) -> None:
        """This is in the port now. `again`: it was there before; what is known of cameras has changed."""
        if found == self._found:
            return
        self._found = found
        if self.docked or isinstance(found, (Empty, Ignored)):
            self._left(again=again and not isinstance(found, Empty))
        self._begin()

    def anew(self) -> None:
        """Do again what was done for what is in it: the helper that mounted it ended, or what is known of cameras has changed."""
        if isinstance(self._found, Volumes) or self.docked:
            self._left(again=True)
            self._occupied("looking", "It is being read anew.", camera=True)
            self._begin()

    def _doubt(self, mounted: Mounted) -> None:
        """What it mounted does not answer as it should. Did it leave, that is seen soon; if it is still docked then, it is mounted anew."""
        self._tools.doubt()
        asyncio.get_running_loop().call_later(self._tools.retry, self._mount_anew, mounted)

    def _mount_anew(self, mounted: Mounted) -> None:
        if isinstance(self._shown, Docked) and self._shown.volume is mounted:
            self.anew()

    def look_again(self) -> None:
        """What failed is tried again now."""
        self._again.set()

    def stale(self) -> bool:
        """Whether a docked camera may be emptied by now where it might not, or the other way round."""
        if self._wipe is None or not isinstance(self._shown, Docked):
            return False
        return self._tools.known.may_wipe(*self._wipe) != (self._shown.wipe, self._shown.why_kept)

    async def close(self, *, seconds: float) -> None:
        """Let go of everything. Nothing is told any more."""
        self._shown = None
        self._tools.presence.release(self.place)
        self._cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    # -- telling -------------------------------------------------------------------------------------------------------

    def _left(self, *, again: bool = False) -> None:
        if self._shown is not None:
            self._shown = None
            self._tools.say(Undocked(place=self.place, again=again))
        self._wipe = None
        self._tools.presence.release(self.place)

    def _occupied(self, what: Literal["looking", "not_ours", "fault"], why: str, *, camera: bool = False) -> None:
        """`camera`: what is there is one that a profile names."""
        event = Occupied(place=self.place, what=what, why=why)
        if event == self._shown or (self._shy and not camera):
            return
        if self.docked:
            self._left()
        self._shown = event
        self._tools.say(event)

    def _dock(self, event: Docked, profile: Profile) -> None:
        self._shown, self._wipe = event, (profile, event.camera)
        self._tools.say(event)

    # -- the task of a finding -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        earlier = frozenset(self._cancel())
        task = asyncio.create_task(self._stay(self._found, earlier), name=f"usb-{self.place}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel(self) -> set[asyncio.Task[None]]:
        for task in self._tasks:
            if not task.cancelling():  # a second cancellation would break into the unmounting
                task.cancel()
        return self._tasks

    async def _stay(self, found: Finding, earlier: frozenset[asyncio.Task[None]]) -> None:
        if earlier:
            await asyncio.wait(earlier)
        while True:
            self._again.clear()
            try:
                await self._serve(found)
                return
            except HelperGone as error:
                self._tools.no_helper(error.message)
                self._occupied("fault", f"{sentence(error.message)} {NO_HELPER}", camera=True)
            except (CameraGone, MountRefused) as error:
                self._occupied("fault", sentence(error.message), camera=True)
                self._tools.doubt()
            except DockdError as error:
                self._occupied("fault", sentence(error.message), camera=True)
            except Exception as error:  # noqa: BLE001 (a defect in one bay: said, and kept away from the others)
                _log.exception("%s: what is in this port cannot be served; it is tried again", self.place)
                self._occupied(
                    "fault",
                    f"dockd failed here ({type(error).__name__}, see its log), and tries again: leave the camera in, and tell ops.",
                    camera=True,
                )
            self._tools.presence.release(self.place)
            await self._a_while()

    async def _a_while(self) -> None:
        try:
            async with asyncio.timeout(self._tools.retry):
                await self._again.wait()
        except TimeoutError:
            return

    async def _serve(self, found: Finding) -> None:
        match found:
            case Looking(why=why):
                self._occupied("looking", why)
            case NotOurs(why=why):
                self._occupied("not_ours", why)
            case Faulty(why=why):
                self._occupied("fault", why)
            case ToUnlock():
                self._occupied("looking", f"{found.profile.title}: it is asked to become a disk.", camera=True)
                await self._tools.unlock(self.place, found)
            case Mtp():
                camera = self._tools.known.identify(found.profile, usb=found.usb, volume={}, device_id="")
                event = Docked(
                    place=self.place, camera=camera, root=b"mtp:usb:" + found.address.encode(), rules=found.profile.rules, wipe=False,
                    controller=controller_of(self.place),
                )  # fmt: skip
                await self._docked(event, found.profile)
            case Volumes():
                await self._volumes(found)
            case Empty() | Ignored():
                return

    async def _docked(self, event: Docked, profile: Profile) -> None:
        """Claim the identity, tell that the camera is docked, and stay until something else is found."""
        presence = self._tools.presence
        while (other := presence.claim(self.place, event.camera)) is not None:
            self._occupied("fault", presence.taken(other), camera=True)
            await presence.until_left()
        wipe, why_kept = self._tools.known.may_wipe(profile, event.camera)
        ours = wipe or not (profile.wipe or profile.shipped)
        self._dock(
            replace(
                event, wipe=wipe, why_kept=why_kept, ours=ours, note=presence.note(self.place),
                rules=replace(event.rules, time_zone=profile.time_zone),
            ),
            profile,
        )  # fmt: skip
        await asyncio.Event().wait()

    async def _volumes(self, found: Volumes) -> None:
        if self._shown is None:
            self._occupied("looking", "It is being read.", camera=True)
        root = folder_of(self.place) + (f"-again{self._root}" if self._root else "")
        tools = self._tools
        mounting = Mounting(
            found, root=root, mounter=tools.mounter, fits=tools.known.contents_fit, mount=tools.mount, look=tools.look
        )
        try:
            taken = await mounting.take()
            if taken is None:
                self._occupied("not_ours", NOTHING_FITS)
            else:
                await self._docked(self._event(found, taken), taken.profile)
        except RootsDiffer:
            self._root += 1
            raise
        finally:
            await mounting.release()

    def _event(self, found: Volumes, taken: Taken) -> Docked:
        camera = self._tools.known.identify(
            taken.profile, usb=found.usb, volume=taken.volume, device_id=found.device_id
        )
        told = found if taken.profile.unlock is not None else None  # another disk may have come in its place
        mounted = Mounted(
            self._tools.mounter, taken.mounts, doubt=lambda: self._doubt(mounted), remounts=taken.remounts
        )
        return Docked(
            place=self.place, camera=camera, root=taken.root, rules=taken.rules, wipe=False, controller=controller_of(self.place),
            volume=mounted, vitals=told.vitals if told else Vitals(), hidden=taken.hidden, controls=ClockSet(told.vitals) if told and told.clock_set else None,
        )  # fmt: skip
