"""Segments as a table for a spreadsheet: one row each, what it is, where it came from, and what became of it.

Rules: a cell is text and stays text: what a spreadsheet would take for a formula, or begins with an apostrophe, gets one before it; what is not legible is escaped, and
then the exact bytes of the name are beside it in hex. Every cell is what entries say, and empty where none says it.
The table proves nothing: it names the entries of the record that do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ingest.ledger.footage import Footage
from ingest.model import legible

COLUMNS = (
    "segment", "camera", "path", "path_bytes", "size", "sha256", "xxh3_128", "captured_at", "camera_clock_offset_seconds", "listed_at", "copied_at",
    "confirmed_at", "wiped_at", "copies", "held", "evidential", "store", "object", "receipts", "last_receipt_sha256", "first_entry", "last_entry",
    "place",
)  # fmt: skip
# The first characters by which Excel, LibreOffice and Sheets know a formula, their full-width forms too.
_FORMULA = tuple("=+-@\t\r＝＋－＠")


def lines(found: Iterator[Footage]) -> Iterator[str]:
    """Lines of CSV by RFC 4180, the header first."""
    yield _line(COLUMNS)
    for one in found:
        yield _line(_cells(one))


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cells(one: Footage) -> tuple[str, ...]:
    told = one.told
    path = _safe(legible(one.path))
    offset = "" if told.clock_offset_ms is None else f"{told.clock_offset_ms / 1000:.0f}"
    first, last = told.entries
    return (
        one.segment, _text(told.camera), path, "" if path.encode() == one.path else f"0x{one.path.hex()}", str(told.size or told.listed_size),
        told.sha256 or "", told.xxh3_128 or "", told.captured_at or "", offset, told.listed_at or "", told.copied_at or "",
        told.confirmed_at or "", told.gone_at or "", " ".join(sorted(told.copies)), _text(told.held or ""), "yes" if told.evidential else "no",
        _text(told.stores[-1] if told.stores else ""), _text(told.stored_as or ""), str(told.receipts), told.receipt or "", str(first), str(last),
        _safe(one.place),
    )  # fmt: skip


def _text(text: str) -> str:
    return _safe(legible(text.encode("utf-8", "surrogateescape")))


def _safe(text: str) -> str:
    """One apostrophe too many, to be taken off again: so a text that begins with one of its own gets one too.

    >>> _safe("=1+1"), _safe("'x")
    ("'=1+1", "''x")
    """
    return f"'{text}" if text.startswith(("'", *_FORMULA)) else text
