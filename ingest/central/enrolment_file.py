"""docks.db: which docks were invited, enrolled and revoked, and the log of all that.

Why a file of its own: the store's own process and its operator's commands both write it while the other runs. So it has a rollback journal and not a write-ahead log (SQLite
before 3.51.3 may damage a log that two connections write), and each change and its line in the log are one transaction.

Rules: no secret stands in it, only SHA-256 of secrets that were drawn whole (256 bits); lines of the log are only ever added (the database itself refuses the rest); a
file from a newer version is refused, a damaged one is never taken for an empty one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.refusals import StoreUnusableError

MARK = b"docks were invited to this store\n"
_PATIENCE = 10.0  # seconds: so long another program may have it
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE invitations (
            id       TEXT PRIMARY KEY,
            dock     TEXT NOT NULL,
            secret   TEXT NOT NULL,              -- SHA-256 (hex) of what only the invited one has
            made_at  REAL NOT NULL,
            ends_at  REAL NOT NULL,
            ways     TEXT NOT NULL,              -- certificate, token, or both, with a comma
            approval INTEGER NOT NULL,           -- whether a person looks at the key first
            again    INTEGER NOT NULL,           -- whether it takes the place of a dock that is enrolled
            tries    INTEGER NOT NULL DEFAULT 0, -- wrong secrets so far
            state    TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'asked', 'approved', 'used', 'withdrawn')),
            half     TEXT,                       -- the one key or token that it is for, from its first use on
            asked_at REAL,
            answer   TEXT                        -- what was given for it
        )""",
        "CREATE INDEX invitations_of_dock ON invitations (dock, made_at)",
        "CREATE TABLE docks (dock TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('enrolled', 'revoked')), since REAL NOT NULL)",
        """CREATE TABLE credentials (
            digest   TEXT PRIMARY KEY,           -- SHA-256 (hex) of the certificate or the token
            kind     TEXT NOT NULL CHECK (kind IN ('certificate', 'token')),
            dock     TEXT NOT NULL,
            half     TEXT NOT NULL,              -- whose key it is for
            made_at  REAL NOT NULL,
            ends_at  REAL,
            ended    INTEGER NOT NULL DEFAULT 0  -- taken back before that
        )""",
        "CREATE INDEX credentials_of_dock ON credentials (dock, made_at)",
        "CREATE INDEX credentials_of_key ON credentials (half)",
        """CREATE TABLE enrolment_log (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            at     TEXT NOT NULL,                -- RFC 3339 UTC, as this machine's clock had it
            action TEXT NOT NULL,                -- dock.invited, dock.enrolled, dock.renewed, dock.revoked, ...
            dock   TEXT NOT NULL,
            who    TEXT NOT NULL,                -- who did it: the user of a command, the dock, or its address
            detail TEXT NOT NULL                 -- JSON
        )""",
        """CREATE TRIGGER enrolment_log_is_never_changed BEFORE UPDATE ON enrolment_log
            BEGIN SELECT raise(ABORT, 'the log of enrolments is kept for good'); END""",
        """CREATE TRIGGER enrolment_log_is_never_cut BEFORE DELETE ON enrolment_log
            BEGIN SELECT raise(ABORT, 'the log of enrolments is kept for good'); END""",
    ),
)


class EnrolmentFile:
    """See the module. A connection is made for each piece of work, so that nobody holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether anybody was ever invited here."""
        return self.path.exists()

    def make(self) -> None:
        """Make it if it is not there: whole under another name first; and the mark that there is one. Blocks. Raises OSError, StoreUnusableError."""
        if not self.exists:
            self._make()
        mark, disk = Layout(self.path.parent).invited, Disk()
        if mark.parent.exists() and not mark.exists():  # else the store writes it when it begins
            disk.save(mark, MARK)
            disk.sync_folder(mark.parent)

    def _make(self) -> None:
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            with contextlib.closing(_connected(aside)) as connection:
                _migrate(connection)
            with contextlib.suppress(FileExistsError):  # another program was quicker
                os.link(aside, self.path)
            Disk().sync_folder(self.path.parent)
        except sqlite3.Error as failed:
            raise StoreUnusableError(f"{self.path} cannot be made: {failed}") from failed
        finally:
            aside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def changed(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, undone when it raises. Blocks. Raises StoreUnusableError."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One whole look. Blocks. Raises StoreUnusableError."""
        with self._open() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(_connected(self.path)) as connection:
                if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                    raise sqlite3.DatabaseError("it is empty")
                _migrate(connection)
                yield connection
        except sqlite3.Error as failed:
            raise StoreUnusableError(
                f"{self.path} cannot be used ({failed}): it says which docks may come in; put it back from a backup, or move it away and invite every dock anew"
            ) from failed


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )  # fmt: skip
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise sqlite3.DatabaseError(
            f"a newer version of dockd wrote it (format {version}, this one knows {len(_MIGRATIONS)})"
        )
    if version == len(_MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another program may have been quicker
    for number in range(version, len(_MIGRATIONS)):
        for statement in _MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number + 1}")
    connection.execute("COMMIT")
