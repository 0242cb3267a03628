"""A folder whose sub-folders are docked cameras, each named by its folder.

inotify (watchdog) says at once that something changed; the folder itself says what: it is looked at on every hint, and every few
seconds without one, so that a lost event costs seconds and never a camera. A folder that is replaced by another of the same name has
left and come back, even where the filesystem gives the new one the number of the old.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from dockd.docks.base import Docked, Undocked
from ingest.model import folder_camera

_log = logging.getLogger(__name__)


class FolderDock:
    """`folder` as a rack. Links, files and names that begin with a dot are no cameras.

    A place is named as its camera is: by the folder's name, told apart by a hash where that is no clean text.
    """

    def __init__(
        self, folder: Path, *, look_every: float = 5.0, observer: Callable[[], BaseObserver] = Observer
    ) -> None:
        self._folder = folder
        self._look_every = look_every
        self._observer = observer

    async def events(self) -> AsyncIterator[Docked | Undocked]:
        """For ever. A rack folder that is missing counts as empty until it is there again."""
        hint = asyncio.Event()
        loop = asyncio.get_running_loop()
        observer = self._observer()
        left: set[bytes] = set()

        def hear(name: bytes | None) -> None:
            if name is not None:
                left.add(name)
            hint.set()

        handler = _Hint(lambda name: loop.call_soon_threadsafe(hear, name))
        await asyncio.to_thread(self._listen, observer, handler)
        docked: dict[bytes, tuple[int, int]] = {}
        try:
            while True:
                hint.clear()
                gone = set(left)
                left -= gone
                found = await asyncio.to_thread(self._look)
                for name in [n for n, identity in docked.items() if n in gone or found.get(n) != identity]:
                    del docked[name]
                    yield Undocked(place=folder_camera(name).id)
                for name in sorted(found.keys() - docked.keys()):
                    docked[name] = found[name]
                    yield self._docked(name)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await hint.wait()
        finally:
            observer.stop()
            if observer.is_alive():
                await asyncio.to_thread(observer.join, 5.0)

    def _listen(self, observer: BaseObserver, handler: _Hint) -> None:
        """Begin to hear hints. Where the system has no inotify instance or thread left, the look every few seconds has to do."""
        try:
            observer.schedule(handler, str(self._folder), recursive=False)
            observer.start()
        except (OSError, RuntimeError) as error:
            _log.warning(
                "the rack folder %s cannot be watched (%s): it is looked at every %.0f s", self._folder, error, self._look_every
            )  # fmt: skip

    def _docked(self, name: bytes) -> Docked:
        root, camera = os.fsencode(self._folder) + b"/" + name, folder_camera(name)
        return Docked(place=camera.id, camera=camera, root=root, wipe=True)

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
