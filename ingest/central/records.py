"""What is kept for good: who read, what was deleted and why, and the last custody head that each dock has shown.

Apart from the index, because it cannot be rebuilt from anything. Rules: rows of the access log are only ever added (the
database itself refuses the rest); a dock's head is committed before any receipt that carries it is answered; under what
name a dock asks it says itself: a head is kept for each who asked with it, nobody's stops another, and a dock that went
back or is there twice is noticed all the same.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from ingest.central.database import Database
from ingest.central.refusals import Refusal, bad_request
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
    """
    ALTER TABLE docks RENAME TO docks_before;
    CREATE TABLE docks (
        dock     TEXT NOT NULL,
        owner    TEXT NOT NULL,             -- who asks with that name; '' of before it was kept
        called   TEXT NOT NULL,             -- how people know the owner
        seq      INTEGER NOT NULL,          -- -1: forgotten, whatever comes next is taken
        head     TEXT NOT NULL,
        seen_at  TEXT NOT NULL,
        receipts INTEGER NOT NULL,
        enrolled INTEGER NOT NULL,          -- whether the owner is a dock that was enrolled here
        begun    INTEGER NOT NULL,          -- when it asked with this name for the first time, and the last, counted in times that anybody did
        asked    INTEGER NOT NULL,
        PRIMARY KEY (dock, owner)
    );
    INSERT INTO docks SELECT dock, '', '', seq, head, seen_at, receipts, 0, 1, 1 FROM docks_before;
    DROP TABLE docks_before
    """,
)
FARTHEST = 1_000_000_000  # entries beyond what was seen last: no dock writes more, nor follows a store that names more


@dataclass(frozen=True)
class Entry:
    """One line of the access log."""

    number: int
    at: str
    action: str
    about: str | None
    who: str
    detail: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of a dock's custody chain as it was seen last. `called`: who asked with it ("": before that was kept); `seq`: -1 where it was forgotten."""

    dock: str
    called: str
    seq: int
    head: str
    seen_at: str
    receipts: int


_NOBODY = json.dumps("")  # who names no dock
_NOTE = "INSERT INTO access_log (at, action, object, who, detail) VALUES (?, ?, ?, ?, ?)"
_KEEP = (
    "INSERT INTO docks (dock, owner, called, seq, head, seen_at, receipts, enrolled, begun, asked) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, turn, turn "
    "FROM (SELECT coalesce(max(asked), 0) + 1 AS turn FROM docks WHERE dock = ?1) WHERE true ON CONFLICT (dock, owner) DO UPDATE SET called = excluded.called, "
    "seq = excluded.seq, head = excluded.head, seen_at = excluded.seen_at, receipts = excluded.receipts, enrolled = excluded.enrolled, asked = excluded.asked"
)
# What one is held against: what it has shown itself, and what others have that it could follow. Where two have shown the same number, the head that differs.
_AGAINST = "SELECT seq, head FROM docks WHERE dock = ?1 AND (owner = ?2 OR (CASE WHEN begun < ?7 THEN asked ELSE begun END > ?3 AND seq BETWEEN ?4 - ?6 AND ?4 + ?6)) ORDER BY seq DESC, head = ?5 LIMIT 1"


