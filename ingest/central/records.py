"""What is kept for good: who read, what was deleted and why, and the last custody head that each dock has shown.

Apart from the index, because it cannot be rebuilt from anything. Rules: rows of the access log are only ever added (the
database itself refuses the rest); a dock's head is committed before any receipt that carries it is answered.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from ingest.central.database import Database
from ingest.central.refusals import Refusal
from ingest.clock import Clock, rfc3339

MIGRATIONS = (
    """
    CREATE TABLE access_log (
        number  INTEGER PRIMARY KEY AUTOINCREMENT,
        at      TEXT NOT NULL,             -- RFC 3339 UTC, as this machine's clock had it
        action  TEXT NOT NULL,             -- object.read, object.deleted, ...
        object  TEXT,
        who     TEXT NOT NULL,             -- name of the token, "store" for the store itself
        detail  TEXT NOT NULL              -- JSON
    );
    CREATE INDEX access_log_object ON access_log (object, action) WHERE object IS NOT NULL;
    CREATE TRIGGER access_log_is_never_changed BEFORE UPDATE ON access_log
        BEGIN SELECT raise(ABORT, 'the access log is kept for good'); END;
    CREATE TRIGGER access_log_is_never_cut BEFORE DELETE ON access_log
        BEGIN SELECT raise(ABORT, 'the access log is kept for good'); END;
    CREATE TABLE docks (
        dock    TEXT PRIMARY KEY,
        seq     INTEGER NOT NULL,
        head    TEXT NOT NULL,
        seen_at TEXT NOT NULL
    );
    CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), seen REAL NOT NULL)
    """,
    "ALTER TABLE docks ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0",
)


@dataclass(frozen=True)
class Entry:
    """One line of the access log."""

    number: int
    at: str
    action: str
    about: str | None
    who: str
    detail: dict[str, Any]


class Records:
    """Named statements over the records."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(self, action: str, *, object: str | None, who: str, **detail: object) -> None:
        """Add a line; returns once it is committed."""
        line = (rfc3339(self._clock.now()), action, object, who, json.dumps(detail))

        def work(c: sqlite3.Connection) -> None:
            c.execute("INSERT INTO access_log (at, action, object, who, detail) VALUES (?, ?, ?, ?, ?)", line)

        await self._database.run(work)

    async def entries(self, *, object: str | None = None, limit: int = 10_000) -> list[Entry]:
        """Lines in their order, of one object or of all."""

        def work(c: sqlite3.Connection) -> list[Entry]:
            rows = c.execute(
                "SELECT number, at, action, object, who, detail FROM access_log "
                "WHERE ?1 IS NULL OR object = ?1 ORDER BY number LIMIT ?2",
                (object, limit),
            )
            return [Entry(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in rows]

        return await self._database.run(work)

    async def ended(self, id: str) -> str | None:
        """Which action ended an object or upload of that id, if one did."""

        def work(c: sqlite3.Connection) -> str | None:
            found = c.execute(
                "SELECT action FROM access_log WHERE object = ? AND action IN "
                "('object.deleted', 'upload.expired', 'upload.terminated', 'upload.refused') LIMIT 1",
                (id,),
            ).fetchone()
            return found[0] if found else None

        return await self._database.run(work)

    async def pin_head(self, *, dock: str, seq: int, head: str) -> int:
        """Take note of a dock's custody head; returns the number of the receipt that is made with it: one more than that dock's last.

        Raises Refusal 409 if this store has seen a later or another one.
        """
        at = rfc3339(self._clock.now())
        key = json.dumps(dock)  # ASCII: a name may hold surrogates, which SQLite text cannot

        def work(c: sqlite3.Connection) -> int:
            known = c.execute("SELECT seq, head FROM docks WHERE dock = ?", (key,)).fetchone()
            if known and (seq < known[0] or (seq == known[0] and head != known[1])):
                raise _history_conflict(seq=known[0], head=known[1])
            return int(
                c.execute(
                    "INSERT INTO docks (dock, seq, head, seen_at, receipts) VALUES (?, ?, ?, ?, 1) ON CONFLICT (dock) "
                    "DO UPDATE SET seq = excluded.seq, head = excluded.head, seen_at = excluded.seen_at, receipts = receipts + 1 "
                    "RETURNING receipts",
                    (key, seq, head, at),
                ).fetchone()[0]
            )

        return await self._database.run(work)

    async def clock_seen(self, now: float) -> None:
        """Remember the latest time at which the clock was trusted."""

        def work(c: sqlite3.Connection) -> None:
            c.execute(
                "INSERT INTO clock (one, seen) VALUES (1, ?) ON CONFLICT (one) "
                "DO UPDATE SET seen = max(seen, excluded.seen)",
                (now,),
            )

        await self._database.run(work)

    async def last_clock_seen(self) -> float:
        """0 if it never was."""

        def work(c: sqlite3.Connection) -> float:
            found = c.execute("SELECT seen FROM clock").fetchone()
            return float(found[0]) if found else 0.0

        return await self._database.run(work)


def _history_conflict(*, seq: int, head: str) -> Refusal:
    return Refusal(
        409,
        "history",
        f"this store has seen a later or another custody history of this dock (sequence {seq}): "
        "the dock's ledger went back in time; open a new chain that names that head",
        extra={"seq": seq, "head": head},
    )
