"""What happened, newest first, for people who page back: all of it, one camera's, one bay's.

Rules: along an index, and no more than `_LOOKS` entries for one page; a damaged entry is shown as it is, and stops nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ingest.ledger.history import Record, record_of

Execute = Callable[..., Any]
_LOOKS = 20_000
# Where cameras were, and what became of bays: the same words as the index `custody_rack` has.
RACK = (
    "(action >= 'bay.' AND action < 'bay/') OR action IN ('camera.docked', 'camera.undocked', 'camera.removed_early', 'camera.went_out')"
)  # fmt: skip
# All but each file's usual way through the dock: the same words as the index `custody_events` has.
_OF_FILES = (
    "segment.held", "segment.unheld", "segment.lost", "segment.vanished", "segment.rotted", "segment.store_lost", "segment.evidential",
    "segment.moved_up",
)  # fmt: skip
EVENTS = "segment IS NULL OR action IN ({})".format(", ".join(f"'{action}'" for action in _OF_FILES))
_PROBLEMS = "action >= 'problem.' AND action < 'problem/'"
_COLUMNS = "seq, at, action, body, hash"


@dataclass(frozen=True, kw_only=True)
class Back:
    """Entries, newest first. `next`: the number before which to go on, None at the beginning of the record."""

    records: list[Record] = field(default_factory=list)
    next: int | None = None


def before(
    execute: Execute,
    *,
    seq: int | None,
    count: int,
    camera: str | None = None,
    bay: int | None = None,
    files: bool = True,
) -> Back:
    """The `count` entries before number `seq` (None: the newest), of one camera, or of what came into and left one bay. Without `files`: not
    each file's usual way through the dock.
    """
    text, values = statement(camera=camera, bay=bay, files=files)
    end = seq if seq is not None else 1 << 62
    found: list[Record] = []
    last: int | None = None
    for looked, row in enumerate(execute(text, [end, *values, _LOOKS + 1])):
        if len(found) == count or looked == _LOOKS:
            return Back(records=found, next=last)
        record = record_of(row)
        if (bay is None or (record.data or {}).get("bay") == bay) and (files or not _is_of_a_file(record)):
            found.append(record)
        last = record.seq
    return Back(records=found)


def statement(*, camera: str | None, bay: int | None, files: bool) -> tuple[str, list[Any]]:
    """The entries to look at, and the values in it after the number to begin with and before how many."""
    if camera is not None:
        return (
            f"SELECT {_COLUMNS} FROM custody INDEXED BY custody_camera WHERE seq < ? AND camera = ? ORDER BY seq DESC LIMIT ?",
            [camera],
        )
    if bay is not None:
        return f"SELECT {_COLUMNS} FROM custody INDEXED BY custody_rack WHERE seq < ? AND ({RACK}) ORDER BY seq DESC LIMIT ?", []  # fmt: skip
    if not files:
        return f"SELECT {_COLUMNS} FROM custody INDEXED BY custody_events WHERE seq < ? AND ({EVENTS}) ORDER BY seq DESC LIMIT ?", []  # fmt: skip
    return f"SELECT {_COLUMNS} FROM custody WHERE seq < ? ORDER BY seq DESC LIMIT ?", []


def _is_of_a_file(record: Record) -> bool:
    """Whether it is a step that every file takes."""
    return (record.data or {}).get("segment") is not None and record.action not in _OF_FILES


def of_problems(execute: Execute, *, count: int) -> list[Record]:
    """What people last said of problems, newest first."""
    rows = execute(
        f"SELECT {_COLUMNS} FROM custody INDEXED BY custody_problems WHERE {_PROBLEMS} ORDER BY seq DESC LIMIT ?",
        (count,),
    )
    return [record_of(row) for row in rows]


def of_segment(execute: Execute, segment: str, *, after: int, count: int) -> list[Record]:
    """The next `count` entries of one segment after number `after`, in order; the leave to delete it among them, as on its certificate."""
    rows = execute(
        f"SELECT {_COLUMNS} FROM custody WHERE segment = ? AND seq > ? ORDER BY seq LIMIT ?", (segment, after, count)
    )
    found = [record_of(row) for row in rows]
    found += [one for one in _leave(execute, segment) if one.seq > after]
    return sorted(found, key=lambda one: one.seq)[:count]


def _leave(execute: Execute, segment: str) -> list[Record]:
    """Entries that gave leave to delete it. No column names it in them: they are looked for among its camera's, from when the store had it until it was gone."""
    confirmed, wiped = execute(
        "SELECT min(seq) FILTER (WHERE action = 'segment.confirmed'), max(seq) FILTER (WHERE action = 'segment.wiped')"
        " FROM custody INDEXED BY custody_segment WHERE segment = ?",
        (segment,),
    ).fetchone()
    if confirmed is None:
        return []
    end = wiped if wiped is not None and wiped > confirmed else 1 << 62
    rows = execute(
        f"SELECT * FROM (SELECT {_COLUMNS} FROM custody INDEXED BY custody_camera WHERE camera = (SELECT camera FROM segments WHERE id = ?)"
        " AND seq > ? AND seq < ? ORDER BY seq LIMIT ?) WHERE action = 'permit.issued' AND instr(body, ?) > 0",
        (segment, confirmed, end, _LOOKS, json.dumps(segment)),
    )
    return [record_of(row) for row in rows]
