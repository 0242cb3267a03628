"""Who is docked where, by identity: one camera is in one place at a time, and two that share a serial are told apart, aloud.

Rules kept here: profile + serial + card is who a camera is. The same identity in two places at once is a fault of the cameras (or a cloned
card), and the second is not taken until the first has left; the same serial with another card is two cameras, and people are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ingest.model import CameraId

NameOf = Callable[[str], str]
"""What people call a place, such as "bay 3"."""


class Presence:
    """Cameras by place. `name_of` a place; `noted(place, note)` is called when what is to be said of a camera that is there has changed."""

    def __init__(self, *, name_of: NameOf, noted: Callable[[str, str], object]) -> None:
        self._name_of = name_of
        self._noted = noted
        self._here: dict[str, CameraId] = {}
        self._notes: dict[str, str] = {}
        self._left = asyncio.Event()

    def claim(self, place: str, camera: CameraId) -> str | None:
        """Take this identity for a place; the place that has it already, if another does."""
        for other, there in self._here.items():
            if there == camera and other != place:
                return other
        self._here[place] = camera
        self._notes[place] = self._note(place)
        self._tell(but=place)
        return None

    def release(self, place: str) -> None:
        """Its camera has left."""
        if self._here.pop(place, None) is None:
            return
        self._notes.pop(place, None)
        self._left.set()
        self._left = asyncio.Event()
        self._tell(but=place)

    async def until_left(self) -> None:
        """Wait until a camera leaves any place."""
        await self._left.wait()

    def note(self, place: str) -> str:
        """What people should know of the camera there; empty: nothing."""
        return self._notes.get(place, "")

    def taken(self, other: str) -> str:
        """Why a second one of the same identity is not taken."""
        return f"Another camera with the same serial number and card is in {self._name_of(other)}: take one out."

    def _note(self, place: str) -> str:
        me = self._here[place]
        others = [
            self._name_of(other) for other, camera in self._here.items()
            if other != place and me.serial and (camera.profile, camera.serial) == (me.profile, me.serial)
        ]  # fmt: skip
        if not others:
            return ""
        return f"Another camera with its serial number {me.serial}, but another card, is in {' and '.join(sorted(others))}."

    def _tell(self, *, but: str) -> None:
        for place in self._here:
            fresh = self._note(place)
            if place != but and fresh != self._notes.get(place, ""):
                self._notes[place] = fresh
                self._noted(place, fresh)
