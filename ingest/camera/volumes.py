"""A camera with several volumes (two partitions, an inner memory and a card), each mounted in a folder of its own below one root.

Each first-level folder that is a mount point is one volume; what it holds is listed with the folder's name before it ("p1/DCIM/…").
Rules: the volumes are those that were there at opening, all of them, to the end; a folder that is no mount point is no volume, and says nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ingest.camera.base import OpenFile
from ingest.camera.mass_storage import MassStorage, mount_of
from ingest.errors import CameraGone, DockdError, SourceUnstable
from ingest.model import Listed, Skipped, Vitals, legible

PREFIX = b"volumes:"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Volumes:
    """All volumes below `root`, an absolute path, as one camera. Raises CameraGone, Unreadable."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._volumes: dict[bytes, MassStorage] = {}
        try:
            for name in self._names():
                self._volumes[name] = self._open(os.path.join(root, name))
        except BaseException:
            self.close()
            raise
        if not self._volumes:
            raise CameraGone(f"no volume is mounted below {legible(root)}")

    def _open(self, root: bytes) -> MassStorage:
        return MassStorage(root)

    def _names(self) -> list[bytes]:
        """The folders below the root in which volumes are mounted, sorted. Raises CameraGone."""
        try:
            parent = os.open(self.root, _FOLDER)
        except OSError as error:
            raise CameraGone(f"{legible(self.root)} is not there any more: {error.strerror}") from error
        try:
            names = sorted(os.fsencode(name) for name in os.listdir(parent))
            return [name for name in names if self._is_volume(parent, name)]
        finally:
            os.close(parent)

    def _is_volume(self, parent: int, name: bytes) -> bool:
        """Whether something is mounted there. A device that fails while this is asked is one: what it says is asked of it later."""
        try:
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except OSError:
            return False
        try:
            return mount_of(fd) != mount_of(parent)
        finally:
            os.close(fd)

    @property
    def volumes(self) -> Mapping[bytes, MassStorage]:
        """Each by its folder's name."""
        return self._volumes

    def close(self) -> None:
        """Let go of all roots."""
        for volume in self._volumes.values():
            volume.close()

    def vitals(self) -> Vitals:
        """Folders tell neither charge nor clock."""
        return Vitals()

    def room(self) -> int | None:
        """The least of all its volumes: which of them it records to is not known."""
        rooms = [volume.room() for volume in self._volumes.values()]
        return None if None in rooms else min(one for one in rooms if one is not None)

    def set_clock(self) -> bool:
        """Folders have no clock."""
        return False

    def present(self) -> None:
        """Raises CameraGone where any of its volumes has left, or another was mounted beside them."""
        for volume in self._volumes.values():
            volume.present()
        if self._names() != list(self._volumes):
            raise CameraGone(f"other volumes are mounted below {legible(self.root)} by now")

    def device(self) -> str:
        """What each of its volumes is."""
        return ";".join(f"{legible(name)}={volume.device()}" for name, volume in self._volumes.items())

    def keeps_change_times(self) -> bool:
        """Only where all its volumes do."""
        return all(volume.keeps_change_times() for volume in self._volumes.values())

    def listing(self) -> Iterator[Listed | Skipped]:
        """Every regular file of every volume."""
        self.present()
        for name, volume in self._volumes.items():
            for item in volume.listing():
                yield replace(item, path=name if item.path == b"." else name + b"/" + item.path)
        self.present()

    def open(self, file: Listed) -> OpenFile:
        """Open a listed file on the volume that its path names."""
        name, _, path = file.path.partition(b"/")
        volume = self._volumes.get(name)
        if volume is None:
            self.present()
            raise SourceUnstable(f"{legible(file.path)} is on no volume of this camera")
        with _naming(name):
            return volume.open(replace(file, path=path))


@contextlib.contextmanager
def _naming(volume: bytes) -> Iterator[None]:
    """What goes wrong on a volume is told with its name."""
    try:
        yield
    except DockdError as error:
        raise type(error)(f"{legible(volume)}: {error.message}") from error
