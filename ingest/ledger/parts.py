"""Digests of a segment's parts, for stores that prove what they have part by part: kept, because the whole SHA-256 cannot be held against those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.ledger.core import Transaction
from ingest.model import Parts

Execute = Callable[..., Any]
_RAW = 32


def keep(tx: Transaction, segment: str, parts: Parts) -> None:
    """Remember them in the place of what was known: of bytes that were read, whole, as the segment's SHA-256."""
    raw = b"".join(map(bytes.fromhex, parts.sha256))
    tx.execute(
        "INSERT INTO parts (segment, size, sha256) VALUES (?, ?, ?)"
        " ON CONFLICT (segment) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256",
        (segment, parts.size, raw),
    )


def known(execute: Execute, segment: str) -> Parts | None:
    """What is known of its parts."""
    row = execute("SELECT size, sha256 FROM parts WHERE segment = ?", (segment,)).fetchone()
    if row is None:
        return None
    raw: bytes = row[1]
    return Parts(size=row[0], sha256=tuple(raw[at : at + _RAW].hex() for at in range(0, len(raw), _RAW)))
