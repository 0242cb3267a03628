"""The custody chain: append-only, hash-chained, its head signed.

An entry is canonical JSON (sorted keys, no spaces, ASCII) of `seq`, `at`, `action`, `prev` and `data`; its hash is the
SHA-256 of that text; `prev` is the hash of the entry before. Sequence numbers have no gaps but one: `custody.restored`
continues after the number that the store last saw, and says so. The head's signature is Ed25519 over
`dockd-head-v1\\n<seq>\\n<hash>`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.ledger.keys import head_statement, is_signed, thumbprint
from ingest.ledger.lineage import OPENED, ROTATED, KeyEntry
from ingest.model import Head

GENESIS = "0" * 64


def canonical(entry: dict[str, Any]) -> str:
    """The one text of an entry."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def entry_text(*, seq: int, at: str, action: str, prev: str, data: dict[str, Any]) -> str:
    """Canonical JSON of one entry."""
    return canonical({"seq": seq, "at": at, "action": action, "prev": prev, "data": data})


def entry_hash(text: str) -> str:
    """SHA-256 of an entry's text, lower-case hex."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the chain; `data` as in ingest.events, `text` the canonical JSON that was hashed."""

    seq: int
    at: str
    action: str
    data: dict[str, Any]
    hash: str
    text: str


def entries(
    reader: sqlite3.Connection,
    *,
    segment: str | None = None,
    camera: str | None = None,
    since: str = "",
    until: str = "~",
) -> Iterator[Entry]:
    """Entries in order; `since` and `until` are RFC 3339 and compare as text."""
    where, values = "at >= ? AND at <= ?", [since, until]
    for column, value in (("segment", segment), ("camera", camera)):
        if value is not None:
            where, values = f"{where} AND {column} = ?", [*values, value]
    for seq, at, action, text, digest in reader.execute(
        f"SELECT seq, at, action, body, hash FROM custody WHERE {where} ORDER BY seq", values
    ):
        yield Entry(seq=seq, at=at, action=action, data=json.loads(text)["data"], hash=digest, text=text)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check of the whole chain found. `faults` is empty when nothing is wrong; `restored` names the gaps that are explained.

    `announcing`: the entries that announce keys of the dock; `stores`: ids and thumbprints of the stores that were pinned.
    """

    entries: int
    head: Head | None
    faults: tuple[str, ...]
    restored: tuple[int, ...] = ()
    outside: str = "unknown"
    first: int | None = None
    announcing: tuple[KeyEntry, ...] = ()
    stores: tuple[tuple[str, tuple[str, ...]], ...] = ()


def verify(reader: sqlite3.Connection, *, head: str | None = None) -> Verdict:
    """Check every hash, every link, the head's signature, and that `head` (a hash known from outside) is in the chain."""
    faults: list[str] = []
    restored: list[int] = []
    announcing: list[KeyEntry] = []
    stores: list[tuple[str, tuple[str, ...]]] = []
    prev, last, count, seen, first = GENESIS, None, 0, head is None, None
    for seq, action, at, camera, segment, text, digest in reader.execute(
        "SELECT seq, action, at, camera, segment, body, hash FROM custody ORDER BY seq"
    ):
        count += 1
        first = seq if first is None else first
        fault = _entry_fault(
            seq=seq, columns=(action, at, camera, segment), text=text, digest=digest, prev=prev, last=last
        )
        if fault:
            faults.append(fault)
        if action == "custody.restored":
            restored.append(seq)
        elif action in (OPENED, ROTATED):
            announcing.append(KeyEntry(seq=seq, action=action, prev=prev, data=_data(text)))
        elif action in ("store.pinned", "store.key_rotated"):
            stores.append(_store(_data(text)))
        seen = seen or digest == head
        prev, last = digest, seq
    end = Head(seq=last, hash=prev) if last is not None else None
    faults += _head_faults(reader, end)
    if not seen:
        faults.append(
            f"the head {head} known from outside is not in the chain: entries were cut off, or it is another dock's"
        )
    return Verdict(
        entries=count, head=end, faults=tuple(faults), restored=tuple(restored),
        outside="unknown" if head is None else ("found" if seen else "missing"), first=first, announcing=tuple(announcing),
        stores=tuple(stores),
    )  # fmt: skip


def _data(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}


def _store(data: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    keys = data.get("keys")
    return str(data.get("store")), tuple(str(key) for key in keys) if isinstance(keys, list) else ()


def _entry_fault(
    *, seq: int, columns: tuple[Any, ...], text: str, digest: str, prev: str, last: int | None
) -> str | None:
    try:
        body = json.loads(text)
        data = body["data"]
        said = (body["action"], body["at"], data.get("camera"), data.get("segment"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"entry {seq}: its text is damaged"
    if not text.isascii() or canonical(body) != text or entry_hash(text) != digest:
        return f"entry {seq}: its text was changed"
    if body.get("seq") != seq or said != columns:
        return f"entry {seq}: its columns were changed"
    if body.get("prev") != prev:
        return f"entry {seq}: it does not follow the entry before (one was removed, inserted, changed or moved)"
    expected = 1 if last is None else last + 1
    store_seq = data.get("store_seq")
    jumps = body["action"] == "custody.restored" and isinstance(store_seq, int) and seq == max(expected, store_seq + 1)
    if seq != expected and not jumps:
        return f"entry {seq}: entries {expected} to {seq - 1} are missing"
    return None


def _head_faults(reader: sqlite3.Connection, end: Head | None) -> list[str]:
    row = reader.execute("SELECT seq, hash, key, signature FROM head").fetchone()
    if row is None:
        return [] if end is None else ["the head is not signed"]
    signed = Head(seq=row[0], hash=row[1])
    key = reader.execute("SELECT public FROM dock_keys WHERE thumbprint = ?", (row[2],)).fetchone()
    faults = []
    if end != signed:
        faults.append(f"the signed head is entry {signed.seq}, but the chain ends at {end.seq if end else 0}")
    if (
        key is None
        or thumbprint(key[0]) != row[2]
        or not is_signed(head_statement(signed), public=key[0], signature=row[3])
    ):
        faults.append("the head's signature does not hold")
    return faults
