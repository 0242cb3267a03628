"""The dock's keys through the chain: each announced where it begins, and each but the first signed for by the one before.

Rules: whoever has the ledger but no key can write another chain and sign its end with a key of his own; so a key that the old one has not
signed for is a fault, unless somebody knows that key from elsewhere and says so. What no entry announces signs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingest.ledger.keys import is_signed, rotation_statement, thumbprint

OPENED = "custody.opened"
ROTATED = "custody.key_rotated"


@dataclass(frozen=True, kw_only=True)
class KeyEntry:
    """An entry that announces a key; `prev` and `data` as they are in its text."""

    seq: int
    action: str
    prev: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """`keys`: every announced key by thumbprint, in order; `current` the last; `notes` what is vouched for from outside."""

    keys: dict[str, str]
    current: str | None
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def trace(entries: Iterable[KeyEntry], *, first: int | None, vouched: frozenset[str] = frozenset()) -> Lineage:
    """Follow the keys. `first` is the chain's first sequence number; `vouched` are thumbprints that are known from outside."""
    keys: dict[str, str] = {}
    faults: list[str] = []
    notes: list[str] = []
    current: str | None = None
    for entry in entries:
        key, public = entry.data.get("key"), entry.data.get("public")
        if not isinstance(key, str) or not isinstance(public, str) or thumbprint(public) != key:
            faults.append(f"entry {entry.seq}: the key that it announces is not the one that it names")
            continue
        fault = _fault(entry, key=key, public=public, current=current, keys=keys)
        if fault and entry.action == OPENED and key in vouched:
            notes.append(
                f"entry {entry.seq}: the key changed to {key} without the old key's signature; that key is known"
            )
        elif fault:
            faults.append(fault)
        keys[key], current = public, key
        if len(keys) == 1 and (entry.seq != first or entry.action != OPENED):
            faults.append(f"entry {first}: the record does not begin with the announcement of the dock's key")
    return Lineage(keys=keys, current=current, faults=tuple(faults), notes=tuple(notes))


def _fault(entry: KeyEntry, *, key: str, public: str, current: str | None, keys: dict[str, str]) -> str | None:
    if current is None:
        return None
    if entry.action == OPENED:
        return (
            f"entry {entry.seq}: the key changed at entry {entry.seq} without the old key's signature, from {current} to {key}: the old one was "
            "lost, or somebody else wrote this. If the new one is known from elsewhere, name it (--key)"
        )
    before, proof = entry.data.get("before"), entry.data.get("proof")
    if before != current:
        return f"entry {entry.seq}: it replaces the key {before!s:.60}, but the dock's was {current}"
    statement = rotation_statement(seq=entry.seq, prev=entry.prev, public=public)
    if not isinstance(proof, str) or not is_signed(statement, public=keys[current], signature=proof):
        return f"entry {entry.seq}: the new key {key} is not signed for by the key {current} that it replaces"
    return None
