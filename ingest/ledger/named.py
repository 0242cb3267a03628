"""Whom and what a ledger names: its cameras, and the officers who had them. For whoever has to leave just these out of something."""

from __future__ import annotations

from ingest.ledger.audit import Reader


def cameras(reader: Reader) -> list[str]:
    """Ids, serials and cards of all cameras."""
    rows = reader.execute("SELECT id, serial, card FROM cameras ORDER BY id")
    return [text for row in rows for text in row if text]


def people(reader: Reader) -> list[str]:
    """Officers, and whoever gave cameras out or took them back."""
    rows = reader.execute("SELECT officer, by, returned_by FROM issues ORDER BY rowid")
    return sorted({text for row in rows for text in row if text})
