"""The spool: whole, verified copies that wait for the store.

One file a segment, named by the segment's id (never by hash: two segments with equal bytes have two files), its description
beside it (`.json`). Names that end in `.part` are work in progress and worth nothing.

The order in which a copy becomes true: bytes and description, each under a unique temporary name, are both durable (the sync of the
bytes may go on beside the verification and the description's sync); the description is renamed; then the bytes get their name; then
the folder is synced; then the ledger commits. So a file without `.part` is whole, and says what it is.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ingest.errors import SpoolFailed, SpoolFull
from ingest.model import Digest, is_sha256

_ID = re.compile(r"[0-9a-f]{32}")
_PART = re.compile(r"[0-9a-f]{32}\.[0-9]+\.[0-9a-f]+(\.json)?\.part")
_BLOCK, _BESIDE = 4096, 32 << 10
_LONGEST_NAME = 200
_LARGEST_DESCRIPTION = 256 << 10  # a path may be 16 KiB of bytes that take five characters each


def with_its_description(size: int) -> int:
    """Bytes of the disk that a copy of `size` bytes takes at most: whole blocks, its description, its names.

    >>> with_its_description(1), with_its_description(4 << 30) - (4 << 30)
    (36864, 32768)
    """
    return -(-size // _BLOCK) * _BLOCK + _BESIDE


def is_segment(name: str) -> bool:
    """Whether a name is of the form of a segment's id."""
    return _ID.fullmatch(name) is not None


