"""The moments at which something is done to a camera: each is awaited by what dockd has said and by bytes over its cable.

A moment returns when it is there; `came_in_time` of the same moment says afterwards whether it was still that moment when
the fault struck, from the log of the agent. Lines are slow enough for each moment to last far longer than it takes to
strike. How the work goes on after the last byte was read is dockd's affair: a moment names no more than its events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.hil.rig.agent import Agent
from tests.hil.rig.agent_log import Document
from tests.hil.rig.disks import Disk
from tests.hil.rig.footage import MEGABYTE
from tests.hil.rig.usb import FULL_SPEED, Camera, Line

# One large file and one small: while the large one is read a second time, nothing else is.
LARGE, SMALL = "DCIM/100MEDIA/BWC00001.MP4", "DCIM/100MEDIA/BWC00002.MP4"
SIZES = {LARGE: 6 * MEGABYTE, SMALL: 300_000}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """`line` as the camera is plugged with; `reach` waits; `before`: an event that must not have come when the fault struck."""

    name: str
    line: Line
    reach: Callable[[Agent, Camera], None]
    before: str

    def __str__(self) -> str:
        return self.name

    def came_in_time(self, events: list[Document]) -> bool:
        """Whether the event that ends this moment is not among what was logged until the fault."""
        return all(event.get("event.action") != self.before for event in events)


def _listing(agent: Agent, camera: Camera) -> None:
    agent.await_event("camera.docked")
    camera.throttle(Line(read_requests_per_second=4))
    camera.await_traffic(read=1)


def _pull(agent: Agent, camera: Camera) -> None:
    agent.await_event("camera.listed")
    camera.await_traffic(read=2 * MEGABYTE)


def _verify(agent: Agent, camera: Camera) -> None:
    agent.await_event("camera.listed")
    camera.await_traffic(read=SIZES[LARGE] + 2 * MEGABYTE)


def _upload(agent: Agent, camera: Camera) -> None:
    agent.await_event("camera.listed")
    Disk.await_written(agent.vm, name="store", size=MEGABYTE)


def _confirmed(agent: Agent, camera: Camera) -> None:
    agent.await_event("segment.confirmed", after=len(SIZES) - 1)


def _wipe(agent: Agent, camera: Camera) -> None:
    agent.await_event("permit.issued")


def _unmount(agent: Agent, camera: Camera) -> None:
    camera.await_traffic(written=1)


SLOW = Line(read_bytes_per_second=2 * MEGABYTE)
WRITES = Line(write_requests_per_second=2)

LISTING = Moment(name="listing", line=Line(read_requests_per_second=60), reach=_listing, before="camera.listed")
PULL = Moment(name="pull", line=SLOW, reach=_pull, before="segment.copied")
VERIFY = Moment(name="verify", line=SLOW, reach=_verify, before="segment.copied")
UPLOAD = Moment(name="upload", line=FULL_SPEED, reach=_upload, before="permit.issued")
CONFIRMED = Moment(name="confirmed", line=SLOW, reach=_confirmed, before="permit.issued")
WIPE = Moment(name="wipe", line=WRITES, reach=_wipe, before="permit.closed")
UNMOUNT = Moment(name="unmount", line=WRITES, reach=_unmount, before="permit.closed")

AT_THE_CAMERA = (LISTING, PULL, VERIFY, CONFIRMED, WIPE, UNMOUNT)
EVERY = (LISTING, PULL, VERIFY, UPLOAD, CONFIRMED, WIPE, UNMOUNT)
