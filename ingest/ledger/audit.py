"""Look at a ledger from outside, while an agent runs or on a copy of it: one moment of it, and whether its record is whole.

Rules: nothing is written, not even to a copy on a disk that cannot be written; a check sees one transaction's state, so that an agent that
goes on writing is not taken for a forger; what cannot be read is a fault with its place, never a traceback. Beyond the
chain itself (`custody.verify`) the dock's keys must follow from each other (`lineage`), and the store's receipts, which name the head that they
were asked with, must agree with it and be signed by the store (`proven`): whoever rewrites the record has to forge those too. The rows on which deletions rest, and
those that people are shown, must say what the record says (`rows`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest import events
from ingest.errors import LedgerUnusable
from ingest.ledger import custody, lineage, proven, rows
from ingest.ledger.database import explain, open_reader
from ingest.model import Head

Reader = sqlite3.Connection
"""One that only reads, for those outside of this package who hand it from one of its functions to the next."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger at `path`, read-only; each statement sees its own moment. Raises LedgerUnusable, OSError."""
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(contextlib.closing(_open(path, stack)))
        try:
            yield reader
        except sqlite3.DatabaseError as error:
            raise LedgerUnusable(explain(error, path)) from error


@contextlib.contextmanager
def moment(path: Path) -> Iterator[sqlite3.Connection]:
    """The ledger at `path` as it is at one moment, read-only. Raises LedgerUnusable, OSError."""
    with opened(path) as reader:
        reader.execute("BEGIN")
        yield reader


def _open(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection:
    """SQLite wants to make files beside the ledger to read it; where it cannot, it is told that nobody writes there, or reads a copy."""
    try:
        return open_reader(path)
    except LedgerUnusable as refused:
        if not isinstance(refused.__cause__, sqlite3.OperationalError) or os.access(path.parent, os.W_OK):
            raise
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return _checked(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True), path)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dockd-audit-")))
    for part in (path, log):
        shutil.copyfile(part, folder / part.name)
    return open_reader(folder / path.name)


