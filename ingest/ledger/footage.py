"""Which segments a hand-over is of, and where each one's file lies in it.

The place of a file is `<camera>/<segment>/<path on the camera>`: cameras use their names again after every wipe, so the segment's id is part of it,
and a file has the same place in every hand-over. Rules: a place can be made on any common disk and told in XML and in a list
of hashes; what cannot (a byte that is no UTF-8, a control character, one that Windows refuses, a name that ASC MHL ignores) is written as %XX of
its bytes, % itself too; a part longer than 255 bytes is cut and ends with a hash of the whole.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.ledger.history import Wanted
from ingest.ledger.segments import COLUMNS, Segment, of_row

_PAGE = 500
_REFUSED = frozenset('%/\\:*?"<>|')
_IGNORED = frozenset({"ascmhl", ".ds_store"})
_LONGEST = 255
_KEPT = 150


@dataclass(frozen=True, kw_only=True)
class Footage:
    """One segment, and what the record says around it. `entries`: its first and last entry; `receipt`: SHA-256 of the last receipt."""

    segment: Segment
    entries: tuple[int, int] | None
    receipts: int
    receipt: str | None

    @property
    def place(self) -> str:
        """Where its file lies in a hand-over, relative to its root."""
        return place(self.segment.camera, self.segment.id, self.segment.path)


def footage(reader: sqlite3.Connection, wanted: Wanted) -> Iterator[Footage]:
    """The segments that are `wanted` (those with an entry between the two times), by id. Raises sqlite3.DatabaseError."""
    values: list[str] = []
    where = "id > ?"
    if wanted.camera is not None:
        where, values = f"{where} AND camera = ?", [*values, wanted.camera]
    if wanted.segment is not None:
        where, values = f"{where} AND id = ?", [*values, wanted.segment]
    if (wanted.since, wanted.until) != ("", "~"):
        where = f"{where} AND EXISTS (SELECT 1 FROM custody WHERE segment = segments.id AND at >= ? AND at <= ?)"
        values = [*values, wanted.since, wanted.until]
    after = ""
    while True:
        page = reader.execute(
            f"SELECT {COLUMNS} FROM segments WHERE {where} ORDER BY id LIMIT {_PAGE}", (after, *values)
        ).fetchall()
        for row in page:
            yield _with_record(reader, of_row(row))
        if len(page) < _PAGE:
            return
        after = of_row(page[-1]).id


def _with_record(reader: sqlite3.Connection, segment: Segment) -> Footage:
    first, last = reader.execute("SELECT min(seq), max(seq) FROM custody WHERE segment = ?", (segment.id,)).fetchone()
    raws = reader.execute("SELECT raw FROM receipts WHERE segment = ? ORDER BY id", (segment.id,)).fetchall()
    return Footage(
        segment=segment, entries=None if first is None else (first, last), receipts=len(raws),
        receipt=hashlib.sha256(raws[-1][0].encode("utf-8", "surrogateescape")).hexdigest() if raws else None,
    )  # fmt: skip


def place(camera: str, segment: str, path: bytes) -> str:
    """Relative, with forward slashes.

    >>> place("bwc:01", "ab12", b"DCIM/a:b\\xff.MP4")
    'bwc%3A01/ab12/DCIM/a%3Ab%FF.MP4'
    """
    parts = [part for part in path.split(b"/") if part]
    return "/".join(_part(part) for part in (camera.encode("utf-8", "surrogateescape"), segment.encode(), *parts))


def _part(name: bytes) -> str:
    text = name.decode("utf-8", "surrogateescape")
    told = "".join(_hex(one) if one in _REFUSED or not one.isprintable() else one for one in text)
    if told.lower() in _IGNORED or not told.strip("."):
        told = _hex(told[:1]) + told[1:]
    if told.endswith((".", " ")):
        told = told[:-1] + _hex(told[-1])
    if len(told.encode()) > _LONGEST:
        told = f"{told.encode()[:_KEPT].decode('utf-8', 'ignore')}~{hashlib.sha256(name).hexdigest()[:32]}"
    return told


def _hex(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogateescape"))
