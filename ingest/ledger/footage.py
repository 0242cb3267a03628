"""Which segments a hand-over is of, what the record says of each, and where its file lies in it.

What is handed over is taken from entries, which are signed for, and not from the ledger's rows, which anybody with the file can edit.

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

from ingest.ledger.books import Replayed, replayed
from ingest.ledger.history import Wanted
from ingest.model import legible

_PAGE = 500
_REFUSED = frozenset('%/\\:*?"<>|')
_IGNORED = frozenset({"ascmhl", ".ds_store"})
_LONGEST = 255
_KEPT = 150


@dataclass(frozen=True, kw_only=True)
class Footage:
    """One segment as the record has it: `told` is what its entries say.

    `path`: the bytes of its name on the camera, where the ledger's row has them as the record tells them, else the record's words.
    """

    segment: str
    path: bytes
    told: Replayed

    @property
    def place(self) -> str:
        """Where its file lies in a hand-over, relative to its root."""
        return place(self.told.camera, self.segment, self.path)


def footage(reader: sqlite3.Connection, wanted: Wanted) -> Iterator[Footage]:
    """The segments of the record that are `wanted` (those with an entry between the two times), by id. Raises sqlite3.DatabaseError."""
    after = ""
    while True:
        page = reader.execute(
            f"SELECT DISTINCT segment FROM custody WHERE segment > ?1 AND (?2 IS NULL OR segment = ?2) ORDER BY segment LIMIT {_PAGE}",
            (after, wanted.segment),
        ).fetchall()
        for (name,) in page:
            told = replayed(reader, name)
            if wanted.camera in (None, told.camera) and _within(reader, name, wanted):
                yield _with_row(reader, name, told)
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _within(reader: sqlite3.Connection, segment: str, wanted: Wanted) -> bool:
    found = reader.execute(
        "SELECT 1 FROM custody WHERE segment = ? AND at >= ? AND at <= ? LIMIT 1", (segment, wanted.since, wanted.until)
    )
    return found.fetchone() is not None


def _with_row(reader: sqlite3.Connection, segment: str, told: Replayed) -> Footage:
    (path,) = reader.execute("SELECT path FROM segments WHERE id = ?", (segment,)).fetchone() or (b"",)
    return Footage(segment=segment, path=path if legible(path) == told.path else told.path.encode(), told=told)


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
