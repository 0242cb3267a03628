"""The store's receipts as the ledger keeps them, held against the chain that names them and against the store's own signature.

Rules: an entry names its receipt by SHA-256, and every receipt is named; a signed receipt says by itself what the ledger's columns, the entry
and the copy's digest say; the head that it carries is an entry of this chain; its key is one that the chain names as the pinned store's.
A receipt whose key the ledger never kept cannot be checked here, and that is said: it is neither a pass nor a fault.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.ledger.keys import is_signed, thumbprint, unbase64url

NAMING = ("segment.confirmed", "segment.attested", "segment.found_in_store")
_ALGORITHMS = ("EdDSA", "Ed25519")
_KEY_STATEMENT = "dockd-key+jwt"


class NoReceipt(ValueError):
    """What is called a receipt is none, or its signature does not hold; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """What a look at all receipts found: how many signatures hold, how many could not be checked for want of a key, and each fault."""

    signed: int
    unchecked: int
    faults: tuple[str, ...]


def sha256_of(raw: str) -> str:
    """The hash by which an entry names a receipt."""
    return hashlib.sha256(raw.encode("utf-8", "surrogateescape")).hexdigest()


def store_keys(reader: sqlite3.Connection) -> dict[str, str]:
    """Public keys of stores by thumbprint, as far as the ledger kept them. What is not its own thumbprint is left out."""
    if reader.execute("SELECT 1 FROM sqlite_master WHERE name = 'store_keys'").fetchone() is None:
        return {}
    rows = reader.execute("SELECT thumbprint, public FROM store_keys ORDER BY rowid")
    return {name: public for name, public in rows if thumbprint(public) == name}


def unsigned(raw: str) -> dict[str, Any]:
    """What a compact JWS says, believed or not. Raises NoReceipt."""
    try:
        said = json.loads(unbase64url(raw.split(".")[1]))
    except (ValueError, IndexError, RecursionError) as error:
        raise NoReceipt("it is no receipt at all") from error
    if not isinstance(said, dict):
        raise NoReceipt("it is no receipt at all")
    return said


def signer(raw: str) -> str:
    """The thumbprint of the key that it names. Raises NoReceipt."""
    try:
        header = json.loads(unbase64url(raw.split(".")[0]))
        kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ")
    except (ValueError, AttributeError, RecursionError) as error:
        raise NoReceipt("it is no receipt at all") from error
    if not isinstance(kid, str) or algorithm not in _ALGORITHMS or kind == _KEY_STATEMENT or "crit" in header:
        raise NoReceipt("it is no receipt at all")
    return kid


