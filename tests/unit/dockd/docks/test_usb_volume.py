"""What a docked camera's volume makes of whoever mounted it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dockd.docks.usb_volume import Mounted
from dockd.mounting.base import Filesystem, HelperGone, MountRefused
from ingest.errors import CameraGone, DockdError, Unreadable

MOUNTS = (Path("/run/dockd/mnt/bay-3/p1"), Path("/run/dockd/mnt/bay-3/p2"))


class Refusing:
    """Answers every request in one way; None: never."""

    def __init__(self, error: DockdError | None) -> None:
        self.error = error

    async def _answer(self) -> None:
        if self.error is None:
            await asyncio.Event().wait()
        else:
            raise self.error

    async def mount(self, device: str, *, diskseq: int, filesystem: Filesystem, folder: str) -> Path:
        raise AssertionError((device, diskseq, filesystem, folder))

    async def writable(self, mount: Path) -> None:
        assert mount in MOUNTS
        await self._answer()

    async def fresh(self, mount: Path) -> None:
        assert mount in MOUNTS
        await self._answer()

    async def unmount(self, mount: Path) -> None:
        raise AssertionError(mount)


@pytest.mark.parametrize(
    "error", [MountRefused("not one of its mounts"), CameraGone("gave it up"), HelperGone("ended"), None]
)
async def test_whoever_mounted_it_is_told_once_that_it_cannot_be_relied_on(error: DockdError | None) -> None:
    doubts: list[int] = []
    volume = Mounted(Refusing(error), MOUNTS, doubt=lambda: doubts.append(1), seconds=0.02)
    for asked in (volume.fresh, volume.writable, volume.fresh):
        with pytest.raises(CameraGone, match=error.message if error else "did not answer"):
            await asked()
        assert doubts == [1]


async def test_a_card_that_is_locked_is_no_doubt_about_its_mount() -> None:
    doubts: list[int] = []
    volume = Mounted(Refusing(Unreadable("it is locked against writing")), MOUNTS, doubt=lambda: doubts.append(1))
    with pytest.raises(Unreadable):
        await volume.writable()
    assert not doubts
