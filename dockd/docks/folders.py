"""A folder whose sub-folders are docked cameras, each named by its folder.

inotify (watchdog) says at once that something changed; the folder itself says what: it is looked at on every hint, and every few
seconds without one, so that a lost event costs seconds and never a camera. A folder that is replaced by another of the same name has
left and come back, even where the filesystem gives the new one the number of the old.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from dockd.docks.base import Docked, Undocked
from ingest.model import folder_camera, legible


class FolderDock:
    """`folder` as a rack. Links, files and names that begin with a dot are no cameras."""

    def __init__(self, folder: Path, *, look_every: float = 5.0) -> None:
        self._folder = folder
        self._look_every = look_every

    async def events(self) -> AsyncIterator[Docked | Undocked]:
        """For ever. A rack folder that is missing counts as empty until it is there again."""
        hint = asyncio.Event()
        loop = asyncio.get_running_loop()
        observer = Observer()
        left: set[bytes] = set()

        def hear(name: bytes | None) -> None:
            if name is not None:
                left.add(name)
            hint.set()

        handler = _Hint(lambda name: loop.call_soon_threadsafe(hear, name))
        with contextlib.suppress(OSError):  # without inotify the look every few seconds has to do
            observer.schedule(handler, str(self._folder), recursive=False)
        observer.start()
        docked: dict[bytes, tuple[int, int]] = {}
        try:
            while True:
                hint.clear()
                gone = set(left)
                left -= gone
                found = await asyncio.to_thread(self._look)
                for name in [n for n, identity in docked.items() if n in gone or found.get(n) != identity]:
                    del docked[name]
                    yield Undocked(place=legible(name))
                for name in sorted(found.keys() - docked.keys()):
                    docked[name] = found[name]
                    yield self._docked(name)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await hint.wait()
        finally:
            observer.stop()
            await asyncio.to_thread(observer.join, 5.0)

    def _docked(self, name: bytes) -> Docked:
        root = os.fsencode(self._folder) + b"/" + name
        return Docked(place=legible(name), camera=folder_camera(name), root=root, wipe=True)

    def _look(self) -> dict[bytes, tuple[int, int]]:
        found: dict[bytes, tuple[int, int]] = {}
        with contextlib.suppress(OSError):
            for name in os.listdir(os.fsencode(self._folder)):
                if name.startswith(b"."):
                    continue
                with contextlib.suppress(OSError):
                    seen = os.stat(os.fsencode(self._folder) + b"/" + name, follow_symlinks=False)
                    if stat.S_ISDIR(seen.st_mode):
                        found[name] = (seen.st_dev, seen.st_ino)
        return found


class _Hint(FileSystemEventHandler):
    """Tells that something changed, and the name of what left: a folder made anew may have the number of the one before."""

    def __init__(self, tell: Callable[[bytes | None], object]) -> None:
        self._tell = tell

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in ("created", "deleted", "moved"):
            name = None if event.event_type == "created" else os.path.basename(os.fsencode(event.src_path))
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._tell(name)