def opened(raw: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """What a receipt says whose signature holds by one of `keys` (public keys by thumbprint). Raises NoReceipt; KeyError without its key."""
    public = keys[signer(raw)]
    body, _, signature = raw.rpartition(".")
    if body.count(".") != 1 or not body.isascii():
        raise NoReceipt("it is no receipt at all")
    if not is_signed(body.encode("ascii"), public=public, signature=signature):
        raise NoReceipt("the store's signature does not hold")
    return unsigned(raw)


def check(reader: sqlite3.Connection, *, pinned: Mapping[str, frozenset[str]]) -> Receipts:
    """Check every receipt. `pinned`: the thumbprints that the chain names, by store. Raises sqlite3.DatabaseError."""
    kept = store_keys(reader)
    faults = list(_other_chain(reader))
    named: set[int] = set()
    counts = {"signed": 0, "unchecked": 0}
    rows = reader.execute(
        f"SELECT seq, segment, body FROM custody WHERE action IN ({', '.join('?' * len(NAMING))}) ORDER BY seq", NAMING
    )
    for seq, segment, text in rows:
        data = json.loads(text)["data"]
        row = _named(reader, segment, data, named)
        if row is None:
            faults.append(f"entry {seq}: the receipt that it names is not in the ledger (it was removed or changed)")
            continue
        named.add(row["id"])
        try:
            held = _checked(row, data, pinned=pinned, kept=kept)
        except NoReceipt as wrong:
            faults.append(f"entry {seq}: the receipt that it names is not to be believed: {wrong}")
        else:
            counts["signed"] += held is True
            counts["unchecked"] += held is False
    faults += _unnamed(reader, named) if not faults else ()  # else they are what the faults before speak of
    return Receipts(faults=tuple(faults), **counts)


def _other_chain(reader: sqlite3.Connection) -> Iterator[str]:
    strangers, first = reader.execute(
        "SELECT count(*), min(r.seq) FROM receipts r LEFT JOIN custody c ON c.seq = r.seq"
        " WHERE r.seq IS NOT NULL AND c.hash IS NOT r.head"
    ).fetchone()
    if strangers:
        yield (
            f"entry {first}: {strangers} of the store's receipts name a chain that had another entry here (entries were cut off or rewritten)"
        )


def _unnamed(reader: sqlite3.Connection, named: set[int]) -> Iterator[str]:
    strange = [row for row in reader.execute("SELECT id, segment FROM receipts ORDER BY id") if row[0] not in named]
    if strange:
        yield f"{len(strange)} receipts are named by no entry, the first of segment {strange[0][1]}: they were put in, or entries were taken out"


_COLUMNS = (
    "id", "segment", "store", "object", "method", "size", "sha256", "durable", "stored_at", "attested_at", "nonce", "seq", "head", "raw",
)  # fmt: skip


def _named(reader: sqlite3.Connection, segment: str, data: Mapping[str, Any], named: set[int]) -> dict[str, Any] | None:
    """The row that an entry names: by the hash of what came, and where proofs of one segment read alike (read-back), by nonce or in turn."""
    rows = [
        dict(zip(_COLUMNS, row, strict=True))
        for row in reader.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM receipts WHERE segment = ? ORDER BY id", (segment,)
        )
    ]
    alike = [row for row in rows if sha256_of(row["raw"]) == data.get("receipt_sha256")]
    alike.sort(key=lambda row: (row["nonce"] != data.get("nonce", row["nonce"]), row["id"] in named))
    return alike[0] if alike else None


def _checked(
    row: dict[str, Any], data: dict[str, Any], *, pinned: Mapping[str, frozenset[str]], kept: Mapping[str, str]
) -> bool | None:
    """True: its signature holds and it says what the ledger says; False: its key is not kept; None: nothing that is signed. Raises NoReceipt."""
    shared = row.keys() & data.keys()
    if {name: data[name] for name in shared} != {name: row[name] for name in shared} or data.get(
        "bytes", row["size"]
    ) != row["size"]:
        raise NoReceipt("the ledger's columns say something else than the entry")
    trusted = pinned.get(row["store"], frozenset())
    if bool(trusted) != (row["method"] == "receipt"):
        raise NoReceipt(f"it is called proof by {row['method']:.40}, which is not what that store was pinned for")
    if not trusted:
        return None
    if not trusted & kept.keys():
        return False
    key = signer(row["raw"])
    if key not in trusted:
        raise NoReceipt(f"it is signed by the key {key:.60}, which was never pinned")
    if key not in kept:
        return False
    said = opened(row["raw"], kept)
    for name, value in (_told(row) | {"camera": data.get("camera")}).items():
        if said.get(name) != value and not (name in ("segment", "camera") and said.get(name) is None):
            raise NoReceipt(f"its {name} is {said.get(name)!s:.80}, and {value!s:.80} in the ledger")
    return True


def _told(row: dict[str, Any]) -> dict[str, Any]:
    told = {
        "iss": row["store"], "sub": str(row["object"]).rstrip("/").rsplit("/", 1)[-1], "size": row["size"], "sha256": row["sha256"],
        "durable": bool(row["durable"]), "stored_at": row["stored_at"], "attested_at": row["attested_at"], "nonce": row["nonce"],
        "segment": row["segment"],
    }  # fmt: skip
    return told if row["seq"] is None else told | {"seq": row["seq"], "head": row["head"]}
