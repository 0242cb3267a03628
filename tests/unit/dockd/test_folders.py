"""A rack that is a folder: what appears is docked, what leaves has left, and a folder made anew has done both."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from dockd.docks.base import Docked
from dockd.docks.folders import FolderDock


class Rack:
    """The dock's stream, one event at a time."""

    def __init__(self, folder: Path, *, observer: Callable[[], BaseObserver] = Observer) -> None:
        self.folder = folder
        self._stream = FolderDock(folder, look_every=0.2, observer=observer).events()

    async def next(self) -> tuple[str, str]:
        async with asyncio.timeout(10):
            event = await anext(self._stream)
        return ("docked" if isinstance(event, Docked) else "left"), event.place

    async def docked(self) -> Docked:
        async with asyncio.timeout(10):
            event = await anext(self._stream)
        assert isinstance(event, Docked), event
        return event

    async def quiet(self) -> None:
        """Nothing comes; the stream is over after this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.6):
                raise AssertionError(await anext(self._stream))


@pytest.fixture
async def rack(tmp_path: Path) -> AsyncIterator[Rack]:
    folder = tmp_path / "docks"
    folder.mkdir()
    rack = Rack(folder)
    yield rack
    await rack._stream.aclose()  # type: ignore[attr-defined]


async def test_what_is_there_at_the_start_and_what_comes(rack: Rack) -> None:
    (rack.folder / "CAM2").mkdir()
    (rack.folder / "CAM1").mkdir()
    first = await rack.docked()
    assert (first.place, first.camera.id, first.root, first.wipe) == (
        "CAM1", "CAM1", os.fsencode(rack.folder / "CAM1"), True,
    )  # fmt: skip
    assert await rack.next() == ("docked", "CAM2")
    (rack.folder / "CAM3").mkdir()
    assert await rack.next() == ("docked", "CAM3")
    shutil.rmtree(rack.folder / "CAM1")
    assert await rack.next() == ("left", "CAM1")


async def test_another_folder_of_the_same_name(rack: Rack, tmp_path: Path) -> None:
    (rack.folder / "CAM").mkdir()
    await rack.docked()
    (rack.folder / "CAM").rename(tmp_path / "away")
    (rack.folder / "CAM").mkdir()
    assert [await rack.next(), await rack.next()] == [("left", "CAM"), ("docked", "CAM")]


async def test_a_folder_made_anew_with_the_same_number(rack: Rack) -> None:
    """ext4 gives a new folder the inode of the one that was just removed: only the event tells that it is another."""
    (rack.folder / "CAM").mkdir()
    await rack.docked()
    for _ in range(3):
        os.rmdir(rack.folder / "CAM")
        os.mkdir(rack.folder / "CAM")
        seen = [await rack.next(), await rack.next()]
        assert seen == [("left", "CAM"), ("docked", "CAM")]


async def test_what_is_no_camera(rack: Rack, tmp_path: Path) -> None:
    (rack.folder / ".hidden").mkdir()
    (rack.folder / "file").touch()
    (rack.folder / "link").symlink_to(tmp_path)
    await rack.quiet()


async def test_what_happens_inside_a_camera_is_not_the_racks_business(rack: Rack) -> None:
    (rack.folder / "CAM").mkdir()
    await rack.docked()
    (rack.folder / "CAM" / "x").mkdir()
    (rack.folder / "CAM" / "x").rmdir()
    await rack.quiet()


async def test_a_name_that_is_no_text(rack: Rack) -> None:
    os.mkdir(os.fsencode(rack.folder) + b"/\xff\n")
    event = await rack.docked()
    assert event.place == event.camera.id
    assert event.camera.id.startswith("\\xff\\n~")
    assert event.root.endswith(b"/\xff\n")


async def test_a_rack_that_goes_and_comes_back(rack: Rack, tmp_path: Path) -> None:
    (rack.folder / "CAM").mkdir()
    await rack.docked()
    rack.folder.rename(tmp_path / "away")
    assert await rack.next() == ("left", "CAM")
    (tmp_path / "away").rename(rack.folder)
    assert await rack.next() == ("docked", "CAM")


async def test_two_names_that_read_alike_are_two_places(rack: Rack) -> None:
    names = [b"a\n", b"a\\n"]
    for name in names:
        os.mkdir(os.fsencode(rack.folder) + b"/" + name)
    docked = [await rack.docked(), await rack.docked()]
    assert len({event.place for event in docked}) == 2
    assert docked[names.index(b"a\\n")].place == "a\\n", "a plain name is what [[bays]] can name"
    os.rmdir(os.fsencode(rack.folder) + b"/" + names[0])
    assert await rack.next() == ("left", docked[0].place)


class NoInstances(Observer):  # type: ignore[valid-type,misc]
    """As when the user has used up fs.inotify.max_user_instances."""

    def start(self) -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")


class NoThreads(Observer):  # type: ignore[valid-type,misc]
    """As when the system starts no more threads."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("observer", [NoInstances, NoThreads])
async def test_looking_now_and_then_is_enough(
    tmp_path: Path, observer: Callable[[], BaseObserver], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "CAM1").mkdir()
    with caplog.at_level(logging.WARNING):
        rack = Rack(tmp_path, observer=observer)
        assert await rack.next() == ("docked", "CAM1")
    assert "cannot be watched" in caplog.text
    (tmp_path / "CAM2").mkdir()
    assert await rack.next() == ("docked", "CAM2")
    (tmp_path / "CAM1").rmdir()
    assert await rack.next() == ("left", "CAM1")
    await rack._stream.aclose()  # type: ignore[attr-defined]
