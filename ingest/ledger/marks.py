"""What people have marked that has to be told elsewhere: evidence, to the store; evidence and what was moved up, to the description in the spool.

Rules kept here: what is to be told is a row, so that it outlives a restart; it goes when it was told, and comes back when the store makes another
object of the segment, and when the store may have forgotten it. That a store has no marks holds until it is asked again. A mark is never taken back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest import events
from ingest.ledger.core import Transaction
from ingest.model import legible

Execute = Callable[..., Any]
_MOST = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How the store stands to a segment that is evidence: it knows (`told_at`, seconds since the epoch), it has no marks (`cannot`, in words), or
    it does not know yet (`trouble`: why the last try failed). A segment that the store does not have yet is told of with its bytes.
    """

    told_at: float | None = None
    cannot: str | None = None
    trouble: str | None = None

    @property
    def known(self) -> bool:
        """Whether the store knows that it is evidence."""
        return self.told_at is not None and self.cannot is None


def to_tell(tx: Transaction, segment: str, *, late: bool = False) -> None:
    """The store has this segment, which is evidence: it is to be told, from the beginning. `late`: it became evidence after it was proven."""
    tx.execute(
        "INSERT INTO marks (segment, late) VALUES (?, ?) ON CONFLICT (segment) DO UPDATE SET told_at = NULL, object = NULL, cannot = NULL,"
        " late = max(late, excluded.late), attempts = 0, next_attempt = 0, trouble = NULL",
        (segment, int(late)),
    )


def anew(tx: Transaction, store: str) -> None:
    """What this store was told of, it may not know any more, and what it could not be told of, it may take now: it is told of all that it has."""
    tx.execute(
        "INSERT INTO marks (segment) SELECT id FROM segments WHERE evidential = 1 AND in_store = 1 AND store = ? ON CONFLICT (segment) DO UPDATE SET"
        " told_at = NULL, cannot = NULL, attempts = 0, next_attempt = 0, trouble = NULL",
        (store,),
    )


def ask_one_again(tx: Transaction) -> None:
    """One of those that the store could not be told of is told of again: it may have got marks since. Until then nothing else is known of it."""
    tx.execute(
        "UPDATE marks SET told_at = NULL, attempts = 0, next_attempt = 0, trouble = NULL WHERE segment = (SELECT m.segment FROM marks m INDEXED BY"
        " marks_cannot JOIN segments s ON s.id = m.segment JOIN stores p ON p.id = s.store AND p.pinned = 1 WHERE m.cannot IS NOT NULL"
        " AND s.in_store = 1 ORDER BY m.told_at LIMIT 1)"
    )


def is_late(execute: Execute, segment: str) -> bool:
    """Whether it became evidence after what lies beside it at the store was written."""
    row = execute("SELECT late FROM marks WHERE segment = ?", (segment,)).fetchone()
    return bool(row and row[0])


def waiting(execute: Execute, *, now: float, longest: float) -> list[str]:
    """Whom the store is to be told of now, a few at a time. What is further ahead than `longest` seconds comes from a clock that jumped."""
    rows = execute(
        "SELECT m.segment FROM marks m INDEXED BY marks_to_tell JOIN segments s ON s.id = m.segment"
        " WHERE m.told_at IS NULL AND (m.next_attempt <= ? OR m.next_attempt > ?) AND s.in_store = 1 ORDER BY m.next_attempt LIMIT ?",
        (now, now + longest, _MOST),
    )
    return [row[0] for row in rows]


def next_time(execute: Execute) -> float | None:
    """When somebody is to be told next, seconds since the epoch; None: nobody."""
    row = execute(
        "SELECT m.next_attempt FROM marks m INDEXED BY marks_to_tell JOIN segments s ON s.id = m.segment"
        " WHERE m.told_at IS NULL AND s.in_store = 1 ORDER BY m.next_attempt LIMIT 1"
    ).fetchone()
    return None if row is None else float(row[0])


def tries(execute: Execute, segment: str) -> int:
    """How often the store was told in vain."""
    row = execute("SELECT attempts FROM marks WHERE segment = ?", (segment,)).fetchone()
    return 0 if row is None else int(row[0])


