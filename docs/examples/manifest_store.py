"""A store that is a folder on a disk of this machine, with a manifest: `sha256sum -c SHA256SUMS` in it checks everything without dockd.

An example (docs/writing-a-store-adapter.md), whole, and held to the exam that every adapter sits. Not for a share: a thread that touches one whose
server is gone hangs, and takes the program's end with it (`ingest.store.directory` has processes for that).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ingest.errors import (
    Garbled,
    ObjectGone,
    Refused,
    StoreDown,
    StoreFull,
    Unproven,
    UploadBlocked,
    Withheld,
    WrongStore,
)
from ingest.model import Claim, Head, SegmentDescription, Span, StoreIdentity
from ingest.store.base import Begun, Slices
from ingest.store.description import DESCRIPTION, custody_ending, describing
from ingest.store.names import place_of
from ingest.worker.arena import Arena
from ingest.worker.pipeline import SourceChanged, fingerprint

MARKER, MANIFEST, INCOMING = ".manifest-store", "SHA256SUMS", ".incoming"
_MEANINGS = {
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
    errno.EACCES: Refused,
    errno.EPERM: Refused,
    errno.EROFS: Refused,
}
T = TypeVar("T")


class ManifestStore:
    """The store in `folder`. `founds`: whether a folder that is no store yet may be made one (it may where none is pinned)."""

    # -- who it is -----------------------------------------------------------------------------------------------------

    def __init__(self, folder: Path, *, founds: Callable[[], Awaitable[bool]]) -> None:
        self.url = str(folder)
        self._folder = folder
        self._founds = founds
        self._id = ""
        self._reading = asyncio.Lock()  # one large read at a time, for it owns the buffers
        self._manifest = asyncio.Lock()
        self._arena = Arena(buffers=2)

    async def close(self) -> None:
        """Nothing is open between two calls."""

    async def identify(self) -> StoreIdentity:
        """Read the marker; make it, where that may be. An empty mount point has none, and is no store."""
        found = await _in_thread(lambda: _text(self._folder / MARKER))
        if found is None:
            if not await self._founds():
                raise WrongStore(
                    f"{self.url} has no {MARKER}: is the disk mounted? Nothing is sent there, nothing is deleted"
                )
            found = secrets.token_hex(16)
            await _in_thread(lambda: _durable(self._folder / MARKER, found.encode()))
        self._id = f"manifest:{found.strip()}"
        return StoreIdentity(id=self._id, url=self.url, method="read-back", durable=False)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """It signs nothing."""
        return False

    def _look(self) -> None:
        """Called in the thread that is about to touch the folder. Raises StoreDown, WrongStore."""
        found = _text(self._folder / MARKER)
        if found is None:
            raise StoreDown(f"{self.url} has no {MARKER} any more: is the disk still mounted?")
        if f"manifest:{found.strip()}" != self._id:
            raise WrongStore(f"{self.url} is another store than it was a moment ago")

    # -- transfer ------------------------------------------------------------------------------------------------------

    async def announce(self, segment: SegmentDescription) -> str:
        """Begin, or go on. The address says all that is needed to go on after a restart: nothing is remembered here."""
        place = place_of(segment)

        def begin() -> None:
            self._look()
            incoming = self._folder / INCOMING
            incoming.mkdir(exist_ok=True)
            if not (self._folder / place).exists():
                _durable(incoming / f"{_key(place)}.json", json.dumps({"size": segment.digest.size}).encode())
                (incoming / f"{_key(place)}.part").touch()
                _sync(incoming)

        await _in_thread(begin)
        return place

    async def checks(self) -> bool:
        """No: nothing is checked on the way in; the whole is read when it is finished, and for each proof."""
        return False

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        """Of none: it takes bytes one after another."""
        return None

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        """It takes bytes one after another."""
        return None

    async def offset(self, upload: str, *, size: int) -> int:
        """What lies on the disk."""
        return await _in_thread(lambda: self._offset(upload, size))

    def _offset(self, upload: str, size: int) -> int:
        self._look()
        whole = self._folder / upload
        if whole.exists():
            announced = there = whole.stat().st_size
        else:
            known = _text(self._incoming(upload, "json"))
            if known is None:
                raise ObjectGone(f"{upload} was never begun here, or is gone")
            announced, there = int(json.loads(known)["size"]), self._incoming(upload, "part").stat().st_size
        if announced != size:
            raise Unproven(f"it is of {announced} bytes, {size} were announced")
        return there

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        """Append; what `slices` raises is raised as it is, and what came before stays and counts."""
        there = await self.offset(upload, size=size)
        if there != offset or offset + length > size:
            raise UploadBlocked(f"it stands at {there}, not at {offset}")
        fd = await _in_thread(
            lambda: os.open(self._incoming(upload, "part"), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        )
        sent = 0
        try:
            async with contextlib.aclosing(slices(offset)) as source:  # type: ignore[type-var]
                async for piece in source:
                    if sent + len(piece) > length:
                        raise EOFError(f"more bytes came than the {length} that were announced")
                    await _in_thread(functools.partial(_write, fd, piece))
                    sent += len(piece)
            if sent < length:
                raise EOFError(f"{sent} bytes came where {length} were announced")
            await _in_thread(lambda: os.fsync(fd))
        finally:
            os.close(fd)
        return offset + sent

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        """Read the whole from the disk; only these very bytes get the name. Twice is once."""
        if await _in_thread(lambda: self._is_whole(upload)):
            return
        found = await self._sha256(self._incoming(upload, "part"), segment.digest.size)
        if found != segment.digest.sha256:
            await _in_thread(lambda: self._forget(upload))
            raise Unproven("the bytes that arrived are not the ones announced")
        async with self._manifest:
            await _in_thread(lambda: self._name(upload, segment.digest.sha256))

    def _is_whole(self, upload: str) -> bool:
        self._look()
        return (self._folder / upload).exists()

    def _name(self, upload: str, sha256: str) -> None:
        """The manifest first: a line without its file is found by `sha256sum -c`, a file without its line is found by nobody."""
        self._look()
        with (self._folder / MANIFEST).open("a+b") as manifest:
            if manifest.tell() > 0 and os.pread(manifest.fileno(), 1, manifest.tell() - 1) != b"\n":
                manifest.write(b"\n")  # the line before was cut off: it must not take this one with it
            manifest.write(f"{sha256}  {upload}\n".encode())
            manifest.flush()
            os.fsync(manifest.fileno())
        whole = self._folder / upload
        whole.parent.mkdir(parents=True, exist_ok=True)
        self._incoming(upload, "part").rename(whole)
        for folder in whole.relative_to(self._folder).parents:
            _sync(self._folder / folder)
        self._incoming(upload, "json").unlink(missing_ok=True)

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        """A folder has no marks: False, and the segment's page says that this store cannot be told."""
        return False

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        """What it is and what happened to it, beside it."""

        def lay() -> None:
            self._look()
            for ending, text in ((DESCRIPTION, describing(segment)), (custody_ending(since), custody)):
                _durable(self._folder / f"{upload}{ending}", text)

        await _in_thread(lay)

    async def withdraw(self, upload: str) -> None:
        """Only where there is no byte of it."""

        def end() -> None:
            self._look()
            part = self._incoming(upload, "part")
            if part.exists() and part.stat().st_size == 0:
                self._forget(upload)

        await _in_thread(end)

    # -- proof ---------------------------------------------------------------------------------------------------------

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """The whole is read from the disk now. What it says is told, right or wrong: `ingest.confirm` compares."""
        await _in_thread(self._look)
        found = await self._sha256(self._folder / upload, segment.digest.size)
        size = segment.digest.size
        return Claim(
            method="read-back", store=self._id, object=upload, size=size, sha256=found, raw=f"{upload} {size} {found}"
        )

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        """`length` bytes of a whole one."""

        def read() -> bytes:
            self._look()
            try:
                with (self._folder / upload).open("rb") as file:
                    there = os.fstat(file.fileno()).st_size
                    if there != size:
                        raise Garbled(f"it has {there} bytes, where {size} were sent and proven")
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                    return os.pread(file.fileno(), length, offset)
            except FileNotFoundError as error:
                raise Withheld(f"{upload} is not there") from error

        return await _in_thread(read)

    async def tempt(
        self,
        segment: SegmentDescription,
        slices: Slices,
        *,
        nonce: str,
        head: Head | None,
        dock: str,
        begun: Begun | None = None,
    ) -> None:
        """Its bytes are the proof: it has no digest to lie about (docs/decisions/0008)."""

    # -- files ---------------------------------------------------------------------------------------------------------

    def _incoming(self, upload: str, kind: str) -> Path:
        return self._folder / INCOMING / f"{_key(upload)}.{kind}"

    def _forget(self, upload: str) -> None:
        for kind in ("part", "json"):
            self._incoming(upload, kind).unlink(missing_ok=True)

    async def _sha256(self, path: Path, size: int) -> str:
        """Of what lies on the disk, past the page cache as far as the filesystem lets it. Raises ObjectGone, Unproven."""

        def read() -> str:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError as error:
                raise ObjectGone(f"{path.name} is not there (any more)") from error
            try:
                return fingerprint(source=fd, expected_size=size, arena=self._arena, sha256=True).sha256 or ""
            except SourceChanged as error:
                raise Unproven(f"there are {error.found} bytes of it where {error.expected} were sent") from error
            finally:
                os.close(fd)

        async with self._reading:
            return await _in_thread(read)


def _key(upload: str) -> str:
    """The segment's id, with which an address of ours ends."""
    return upload.rpartition("_")[2].rpartition("/")[2]


async def _in_thread(work: Callable[[], T]) -> T:
    """A disk blocks; the loop must not. An error of the disk becomes one that says what to do next."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise _MEANINGS.get(error.errno or 0, StoreDown)(f"the store's disk: {error.strerror or error}") from error


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _write(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]


def _durable(path: Path, text: bytes) -> None:
    """Whole or not at all."""
    made = path.with_name(f"{path.name}.new")
    with made.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    made.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
