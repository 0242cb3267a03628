"""A rack without hardware: real folders that are docked and taken out, behind the same stream that every kind of dock gives.

A camera is a folder. On its officer it lies in `out/`, in a bay in `docked/`; it is moved from one to the other, so whoever reads it when it
is taken out loses it in the middle. Its battery charges while it is docked, and its clock can be set.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from dockd.docks.base import Docked, Undocked
from dockd.settings import BaySettings
from ingest.model import CameraId, folder_camera


class SimulatedCamera:
    """One camera: a folder, a battery, a clock. Its methods are what a rack may ask of a camera (`Controls`)."""

    def __init__(
        self, serial: str, *, out: Path, docked: Path, charge: float, charge_rate: float, clock_offset: float, busy: int
    ) -> None:  # fmt: skip
        self.serial = serial
        self.id: CameraId = folder_camera(serial.encode())
        self._out = out / serial
        self._docked = docked / serial
        self._charge = charge
        self._rate = charge_rate
        self._offset = clock_offset
        self._busy = busy
        self._since: float | None = None

    @property
    def folder(self) -> Path:
        """Where its files are now."""
        return self._docked if self._since is not None else self._out

    def put_in(self) -> None:
        """It is pushed into a bay. Raises OSError."""
        os.rename(self._out, self._docked)
        self._since = time.monotonic()

    def take_out(self) -> None:
        """It is pulled out, whatever is being done with it. Raises OSError."""
        os.rename(self._docked, self._out)
        self._charge = self._now()
        self._since = None

    def _now(self) -> float:
        gained = 0.0 if self._since is None else (time.monotonic() - self._since) * self._rate
        return min(100.0, self._charge + gained)

    async def battery_percent(self) -> int | None:
        """Charge, 0 to 100."""
        return int(self._now())

    async def clock_offset_seconds(self) -> float | None:
        """Its clock minus the station's."""
        return self._offset

    async def set_clock(self) -> bool:
        """Set its clock; a camera that is busy puts that off."""
        if self._busy > 0:
            self._busy -= 1
            return False
        self._offset = 0.0
        return True


class SimulatedRack:
    """A kind of dock (`Dock`) whose cameras are put in and taken out by a story."""

    def __init__(self, bays: int) -> None:
        self.numbers = tuple(range(1, bays + 1))
        self._docked: dict[str, Docked] = {}
        self._happened: asyncio.Queue[Docked | Undocked] = asyncio.Queue()

    @property
    def settings(self) -> tuple[BaySettings, ...]:
        """What is painted on the bays."""
        return tuple(BaySettings(number=number, usb_path=_place(number)) for number in self.numbers)

    async def events(self) -> AsyncIterator[Docked | Undocked]:
        """For ever; whoever begins anew is told first of what is docked."""
        self._happened = asyncio.Queue()
        for docked in list(self._docked.values()):
            self._happened.put_nowait(docked)
        while True:
            yield await self._happened.get()

    def put_in(self, camera: SimulatedCamera, bay: int) -> None:
        """Push `camera` into `bay`. Raises OSError."""
        camera.put_in()
        root = os.fsencode(camera.folder)
        docked = Docked(place=_place(bay), camera=camera.id, root=root, wipe=True, controls=camera)
        self._docked[docked.place] = docked
        self._happened.put_nowait(docked)

    def take_out(self, camera: SimulatedCamera, bay: int) -> None:
        """Pull `camera` out of `bay`. Raises OSError."""
        camera.take_out()
        del self._docked[_place(bay)]
        self._happened.put_nowait(Undocked(place=_place(bay)))


def _place(bay: int) -> str:
    return f"demo-{bay}"
