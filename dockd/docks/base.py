"""The stream that every kind of dock gives: something was docked, something left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from ingest.model import CameraId


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
    """A camera is in a place. `place` names the port or folder, `root` is where its files can be read.

    `wipe`: whether the site has named this as a camera that may be emptied (P3).
    """

    place: str
    camera: CameraId
    root: bytes
    wipe: bool
    controls: Controls | None = None


@dataclass(frozen=True, kw_only=True)
class Undocked:
    """Whatever was in this place has left."""

    place: str


class Dock(Protocol):
    """A kind of dock."""

    def events(self) -> AsyncIterator[Docked | Undocked]:
        """For ever; what is docked at the start comes first."""
