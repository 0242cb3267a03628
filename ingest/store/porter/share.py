"""One share, opened for one request: its marker, and the way to a folder in it.

Rules: everything of a request goes through the one descriptor of the share's root that was opened for it, so that what is mounted or unmounted in the
middle cannot send half of it elsewhere; the marker is read through it before anything else. Below the root no link is followed and no
other filesystem is entered. What lies in the share may be anything: only regular files are opened, without waiting for a writer.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from typing import Self

from ingest.errors import DockdError, Refused, StoreDown, WrongStore
from ingest.store.porter.meanings import of_share
from ingest.store.porter.publishing import publish

MARKER = b".dockd-store"
INCOMING = (b".dockd", b"incoming")
_LARGEST_MARKER = 4096
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTE = "dockd knows this store by this file. Keep it where it is, and never copy it to another place."


class Share:
    """The share at `folder`, open. `marker` is its id, None where it has no marker; `device` the number of its filesystem."""

    def __init__(self, folder: bytes, root: int) -> None:
        self.folder = folder
        self.root = root
        self.device = os.fstat(root).st_dev
        self.marker = self._marker()

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: bytes) -> Iterator[Self]:
        """Open it, whatever it is. Raises StoreDown, Refused, WrongStore (a marker that is none)."""
        try:
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise not_opened(error, folder) from error
        try:
            yield cls(folder, root)
        finally:
            os.close(root)

    def expect(self, store: str, *, device: int) -> None:
        """See that it is this store, mounted as it was when it said who it is. Raises WrongStore, StoreDown."""
        if self.marker is None:
            raise WrongStore(no_marker(self.folder))
        if self.marker != store:
            raise WrongStore(
                f"{os.fsdecode(self.folder)} is another store now ({self.marker}, where {store} was): is the right share mounted there?"
            )
        if self.device != device:
            raise StoreDown(f"{os.fsdecode(self.folder)} was mounted anew: it is asked again who it is")

    def _marker(self) -> str | None:
        try:
            fd = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.root)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise of_share(error, doing="a look at its marker", folder=self.folder) from error
        with os.fdopen(fd, "rb", buffering=0) as file:
            found = os.fstat(fd)
            text = file.read(_LARGEST_MARKER + 1) if stat.S_ISREG(found.st_mode) else None
        try:
            said = json.loads(text or b"")
            name = said["id"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name = None
        if not isinstance(name, str) or _ID.fullmatch(name) is None:
            raise WrongStore(
                f"{os.fsdecode(self.folder)}/{os.fsdecode(MARKER)} is no store's marker: put it back from a copy of the share, or, if there is none, "
                "take it away and pin the store anew (dockd store pin)"
            )
        return name

    def make_marker(self) -> None:
        """Make it a store, unless another dock has just done so. Raises StoreFull, Refused, StoreDown."""
        text = json.dumps({"id": secrets.token_hex(16), "note": _NOTE}).encode("ascii") + b"\n"
        try:
            with self.temporary(text, folder=self.root, beside=MARKER) as made, contextlib.suppress(FileExistsError):
                publish(made, MARKER, source=self.root, target=self.root)
            os.fsync(self.root)
        except OSError as error:
            raise of_share(error, doing="its marker", folder=self.folder) from error
        self.marker = self._marker()

    # -- folders and files ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def inside(self, folders: Sequence[bytes], *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder below the root. `make`: where it is not there; then its name is durable. Raises OSError, Refused."""
        with contextlib.ExitStack() as opened:
            here = self.root
            for name in folders:
                inner = self._into(here, name, make=make)
                opened.callback(os.close, inner)
                if make and (entry := _entry(here, name, inner)) not in _durable:
                    os.fsync(here)
                    _remember(entry)
                here = inner
            yield here

    def _into(self, here: int, name: bytes, *, make: bool) -> int:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o750, dir_fd=here)
        inner = os.open(name, _FOLDER, dir_fd=here)
        if os.fstat(inner).st_dev != self.device:
            os.close(inner)
            raise Refused(
                f"another filesystem is mounted at {os.fsdecode(name)} inside the share {os.fsdecode(self.folder)}: a segment cannot be given its name "
                "across two; unmount it, or name that one in store.url"
            )
        return inner

    def file(self, name: bytes, folder: int, *, write: bool = False) -> int | None:
        """The descriptor of a regular file in it; None where nothing has that name. Raises OSError, Refused (something else has it)."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            fd = os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            return None
        seen = os.fstat(fd)
        # A file with a second name would be written to in two places.
        if not stat.S_ISREG(seen.st_mode) or (write and seen.st_nlink > 1):
            os.close(fd)
            raise OSError(errno.ELOOP, f"{os.fsdecode(name)} is no file of dockd's")
        return fd

    @contextlib.contextmanager
    def temporary(self, text: bytes, *, folder: int, beside: bytes) -> Iterator[bytes]:
        """The name of a new file with this content, durable; taken away at the end if it has that name still. Raises OSError."""
        name = b"%s.%s.tmp" % (beside, secrets.token_hex(8).encode())
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb", buffering=0) as file:
                left = memoryview(text)
                while left:
                    left = left[file.write(left) or 0 :]
                os.fsync(fd)
            yield name
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


Entry = tuple[int, int, bytes, int]
_durable: set[Entry] = set()  # names of folders that this process has seen through to the disk
_MOST_DURABLE = 10_000


def _entry(folder: int, name: bytes, inner: int) -> Entry:
    outer = os.fstat(folder)
    return outer.st_dev, outer.st_ino, name, os.fstat(inner).st_ino


def _remember(entry: Entry) -> None:
    if len(_durable) >= _MOST_DURABLE:
        _durable.clear()
    _durable.add(entry)


def not_opened(error: OSError, folder: bytes) -> DockdError:
    """What it means that the share's own folder cannot be opened."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StoreDown(f"there is no folder {os.fsdecode(folder)}: is the share mounted, and is store.url right?")
    return of_share(error, doing="a look at it", folder=folder)


def no_marker(folder: bytes) -> str:
    """What to say of a folder without one."""
    return (
        f"there is no store's marker in {os.fsdecode(folder)}: is the share mounted? Nothing is sent there and nothing is deleted. If it is the right "
        f"share, and its file {os.fsdecode(MARKER)} was lost, put that back; or pin the store anew (dockd store pin)"
    )
