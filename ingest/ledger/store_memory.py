"""What the ledger knows of a store that went back in time: since which receipt, what it has to be asked for again, and whether a person has seen that.

Rule: while anything that such a store may have lost has not been asked for again, nothing is deleted on its word, from cameras or from the spool.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.ledger.segments import COLUMNS, Segment, of_row

Execute = Callable[..., Any]
_FOUND = "SELECT seq, body FROM custody WHERE action = 'store.went_back' ORDER BY seq DESC LIMIT 1"
_SUSPECT = """
in_store = 1 AND store = ?1 AND id > ?4 AND (?5 IS NULL OR (on_camera = 1 OR in_spool = 1) = ?5)
AND EXISTS (SELECT 1 FROM receipts r WHERE r.segment = s.id AND r.store = ?1 AND r.number >= ?2 AND r.id <= ?3)
AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.segment = s.id AND r.store = ?1 AND r.id > ?3)
"""


@dataclass(frozen=True, kw_only=True)
class WentBack:
    """`number`: of the receipt that showed it; `last`: the newest receipt in the ledger from before that; `seq` of the entry that says so."""

    store: str
    number: int
    known: int
    last: int
    seq: int


def latest(execute: Execute) -> WentBack | None:
    """The last time that a store went back; None where none ever did."""
    row = execute(_FOUND).fetchone()
    if row is None:
        return None
    said = json.loads(row[1])["data"]
    return WentBack(
        store=said["store"], number=said["number"], known=said["known"], last=said["last_receipt"], seq=row[0]
    )


def suspects(execute: Execute, found: WentBack, *, copies: bool, after: str, count: int) -> list[Segment]:
    """What it has to be asked for again, in the order of ids beyond `after`; `copies`: what has another copy, or what has none."""
    values = (found.store, found.number, found.last, after, int(copies), count)
    rows = execute(f"SELECT {COLUMNS} FROM segments s WHERE {_SUSPECT} ORDER BY id LIMIT ?6", values)
    return [of_row(row) for row in rows]


def unasked(execute: Execute, store: str) -> bool:
    """Whether `store` went back, and has not been asked again for all that it may have lost."""
    found = latest(execute)
    if found is None or found.store != store:
        return False
    values = (found.store, found.number, found.last, "", None)
    return execute(f"SELECT 1 FROM segments s WHERE {_SUSPECT} LIMIT 1", values).fetchone() is not None


def unseen(execute: Execute) -> WentBack | None:
    """The last time that a store went back, until a person has pinned a store since."""
    found = latest(execute)
    if found is None:
        return None
    pinned = execute("SELECT 1 FROM custody WHERE action = 'store.pinned' AND seq > ? LIMIT 1", (found.seq,)).fetchone()
    return None if pinned is not None else found
