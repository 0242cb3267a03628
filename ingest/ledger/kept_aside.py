"""The ledgers that a dock had before the one it works with: damaged ones that were put aside (`rebuild`), newer ones that an older version took the place
of (`way_back`). Each may be all that says what was on cameras that have not come back since, so it goes wherever the dock's record goes.

Rules: what is looked at is a copy, for SQLite brings a log into a file that it may write, and makes files beside one that it may not; what cannot be
read of it is said, and never taken for nothing; what it says is held against the ledger in use, which alone was told what became of it.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import LedgerUnusable
from ingest.ledger import write_ahead_log
from ingest.ledger.audit import Reader, opened
from ingest.ledger.database import is_whole
from ingest.ledger.handover import handover
from ingest.ledger.history import Wanted
from ingest.ledger.segments import IN_DOUBT

_NAME = re.compile(
    r"(?P<one>\.(?:damaged-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}|newer-[0-9]{1,18}-[0-9a-f]{8}))(?:-wal|-shm)?", re.ASCII
)
_NOTES = (".rebuilding", ".suspect", ".suspected-once")
_SHOWN = 10
_OPEN = (
    f"SELECT id, camera, path, size, mtime_ns, sha256, on_camera FROM segments NOT INDEXED "
    f"WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1 OR held = '{IN_DOUBT}')"
)
# The ledger in use speaks of it: a copy that it knows, or a question that is open, is judged there. What it has told as lost is told; but the ledger
# before knew of a camera that had it, and that is not the same.
_SPOKEN_OF = (
    "SELECT 1 FROM segments WHERE (id = ?1 OR (camera = ?2 AND path = ?3 AND (sha256 = ?6 OR "
    "((sha256 IS NULL OR ?6 IS NULL) AND size = ?4 AND mtime_ns = ?5))))"
    " AND (in_store = 1 OR on_camera = 1 OR in_spool = 1 OR held IS NOT NULL OR NOT ?7) LIMIT 1"
)


@dataclass(frozen=True, kw_only=True)
class KeptAside:
    """One of them: `name` as it is beside the ledger; `files`: its own, and those of its log and its index that there are."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """What one knows and the ledger in use does not: segments on cameras alone, and others that were not proven; some of each, as camera: path.

    `unread`: why not all of it could be read; empty where it could.
    """

    on_cameras: int = 0
    unproven: int = 0
    shown_on_cameras: tuple[str, ...] = ()
    shown_unproven: tuple[str, ...] = ()
    unread: str = ""


def kept_aside(path: Path) -> list[KeptAside]:
    """Those beside the ledger `path`, by name. Blocks. Raises OSError."""
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(path.parent)):
        if name.startswith(path.name) and (match := _NAME.fullmatch(name.removeprefix(path.name))):
            found.setdefault(path.name + match["one"], []).append(name)
    return [KeptAside(name=name, files=tuple(files)) for name, files in found.items()]


def is_kept_aside(rest: str) -> bool:
    """Whether what follows the ledger's name in a file's name says that it is of a ledger that was kept aside.

    >>> [is_kept_aside(rest) for rest in (".damaged-20261120T101112Z-0123abcd-wal", ".newer-12-0123abcd", ".before-0016_late-9-0123abcd", "-wal")]
    [True, True, False, False]
    """
    return _NAME.fullmatch(rest) is not None


def copies_before(path: Path) -> list[str]:
    """What else lies beside the ledger under its name: copies from before upgrades, and what nobody here has named. Blocks. Raises OSError."""
    own = {path.name + suffix for suffix in ("", "-wal", "-shm", *_NOTES)}
    aside = {name for one in kept_aside(path) for name in one.files}
    return [name for name in sorted(os.listdir(path.parent)) if name.startswith(path.name) and name not in own | aside]


def lacking(copy: Path, present: Reader) -> Lacking:
    """What the ledger `copy` knows that `present` does not speak of. `copy` may be written to by SQLite. Blocks. Raises nothing for damage."""
    unread = _damage(copy)
    counts, shown = [0, 0], ([], [])  # type: tuple[list[int], tuple[list[str], list[str]]]
    try:
        with opened(copy) as reader:
            unread = unread or _torn(reader)
            for row in reader.execute(_OPEN):
                which = 0 if row[6] else 1
                if present.execute(_SPOKEN_OF, row).fetchone() is None:
                    counts[which] += 1
                    if len(shown[which]) < _SHOWN:
                        shown[which].append(_place(row[1], row[2]))
    except (LedgerUnusable, sqlite3.Error, OSError) as error:
        unread = error.message if isinstance(error, LedgerUnusable) else str(error)
    return Lacking(
        on_cameras=counts[0], unproven=counts[1], shown_on_cameras=tuple(shown[0]), shown_unproven=tuple(shown[1]), unread=unread
    )  # fmt: skip


def record_of(copy: Path) -> Iterator[dict[str, Any]]:
    """As `handover`, of what can be read; where that ends early, the last one says so (`"type": "cut"`). Raises nothing for damage."""
    entries = 0
    try:
        with opened(copy) as reader:
            for line in handover(reader, Wanted(), with_receipts=True):
                yield line
                entries += line["type"] == "entry"
    except (LedgerUnusable, sqlite3.Error, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # fmt: skip
        yield {"type": "cut", "entries": entries, "why": str(error)}


def _damage(copy: Path) -> str:
    """SQLite passes over a log from the first place on that does not fit, and says nothing of it."""
    try:
        return write_ahead_log.fault(copy.with_name(f"{copy.name}-wal")) or ("" if is_whole(copy) else "it is damaged")
    except OSError as error:
        return str(error)


def _torn(reader: Reader) -> str:
    """Every commit writes entries and head together."""
    last = reader.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    same = last == reader.execute("SELECT seq, hash FROM head").fetchone()
    return "" if same else "its record and its signed head are not of one moment"


def _place(camera: object, path: object) -> str:
    name = os.fsdecode(path) if isinstance(path, bytes) else str(path)
    return f"{camera}: {name}"
