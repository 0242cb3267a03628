"""What stands on a certificate, gathered from a ledger.

Rule: it states what entries of the record say, which the dock has signed, and what receipts say, which the store has. A ledger's rows anybody with
the file can edit; what only they have (of segments from before dockd recorded it) is called so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.clock import from_rfc3339, rfc3339
from ingest.copies import word
from ingest.ledger import history, proven
from ingest.ledger.audit import Audit, Reader, check
from ingest.ledger.books import Replayed, replayed
from ingest.ledger.evidence_times import LISTED, cameras_clock, stations_clock
from ingest.ledger.history import KeptReceipt, Record
from ingest.ledger.segments import Segment
from ingest.model import legible

_LONGEST = 150
_WORDS = 100
_NAME = 80
_FIRST, _LAST = 3, 5
_BY_THE_LEDGER = "(by the ledger, not in the record)"

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`sections` of labelled rows, in order; `story` the entries in plain words (time, entry, words); `faults` of the whole record."""

    segment: str
    made_at: str
    verdict: str
    faults: tuple[str, ...]
    sections: tuple[tuple[str, Rows], ...]
    story: tuple[tuple[str, str, str], ...]
    check: tuple[str, ...]


def facts(reader: Reader, name: str, *, now: float) -> Certificate:
    """Of the segment with the id `name`; `reader` is a `moment`. Checks the whole record. Raises sqlite3.DatabaseError."""
    audit = check(reader)
    row = history.segment(reader, name)
    end = audit.signed.head.seq if audit.signed else 0
    told = list(history.records(reader, history.Wanted(segment=name), up_to=end))
    played = replayed(reader, name)
    receipts = history.receipts(reader, name)
    return Certificate(
        segment=name, made_at=rfc3339(now), verdict=_verdict(audit), faults=audit.faults, story=tuple(_story(told)), check=tuple(_how(audit)),
        sections=(
            ("The segment", tuple(_what(name, played))),
            (
                "When (the station's clock where no other is named)",
                (*_times(row, played, told), ("Clocks", _clocks(reader, row, played, told))),
            ),
            ("Proof of the store", tuple(_proof(reader, receipts))),
            ("The record", tuple(_record(audit))),
        ),
    )  # fmt: skip


def _verdict(audit: Audit) -> str:
    if audit.faults:
        return (
            f"THE RECORD IS NOT WHOLE: {len(audit.faults)} faults, the first: {_short(audit.faults[0])}. "
            "This page proves nothing until they are explained."
        )
    unchecked = (
        f"; {audit.receipts_unchecked} could not be checked by their signature" if audit.receipts_unchecked else ""
    )
    return (
        f"The record was checked when this page was made: {audit.entries} entries, every hash, link and key of the dock holds, and "
        f"{audit.receipts_signed} receipts carry the store's signature{unchecked}. Whether something was cut off at the end, a head from outside tells."
    )


def _what(name: str, told: Replayed) -> Iterator[tuple[str, str]]:
    yield "Segment", name
    yield "File on the camera", _short(told.path or "-")
    yield "Camera", _short(told.camera or "-", _NAME)
    yield "Size", f"{told.size if told.sha256 else told.listed_size} bytes"
    yield "SHA-256", str(told.sha256) if told.sha256 else "not known: it has not been copied"
    yield "XXH3-128", str(told.xxh3_128 or "not known")
    where = ", ".join(sorted(told.copies)) or "nowhere"
    held = f"; held: {_short(told.held_message or told.held, _WORDS)}" if told.held else ""
    yield "Now", f"{word(told.copies, held=told.held is not None)} (copies: {where}{held})"


def _times(row: Segment | None, told: Replayed, entries: list[Record]) -> Rows:
    """By which clock each time is, is part of its label."""
    first = {one.action: one for one in reversed(entries)}
    last = {one.action: one for one in entries}

    def at(found: dict[str, Record], action: str) -> str:
        return f"{found[action].at} (entry {found[action].seq})" if action in found else "not recorded"

    if told.timed:
        recorded = str(told.captured_at)
    else:
        recorded = f"{rfc3339(row.captured_at)} {_BY_THE_LEDGER}" if row else "not known"
    return (
        ("Recorded (camera's clock)", recorded),
        ("Found on the camera", at(first, "segment.listed")),
        ("Copied, read twice", at(first, "segment.copied")),
        ("Confirmed by the store", at(first, "segment.confirmed")),
        ("Deleted from the camera", at(last, "segment.wiped")),
    )  # fmt: skip


