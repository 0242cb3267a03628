"""The file access.db itself: made, opened, and known for one that is not whole.

Rules kept here: two programs write it (the agent, and the commands), so it has a rollback journal and not a write-ahead log (SQLite before 3.51.3
may damage a log that two connections write and checkpoint); it is made whole under another name and then given its own, so that a file
that is not whole is a damaged one; a small file beside it says that it was made, so that one that is gone is not taken for a dock without
users; nobody but its owner reads or writes it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dockd.access.schema import applied, found_new, migrate
from ingest.errors import DockdError

Signature = tuple[int, int, int, int, int]


class Damaged(DockdError):
    """access.db is there, or was, and cannot be read: nobody is let in by it. The message says why."""


class Unwritten(DockdError):
    """access.db cannot be written, or read, just now."""


class AccessFile:
    """See the module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made = path.with_name(f"{path.name}.made")
        self._seen = False

    @property
    def exists(self) -> bool:
        """Whether there is such a file. Raises Damaged where there was one, and is none, or where others may have written it."""
        owner = self._see_folder()
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            if not self._seen and not self._made.exists():
                return False
            return self._has_come(owner)
        except OSError as error:
            raise Damaged(f"{self.path} cannot be looked at: {error.strerror}") from error
        return self._see_file(found, owner)

    def _has_come(self, owner: int | None) -> bool:
        """One that is said to have been made, and was not there: another may have made both between the two looks. Raises Damaged where it is gone."""
        try:
            return self._see_file(os.lstat(self.path), owner)
        except OSError as error:
            raise Damaged(f"{self.path} is gone, and it had been made") from error

    def _see_file(self, found: os.stat_result, owner: int | None) -> bool:
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
            raise Damaged(f"{self.path} is no file of users: it is empty, or no file at all")
        if found.st_mode & 0o022:
            raise Damaged(f"{self.path} can be written by others than its owner")
        if found.st_uid not in (owner, os.geteuid(), 0):
            raise Damaged(f"{self.path} belongs to somebody else than {self.path.parent}")
        return True

    def _see_folder(self) -> int | None:
        """Whose the folder is; None: there is none. Raises Damaged where others may put another file into it."""
        folder = self.path.parent
        try:
            found = os.stat(folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Damaged(f"{folder} cannot be looked at: {error.strerror}") from error
        if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
            raise Damaged(f"{folder} can be written by others than its owner (`chmod go-w {folder}` mends that)")
        return found.st_uid

    def make(self) -> None:
        """Make the file if there is none. Raises Damaged, Unwritten."""
        if self.exists:
            return
        try:
            with self._made_aside(lambda _db: None) as aside:
                os.link(aside, self.path)
                self._say_made()
        except FileExistsError:
            pass  # another was quicker
        except (OSError, sqlite3.Error) as error:
            raise Unwritten(f"{self.path} cannot be made: {error}") from error

    def begin_anew(self, write: Callable[[sqlite3.Connection], None], *, now: float) -> Path | None:
        """Another list, with what `write` puts into it, takes the place of what is there, which is kept under another name; that name, or None: there was nothing.
        At no moment is there an empty list, or none and no word of one. Raises Unwritten: all is as it was."""
        try:
            self._see_folder()
        except Damaged as error:
            raise Unwritten(error.message) from error
        name = f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
        kept, moved = self.path.with_name(name), None
        try:
            with self._made_aside(write) as aside:
                self._say_made()
                with contextlib.suppress(FileNotFoundError):
                    if stat.S_ISDIR(os.lstat(self.path).st_mode):
                        self.path.rename(kept)
                    else:
                        os.link(self.path, kept, follow_symlinks=False)
                    moved = kept
                with contextlib.suppress(FileNotFoundError):  # else it would be played back into the new list
                    self.path.with_name(f"{self.path.name}-journal").rename(kept.with_name(f"{name}-journal"))
                aside.rename(self.path)
                _sync(self.path.parent)
        except (OSError, sqlite3.Error) as error:
            raise Unwritten(f"no new {self.path} can be begun: {error}") from error
        return moved

    @contextlib.contextmanager
    def _made_aside(self, write: Callable[[sqlite3.Connection], None]) -> Iterator[Path]:
        """A whole list under a name of its own, which is gone afterwards. Raises OSError, sqlite3.Error."""
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _give_to_owner(fd, of=self.path.parent)
            finally:
                os.close(fd)
            with contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                found_new(connection)
                connection.execute("BEGIN IMMEDIATE")
                write(connection)
                connection.execute("COMMIT")
            yield aside
        finally:
            aside.unlink(missing_ok=True)
            aside.with_name(f"{aside.name}-journal").unlink(missing_ok=True)

    def connect(self, *, patience: float) -> sqlite3.Connection:
        """A connection to it, at this dockd's tables. Raises sqlite3.Error, OSError, NotOurs."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None, check_same_thread=False
        )  # fmt: skip
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA trusted_schema = OFF")
            applied(connection)
            migrate(connection)
            if os.lstat(self.path).st_mode & 0o077:
                _close_to_others(self.path)
            self._say_made()
        except BaseException:
            connection.close()
            raise
        self._seen = True
        return connection

    def signature(self) -> Signature:
        """What is another when it was written, or is another file. Raises OSError."""
        found = os.lstat(self.path)
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def _say_made(self) -> None:
        if self._made.exists():
            return
        fd = os.open(self._made, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        os.write(
            fd, b"This dock has users: without access.db nobody is let in. `dockd user add --begin-anew` begins anew.\n"
        )
        try:
            os.fsync(fd)
            _give_to_owner(fd, of=self.path.parent)
        finally:
            os.close(fd)
        _sync(self.path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _close_to_others(path: Path) -> None:
    """The file itself, never what a link there leads to. The descriptor only names it: SQLite would lose its locks with one that was open."""
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            os.chmod(f"/proc/self/fd/{fd}", 0o600)
    finally:
        os.close(fd)


def _give_to_owner(fd: int, *, of: Path) -> None:
    """What root makes in the agent's folder is the agent's; the very file that was made, whatever bears its name by now."""
    if os.geteuid() == 0:
        owner = os.stat(of)
        os.fchown(fd, owner.st_uid, owner.st_gid)
