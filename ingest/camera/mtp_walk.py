"""All objects of one storage, folder by folder, as files with paths.

Rules: an object lies in the folder that it names as its own, and where that is no folder of this storage, in the one in which the camera showed
it; no handle is entered twice, so no circle is walked for ever; what cannot be listed, or told from another of its name, hides something.
Files of a folder are shown when all in it are known, in an order that is the same each time (two of one name are told apart by it); that the
camera answers is told at each of them, since a worker that says nothing counts as hung.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingest.camera.mtp_objects import Place, asking, mtime_ns, name_of, root_name
from ingest.camera.ptp import EVERY_HANDLE, FOLDER, NO_HANDLE, Code, ObjectInfo, Refused, Session
from ingest.model import Listed, Skipped

DEEPEST = 64
_AT_ROOT = (
    NO_HANDLE,
    EVERY_HANDLE,
)  # what cameras name as the parent of what lies in the root; some name the storage, or the object itself

AsListed = Callable[[bytes, int, ObjectInfo], Listed]
Item = Listed | Skipped


class Walk:
    """One walk over one storage. `known` is filled with what each path stands for; `going_on()` is called at each object that was told of."""

    def __init__(
        self, session: Session, *, storage: int, known: dict[bytes, Place], as_listed: AsListed, going_on: Callable[[], object]
    ) -> None:  # fmt: skip
        self._session = session
        self._storage = storage
        self._known = known
        self._as_listed = as_listed
        self._going_on = going_on
        self._infos: dict[int, ObjectInfo] = {}
        self._strays: dict[int, tuple[int, bytes, int]] = {}  # where each was shown: folder, its path, its depth
        self._folders: dict[int, tuple[bytes, int]] = {}
        self._waiting: list[int] = []

    def all(self) -> Iterator[Item]:
        """Everything on this storage. Raises CameraGone, Unreadable, Refused."""
        self._enter(NO_HANDLE, root_name(self._storage) + b"/", 0)
        while self._waiting or self._strays:
            while self._waiting:
                yield from self._folder(self._waiting.pop())
            strays, self._strays = self._strays, {}
            for handle, (shown_in, path, depth) in strays.items():
                claimed = self._infos[handle].parent
                if claimed in self._folders and claimed != NO_HANDLE:
                    shown_in, (path, depth) = claimed, self._folders[claimed]
                yield from self._objects([handle], folder=shown_in, prefix=path, depth=depth)

    def _enter(self, handle: int, path: bytes, depth: int) -> None:
        if handle not in self._folders:
            self._folders[handle] = (path, depth)
            self._waiting.append(handle)

    def _folder(self, folder: int) -> Iterator[Item]:
        prefix, depth = self._folders[folder]
        try:
            handles = self._session.children(self._storage, folder)
        except Refused as refused:
            if folder == NO_HANDLE:
                raise
            yield Skipped(path=prefix[:-1], kind="unreadable", message=f"footage may lie in it: {refused}", hides=True)
            return
        own: list[int] = []
        for handle in dict.fromkeys(handles):
            before = handle in self._infos
            if not before:
                lost = self._look(handle, prefix)
                if lost is not None:
                    yield lost
            if handle not in self._infos:
                continue
            if self._lies_in(handle, folder):
                if not before or self._strays.pop(handle, None) is not None:
                    own.append(handle)
            elif not before:
                self._strays[handle] = (folder, prefix, depth)
        yield from self._objects(own, folder=folder, prefix=prefix, depth=depth)

    def _look(self, handle: int, prefix: bytes) -> Skipped | None:
        """Ask what it is; what the camera shows and then does not know left in between: the next pass tells."""
        try:
            self._infos[handle] = self._session.object_info(handle)
        except Refused as refused:
            if refused.code != Code.INVALID_HANDLE:
                return _nameless(prefix, handle, f"the camera does not say what it is: {refused}")
        self._going_on()
        return None

    def _lies_in(self, handle: int, folder: int) -> bool:
        claimed = self._infos[handle].parent
        return claimed == folder or (folder == NO_HANDLE and claimed in (*_AT_ROOT, self._storage, handle))

    def _objects(self, handles: list[int], *, folder: int, prefix: bytes, depth: int) -> Iterator[Item]:
        infos = self._infos
        for handle in sorted(handles, key=lambda one: (infos[one].name, infos[one].size, mtime_ns(infos[one]), one)):
            info = infos[handle]
            name = name_of(info)
            if name is None:
                yield _nameless(prefix, handle, "its name cannot be part of a path")
            elif info.format == FOLDER:
                if depth >= DEEPEST:
                    yield Skipped(
                        path=prefix + name, kind="unreadable", message=f"folders lie deeper than {DEEPEST} here", hides=True
                    )  # fmt: skip
                else:
                    self._enter(handle, prefix + name + b"/", depth + 1)
            else:
                yield self._file(prefix + name, handle, info, folder)

    def _file(self, path: bytes, handle: int, info: ObjectInfo, folder: int) -> Item:
        first = self._known.get(path)
        if first is not None:
            self._known[path] = Place(handle=first.handle, info=first.info, folder=first.folder, alone=False)
            return Skipped(
                path=path, kind="other", hides=True,
                message="two files of one name lie in one folder here: only one of them is copied, and neither is deleted",
            )  # fmt: skip
        self._known[path] = Place(handle=handle, info=info, folder=folder)
        with asking("it does not say how long a file is"):
            return self._as_listed(path, handle, info)


def _nameless(prefix: bytes, handle: int, why: str) -> Skipped:
    return Skipped(path=prefix + b"object-%08x" % handle, kind="unreadable", message=why, hides=True)
