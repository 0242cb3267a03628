"""The two books of a dock, side by side: the rows of `segments` say what is, the custody record what happened.

The record of each segment is played back through the one transition table to what should be; where that is not what the row says, the
difference is named with its place. Neither book is believed more than the other. Memory does not grow with the segments.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from ingest.copies import NONE, Copies, NotInTable, Step, after
from ingest.ledger.segments import COLUMNS, Segment, of_row
from ingest.model import legible

_after = lru_cache(maxsize=256)(after)
_STEPS = {f"segment.{step.value}": step for step in Step}


@dataclass(kw_only=True)
class Replayed:
    """What the record of one segment says of it. `faults`: steps that the table does not know."""

    camera: str = ""
    copies: Copies = NONE
    sha256: str | None = None
    size: int = 0
    held: str | None = None
    wiped_seq: int = 0
    wiped_at: str = ""
    faults: list[str] = field(default_factory=list)

    def play(self, seq: int, at: str, action: str, camera: str | None, text: str) -> None:
        """One entry more. Its text is read only where its columns do not say it all; that they agree is `custody verify`'s to check."""
        self.camera = camera or self.camera
        if action == "segment.held":
            self.held = entry_data(text).get("reason")
        elif action == "segment.unheld":
            self.held = None
        step = _STEPS.get(action)
        if step is None:
            return
        try:
            self.copies = _after(self.copies, step)
        except NotInTable as error:
            self.faults.append(f"entry {seq}: {error}")
        if step in (Step.COPIED, Step.RECOVERED):
            data = entry_data(text)
            self.sha256, self.size = data.get("sha256"), int(data.get("bytes", 0))
        elif step is Step.CONFIRMED:
            self.held = None
        elif step is Step.WIPED:
            self.wiped_seq, self.wiped_at = seq, at


def entry_data(text: str) -> dict[str, Any]:
    """What an entry says; nothing where it is damaged (`custody verify` says so)."""
    try:
        data = json.loads(text)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def side_by_side(
    reader: sqlite3.Connection, camera: str | None
) -> Iterator[tuple[str, Segment | None, Replayed | None]]:
    """Every segment that is in either book, in the order of ids."""
    rows = (of_row(row) for row in reader.execute(
        f"SELECT {COLUMNS} FROM segments WHERE ?1 IS NULL OR camera = ?1 ORDER BY id", (camera,)
    ))  # fmt: skip
    entries = reader.execute(
        "SELECT segment, seq, at, action, camera, body FROM custody WHERE segment IS NOT NULL AND (?1 IS NULL OR camera = ?1)"
        " ORDER BY segment, seq",
        (camera,),
    )
    row = next(rows, None)
    for name, mine in groupby(entries, key=itemgetter(0)):
        while row is not None and row.id < name:
            yield row.id, row, None
            row = next(rows, None)
        played = Replayed()
        for _name, seq, at, action, owner, text in mine:
            played.play(seq, at, action, owner, text)
        if row is not None and row.id == name:
            yield name, row, played
            row = next(rows, None)
        else:
            yield name, None, played
    while row is not None:
        yield row.id, row, None
        row = next(rows, None)


def differences(name: str, row: Segment | None, played: Replayed | None) -> list[str]:
    """Where the two books disagree on one segment."""
    if row is None:
        return [f"segment {name} is in the record, but not in the ledger"]
    if played is None:
        return [f"segment {name} ({legible(row.path)}) is in the ledger, but not in the record"]
    pairs = (
        ("camera", row.camera, played.camera),
        ("copies", row.copies, played.copies),
        ("SHA-256", row.sha256, played.sha256),
        ("size in bytes", row.size if row.sha256 else 0, played.size),
        ("held", row.held, played.held),
    )
    unequal = [one for one in pairs if one[1] != one[2]]
    if not unequal and not played.faults:
        return []
    where = f"segment {name} ({legible(row.path)})"
    return [f"{where}: {fault}" for fault in played.faults] + [
        f"{where}: its {what}: {_named(mine)} in the ledger, {_named(said)} in the record"
        for what, mine, said in unequal
    ]


def _named(value: object) -> str:
    return (", ".join(sorted(value)) or "none") if isinstance(value, frozenset) else str(value)
