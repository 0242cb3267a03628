"""What objects are here, for quick answers. Rebuilt from the descriptions if it is lost.

Rules: a row is written only after the object is durable, and nothing is answered from a row alone that the disk could
deny. `place` is the order in which objects became visible, and only grows (a rebuilt index starts above any number that
an older one can have given out). All SQL of the index is in this file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest.central.database import Database
from ingest.central.descriptions import ObjectDescription

MIGRATIONS = (
    """
    CREATE TABLE objects (
        place       INTEGER PRIMARY KEY AUTOINCREMENT,
        id          TEXT NOT NULL UNIQUE,
        description BLOB NOT NULL,             -- as it lies beside the bytes
        same        TEXT,                      -- key of (camera, segment, sha256), null where one is missing
        stored_at   REAL NOT NULL,
        keep_from   REAL NOT NULL,             -- the retention period counts from here
        evidential  INTEGER NOT NULL,
        looked_at   REAL NOT NULL,             -- when the bytes were last read back and hashed
        state       TEXT NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'damaged', 'deleting'))
    );
    CREATE INDEX objects_same ON objects (same) WHERE same IS NOT NULL;
    CREATE INDEX objects_due ON objects (keep_from) WHERE NOT evidential;
    CREATE INDEX objects_stored ON objects (stored_at)
    """,
)

T = TypeVar("T")
_COLUMNS = "place, description, looked_at, state"


@dataclass(frozen=True, kw_only=True)
class Row:
    """An object as the index knows it."""

    place: int
    description: ObjectDescription
    looked_at: float
    state: str

    @property
    def id(self) -> str:
        """The object's id."""
        return self.description.id


