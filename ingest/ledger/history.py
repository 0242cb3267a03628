"""The record, handed over: one segment's history in plain words, and entries for an auditor who has no dockd.

Rules: an entry is given with the text that was hashed, byte for byte; long answers come in pages, so that a slow reader never keeps
an agent from folding its write-ahead log; damaged text is handed over as it is, for it is evidence too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.events import REGISTRY
from ingest.ledger.segments import COLUMNS, Segment, of_row
from ingest.model import legible

_PAGE = 1000
_AMBIGUOUS = 20


@dataclass(frozen=True, kw_only=True)
class Record:
    """One entry of the chain; `text` is what was hashed. `prev` and `data` come out of it, None where it is damaged."""

    seq: int
    at: str
    action: str
    prev: str | None
    hash: str
    data: dict[str, Any] | None
    text: str

    def words(self) -> str:
        """What happened, as a sentence by the event registry."""
        kind = REGISTRY.get(self.action)
        try:
            said = kind(**(self.data or {})).message() if kind is not None else f"{self.action} {self.text}"
        except (TypeError, ValueError):
            said = f"{self.action} {self.text}"
        return legible(said.encode("utf-8", "surrogateescape"))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("seq", "at", "action", "prev", "hash", "data", "text")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries: of one segment (the leave to delete it too), of one camera, between two times (RFC 3339, compared as text)."""

    segment: str | None = None
    camera: str | None = None
    since: str = ""
    until: str = "~"

    @property
    def everything(self) -> bool:
        """Whether no entry is left out."""
        return self == Wanted()


def records(reader: sqlite3.Connection, wanted: Wanted, *, up_to: int) -> Iterator[Record]:
    """Entries in order, up to the sequence number `up_to`. Between pages no transaction is held. Raises sqlite3.DatabaseError."""
    where, values = _where(reader, wanted)
    after = 0
    while True:
        page = reader.execute(
            f"SELECT seq, at, action, body, hash FROM custody WHERE seq > ? AND seq <= ? AND {where} ORDER BY seq LIMIT {_PAGE}",
            (after, up_to, *values),
        ).fetchall()
        yield from map(record_of, page)
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _where(reader: sqlite3.Connection, wanted: Wanted) -> tuple[str, list[Any]]:
    where = "at >= ? AND at <= ?"
    values: list[Any] = [wanted.since, wanted.until]
    if wanted.camera is not None:
        where, values = f"{where} AND camera = ?", [*values, wanted.camera]
    if wanted.segment is not None:
        leave = _permits_naming(reader, wanted.segment)
        marks = ", ".join("?" * len(leave))
        where, values = f"{where} AND (segment = ? OR seq IN ({marks}))", [*values, wanted.segment, *leave]
    return where, values


def _permits_naming(reader: sqlite3.Connection, segment: str) -> list[int]:
    """Entries that gave leave to delete this segment. They concern many segments at once, so no column names it."""
    found = reader.execute(
        "SELECT seq FROM custody WHERE action = 'permit.issued' AND instr(body, ?) > 0", (json.dumps(segment),)
    )
    return [row[0] for row in found.fetchmany(500)]


def record_of(row: tuple[Any, ...]) -> Record:
    """A row of seq, at, action, body, hash."""
    seq, at, action, text, digest = row
    prev, data = _inside(text)
    return Record(seq=seq, at=at, action=action, prev=prev, hash=digest, data=data, text=text)


def _inside(text: str) -> tuple[str | None, dict[str, Any] | None]:
    try:
        body = json.loads(text)
        prev, data = body["prev"], body["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, None
    return (prev if isinstance(prev, str) else None), (data if isinstance(data, dict) else None)


@dataclass(frozen=True, kw_only=True)
class KeptReceipt:
    """A store's word as the ledger keeps it: `raw` as it came; `head_seq` and `head` are the entry of the chain that it was asked with."""

    segment: str
    store: str
    object: str
    method: str
    size: int
    sha256: str
    durable: bool
    stored_at: str
    attested_at: str
    nonce: str
    head_seq: int | None
    head: str | None
    raw: str


def receipts(reader: sqlite3.Connection, segment: str) -> list[KeptReceipt]:
    """Every receipt of a segment, in the order in which they came."""
    rows = reader.execute(
        "SELECT segment, store, object, method, size, sha256, durable, stored_at, attested_at, nonce, seq, head, raw"
        " FROM receipts WHERE segment = ? ORDER BY id",
        (segment,),
    )
    return [
        KeptReceipt(
            segment=row[0], store=row[1], object=row[2], method=row[3], size=row[4], sha256=row[5], durable=bool(row[6]),
            stored_at=row[7], attested_at=row[8], nonce=row[9], head_seq=row[10], head=row[11], raw=row[12],
        )
        for row in rows
    ]  # fmt: skip


def segment(reader: sqlite3.Connection, name: str) -> Segment | None:
    """The segment of this id; None where the ledger has no row for it."""
    row = reader.execute(f"SELECT {COLUMNS} FROM segments WHERE id = ?", (name,)).fetchone()
    return None if row is None else of_row(row)


def ids_meant(reader: sqlite3.Connection, word: str) -> list[str]:
    """Which segments a person may mean: by id, the beginning of one, SHA-256, or path on the camera. Up to twenty."""
    if segment(reader, word) is not None:
        return [word]
    rows = reader.execute(
        "SELECT id FROM segments WHERE (length(?1) >= 6 AND substr(id, 1, length(?1)) = ?1) OR sha256 = ?1 OR path = ?2"
        f" ORDER BY id LIMIT {_AMBIGUOUS}",
        (word, word.encode("utf-8", "surrogateescape")),
    )
    found = [row[0] for row in rows]
    if not found and reader.execute("SELECT 1 FROM custody WHERE segment = ? LIMIT 1", (word,)).fetchone():
        return [word]  # the record outlives a ledger's row
    return found
