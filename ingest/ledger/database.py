"""Opening the ledger's file, and saying in plain words why it cannot be opened.

One connection writes (the WAL-reset defect of SQLite before 3.51.3 needs two); readers are opened read-only and can
therefore never checkpoint.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.ledger import schema, write_ahead_log
from ingest.ledger.upgrading import Upgraded, upgrade

_ROOM = 1 << 20  # bytes that a new ledger and the files beside it want
_REBUILD = (
    "Nothing will be deleted on its word. The next start keeps it for the auditors, whole and beside its place, takes what is in the spool "
    "into a new ledger, and asks the store before anything is deleted"
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LONGEST_WHY = 200


def open_writer(path: Path, *, upgraded: Callable[[Upgraded], None] = lambda _found: None) -> sqlite3.Connection:
    """The one connection that writes, migrated to this dockd's schema; `upgraded` is told where it was an older one.

    Raises LedgerDamaged where the file is not what was written, LedgerUnusable: locked, read-only, no ledger at all, or from a newer dockd.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        if not os.access(path, os.W_OK):
            raise LedgerUnusable(f"the ledger {path} is read-only for this user: give it back its owner and mode 0600")
        _look(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be opened: {error.strerror}. Check that its folder can be written"
        ) from error
    except sqlite3.Error as error:
        raise LedgerUnusable(_unopened(error, path)) from error
    try:
        found = _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    if found is not None:
        upgraded(found)
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
            # Now and not under its name: a kill would leave a rollback journal there, which `_look` cannot play back.
            connection.execute("PRAGMA journal_mode = WAL")
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


def _prepare(connection: sqlite3.Connection, path: Path) -> Upgraded | None:
    try:
        connection.execute("PRAGMA busy_timeout = 2000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
        return upgrade(connection, path)
    except sqlite3.DatabaseError as error:
        raise unusable(error, path) from error


def _look(path: Path) -> None:
    """Check it without writing: a connection that could write would play the log into a damaged ledger when it is closed.

    Raises LedgerDamaged, LedgerUnusable, OSError.
    """
    if not path.is_file():
        raise LedgerUnusable(f"the ledger {path} cannot be opened: it is no file. Name another path in ledger.path")
    try:
        with contextlib.closing(reading(path, timeout=2.0)) as connection:
            _check(connection, path)
    except sqlite3.DatabaseError as error:
        raise unusable(error, path) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a damaged ledger and one that a newer dockd has migrated."""
    if path.stat().st_size == 0:
        raise damaged(path, "it was cut to nothing", is_so="is empty")
    _check_log(path)
    check_content(connection, path)


def check_content(connection: sqlite3.Connection, path: Path) -> None:
    """What SQLite and the tables themselves say of it. Raises LedgerDamaged, LedgerUnusable, sqlite3.DatabaseError.

    Of the table that says what is to be done with footage the indices are held against its rows too (they are what dockd asks).
    """
    applied = schema.applied(connection)
    newer = sorted(applied - schema.known())
    if newer:  # before all else: what is damage in it, that version knows
        raise LedgerUnusable(
            f"the ledger {path} was written by a newer dockd (it has {newer[-1]}): install that version again; nothing was changed. "
            "The way back to this one is in docs/upgrade.md"
        )
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, str(problem))
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if not applied and not there & schema.names(schema.known()):
        raise LedgerUnusable(f"{path} is a database, but no ledger of dockd: name another path in ledger.path")
    missing = sorted(schema.names(applied & schema.known()) - there)
    if not applied or missing:
        raise damaged(path, f"it has no {missing[0] if missing else 'list of its migrations'}")
    problem = connection.execute("PRAGMA integrity_check(segments)").fetchone()[0]
    if problem != "ok":
        raise damaged(path, str(problem))
    _check_end(connection, path)


def _check_log(path: Path) -> None:
    """SQLite passes over a log from the first place on that does not fit, and with it over everything that was committed last.

    Raises LedgerDamaged, OSError.
    """
    wrong = write_ahead_log.fault(Path(f"{path}-wal"))
    if wrong is not None:
        raise damaged(path, wrong)


def _check_end(connection: sqlite3.Connection, path: Path) -> None:
    """Every commit writes entries and head together: where they differ, pieces of several ledgers lie here. Raises LedgerDamaged."""
    last = connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    head = connection.execute("SELECT seq, hash FROM head").fetchone()
    if last != head:
        raise damaged(path, "its record and its signed head are not of one moment")


def is_whole(path: Path) -> bool:
    """Everything that SQLite can check, whole and slowly: for a ledger of which SQLite said that it is damaged while it was used."""
    try:
        with contextlib.closing(reading(path, timeout=2.0)) as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises LedgerUnusable where there is no usable ledger."""
    if not path.exists():
        raise LedgerUnusable(
            f"there is no ledger at {path}: nothing has been ingested with this state yet, or the path is wrong"
        )
    try:
        connection = reading(path)
        connection.execute("PRAGMA query_only = ON")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'custody'").fetchone() is None:
            raise LedgerUnusable(f"{path} is no ledger of dockd")
    except sqlite3.DatabaseError as error:
        raise unusable(error, path) from error
    return connection


def reading(path: Path, *, timeout: float = 5.0) -> sqlite3.Connection:
    """A connection that never writes to the ledger. Raises sqlite3.DatabaseError."""
    return sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, check_same_thread=False, timeout=timeout)