class Index:
    """Named statements over the objects table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number_from_now(self) -> None:
        """Let places of an empty index start above any that an older index of this store has given out."""

        def work(c: sqlite3.Connection) -> None:
            if c.execute("SELECT count(*) FROM sqlite_sequence WHERE name = 'objects'").fetchone()[0] == 0:
                c.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('objects', ?)", (time.time_ns() // 1000,))

        await self._database.run(work)

    async def add(self, description: ObjectDescription, *, looked_at: float, state: str = "kept") -> None:
        """Make an object visible; nothing happens if it is already."""
        row = (
            description.id,
            description.to_json(),
            description.announced.same,
            description.stored_at,
            description.keep_from,
            description.evidential,
            looked_at,
            state,
        )

        def work(c: sqlite3.Connection) -> None:
            c.execute(
                "INSERT INTO objects (id, description, same, stored_at, keep_from, evidential, looked_at, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                row,
            )

        await self._database.run(work)

    async def find(self, id: str) -> Row | None:
        """One object, whatever its state."""
        return await self._one("WHERE id = ?", id)

    async def find_same(self, same: str) -> Row | None:
        """The newest kept object of that camera, segment and hash."""
        return await self._one("WHERE same = ? AND state = 'kept' ORDER BY place DESC LIMIT 1", same)

    async def _one(self, where: str, value: object) -> Row | None:
        def work(c: sqlite3.Connection) -> Row | None:
            found = c.execute(f"SELECT {_COLUMNS} FROM objects {where}", (value,)).fetchone()
            return _row(found) if found else None

        return await self._database.run(work)

    async def page(self, *, after: int, limit: int) -> list[Row]:
        """Kept objects in the order of their places."""

        def work(c: sqlite3.Connection) -> list[Row]:
            rows = c.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE place > ? AND state = 'kept' ORDER BY place LIMIT ?",
                (after, limit),
            )
            return [_row(found) for found in rows]

        return await self._database.run(work)

    async def due(self, *, before: float, limit: int) -> list[str]:
        """Ids of what is not evidential and has been kept since before `before`."""

        def work(c: sqlite3.Connection) -> list[str]:
            rows = c.execute(
                "SELECT id FROM objects WHERE NOT evidential AND keep_from < ? AND state != 'deleting' "
                "ORDER BY keep_from LIMIT ?",
                (before, limit),
            )
            return [found[0] for found in rows]

        return await self._database.run(work)

    async def undeleted(self, *, before: float, limit: int) -> list[str]:
        """Ids of what was due before `before` and could not be removed when that was tried."""

        def work(c: sqlite3.Connection) -> list[str]:
            rows = c.execute(
                "SELECT id FROM objects WHERE NOT evidential AND keep_from < ? AND state = 'deleting' LIMIT ?",
                (before, limit),
            )
            return [found[0] for found in rows]

        return await self._database.run(work)

    async def being_deleted(self) -> list[Row]:
        """Where a crash came between the decision to delete and its end."""

        def work(c: sqlite3.Connection) -> list[Row]:
            return [_row(r) for r in c.execute(f"SELECT {_COLUMNS} FROM objects WHERE state = 'deleting'")]

        return await self._database.run(work)

    async def looked(self, id: str, *, at: float, state: str) -> bool:
        """Note that the bytes were read back, and what came of it. Whether the object is here to be noted about."""

        def work(c: sqlite3.Connection) -> bool:
            return _note_look(c, id, at=at, state=state)

        return await self._database.run(work)

    async def vouch(
        self, id: str, *, present: Callable[[], bool], looked_at: float | None, say: Callable[[], T]
    ) -> T | None:
        """`say` it of an object that is here and `present` now; None if it is not. `looked_at`: its bytes were found right then.

        Runs on the index's thread, as `delete` does: nothing is said of an object whose deletion was decided before.
        """

        def work(c: sqlite3.Connection) -> T | None:
            if not present():
                return None
            if looked_at is not None:
                here = _note_look(c, id, at=looked_at, state="kept")
            else:
                here = c.execute("SELECT 1 FROM objects WHERE id = ? AND state = 'kept'", (id,)).fetchone() is not None
            return say() if here else None

        return await self._database.run(work)

    async def set_state(self, id: str, state: str) -> None:
        """Outside of the rules above: for putting right what a crash left."""

        def work(c: sqlite3.Connection) -> None:
            c.execute("UPDATE objects SET state = ? WHERE id = ?", (state, id))

        await self._database.run(work)

    async def forget(self, id: str) -> None:
        """Drop the row of an object that is gone."""

        def work(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM objects WHERE id = ?", (id,))

        await self._database.run(work)

    async def latest_stored(self) -> float:
        """When the newest object was stored; 0 if there is none."""

        def work(c: sqlite3.Connection) -> float:
            found = c.execute("SELECT max(stored_at) FROM objects").fetchone()[0]
            return float(found or 0)

        return await self._database.run(work)

    async def mark_evidential(
        self, id: str, *, present: Callable[[ObjectDescription], bool], save: Callable[[ObjectDescription], None]
    ) -> Row | None:
        """Mark it, first beside the bytes (`save`), then here. None if it is not here (any more).

        Runs on the index's thread, as `delete` does: one of the two comes first, and the other sees that it did. Where a deletion
        failed and the bytes are still `present`, it is kept after all, and looked at anew before anything is said of it.
        """

        def work(c: sqlite3.Connection) -> Row | None:
            found = c.execute(f"SELECT {_COLUMNS} FROM objects WHERE id = ?", (id,)).fetchone()
            row = _row(found) if found else None
            if row is None or (row.state == "deleting" and not present(row.description)):
                return None
            if row.description.evidential:
                return row
            if row.state == "deleting":
                row = replace(row, state="kept", looked_at=0.0)
            marked = replace(row.description, evidential=True)
            save(marked)
            c.execute(
                "UPDATE objects SET evidential = 1, description = ?, state = ?, looked_at = ? WHERE id = ?",
                (marked.to_json(), row.state, row.looked_at, id),
            )
            return replace(row, description=marked)

        return await self._database.run_alone(work)

    async def delete(self, id: str, *, before: float, remove: Callable[[], None]) -> Row | None:
        """Delete what is still due: decide (committed), `remove` the files, drop the row. None if it is not due now."""

        def work(c: sqlite3.Connection) -> Row | None:
            found = c.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE id = ? AND NOT evidential AND keep_from < ?", (id, before)
            ).fetchone()
            if found is None:
                return None
            c.execute("UPDATE objects SET state = 'deleting' WHERE id = ?", (id,))
            remove()
            c.execute("DELETE FROM objects WHERE id = ?", (id,))
            return _row(found)

        return await self._database.run_alone(work)


def _note_look(c: sqlite3.Connection, id: str, *, at: float, state: str) -> bool:
    changed = c.execute(
        "UPDATE objects SET looked_at = ?, state = ? WHERE id = ? AND state != 'deleting'", (at, state, id)
    )
    return changed.rowcount == 1


def _row(found: tuple[int, bytes, float, str]) -> Row:
    place, description, looked_at, state = found
    return Row(place=place, description=ObjectDescription.from_json(description), looked_at=looked_at, state=state)
