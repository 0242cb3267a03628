"""Segments on one share: begun in `.dockd/incoming`, gone on with where they are durable, whole under their own names.

An upload is two files there: `<name>.part` with the bytes, and `<name>.at`, which says how far they are durable (`journal`). What lies beyond
that is written again, never cut off: two processes that bring one segment at once (one of them was left behind in the kernel, and wakes) write the
same bytes to the same places, and harm nothing. A whole one is synced, given its name, and that name is synced. Nothing that has a name
is overwritten: where something else has a segment's name it is called `…-2`, and so on.

Rules: an upload's address is the name itself, relative to the share's root, and says all that is needed to go on with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.errors import Garbled, ObjectGone, Unproven, UploadBlocked, Withheld
from ingest.store.porter import journal
from ingest.store.porter.journal import Journal
from ingest.store.porter.publishing import publish
from ingest.store.porter.share import INCOMING, Share
from ingest.store.porter.write_out import WriteOut
from ingest.worker import residency
from ingest.worker.arena import Arena
from ingest.worker.direct_io import Target
from ingest.worker.pipeline import Fingerprint, SourceChanged, fingerprint

_COMPONENT = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_DEPTH = 6
_NAMES = 20
_OURS = re.compile(rb"[A-Za-z0-9._-]+\.(part|at|tmp)")
_ABANDONED = 31 * 86400.0
_LOOKS = 3
Blocks = Iterator[memoryview]
Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What there is of an upload. `final`: bytes under its own name, None where it has none yet; `durable`: bytes that are safe so far."""

    final: int | None
    durable: int = 0
    journal: Journal | None = None


