"""An older ledger is brought to this dockd's tables: all of it in one transaction, and as it was, it stays beside it.

Why: a dock is upgraded with footage in it, and the version before must find its way back. Rules: whether there is room is asked before anything
is written; the copy is made by SQLite itself, durable and whole under its name before the ledger is touched; a kill at any point leaves the
older ledger or the newer one, never one in between. A copy is named by the migration that it lacks and by where its record ends, so that a start
that is tried again makes no second one; the newest two are kept.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import schema
from ingest.ledger.pin_file import sync_folder

_KEPT = 2
_BESIDE = 16 << 20  # bytes: the files beside a ledger, and what is small in it and grows


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """The last migration that it had, and has now; `kept`: the file's name in which it is as it was."""

    before: str
    after: str
    kept: str


def upgrade(connection: sqlite3.Connection, path: Path) -> Upgraded | None:
    """Migrate the ledger that `connection` writes, if it is an older one. None where there was nothing to do.

    Raises LedgerUnusable (no room; the copy cannot be written): nothing was changed then. sqlite3.DatabaseError. Blocks.
    """
    had = schema.applied(connection)
    pending = schema.pending(had)
    if not pending:
        return None
    try:
        _sweep(path)
        _room(connection, path)
        kept = _keep(connection, path, lacks=pending[0])
        schema.migrate(connection)
        _forget_older(path, besides=kept)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} is of an older dockd and cannot be brought up to this one: its copy beside it cannot be written "
            f"({error.strerror}). Nothing was changed; check that disk, then start again"
        ) from error
    return Upgraded(before=max(had, default=""), after=max(schema.known()), kept=kept.name)


def kept_copies(path: Path) -> list[Path]:
    """The ledger as it was before upgrades, newest first. Blocks."""
    found = [one for one in path.parent.glob(f"{path.name}.before-*") if not one.name.endswith((".part", "-journal"))]
    return sorted(found, key=lambda one: (one.stat().st_mtime_ns, one.name), reverse=True)


def _room(connection: sqlite3.Connection, path: Path) -> None:
    """A copy, and a log as large as the ledger: what an upgrade may take at most while it is under way. Raises LedgerUnusable, OSError."""
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    disk = os.statvfs(path.parent)
    needed, free = 2 * pages * size + _BESIDE, disk.f_bavail * disk.f_frsize
    if free < needed:
        raise LedgerUnusable(
            f"the ledger {path} is of an older dockd, and its upgrade needs {needed >> 20} MiB on its disk, where {free >> 20} MiB are free. "
            "Nothing was changed; make room, then start again (or install the version before)"
        )


def _keep(connection: sqlite3.Connection, path: Path, *, lacks: str) -> Path:
    """Raises OSError, sqlite3.Error."""
    end = connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone() or (0, "new")
    kept = path.with_name(f"{path.name}.before-{lacks}-{end[0]}-{end[1][:8]}")
    if kept.exists():
        return kept
    write_copy(connection, kept)
    return kept


def write_copy(connection: sqlite3.Connection, target: Path) -> None:
    """All that this connection sees, in one file, 0600, there whole or not at all. Blocks. Raises OSError, sqlite3.Error."""
    part = target.with_name(f"{target.name}.part")
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file: no log of its own that could be left behind
        os.fsync(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    finally:
        os.close(fd)
    os.rename(part, target)
    sync_folder(target.parent)


def _sweep(path: Path) -> None:
    for left in path.parent.glob(f"{path.name}.before-*.part*"):
        left.unlink(missing_ok=True)


def _forget_older(path: Path, *, besides: Path) -> None:
    """What is in an older copy is in the ledger, too. Where one cannot be removed, it stays."""
    older = [one for one in kept_copies(path) if one != besides]
    for one in older[_KEPT - 1 :]:
        with contextlib.suppress(OSError):
            one.unlink()