class Records:
    """Named statements over the records."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(self, action: str, *, object: str | None, who: str, **detail: object) -> None:
        """Add a line; returns once it is committed."""
        line = (rfc3339(self._clock.now()), action, object, who, json.dumps(detail))

        def work(c: sqlite3.Connection) -> None:
            c.execute(_NOTE, line)

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

    async def pin_head(self, *, dock: str, owner: str, called: str, enrolled: bool, seq: int, head: str) -> int:
        """Take note of a dock's custody head; returns the number of the receipt that is made with it: one more than that dock's last.

        `owner`: who asks (`called` by people so), `enrolled`: a dock that was enrolled here. Raises Refusal 409 if this store has seen a later or another one, 400 if nothing can follow it.
        """
        at = rfc3339(self._clock.now())
        key = json.dumps(dock)  # ASCII: a name may hold surrogates, which SQLite text cannot

        def work(c: sqlite3.Connection) -> int | Refusal:
            known = _known(c, dock=key, owner=owner, seq=seq, head=head)

            def keep(*, seq: int, head: str, receipts: int) -> None:
                c.execute(_KEEP, (key, owner, called, seq, head, at, receipts, enrolled))

            if seq < known[0] or (seq == known[0] and head != known[1]):
                # Kept, and so given back and not raised: from now on it is this one's own, and it is told of it once.
                keep(seq=known[0], head=known[1], receipts=known[2])
                return _history_conflict(seq=known[0], head=known[1])
            if known[0] >= 0 and seq - known[0] > FARTHEST:
                return bad_request(
                    "seq", f"seq is {seq - known[0]} beyond the last one seen: no dock writes so many entries unseen"
                )
            keep(seq=seq, head=head, receipts=known[2] + 1)
            return known[2] + 1

        found = await self._database.run(work)
        if isinstance(found, Refusal):
            raise found
        return found

    async def heads(self) -> list[Head]:
        """Of every dock, as each that asked with its name was seen last."""

        def work(c: sqlite3.Connection) -> list[Head]:
            return _heads(c, dock=None)

        return await self._database.run(work)

    async def forget_head(self, *, dock: str, who: str, reason: str) -> list[Head]:
        """Whatever head comes next under that name is taken: for an operator. What was forgotten, which is in the log for good; empty: no such name.

        The numbers of its receipts go on, so that no dock takes it for a store that was put back.
        """
        at = rfc3339(self._clock.now())

        def work(c: sqlite3.Connection) -> list[Head]:
            found = _heads(c, dock=json.dumps(dock))
            for one in found:
                said = {"dock": one.dock, "of": one.called, "seq": one.seq, "head": one.head, "reason": reason}
                c.execute(_NOTE, (at, "head.forgotten", None, who, json.dumps(said)))
            c.execute("UPDATE docks SET seq = -1, head = '' WHERE dock = ?", (json.dumps(dock),))
            return found

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


def _known(c: sqlite3.Connection, *, dock: str, owner: str, seq: int, head: str) -> tuple[int, str, int]:
    """The head that `owner` is held against, and how many receipts were given under that name; seq -1: any.

    It is the highest that anybody has shown, so that a dock that went back, or is there twice, is noticed whatever it shows to be let in: another token, or
    what it got when it was enrolled. Not one that it could not follow: somebody else's, put there to stop it. The first enrolled dock that has come with a
    name goes its own way: of those who have come after it it is told once, when they are new since it was here itself; of those whose history it took over, when
    they were here since; and they all, each time.
    """
    own = c.execute(
        "SELECT seq, head, receipts, asked, begun FROM docks WHERE dock = ? AND owner = ?", (dock, owner)
    ).fetchone()
    if dock == _NOBODY:  # a history each, going on from that of before owners were kept
        found = (
            own or c.execute("SELECT seq, head, receipts FROM docks WHERE dock = ? AND owner = ''", (dock,)).fetchone()
        )
        return (int(found[0]), str(found[1]), int(found[2])) if found else (-1, "", 0)
    first = c.execute("SELECT owner FROM docks WHERE dock = ? AND enrolled ORDER BY begun LIMIT 1", (dock,)).fetchone()
    since = int(own[3]) if own is not None and first is not None and first[0] == owner else -1
    given = c.execute("SELECT coalesce(max(receipts), 0) FROM docks WHERE dock = ?", (dock,)).fetchone()[0]
    begun = int(own[4]) if own is not None else 0
    last = c.execute(_AGAINST, (dock, owner, since, seq, head, FARTHEST, begun)).fetchone()
    return (int(last[0]), str(last[1]), int(given)) if last else (-1, "", int(given))


def _heads(c: sqlite3.Connection, *, dock: str | None) -> list[Head]:
    rows = c.execute(
        "SELECT dock, called, seq, head, seen_at, receipts FROM docks WHERE ?1 IS NULL OR dock = ?1 ORDER BY dock, seen_at",
        (dock,),
    )
    return [Head(dock=json.loads(r[0]), called=r[1], seq=r[2], head=r[3], seen_at=r[4], receipts=r[5]) for r in rows]


def _history_conflict(*, seq: int, head: str) -> Refusal:
    return Refusal(
        409,
        "history",
        f"this store has seen a later or another custody history of this dock (sequence {seq}): "
        "the dock's ledger went back in time; open a new chain that names that head",
        extra={"seq": seq, "head": head},
    )
