"""A copy of the ledger to keep elsewhere, taken while an agent writes it; and what such a copy says.

Rules: a copy is of one moment, made by SQLite itself, and there whole or not at all; nothing of the ledger is changed by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import audit, schema
from ingest.ledger.database import is_whole
from ingest.ledger.upgrading import write_copy
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


def waiting(path: Path) -> dict[str, int]:
    """The segments that waited in the spool then, and were not in the store: id → bytes. Raises LedgerUnusable, OSError."""
    with audit.opened(path) as reader:
        return dict(reader.execute("SELECT id, size FROM segments WHERE in_spool = 1 AND in_store = 0"))


def look(path: Path) -> Copied:
    """What a copy says. Raises LedgerUnusable, OSError."""
    with audit.opened(path) as reader:
        seq, digest = reader.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone() or (0, "")
        waiting, size = reader.execute(_WAITS).fetchone()
        tables = max(schema.applied(reader), default="")
        return Copied(head=Head(seq=seq, hash=digest), waiting=waiting, waiting_bytes=size, tables=tables)


def damage(path: Path) -> list[str]:
    """What is wrong with a copy's file, whatever its record says. Blocks. Raises OSError."""
    if not is_whole(path):
        return ["the ledger's file is damaged"]
    try:
        look(path)
    except LedgerUnusable as error:
        return [error.message]
    return []


def faults(path: Path, *, vouched: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with a copy's record: every entry, link and signature. `vouched`: thumbprints of the dock's keys that are known from elsewhere.

    A record with faults is still all that there is of that dock: it is told, and no reason not to keep it or put it back. Blocks. Raises OSError.
    """
    try:
        with audit.moment(path) as reader:
            return [str(fault) for fault in audit.check(reader, vouched=vouched).faults]
    except LedgerUnusable as error:
        return [error.message]
