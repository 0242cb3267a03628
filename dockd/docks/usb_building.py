"""The USB dock of an agent, put together from its settings."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import fields

from dockd.docks.udev import Udev
from dockd.docks.usb_dock import UdevDock, Warn
from dockd.docks.usb_findings import ToUnlock
from dockd.docks.usb_known import KnownCameras, Listed
from dockd.docks.usb_presence import NameOf
from dockd.docks.usb_talks import Conversation
from dockd.mounting.client import MountHelper
from dockd.profiles.model import Unlock
from dockd.settings import Settings
from dockd.shipped import shipped
from ingest.camera import unlock
from ingest.errors import Unreadable
from ingest.worker.pool import WorkerPool
from ingest.worker.unlocking import converse_in_worker

_BUS_NUMBER = re.compile(r"\d+-\d+(?:\.\d+)*")


@contextlib.asynccontextmanager
async def usb_dock(
    settings: Settings, *, pool: WorkerPool, listed: Listed, name_of: NameOf, warn: Warn, well: Callable[[str], object] = lambda _about: None,
) -> AsyncIterator[UdevDock]:  # fmt: skip
    """The dock for these settings; whoever enters watches it, and what it mounted is unmounted at the end.

    `listed`: the serials and ids of the site's list of cameras; `name_of`: what people call a place; `warn(text)`: what ops should know, `well()`: that is over. Site
    profiles with mistakes are told of and left out as a whole: the shipped ones copy, and nothing is deleted, whatever the list names, until
    the site's profiles are right (a reload is enough).
    """
    cameras = KnownCameras(site=settings.cameras.profiles, shipped=shipped("cameras"), listed=listed, lenient=True)
    notes = [f"the site's camera profiles are not used: {mistake}" for mistake in cameras.mistakes]
    notes += wrong_ports(bay.usb_path for bay in settings.bays)
    helper = MountHelper(settings.docks.mount_helper)
    dock = UdevDock(
        devices=Udev(), mounter=helper, cameras=cameras, mapped=usb_ports(bay.usb_path for bay in settings.bays), name_of=name_of,
        warn=warn, well=well, notes=notes, conversation=talk_in(pool),
    )  # fmt: skip
    helper.on_gone, helper.on_back = dock.helper_is_gone, dock.helper_is_back
    try:
        yield dock
    finally:
        await helper.close()


def usb_ports(paths: Iterable[str]) -> frozenset[str]:
    """Those of a bay map's paths that name USB ports; the others name folders."""
    return frozenset(path for path in paths if re.search(r"-usb(?:v\d)?-\d+:", path))


def wrong_ports(paths: Iterable[str]) -> list[str]:
    """What is wrong with a bay map's paths that are the kernel's bus numbers."""
    return [
        f"bays.usb_path = {path!r} is a bus number, which may be another port after the next start; it names no bay: run `dockd bays learn`"
        for path in paths if _BUS_NUMBER.fullmatch(path)
    ]  # fmt: skip


def talk_in(pool: WorkerPool) -> Conversation:
    """Conversations with cameras that have to be unlocked, each in a worker of its own."""
    return functools.partial(_talk, pool)


async def _talk(pool: WorkerPool, found: ToUnlock) -> unlock.Unlocked:
    bus, _, device = found.address.partition(",")
    if found.profile.unlock is None or not (bus.isdecimal() and device.isdecimal()):
        raise Unreadable("it has no address on USB by which it could be spoken to")
    return await converse_in_worker(
        pool,
        _spoken(found.profile.unlock),
        bus=int(bus),
        device=int(device),
        password_file=found.profile.unlock.password_file,
    )


def _spoken(asked: Unlock) -> unlock.Conversation:
    both = {item.name for item in fields(unlock.Conversation)} & {item.name for item in fields(Unlock)}
    return unlock.Conversation(**{name: getattr(asked, name) for name in both})