class Uploads:
    """The segments on `share`. `going_on` is told of bytes read, so that a long look is no silence."""

    def __init__(self, share: Share, *, arena: Arena, going_on: Progress) -> None:
        self._share = share
        self._arena = arena
        self._going_on = going_on

    # -- the way in ----------------------------------------------------------------------------------------------------

    def begin(self, place: bytes, *, size: int, sha256: str) -> bytes:
        """The address of an upload of these bytes: one that is there is gone on with. Raises OSError, UploadBlocked, Refused."""
        for number in range(1, _NAMES + 1):
            address = place if number == 1 else b"%s-%d" % (place, number)
            folders, name = split(address)
            final = self._final_size(folders, name)
            if final is not None and not self._is_placeholder(name, final, size=size):
                if final == size and self._is_there(address, size=size, sha256=sha256):
                    return address
            elif self._begun(name, Journal(size=size, sha256=sha256)):
                return address
        raise UploadBlocked(
            f"{_NAMES} other files have the names of this segment on the share: look at {os.fsdecode(place)}"
        )

    def _is_placeholder(self, name: bytes, final: int, *, size: int) -> bool:
        """Whether the empty file under a segment's name is only there for its bytes to take its place."""
        if final or not size:
            return False
        with self._inside_incoming() as incoming:
            return incoming is not None and bool(self._size(incoming, name + b".part"))

    def _is_there(self, address: bytes, *, size: int, sha256: str) -> bool:
        """Whether a whole one lies there already: brought by a run whose ledger does not know it."""
        with contextlib.suppress(ObjectGone, Unproven):
            return self.read(address, size=size).sha256 == sha256
        return False

    def _begun(self, name: bytes, wanted: Journal) -> bool:
        """Begin under this name, or go on. False where the name is another's."""
        with self._share.inside(INCOMING, make=True) as incoming:
            known = self._journal(incoming, name)
            part = self._size(incoming, name + b".part")
            if known is not None and (known.size, known.sha256) != (wanted.size, wanted.sha256):
                return False
            if known is None and part:
                return False  # bytes of which nobody knows whose they are
            if part is None:
                if known is not None and known.durable:
                    self._write_journal(incoming, name, known, durable=0)
                self._create(incoming, name + b".part")
            if known is None:
                self._create(incoming, name + b".at")
                self._write_journal(incoming, name, wanted, durable=0)
            os.fsync(incoming)
        return True

    def look(self, address: bytes, *, size: int) -> Found:
        """What there is. Raises ObjectGone (nothing), Unproven (of another length), OSError, Refused."""
        folders, name = split(address)
        final = self._final_size(folders, name)
        if final is not None and not self._is_placeholder(name, final, size=size):
            _of_length(final, size)
            return Found(final=final)
        with self._inside_incoming() as incoming:
            known = self._journal(incoming, name) if incoming is not None else None
            part = self._size(incoming, name + b".part") if incoming is not None else None
        if known is None or part is None:
            raise ObjectGone("that upload is not on the share (any more)")
        _of_length(known.size, size)
        return Found(final=None, durable=known.durable if part >= known.durable else 0, journal=known)

    def take(self, address: bytes, blocks: Blocks, *, offset: int, length: int, size: int) -> int:
        """Write `blocks` from `offset` on, and sync them; how many bytes are durable then. What ends early is kept as far as it came.

        Raises UploadBlocked (it stands elsewhere, or is whole), ObjectGone, Unproven, OSError, Refused.
        """
        found = self.look(address, size=size)
        if found.final is not None or found.journal is None:
            raise UploadBlocked("it is whole on the share already")
        if found.durable != offset or not 0 < length <= size - offset:
            raise UploadBlocked(f"the share has {found.durable} bytes of it, and {length} were sent from {offset} on")
        name = split(address)[1]
        with self._share.inside(INCOMING) as incoming:
            with self._open(incoming, name + b".part", write=True) as fd:
                reached = _written(fd, blocks, offset=offset, end=offset + length)
                os.fdatasync(fd)
            if reached > offset:
                self._write_journal(incoming, name, found.journal, durable=reached)
        return reached

    def finish(self, address: bytes, *, size: int) -> None:
        """Give it its own name, durably. Raises UploadBlocked (bytes are missing), ObjectGone, Unproven, OSError, Refused."""
        folders, name = split(address)
        found = self.look(address, size=size)
        if found.final is None and found.durable != size:
            raise UploadBlocked(f"the share has {found.durable} of its {size} bytes")
        with self._share.inside(INCOMING, make=True) as incoming, self._share.inside(folders, make=True) as folder:
            if found.final is None:
                self._publish(incoming, folder, name, size=size)
            with self._open(folder, name) as fd:
                os.fsync(fd)
                os.fsync(folder)
                self._drop_second_name(incoming, name + b".part", of=fd)
            os.fsync(incoming)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name + b".at", dir_fd=incoming)

    def _publish(self, incoming: int, folder: int, name: bytes, *, size: int) -> None:
        part = name + b".part"
        with self._open(incoming, part, write=True) as fd:
            if os.fstat(fd).st_size > size:  # not by us: nobody of ours writes beyond the end
                os.ftruncate(fd, size)
            os.fsync(fd)
        if self._size(folder, name) == 0 < size:  # our own empty placeholder
            os.rename(part, name, src_dir_fd=incoming, dst_dir_fd=folder)
            return
        # Where the name is taken, or the part gone, somebody has been quicker: a process of ours, or this one, unheard.
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            publish(part, name, source=incoming, target=folder)

    def _drop_second_name(self, incoming: int, name: bytes, *, of: int) -> None:
        """Take away the name under which the very file came in, where it still has that."""
        with contextlib.suppress(ObjectGone), self._open(incoming, name) as fd:
            if os.path.samestat(os.fstat(fd), os.fstat(of)):
                os.unlink(name, dir_fd=incoming)

    # -- what is there -------------------------------------------------------------------------------------------------

    def read(self, address: bytes, *, size: int) -> Fingerprint:
        """Read a whole one, past the page cache. Raises ObjectGone, Unproven (another length), Garbled (it came from memory), OSError, Refused."""
        with self._final(address) as fd:
            try:
                for _look in range(_LOOKS):
                    found = fingerprint(
                        source=fd, expected_size=size, arena=self._arena, sha256=True, progress=self._going_on
                    )
                    if found.method.past_page_cache or residency.lives_in_memory(fd):
                        return found
            except SourceChanged as error:
                raise Unproven(f"the share has {error.found} bytes of it where {error.expected} were sent") from error
        raise Garbled(
            "it could only be read out of this machine's memory, not from the share: that proves nothing of what lies there"
        )

    def part(self, address: bytes, *, offset: int, length: int, size: int) -> bytes:
        """`length` bytes of a whole one. Raises Withheld (it is not there), Garbled (another length), OSError, Refused."""
        try:
            with self._final(address) as fd:
                found = os.fstat(fd).st_size
                if found != size:
                    raise Garbled(f"the share has {found} bytes, where {size} were sent and proven")
                residency.drop(fd)
                given = bytearray()
                while len(given) < length and (piece := os.pread(fd, length - len(given), offset + len(given))):
                    given += piece
                return bytes(given)
        except ObjectGone as error:
            raise Withheld(error.message) from error

    def lay_beside(self, address: bytes, ending: bytes, text: bytes) -> None:
        """Put a document beside a whole one, in the place of an earlier one. Raises OSError, ObjectGone, Refused."""
        folders, name = split(address)
        with (
            self._share.inside(INCOMING, make=True) as incoming,
            self._share.inside(folders) as folder,
            self._share.temporary(text, folder=incoming, beside=name + ending) as made,
        ):
            os.rename(made, name + ending, src_dir_fd=incoming, dst_dir_fd=folder)

    def withdraw(self, address: bytes) -> None:
        """End one of which there is no byte. Raises OSError, Refused."""
        _folders, name = split(address)
        with self._inside_incoming() as incoming:
            if incoming is not None and not self._size(incoming, name + b".part"):
                for ending in (b".at", b".part"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name + ending, dir_fd=incoming)

    def sweep(self) -> int:
        """Take away what uploads have left that nobody has gone on with for a month, by the share's own clock; how many files."""
        gone = 0
        with self._inside_incoming() as incoming:
            if incoming is None:
                return 0
            with self._share.temporary(b"", folder=incoming, beside=b"now") as name:
                now = os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime
            with os.scandir(incoming) as listed:
                names = [os.fsencode(one.name) for one in listed]
            for name in filter(_OURS.fullmatch, names):
                with contextlib.suppress(FileNotFoundError):
                    seen = os.stat(name, dir_fd=incoming, follow_symlinks=False)
                    if stat.S_ISREG(seen.st_mode) and now - seen.st_mtime > _ABANDONED:
                        os.unlink(name, dir_fd=incoming)
                        gone += 1
        return gone

    # -- files ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _final(self, address: bytes) -> Iterator[int]:
        folders, name = split(address)
        with contextlib.ExitStack() as opened:
            try:
                folder = opened.enter_context(self._share.inside(folders))
            except FileNotFoundError as error:
                raise ObjectGone("that is not on the share (any more)") from error
            yield opened.enter_context(self._open(folder, name))

    @contextlib.contextmanager
    def _open(self, folder: int, name: bytes, *, write: bool = False) -> Iterator[int]:
        fd = self._share.file(name, folder, write=write)
        if fd is None:
            raise ObjectGone("that is not on the share (any more)")
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _inside_incoming(self) -> Iterator[int | None]:
        with contextlib.ExitStack() as opened:
            incoming: int | None = None
            with contextlib.suppress(FileNotFoundError):
                incoming = opened.enter_context(self._share.inside(INCOMING))
            yield incoming

    def _final_size(self, folders: list[bytes], name: bytes) -> int | None:
        try:
            with self._share.inside(folders) as folder:
                return self._size(folder, name)
        except FileNotFoundError:
            return None

    def _size(self, folder: int, name: bytes) -> int | None:
        """Bytes of the regular file of that name; None where there is none. Raises OSError where something else has it."""
        fd = self._share.file(name, folder)
        if fd is None:
            return None
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def _create(self, folder: int, name: bytes) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(
                os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=folder)
            )

    def _journal(self, incoming: int, name: bytes) -> Journal | None:
        fd = self._share.file(name + b".at", incoming)
        if fd is None:
            return None
        try:
            return journal.read(fd)
        finally:
            os.close(fd)

    def _write_journal(self, incoming: int, name: bytes, known: Journal, *, durable: int) -> None:
        with self._open(incoming, name + b".at", write=True) as fd:
            known.write(fd, durable=durable)


def split(address: bytes) -> tuple[list[bytes], bytes]:
    """The folders and the name of an address. Raises ObjectGone for what none of this kind of store ever had."""
    components = address.split(b"/")
    if len(components) != _DEPTH or not all(map(_COMPONENT.fullmatch, components)):
        raise ObjectGone("that is no address on a share")
    return components[:-1], components[-1]


def _of_length(found: int, size: int) -> None:
    if found != size:
        raise Unproven(f"the store's upload is of {found} bytes, {size} were announced")


def _written(fd: int, blocks: Blocks, *, offset: int, end: int) -> int:
    """Write what comes, up to `end`; where it ended. Raises OSError."""
    reached, out = offset, WriteOut(fd, start=offset)
    with Target(fd, direct=False) as target:
        for block in blocks:
            kept = block[: end - reached]
            target.write(kept, offset=reached)
            reached += len(kept)
            out.written(reached)
    return reached
