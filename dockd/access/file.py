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
        """Whether there is such a file. Raises Damaged where there was one, and is none."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            if self._seen or self._made.exists():
                raise Damaged(f"{self.path} is gone, and it had been made") from None
            return False
        except OSError as error:
            raise Damaged(f"{self.path} cannot be looked at: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
            raise Damaged(f"{self.path} is no file of users: it is empty, or no file at all")
        if found.st_mode & 0o022:
            raise Damaged(f"{self.path} can be written by others than its owner")
        return True

    def make(self) -> None:
        """Make the file if there is none. Raises Damaged, Unwritten."""
        if self.exists:
            return
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            with contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                found_new(connection)
            _give_to_owner(aside, of=self.path.parent)
            os.link(aside, self.path)
            self._say_made()
        except FileExistsError:
            pass  # another was quicker
        except (OSError, sqlite3.Error) as error:
            raise Unwritten(f"{self.path} cannot be made: {error}") from error
        finally:
            aside.unlink(missing_ok=True)

    def put_aside(self, now: float) -> Path | None:
        """Begin anew: what is there is kept under another name, which is given back."""
        kept = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}")
        moved = None
        for end in ("-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(f"{self.path.name}{end}").rename(kept.with_name(f"{kept.name}{end}"))
                moved = kept
        self._made.unlink(missing_ok=True)
        self._seen = False
        return moved

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
                os.chmod(self.path, 0o600)
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
        os.fsync(fd)
        os.close(fd)
        _give_to_owner(self._made, of=self.path.parent)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _give_to_owner(path: Path, *, of: Path) -> None:
    """What root makes in the agent's folder is the agent's."""
    if os.geteuid() == 0:
        owner = os.stat(of)
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