def damaged(path: Path, why: str, *, is_so: str = "is damaged") -> LedgerDamaged:
    """Its file is not what was written."""
    why = why.replace("\n", " ")[:_LONGEST_WHY]
    said = f"{is_so}: {why}" if is_so != "is damaged" else f"is damaged ({why})"
    return LedgerDamaged(f"the ledger {path} {said}. {_REBUILD}", why=why)


def unusable(error: sqlite3.Error, path: Path) -> LedgerUnusable:
    """What is raised for SQLite's error: LedgerDamaged only where SQLite says that the file is at fault, not the disk or the moment."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _DAMAGE:
        return damaged(path, str(error))
    return LedgerUnusable(explain(error, path))


def _unopened(error: sqlite3.Error, path: Path) -> str:
    """SQLite says "disk I/O error" too where there is no room for the files beside a ledger."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < _ROOM:
            return f"the disk of the ledger {path} is full ({error}): make room, then start again"
    return f"the ledger {path} cannot be opened: {error}. Check that its folder can be written"


def explain(error: sqlite3.Error, path: Path) -> str:
    """What SQLite's error means for whoever has to act."""
    text = str(error)
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
        return f"the ledger {path} is damaged ({text}). {_REBUILD}"
    if "no such table" in text or "no such column" in text:
        return f"the ledger {path} is of an older dockd ({text}): start the agent once, which brings it up to this version; nothing was changed"
    if "locked" in text or "busy" in text:
        return f"the ledger {path} is locked by another program: end it (is another dockd, a backup or a database browser using it?)"
    if "readonly" in text or "read-only" in text:
        return (
            f"the ledger {path} is read-only: its file or disk cannot be written; check the mount and the file's owner"
        )
    if "unable to open" in text:
        return (
            f"the ledger {path} cannot be opened: {text}. Check that it is a file, and that its folder can be written"
        )
    if "disk I/O error" in text:
        return (
            f"the disk of the ledger {path} gives errors ({text}): nothing was changed and nothing will be deleted; check the disk, "
            "then start again"
        )
    if "full" in text:
        return f"the disk of the ledger {path} is full: make room; dockd goes on by itself"
    return f"the ledger {path} cannot be used ({text}). Nothing was changed and nothing will be deleted"


def folder_unwritten(error: OSError | None, folder: Path) -> str:
    """What it means that a file beside the ledger cannot be written.

    >>> folder_unwritten(OSError(errno.ENOSPC, "No space left on device"), Path("/k"))
    'the disk of the folder /k is full: make room; dockd goes on by itself'
    """
    if error is not None and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of the folder {folder} is full: make room; dockd goes on by itself"
    return f"the folder {folder} cannot be written: {error.strerror if error is not None else ''}"


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def version() -> str:
    """Of the SQLite that is in use."""
    return sqlite3.sqlite_version