def _clocks(reader: Reader, row: Segment | None, played: Replayed, told: list[Record]) -> str:
    if played.timed:
        offset = None if played.clock_offset_ms is None else played.clock_offset_ms / 1000
    else:
        offset = row.clock_offset if row else None
    camera = cameras_clock(offset) + ("" if played.timed or offset is None else f" {_BY_THE_LEDGER}")
    if not told:
        return f"{camera}. Nothing is recorded of the station's clock."
    listed = next((one for one in told if one.action in LISTED), told[0])
    station = stations_clock(reader.execute, seq=listed.seq, wall=_wall(listed.at))
    jumps = reader.execute(
        "SELECT count(*) FROM custody WHERE action = 'clock.jumped' AND seq BETWEEN ? AND ?",
        (told[0].seq, told[-1].seq),
    ).fetchone()[0]
    jumped = f" It was set {jumps} times between the first and the last entry here." if jumps else ""
    return f"{camera}. {station.words}{jumped} The order of entries does not depend on any clock."


def _wall(at: str) -> float:
    try:
        return from_rfc3339(at)
    except ValueError:
        return 0.0


def _proof(reader: Reader, receipts: list[KeptReceipt]) -> Iterator[tuple[str, str]]:
    if not receipts:
        yield "Receipts", "none: the store has not confirmed this segment"
        return
    keys = proven.store_keys(reader)
    for label, one in (("First", receipts[0]), ("Last", receipts[-1]))[: len(receipts)]:
        pins = "" if one.head_seq is None else f"; it names entry {one.head_seq} of this record"
        yield (
            f"{label} of {len(receipts)}",
            (
                f"store {_short(one.store, _NAME)} had {one.size} bytes with SHA-256 {one.sha256} as object {_short(one.object, _NAME)}, stored {one.stored_at}, "
                f"attested {one.attested_at} (the store's clock){pins}{'' if one.method == 'receipt' else f' {_BY_THE_LEDGER}'}"
            ),
        )
        yield (
            "Nonce, signature",
            f"{_short(one.nonce, 60)}; {_signature(one, keys)}; SHA-256 of the receipt {proven.sha256_of(one.raw)}",
        )


def _signature(receipt: KeptReceipt, keys: dict[str, str]) -> str:
    if receipt.method != "receipt":
        return f"this store signs nothing: proven by {receipt.method}"
    try:
        proven.opened(receipt.raw, keys)
    except KeyError:
        return "the store's key is not kept here: not checked"
    except proven.NoReceipt as wrong:
        return f"NOT SIGNED: {wrong}"
    return f"signed by the store's key {_short(proven.signer(receipt.raw), 60)}"


def _record(audit: Audit) -> Iterator[tuple[str, str]]:
    if audit.signed is None:
        yield "Head", "not signed"
        return
    yield "Head", f"entry {audit.signed.head.seq}, {audit.signed.head.hash}"
    yield (
        "Signed by",
        f"{_short(audit.signed.key, 60)} (the dock's key; its first was {_short(audit.keys[0], 60) if audit.keys else 'not announced'})",
    )
    for one in (*audit.notes, *audit.restored)[:1]:
        yield "Remark", _short(one)


def _story(told: list[Record]) -> Iterator[tuple[str, str, str]]:
    shown = told if len(told) <= _FIRST + _LAST else told[:_FIRST]
    for one in shown:
        yield one.at, str(one.seq), _cut(one.words())
    if len(told) > len(shown):
        yield "", "", f"… {len(told) - _FIRST - _LAST} more entries, in the export …"
        for one in told[-_LAST:]:
            yield one.at, str(one.seq), _cut(one.words())


def _how(audit: Audit) -> Iterator[str]:
    yield "The file itself: sha256sum FILE gives the SHA-256 above."
    yield (
        "The record: ask the station for `dockd custody export --format jsonl --out hand-over`, and check it with verify_export.py, which "
        "needs no dockd (docs/verify.md)."
    )
    if audit.signed is not None:
        yield (
            f"This page pins the record: `python3 verify_export.py {audit.signed.head.hash} < hand-over/dockd-custody.jsonl` must find that head "
            "in every later export."
        )


def _short(text: str, longest: int = _LONGEST) -> str:
    """Legible, and cut to what fits; a cut text is told apart by its hash."""
    clean = legible(text.encode("utf-8", "surrogateescape"))
    if len(clean) <= longest:
        return clean
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{clean[:longest]}… ({len(text)} characters, SHA-256 of the whole {digest[:16]}…)"


def _cut(text: str) -> str:
    """Words of the record, which the export has whole."""
    clean = legible(text.encode("utf-8", "surrogateescape"))
    return clean if len(clean) <= _WORDS else f"{clean[:_WORDS]}…"