@dataclass(frozen=True, kw_only=True)
class Marked:
    """What people have marked of a copy that waits, and who: it is evidence; it was moved up (`moved_up`: the greater, the later; 0: it was not)."""

    evidential: bool = False
    evidential_by: str = ""
    moved_up: int = 0
    moved_up_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a spool file is, by itself: enough to take it into an empty ledger. `captured_at` seconds since the epoch."""

    segment: str
    camera: dict[str, str]
    path: bytes
    digest: Digest
    mtime_ns: int
    captured_at: float
    marked: Marked = Marked()

    def text(self) -> str:
        """One line of JSON; the path as hex, since names on cards are bytes."""
        return json.dumps(
            {
                "dockd_spool": 1, "segment": self.segment, "camera": self.camera, "path_hex": self.path.hex(),
                "path": self.path.decode("utf-8", "backslashreplace"), "size": self.digest.size, "sha256": self.digest.sha256,
                "xxh3_128": self.digest.xxh3_128, "mtime_ns": self.mtime_ns, "captured_at": self.captured_at,
                **(asdict(self.marked) if self.marked != Marked() else {}),
            },
            sort_keys=True,
        )  # fmt: skip

    @classmethod
    def of_text(cls, text: str) -> Description:
        """Raises ValueError for anything that `text()` did not write."""
        try:
            said: dict[str, Any] = json.loads(text)
            camera = {key: str(said["camera"][key]) for key in ("profile", "serial", "card")}
            digest = Digest(size=int(said["size"]), sha256=said["sha256"], xxh3_128=str(said["xxh3_128"]))
            segment, path = str(said["segment"]), bytes.fromhex(said["path_hex"])
            mtime_ns, captured_at = int(said["mtime_ns"]), float(said["captured_at"])
            marked = _marked(said)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError("not a description of a spooled segment") from error
        if (
            said.get("dockd_spool") != 1
            or not _ID.fullmatch(segment)
            or not is_sha256(digest.sha256)
            or digest.size < 0
        ):
            raise ValueError("not a description of a spooled segment")
        return cls(
            segment=segment, camera=camera, path=path, digest=digest, mtime_ns=mtime_ns, captured_at=captured_at, marked=marked
        )  # fmt: skip


def _marked(said: dict[str, Any]) -> Marked:
    """Of a description; those from before dockd wrote it say nothing. One that says it oddly marks nothing: that may not keep a copy out of a ledger."""
    up, who = said.get("moved_up"), (said.get("evidential_by"), said.get("moved_up_by"))
    names = [one[:_LONGEST_NAME] if isinstance(one, str) else "" for one in who]
    return Marked(
        evidential=said.get("evidential") is True, evidential_by=names[0],
        moved_up=up if isinstance(up, int) and not isinstance(up, bool) and 0 <= up < 1 << 62 else 0, moved_up_by=names[1],
    )  # fmt: skip


class Spool:
    """The spool folder. `keep_free` bytes of its disk are never used."""

    def __init__(self, folder: Path, *, keep_free: int) -> None:
        self.folder = folder
        self.keep_free = keep_free
        self._promised = 0
        self._folder_is: tuple[int, int] | None = None

    def prepare(self) -> None:
        """Make the folder, see that it can be written, and remove what never became whole. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.part("0" * 32):  # a name like every other, so that one that a kill has left is swept too
            pass
        for name in os.listdir(self.folder):
            if _PART.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.folder / name)
        self._folder_is = self._identity()

    def _identity(self) -> tuple[int, int]:
        seen = os.stat(self.folder)
        return seen.st_dev, seen.st_ino

    def in_place(self) -> bool:
        """Whether the folder is the one that `prepare` found: its disk may have been unmounted since, and an empty folder lie there."""
        with contextlib.suppress(OSError):
            return self._folder_is in (None, self._identity())
        return False

    @property
    def elsewhere(self) -> str:
        """What to say where it is not in place."""
        return f"the spool {self.folder} is not the folder that dockd began with: is its disk mounted? It goes on by itself when it is back"

    def file(self, segment: str) -> Path:
        """Where a segment's bytes lie. Raises ValueError for what is no segment's id."""
        if not _ID.fullmatch(segment):
            raise ValueError(f"{segment!r} is no segment's id")
        return self.folder / segment

    def description_file(self, segment: str) -> Path:
        """Where its description lies."""
        return self.file(segment).with_suffix(".json")

    # -- room ----------------------------------------------------------------------------------------------------------

    def free(self) -> int:
        """Bytes that may still be written, above `keep_free` and above what is promised to copies under way."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize - self.keep_free - self._promised

    def size(self) -> int:
        """Bytes of the spool's disk."""
        disk = os.statvfs(self.folder)
        return disk.f_blocks * disk.f_frsize

    @contextlib.contextmanager
    def room_for(self, size: int, *, beside: int = 0) -> Iterator[None]:
        """Promise room for one copy while it is made, with `beside` bytes left over. Raises SpoolFull where there is none, SpoolFailed where its disk does not say."""
        if not self.in_place():
            raise SpoolFailed(self.elsewhere)
        try:
            free = self.free()
        except OSError as error:
            raise of_disk(error, self.folder) from error
        wanted = with_its_description(size)
        if wanted + beside > free:
            kept = ", and are kept for evidential or older footage that waits" if wanted <= free else ""
            raise SpoolFull(
                f"dock room is full: {size} bytes are wanted, {max(0, free)} are left above spool.keep_free{kept}; "
                "it goes on by itself when the store has taken more"
            )
        self._promised += wanted
        try:
            yield
        finally:
            self._promised -= wanted

    # -- copies --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def part(self, segment: str) -> Iterator[Part]:
        """A temporary file for one copy, removed unless it was published."""
        path = self.file(segment).with_name(f"{segment}.{os.getpid()}.{secrets.token_hex(4)}.part")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        part = Part(spool=self, path=path, fd=fd)
        try:
            yield part
        finally:
            part.wait()
            with contextlib.suppress(OSError):  # what failed before says more; what is left is swept at the next start
                os.close(fd)
            if not part.published:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def sync_folder(self) -> None:
        """Make names durable."""
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def remove(self, segment: str) -> None:
        """Remove a copy that the ledger has released (bytes first, so that a description never stands for nothing), and what went bad of it before."""
        path = self.file(segment)
        for one in (path, self.description_file(segment)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(one)
        for aside in self.folder.glob(f"{segment}*.rotted"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(aside)

    def put_aside(self, segment: str) -> None:
        """Give up the name of a copy that went bad, and keep what is left of it as `.rotted`: it may be all there is. Raises OSError.

        One that was put aside before stays: where its disk did not answer, it may be whole.
        """
        path, aside, number = self.file(segment), self.file(segment).with_suffix(".rotted"), 1
        while os.path.lexists(aside):
            number += 1
            aside = path.with_suffix(f".{number}.rotted")
        os.rename(path, aside)

    def lies_there(self, segment: str) -> tuple[int, int] | None:
        """Device and inode of what has the segment's name now, whatever it is; None: nothing has. Raises OSError."""
        try:
            seen = os.lstat(self.file(segment))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return seen.st_dev, seen.st_ino

    def segments(self) -> list[str]:
        """Ids of all whole files."""
        return sorted(name for name in os.listdir(self.folder) if _ID.fullmatch(name))

    def describe(self, segment: str) -> Description:
        """What a spool file says of itself. Raises ValueError, OSError."""
        with self.description_file(segment).open("rb") as file:
            raw = file.read(_LARGEST_DESCRIPTION + 1)
        if len(raw) > _LARGEST_DESCRIPTION:
            raise ValueError("not a description of a spooled segment")
        description = Description.of_text(raw.decode("utf-8"))
        if description.segment != segment:
            raise ValueError("a description of another segment")
        return description

    def redescribe(self, segment: str, marked: Marked) -> None:
        """Have its description say what is marked of it now: the new one is durable before it takes the old one's place. Raises ValueError, OSError.

        Evidence stays evidence, whoever does not know of it. Nothing is removed: a copy that is being published may have its description already,
        and its bytes not yet. What is left beside one that was given up meanwhile goes at the next start.
        """
        if self.lies_there(segment) is None:
            raise FileNotFoundError(errno.ENOENT, "its copy is not there", str(self.file(segment)))
        known = self.describe(segment)
        if known.marked.evidential:
            marked = replace(marked, evidential=True, evidential_by=marked.evidential_by or known.marked.evidential_by)
        if known.marked == marked:
            return
        temporary = self.file(segment).with_name(f"{segment}.{os.getpid()}.{secrets.token_hex(4)}.json.part")
        try:
            write_durably(temporary, replace(known, marked=marked).text())
            os.rename(temporary, self.description_file(segment))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        self.sync_folder()


def write_durably(path: Path, text: str) -> None:
    """A new file with this line in it, on the disk. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(text.encode("utf-8") + b"\n")
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def of_disk(error: OSError, folder: Path) -> SpoolFull | SpoolFailed:
    """What an error of the spool's own disk means. No camera is to blame for it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SpoolFull(f"the spool's disk ({folder}) is full; it goes on by itself when there is room again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return SpoolFailed(
            f"the spool {folder} cannot be written: {error.strerror}; check its disk, its mount and its owner"
        )
    return SpoolFailed(
        f"the dock's own disk gives errors ({error.strerror or error}) in the spool {folder}: check that disk"
    )


class _Syncing(threading.Thread):
    """One fdatasync beside the caller; `failed` is what it raised."""

    def __init__(self, fd: int) -> None:
        super().__init__(name="spool-sync")
        self._fd = fd
        self.failed: OSError | None = None

    def run(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as failed:
            self.failed = failed


@dataclass(kw_only=True)
class Part:
    """A copy that is being made."""

    spool: Spool
    path: Path
    fd: int
    published: bool = False
    _syncing: _Syncing | None = None

    def settle(self) -> None:
        """All bytes are written: begin to make them durable, beside whatever comes next. `publish` waits for it."""
        self._syncing = _Syncing(self.fd)
        self._syncing.start()

    def wait(self) -> None:
        """Until no thread uses the descriptor any more."""
        if self._syncing is not None:
            self._syncing.join()

    def publish(self, description: Description) -> None:
        """Make the copy whole: durable bytes, durable description, then the names. Raises OSError."""
        if self._syncing is None:
            self.settle()
        temporary = self.path.with_name(f"{self.path.name.removesuffix('.part')}.json.part")
        try:
            write_durably(temporary, description.text())
            self._durable()
            os.rename(temporary, self.spool.description_file(description.segment))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        os.rename(self.path, self.spool.file(description.segment))
        self.published = True
        self.spool.sync_folder()

    def _durable(self) -> None:
        """Wait for the sync of the bytes. Raises what it raised."""
        self.wait()
        if self._syncing is None:
            raise RuntimeError("nothing was settled")
        if self._syncing.failed is not None:
            raise self._syncing.failed