def _checked(reader: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        reader.execute("SELECT seq FROM custody LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        reader.close()
        raise LedgerUnusable(explain(error, path)) from error
    return reader


@dataclass(frozen=True, kw_only=True)
class SignedHead:
    """The chain's end as the dock signed it: `key` the thumbprint (RFC 7638) of `public`, both and `signature` base64url."""

    head: Head
    key: str
    public: str
    signature: str

    def as_dict(self) -> dict[str, str | int]:
        """For JSON."""
        return {
            "seq": self.head.seq, "hash": self.head.hash, "key": self.key, "public": self.public, "signature": self.signature,
        }  # fmt: skip


def signed_head(reader: sqlite3.Connection) -> SignedHead | None:
    """The signed head, None before the first entry. Says nothing on whether the signature holds."""
    row = reader.execute(
        "SELECT h.seq, h.hash, h.key, coalesce(k.public, ''), h.signature FROM head h LEFT JOIN dock_keys k ON k.thumbprint = h.key"
    ).fetchone()
    return row and SignedHead(head=Head(seq=row[0], hash=row[1]), key=row[2], public=row[3], signature=row[4])


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What a check found. `faults` is empty when nothing is wrong; `restored` says of each gap in the chain why it is there.

    `outside`: "unknown" (no head from outside was given), "found" or "missing". `keys`: thumbprints of the dock's keys, the first one first;
    `notes`: what holds only because somebody outside vouches for it. `receipts_signed`: how many of the store's receipts were checked by its
    signature; `receipts_unchecked`: how many could not be, because the ledger never kept the store's key.
    """

    entries: int
    signed: SignedHead | None
    faults: tuple[str, ...]
    restored: tuple[str, ...]
    outside: str
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    receipts_signed: int = 0
    receipts_unchecked: int = 0


def check(reader: sqlite3.Connection, *, head: str | None = None, vouched: frozenset[str] = frozenset()) -> Audit:
    """Check the whole record. `head` is an entry's hash, `vouched` are thumbprints of the dock's keys, that are known from outside.

    `reader` is a `moment`. Raises nothing for damage.
    """
    faults: list[str] = []
    verdict = custody.Verdict(entries=0, head=None, faults=(), outside="unknown")
    signed = None
    keys = lineage.Lineage(keys={}, current=None, faults=(), notes=())
    receipts = proven.Receipts(signed=0, unchecked=0, faults=())
    try:
        signed = signed_head(reader)
        verdict = custody.verify(reader, head=head)
        faults += verdict.faults
        keys = lineage.trace(verdict.announcing, first=verdict.first, vouched=vouched)
        faults += [*keys.faults, *_signer_faults(signed, keys)]
        receipts = proven.check(reader, pinned=_pinned(verdict.stores))
        faults += receipts.faults
        faults += _row_faults(reader) if not faults else ()
        faults += rows.faults(reader) if not faults else ()  # a damaged record says nothing of rows
    except (sqlite3.DatabaseError, ValueError, TypeError, AttributeError, RecursionError, KeyError) as damage:
        faults += _unreadable(reader) or [f"the record cannot be read: {damage}"]
    restored = tuple(_say_restored(reader, seq, action) for seq, action in _breaks(reader))
    return Audit(
        entries=verdict.entries, signed=signed, faults=tuple(faults), restored=restored, outside=verdict.outside, keys=tuple(keys.keys),
        notes=keys.notes, receipts_signed=receipts.signed, receipts_unchecked=receipts.unchecked,
    )  # fmt: skip


_BREAKS = ("custody.restored", "ledger.rebuilt", "ledger.went_back", "store.went_back")


def _breaks(reader: sqlite3.Connection) -> list[tuple[int, str]]:
    """Where the dock or its store did not go on from where it was: no fault of the record, and nothing to pass over."""
    marks = ", ".join("?" * len(_BREAKS))
    try:
        return reader.execute(
            f"SELECT seq, action FROM custody WHERE action IN ({marks}) ORDER BY seq", _BREAKS
        ).fetchall()
    except sqlite3.DatabaseError:
        return []


def _say_restored(reader: sqlite3.Connection, seq: int, action: str) -> str:
    at, text = reader.execute("SELECT at, body FROM custody WHERE seq = ?", (seq,)).fetchone()
    try:
        return f"entry {seq}, {at}: {events.REGISTRY[action](**json.loads(text)['data']).message()}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"entry {seq}, {at}: {action}; the rest of what it says is damaged"


def _signer_faults(signed: SignedHead | None, keys: lineage.Lineage) -> list[str]:
    """Whoever cuts the chain and signs its new end with a key of their own has not announced that key in it."""
    if signed is None or signed.key == keys.current:
        return []
    if signed.key in keys.keys:
        return [f"the head is signed with the key {signed.key}, which the key {keys.current} has replaced"]
    return [f"the head is signed with the key {signed.key}, which no entry of the chain announces"]


def _row_faults(reader: sqlite3.Connection) -> list[str]:
    """What the ledger acts on must be what the record says: a segment's bytes, in the columns and in every entry that names them."""
    rows = reader.execute(
        "SELECT c.seq, s.id FROM custody c JOIN segments s ON s.id = c.segment WHERE json_extract(c.body, '$.data.sha256') IS NOT NULL"
        " AND json_extract(c.body, '$.data.sha256') != '' AND (json_extract(c.body, '$.data.sha256') IS NOT s.sha256"
        " OR json_extract(c.body, '$.data.bytes') IS NOT s.size) ORDER BY c.seq LIMIT 20"
    )
    return [
        f"entry {seq}: the ledger has another size or SHA-256 for segment {segment} than the record"
        for seq, segment in rows
    ]


def _pinned(stores: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for store, keys in stores:
        found[store] = found.get(store, frozenset()) | frozenset(keys)
    return found


def _unreadable(reader: sqlite3.Connection) -> list[str]:
    """Which entries stopped the check: those whose text is no JSON that can be read."""
    faults = []
    last = 0
    try:
        for seq, text in reader.execute("SELECT seq, CAST(body AS BLOB) FROM custody ORDER BY seq"):
            last = seq
            try:
                custody.canonical(json.loads(text.decode("ascii")))
            except (ValueError, TypeError, AttributeError, RecursionError):
                faults.append(f"entry {seq}: its text is damaged and cannot be read; what follows was not checked")
    except sqlite3.DatabaseError as damage:
        faults.append(f"after entry {last}: the ledger's file is damaged ({damage})")
    return faults
