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

from ingest.clock import rfc3339
from ingest.copies import NONE, Copies, NotInTable, Step, after
from ingest.ledger.segments import COLUMNS, Segment, of_row
from ingest.model import legible, whole_text

_after = lru_cache(maxsize=256)(after)
_TELLING = (Step.LISTED, Step.COPIED, Step.RECOVERED, Step.CONFIRMED, Step.FOUND, Step.REAPPEARED)
_STEPS = {f"segment.{step.value}": step for step in Step}


@dataclass(kw_only=True)
class Replayed:
    """What the record of one segment says of it: every value is one that an entry has, times are RFC 3339, `path` is legible.

    `size` is 0 and `sha256` None before it was copied; `listed_size` what it was when it was first seen. None: no entry says it (those from
    before dockd recorded it do not; `timed`: the last copy's entry has the camera's times). `stores`: whose proofs made it count as
    stored. `gone_at`: when it was deleted, None where it came back. `receipt`: SHA-256 of the last
    one. `entries`: the first and the last. `faults`: steps that the table does not know.
    """

    camera: str = ""
    path: str = ""
    copies: Copies = NONE
    sha256: str | None = None
    xxh3_128: str | None = None
    size: int = 0
    listed_size: int = 0
    mtime_ns: int | None = None
    timed: bool = False
    captured_at: str | None = None
    clock_offset_ms: int | None = None
    held: str | None = None
    held_message: str | None = None
    evidential: bool = False
    stored_as: str | None = None
    stores: tuple[str, ...] = ()
    listed_at: str | None = None
    copied_at: str | None = None
    confirmed_at: str | None = None
    released_at: str | None = None
    wiped_seq: int = 0
    wiped_at: str = ""
    gone_at: str | None = None
    receipts: int = 0
    receipt: str | None = None
    entries: tuple[int, int] = (0, 0)
    faults: list[str] = field(default_factory=list)

    def play(self, seq: int, at: str, action: str, camera: str | None, text: str) -> None:
        """One entry more. Its text is read only where its columns do not say it all; that they agree is `custody verify`'s to check."""
        self.camera = camera or self.camera
        self.entries = (self.entries[0] or seq, seq)
        step = _STEPS.get(action)
        if step is None:
            self._beside(action, text)
            return
        try:
            self.copies = _after(self.copies, step)
        except NotInTable as error:
            self.faults.append(f"entry {seq}: {error}")
        if step in _TELLING:
            self._tell(step, at, entry_data(text))
        elif step is Step.WIPED:
            self.wiped_seq, self.wiped_at, self.gone_at = seq, at, at
        elif step is Step.STORE_LOST:
            self.stored_as = self.confirmed_at = None
        elif step is Step.RELEASED:
            self.released_at = at

    def _beside(self, action: str, text: str) -> None:
        """What is no step: it changes what is known of the segment, and none of its copies."""
        if action == "segment.held":
            data = entry_data(text)
            self.held, self.held_message = data.get("reason"), data.get("error")
        elif action == "segment.unheld":
            self.held = self.held_message = None
        elif action == "segment.attested":
            self._proven(entry_data(text))
        elif action == "segment.evidential":
            self.evidential = True

    def _tell(self, step: Step, at: str, data: dict[str, Any]) -> None:
        """What an entry says of the segment beside that it happened."""
        new = self.listed_at is None
        if new:
            self.listed_at, self.path, self.listed_size = at, str(data.get("path")), _whole(data.get("bytes"))
        if step in (Step.COPIED, Step.RECOVERED):
            self.sha256, self.size = data.get("sha256"), _whole(data.get("bytes"))
            self.xxh3_128, self.released_at = data.get("xxh3_128"), None
        if step is Step.COPIED or (step is Step.RECOVERED and new):
            self.timed = data.get("captured_at") is not None
            self.copied_at, self.captured_at, self.mtime_ns = at, data.get("captured_at"), data.get("mtime_ns")
            self.clock_offset_ms = data.get("clock_offset_ms")
        elif step in (Step.CONFIRMED, Step.FOUND):
            self.confirmed_at, self.stored_as = at, data.get("object")
            self.stores = ()
            self._proven(data)
            if step is Step.CONFIRMED:
                self.held = self.held_message = None
        elif step is Step.LISTED:
            self.mtime_ns = data.get("mtime_ns")
        elif step is Step.REAPPEARED:
            self.gone_at, self.mtime_ns = None, data.get("mtime_ns")

    def _proven(self, data: dict[str, Any]) -> None:
        store = str(data.get("store"))
        self.stores = (*(one for one in self.stores if one != store), store)
        self.receipts, self.receipt = self.receipts + 1, data.get("receipt_sha256")


def _whole(number: object) -> int:
    return number if isinstance(number, int) else 0


def entry_data(text: str) -> dict[str, Any]:
    """What an entry says; nothing where it is damaged (`custody verify` says so)."""
    try:
        data = json.loads(text)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def replayed(reader: sqlite3.Connection, segment: str) -> Replayed:
    """What the record says of one segment. Raises sqlite3.DatabaseError."""
    played = Replayed()
    for one in reader.execute(
        "SELECT seq, at, action, camera, body FROM custody WHERE segment = ? ORDER BY seq", (segment,)
    ):
        played.play(*one)
    return played


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
        ("being evidence", bool(row.evidential), played.evidential),
    )
    unequal = [one for one in (*pairs, *_more(row, played)) if one[1] != one[2]]
    if not unequal and not played.faults:
        return []
    where = f"segment {name} ({legible(row.path)})"
    return [f"{where}: {fault}" for fault in played.faults] + [
        f"{where}: its {what}: {_named(mine)} in the ledger, {_named(said)} in the record"
        for what, mine, said in unequal
    ]


def _more(row: Segment, played: Replayed) -> Iterator[tuple[str, object, object]]:
    """What no deletion rests on, but certificates and tables state. What no entry says cannot be compared.

    A file that was not copied yet may grow: then only the row has its size and time.
    """
    yield "path", legible(row.path), played.path
    yield "words on why it is held", row.held_message and whole_text(row.held_message), played.held_message
    yield "object", row.object, played.stored_as
    if row.store is not None or played.stores:
        yield "store", row.store, row.store if row.store in played.stores else ", ".join(played.stores)
    for what, at, said in (
        ("time of listing", row.listed_at, played.listed_at),
        ("time of copying", row.verified_at, played.copied_at),
        ("time of confirmation", row.confirmed_at, played.confirmed_at),
        ("time of deletion", row.wiped_at, played.gone_at),
        ("time of release", row.released_at, played.released_at),
    ):
        yield what, None if at is None else rfc3339(at), said
    if played.xxh3_128 is not None or played.sha256 is None:
        yield "XXH3-128", row.xxh3_128, played.xxh3_128
    if played.mtime_ns is not None and row.sha256 is not None:
        yield "file time", row.mtime_ns, played.mtime_ns
    if played.timed:
        yield "time by the camera's clock", rfc3339(row.captured_at), played.captured_at
        offset = None if row.clock_offset is None else round(row.clock_offset * 1000)
        yield "clock offset (ms)", offset, played.clock_offset_ms


def _named(value: object) -> str:
    return (", ".join(sorted(value)) or "none") if isinstance(value, frozenset) else str(value)
