"""The two books of a dock, side by side: the rows of `segments` say what is, the custody record what happened.

The record of each segment is played back through the one transition table to what should be; where that is not what the row says, the
difference is named with its place. Neither book is believed more than the other. Memory does not grow with the segments.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ingest.copies import NONE, Copies, NotInTable, Step, after
from ingest.ledger.segments import COLUMNS, Segment, of_row
from ingest.model import legible

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

    def play(self, seq: int, at: str, action: str, data: dict[str, Any]) -> None:
        """One entry more."""
        self.camera = data.get("camera", self.camera)
        if action == "segment.held":
            self.held = data.get("reason")
        elif action == "segment.unheld":
            self.held = None
        step = _STEPS.get(action)
        if step is None:
            return
        try:
            self.copies = after(self.copies, step)
        except NotInTable as error:
            self.faults.append(f"entry {seq}: {error}")
        if step in (Step.COPIED, Step.RECOVERED):
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
        "SELECT segment, seq, at, action, body FROM custody WHERE segment IS NOT NULL AND (?1 IS NULL OR camera = ?1)"
        " ORDER BY segment, seq",
        (camera,),
    )
    row = next(rows, None)
    for name, mine in groupby(entries, key=lambda entry: str(entry[0])):
        while row is not None and row.id < name:
            yield row.id, row, None
            row = next(rows, None)
        played = Replayed()
        for _name, seq, at, action, text in mine:
            played.play(seq, at, action, entry_data(text))
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
    where = f"segment {name} ({legible(row.path)})"
    if played is None:
        return [f"{where} is in the ledger, but not in the record"]
    faults = [f"{where}: {fault}" for fault in played.faults]
    pairs = (
        ("camera", row.camera, played.camera),
        ("copies", _named(row.copies), _named(played.copies)),
        ("SHA-256", row.sha256, played.sha256),
        ("size in bytes", row.size if row.sha256 else 0, played.size),
        ("held", row.held, played.held),
    )
    faults += [
        f"{where}: its {what}: {mine} in the ledger, {said} in the record" for what, mine, said in pairs if mine != said
    ]
    return faults


def _named(copies: Copies) -> str:
    return ", ".join(sorted(copies)) or "none"
