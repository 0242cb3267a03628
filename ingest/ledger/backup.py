"""A copy of the ledger to keep elsewhere, taken while an agent writes it; what such a copy says; and the way back to an older version.

Rules: a copy is of one moment, made by SQLite itself, and there whole or not at all; nothing of the ledger is changed by it. A way back never
throws the newer ledger away: it keeps its bytes under another name, and the older one takes its place in one rename.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import audit, schema
from ingest.ledger.database import is_whole, unusable
from ingest.ledger.pin_file import sync_folder
from ingest.ledger.upgrading import kept_copies, write_copy
from ingest.model import Head

_WAITS = "SELECT count(*), coalesce(sum(size), 0) FROM segments WHERE in_spool = 1 AND in_store = 0"


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a copy of a ledger says: where its record ends, and how much footage waited in the spool then (segments, bytes)."""

    head: Head
    waiting: int
    waiting_bytes: int
    tables: str


def copy_ledger(path: Path, target: Path) -> Copied:
    """All that is committed in the ledger now, as one file. Blocks. Raises LedgerUnusable, OSError."""
    with audit.opened(path) as reader:
        write_copy(reader, target)
    return look(target)


def look(path: Path) -> Copied:
    """What a copy says. Raises LedgerUnusable, OSError."""
    with audit.opened(path) as reader:
        seq, digest = reader.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone() or (0, "")
        waiting, size = reader.execute(_WAITS).fetchone()
        tables = max(schema.applied(reader), default="")
        return Copied(head=Head(seq=seq, hash=digest), waiting=waiting, waiting_bytes=size, tables=tables)


def faults(path: Path) -> list[str]:
    """What is wrong with a copy: its file, and every entry, link and signature of its record. Blocks. Raises OSError."""
    if not is_whole(path):
        return ["the ledger's file is damaged"]
    try:
        with audit.moment(path) as reader:
            return [str(fault) for fault in audit.check(reader).faults]
    except LedgerUnusable as error:
        return [error.message]


def roll_back(path: Path) -> tuple[Path, Path]:
    """Put the copy that the last upgrade kept in the ledger's place; returns that copy, and the name under which the newer ledger stays.

    Nobody else may have the ledger open. A kill leaves the one or the other in its place. Blocks. Raises LedgerUnusable, OSError.
    """
    copies = kept_copies(path)
    if not copies:
        raise LedgerUnusable(f"there is no copy from before an upgrade beside {path}: there is nothing to go back to")
    newer = path.with_name(f"{path.name}.newer-{_played_in(path)}")
    part = path.with_name(f"{path.name}.back.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    shutil.copyfile(copies[0], part)
    part.chmod(0o600)
    owner = os.stat(path)
    os.chown(part, owner.st_uid, owner.st_gid)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # of a run that was killed before its last step
        os.link(path, newer)
    os.rename(part, path)
    sync_folder(path.parent)
    return copies[0], newer


def _played_in(path: Path) -> str:
    """Bring the log into the ledger, so that its file alone is all of it; where its record ends."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=2.0)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            seq, digest = connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        raise unusable(error, path) from error
    log = path.with_name(f"{path.name}-wal")
    if busy or (log.exists() and log.stat().st_size):
        raise LedgerUnusable(f"the ledger {path} is in use: end the program that has it open, then try again")
    return f"{seq}-{digest[:8]}"
