"""The stream that every kind of dock gives: something was docked, something left, something is there that is no camera (yet)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ingest.model import CameraId, Skipped, Vitals
from ingest.rules import EVERYTHING, FileRules
from ingest.volume import Volume


class Controls(Protocol):
    """What can be asked of a camera beside its files, where it can be asked at all. None: not known."""

    async def battery_percent(self) -> int | None:
        """Charge, 0 to 100."""

    async def clock_offset_seconds(self) -> float | None:
        """The camera's clock minus the station's."""

    async def set_clock(self) -> bool:
        """Set the camera's clock to the station's; whether that worked."""


@dataclass(frozen=True, kw_only=True)
class Docked:
    """A camera is in a place. `place` names the port or folder, `root` is where a worker can read it (`ingest.camera.opening`).

    `wipe`: whether the site has named this as a camera that may be emptied (P3); `why_kept`: else, why not, in plain words. `ours`: it is the
    site's, which has named it, or has chosen that nothing is deleted from its kind.
    `rules`: what its files are. `volume`: where it is mounted by us. `vitals`: what it told of itself when it was docked, for
    cameras that do not tell later. `hidden`: what on it cannot be read and may hold footage (a partition that nobody knows).
    `controller`: what bounds reading beside the pool (cameras at one USB controller share its line); empty: nothing.
    `note`: what people should know of it ("another camera with its serial is in bay 3").
    """

    place: str
    camera: CameraId
    root: bytes
    wipe: bool
    why_kept: str = ""
    ours: bool = True
    controls: Controls | None = None
    rules: FileRules = EVERYTHING
    volume: Volume | None = None
    vitals: Vitals = field(default_factory=Vitals)
    hidden: tuple[Skipped, ...] = ()
    controller: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Occupied:
    """Something is in this place that is no camera, not yet one, or one that cannot be reached.

    `what`: looking (it is found out what it is), not_ours, fault (the bay or its device fails). `why` in plain words. It is followed by
    another Occupied, by Docked, or by Undocked of the same place.
    """

    place: str
    what: Literal["looking", "not_ours", "fault"]
    why: str


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What people should know of the docked camera in this place has changed (empty: nothing any more). Everything else of it stays."""

    place: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Undocked:
    """Whatever was in this place has left.

    `again`: nobody took it. It is there still, and the dock itself lets go of it to dock it anew (another helper, other profiles).
    """

    place: str
    again: bool = False


class Dock(Protocol):
    """A kind of dock."""

    def events(self) -> AsyncIterator[Docked | Noted | Occupied | Undocked]:
        """For ever; what is docked at the start comes first."""
