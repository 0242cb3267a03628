"""The record as an auditor gets it: objects that can be checked without dockd, one after another.

The first is the signed head, with the public keys of the stores (their thumbprints are in the chain, and those are hashes of them); the last
counts what came between, so that a cut file is seen to be cut. In between: an entry each, and the store's receipts, each after the entry
that names its hash. `hash` of an entry is the SHA-256 of its `text`; `prev` in it is the hash of the entry before, 64 zeros for the
first; the head's signature is Ed25519 (base64url) over `signed`. The dock's own keys are in the entries that announce them.
docs/verify.md says how each thing is checked; docs/verify_export.py does it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ingest.ledger.audit import signed_head
from ingest.ledger.history import KeptReceipt, Record, Wanted, receipts, records
from ingest.ledger.keys import head_statement
from ingest.ledger.proven import NAMING, sha256_of, store_keys


def handover(reader: sqlite3.Connection, wanted: Wanted, *, with_receipts: bool = False) -> Iterator[dict[str, Any]]:
    """What is committed after the head was read belongs to the next hand-over. Raises sqlite3.DatabaseError."""
    signed = signed_head(reader)
    yield {
        "type": "head", "format": "dockd-custody-jsonl-1", "head": signed.as_dict() if signed else None,
        "signed": head_statement(signed.head).decode("ascii") if signed else None, "whole": wanted.everything,
        "filter": {name: value for name, value in asdict(wanted).items() if value not in (None, "", "~")},
        "store_keys": list(store_keys(reader).values()),
    }  # fmt: skip
    count = receipts_given = 0
    given: set[str] = set()
    for record in records(reader, wanted, up_to=signed.head.seq if signed else 0):
        yield {"type": "entry"} | record.as_dict()
        count += 1
        if with_receipts and record.action in NAMING:
            receipt = _named(receipts(reader, str((record.data or {}).get("segment"))), record, given)
            if receipt is not None:
                yield {"type": "receipt"} | asdict(receipt)
                given.add(receipt.nonce)
                receipts_given += 1
    yield {"type": "end", "entries": count, "receipts": receipts_given}


def _named(kept: list[KeptReceipt], record: Record, given: set[str]) -> KeptReceipt | None:
    """The receipt that an entry names; where proofs of one segment read alike (read-back), by its nonce, or the next one in turn."""
    data = record.data or {}
    alike = [one for one in kept if sha256_of(one.raw) == data.get("receipt_sha256")]
    alike.sort(key=lambda one: (one.nonce != data.get("nonce", one.nonce), one.nonce in given))
    return alike[0] if alike else None
