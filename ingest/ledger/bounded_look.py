"""Whether a ledger opens and is whole, asked from outside and in bounded time: `dockd doctor`, while an agent may be at work with it.

Rules kept here: nothing is changed. Where an agent writes, one moment is read as any reader does, and the log that grows meanwhile is not judged; where
nobody does, the file is read as one that cannot change, without a lock and without files beside it, and with a log a copy of both. What time does not allow is said.
Nothing is opened that is no file, for a FIFO would be waited for. Copies that a look has left which was killed, the next one removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import write_ahead_log
from ingest.ledger.database import check_content, damaged, reading, unusable

_EVERY = 20_000  # steps of SQLite between two looks at the clock
_MOST_COPIED = 256 << 20
_MOST_SUMMED = 32 << 20  # bytes of a log: a dock's are of a few MiB
_COPIES = "dockd-doctor-"
_OF_NOBODY = (
    120.0  # seconds after which a copy that nobody holds was left: between its making and its holder there is a moment
)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Nothing wrong was found; `whole`: in all of it. Else `left` says what kept it from being so."""

    whole: bool
    left: str = ""


def look(path: Path, *, written: bool, within: float) -> Looked:
    """The ledger at `path`, of which `written` says whether an agent is at work with it, in `within` seconds. Blocks.

    Raises LedgerDamaged, LedgerUnusable (its message says what it is), OSError.
    """
    remove_left_copies()
    size, log = _size(path, what="it"), path.with_name(f"{path.name}-wal")
    if size == 0:
        raise damaged(path, "it was cut to nothing", is_so="is empty")
    logged = _size_if_there(log, what="its write-ahead log")
    if written:
        _size_if_there(path.with_name(f"{path.name}-shm"), what="its index of the write-ahead log")
        return _judged(lambda: reading(path, timeout=2.0), path, within=within)
    if logged > _MOST_SUMMED:
        return Looked(
            whole=False, left="it ended without closing, and its write-ahead log is too large for a look: the next start looks itself"
        )  # fmt: skip
    wrong = write_ahead_log.fault(log)
    if wrong is not None:
        raise damaged(path, wrong)
    if logged == 0:
        return _judged(lambda: _unchanging(path), path, within=within)
    if size + logged > _MOST_COPIED:
        return Looked(
            whole=False,
            left="it ended without closing, and is too large to be copied for a look: the next start looks itself",
        )
    with _copied(path, log) as copy:
        return _judged(lambda: reading(copy), path, within=within)


def _size(path: Path, *, what: str) -> int:
    """Bytes. Raises LedgerUnusable where there is something else than a file, OSError."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise LedgerUnusable(f"the ledger cannot be opened: {what} ({path}) is no file. Put back what belongs there, with dockd stopped")  # fmt: skip
    return status.st_size


def _size_if_there(path: Path, *, what: str) -> int:
    try:
        return _size(path, what=what)
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def _copied(path: Path, log: Path) -> Iterator[Path]:
    """A copy of both, held for as long as it is used: whoever is killed holds it no more."""
    with tempfile.TemporaryDirectory(prefix=_COPIES) as folder:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in (path, log):
                _copy(part, Path(folder) / part.name)
            yield Path(folder) / path.name
        finally:
            os.close(held)


def _copy(part: Path, into: Path) -> None:
    descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as source, into.open("xb") as copy:
        shutil.copyfileobj(source, copy)


def remove_left_copies() -> None:
    """Of looks of this user that were killed. Blocks. Raises nothing: one that cannot be removed stays."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{_COPIES}*"):
            with contextlib.suppress(OSError):
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.geteuid() and time.time() - status.st_mtime > _OF_NOBODY:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _unchanging(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)


def _judged(connect: Callable[[], sqlite3.Connection], path: Path, *, within: float) -> Looked:
    until = time.monotonic() + within
    try:
        with contextlib.closing(connect()) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.set_progress_handler(lambda: time.monotonic() > until, _EVERY)
            check_content(connection, path)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return Looked(whole=False, left=f"it is large, and was looked at for {within:g} s")
        raise unusable(error, path) from error
    return Looked(whole=True)
