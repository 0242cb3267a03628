"""Segments as a table for a spreadsheet: one row each, what it is, where it came from, and what became of it.

Rules: a cell is text and stays text: what a spreadsheet would take for a formula begins with an apostrophe; what is not legible is escaped, and
then the exact bytes of the name are beside it in hex. The table proves nothing: it names the entries of the record that do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from ingest.clock import rfc3339
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
    row = one.segment
    path = _safe(legible(row.path))
    first, last = one.entries or ("", "")
    offset = "" if row.clock_offset is None else f"{row.clock_offset:.0f}"
    return (
        row.id, _text(row.camera), path, "" if path.encode() == row.path else f"0x{row.path.hex()}", str(row.size), row.sha256 or "",
        row.xxh3_128 or "", _at(row.captured_at), offset, _at(row.listed_at), _at(row.verified_at), _at(row.confirmed_at), _at(row.wiped_at),
        " ".join(sorted(row.copies)), _text(row.held or ""), "yes" if row.evidential else "no", _text(row.store or ""), _text(row.object or ""),
        str(one.receipts), one.receipt or "", str(first), str(last), _safe(one.place),
    )  # fmt: skip


def _at(seconds: float | None) -> str:
    return "" if seconds is None else rfc3339(seconds)


def _text(text: str) -> str:
    return _safe(legible(text.encode("utf-8", "surrogateescape")))


def _safe(text: str) -> str:
    """
    >>> _safe("=1+1")
    "'=1+1"
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
