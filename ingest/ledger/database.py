"""Opening the ledger's file, and saying in plain words why it cannot be opened.

One connection writes (the WAL-reset defect of SQLite before 3.51.3 needs two); readers are opened read-only and can
therefore never checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import schema

_REBUILD = (
    "Nothing was changed and nothing will be deleted. Keep the file for the auditors: move it aside (with its -wal and -shm) and start "
    "again; dockd takes what is in the spool into a new ledger, and asks the store before anything is deleted"
)


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes, migrated to this dockd's schema.

    Raises LedgerUnusable: locked, read-only, damaged, no ledger at all, or from a newer dockd.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        if not os.access(path, os.W_OK):
            raise LedgerUnusable(f"the ledger {path} is read-only for this user: give it back its owner and mode 0600")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be opened: {error.strerror}. Check that its folder can be written"
        ) from error
    except sqlite3.Error as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be opened: {error}. Check that its folder can be written"
        ) from error
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """A new ledger appears whole under its name, so that one that is empty or half there was always cut.

    A write-ahead log without its ledger is put aside: SQLite would play it into the new one. Raises OSError, sqlite3.Error.
    """
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{path}{suffix}.aside-{secrets.token_hex(4)}")
    for left in path.parent.glob(f"{path.name}.*.part*"):
        left.unlink()
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
            schema.migrate(connection)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(part, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("PRAGMA busy_timeout = 2000")
        _check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
        schema.migrate(connection)
    except sqlite3.DatabaseError as error:
        raise LedgerUnusable(explain(error, path)) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a damaged ledger and one that a newer dockd has migrated."""
    if path.stat().st_size == 0:
        raise LedgerUnusable(f"the ledger {path} is empty: it was cut to nothing. {_REBUILD}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise LedgerUnusable(f"the ledger {path} is damaged ({problem}). {_REBUILD}")
    applied = schema.applied(connection)
    if not applied:
        raise LedgerUnusable(f"{path} is a database, but no ledger of dockd: name another path in ledger.path")
    newer = sorted(applied - schema.known())
    if newer:
        raise LedgerUnusable(
            f"the ledger {path} was written by a newer dockd (it has {newer[-1]}): install that version again; nothing was changed"
        )


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises LedgerUnusable where there is no usable ledger."""
    if not path.exists():
        raise LedgerUnusable(
            f"there is no ledger at {path}: nothing has been ingested with this state yet, or the path is wrong"
        )
    try:
        connection = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, check_same_thread=False, timeout=5.0)
        connection.execute("PRAGMA query_only = ON")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'custody'").fetchone() is None:
            raise LedgerUnusable(f"{path} is no ledger of dockd")
    except sqlite3.DatabaseError as error:
        raise LedgerUnusable(explain(error, path)) from error
    return connection


def explain(error: sqlite3.Error, path: Path) -> str:
    """What SQLite's error means for whoever has to act."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"the ledger {path} is locked by another program: end it (is another dockd, a backup or a database browser using it?)"
    if "readonly" in text or "read-only" in text:
        return (
            f"the ledger {path} is read-only: its file or disk cannot be written; check the mount and the file's owner"
        )
    if "disk I/O error" in text:
        return (
            f"the disk of the ledger {path} gives errors ({text}): nothing was changed and nothing will be deleted; check the disk, "
            "then start again"
        )
    if "full" in text:
        return f"the disk of the ledger {path} is full: make room; dockd goes on by itself"
    return f"the ledger {path} is damaged ({text}). {_REBUILD}"


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