def failed(tx: Transaction, segment: str, *, seconds: float, error: str) -> None:
    """It could not be told; again not before `seconds` from now."""
    tx.execute(
        "UPDATE marks SET attempts = attempts + 1, next_attempt = ?, trouble = ? WHERE segment = ? AND told_at IS NULL",
        (tx.now + seconds, error, segment),
    )
    (camera,) = tx.execute("SELECT camera FROM segments WHERE id = ?", (segment,)).fetchone()
    said = f"it is evidence, and the store could not be told: {error}"
    tx.record(events.SegmentDelayed(camera=camera, segment=segment, error=said, seconds=round(seconds)))


def told(tx: Transaction, segment: str, *, object: str, cannot: str = "") -> bool:
    """The store of `object` knows it; `cannot`: it has no marks, in words. False where it has another object by now: that one is told of."""
    row = tx.execute("SELECT camera, path, store, object, in_store FROM segments WHERE id = ?", (segment,)).fetchone()
    if row is None or not row[4] or row[3] != object:
        return False
    before = tx.execute("SELECT cannot, object FROM marks WHERE segment = ? AND told_at IS NULL", (segment,)).fetchone()
    if before is None:
        return False
    tx.execute(
        "UPDATE marks SET told_at = ?, object = ?, cannot = ?, trouble = NULL WHERE segment = ?",
        (tx.now, object, cannot or None, segment),
    )
    if cannot and before == (cannot, object):
        return True  # that was said before
    if before[0] is not None and not cannot:  # it has marks now: all that it could not be told of
        tx.execute(
            "UPDATE marks SET told_at = NULL, cannot = NULL, attempts = 0, next_attempt = 0 WHERE cannot IS NOT NULL"
        )
    event = events.SegmentNotMarkable if cannot else events.SegmentMarkedAtStore
    tx.record(event(camera=row[0], segment=segment, path=legible(row[1]), store=row[2] or "", object=object))
    return True


def untold(execute: Execute) -> tuple[int, int]:
    """Of how much evidence that the store has it could not be told yet, and of how much it cannot be."""
    waits = execute(
        "SELECT count(*) FROM marks m INDEXED BY marks_to_tell JOIN segments s ON s.id = m.segment"
        " WHERE m.told_at IS NULL AND m.trouble IS NOT NULL AND m.cannot IS NULL AND s.in_store = 1"
    )
    cannot = execute(
        "SELECT count(*) FROM marks m INDEXED BY marks_cannot JOIN segments s ON s.id = m.segment WHERE m.cannot IS NOT NULL AND s.in_store = 1"
    )
    return int(waits.fetchone()[0]), int(cannot.fetchone()[0])


def mark_of(execute: Execute, segment: str) -> Mark | None:
    """How the store stands to it; None where there is nothing to tell."""
    row = execute("SELECT told_at, cannot, trouble FROM marks WHERE segment = ?", (segment,)).fetchone()
    return None if row is None else Mark(told_at=row[0], cannot=row[1], trouble=row[2])


# -- the description in the spool --------------------------------------------------------------------------------------


def undescribe(tx: Transaction, segment: str) -> None:
    """Its description in the spool does not say yet what is marked here."""
    tx.execute("INSERT OR IGNORE INTO undescribed (segment) VALUES (?)", (segment,))


def undescribed(execute: Execute, *, after: str = "") -> list[str]:
    """Whose description does not say it yet, a few at a time: those that come `after` one."""
    rows = execute("SELECT segment FROM undescribed WHERE segment > ? ORDER BY segment LIMIT ?", (after, _MOST))
    return [row[0] for row in rows]


def described(tx: Transaction, segment: str, *, evidential: bool, moved_up: int) -> None:
    """Its description says this now; where more was marked meanwhile, it is written again."""
    tx.execute(
        "DELETE FROM undescribed WHERE segment = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM segments WHERE id = ?1 AND in_spool = 1 AND (evidential <> ?2 OR priority <> ?3))",
        (segment, int(evidential), moved_up),
    )


def who(execute: Execute, segment: str, action: str) -> str:
    """Who did that to the segment last, by its custody record; empty where it does not say."""
    row = execute(
        "SELECT body FROM custody WHERE segment = ? AND action = ? ORDER BY seq DESC LIMIT 1", (segment, action)
    ).fetchone()
    try:
        return str(json.loads(row[0])["data"].get("by") or "") if row is not None else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
