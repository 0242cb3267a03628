"""A segment's custody record so far, as it goes beside the segment in a store that has room for it: a bucket explains itself without dockd.

One JSON document (keys sorted, UTF-8): `dock` and `keys` (who signs), `entries` (each with the exact text that was hashed), `head` (the end of
the chain at that moment and its signature). How it is checked: docs/verify.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Execute = Callable[..., Any]
_BEGUN_ANEW = tuple(
    f"SELECT seq, hash FROM custody WHERE action = '{action}' ORDER BY seq DESC LIMIT 1"
    for action in ("ledger.rebuilt", "ledger.went_back", "custody.restored")
)


def since(execute: Execute) -> str:
    """Which record it is an excerpt of, where it is not the first one: the first digits of the entry with which this one began; else empty.

    A ledger that was made anew, or went back, knows less of a segment than the one before: its excerpt must not take that one's place.
    """
    found = [row for question in _BEGUN_ANEW if (row := execute(question).fetchone()) is not None]
    return str(max(found)[1])[:8] if found else ""


def of(execute: Execute, segment: str) -> bytes:
    """The excerpt for one segment."""
    entries = execute("SELECT seq, hash, body FROM custody WHERE segment = ? ORDER BY seq", (segment,)).fetchall()
    head = execute("SELECT seq, hash, key, signature FROM head").fetchone()
    keys = execute("SELECT thumbprint, public FROM dock_keys ORDER BY rowid").fetchall()
    document = {
        "dock": keys[0][0] if keys else None,
        "keys": [{"thumbprint": thumbprint, "public": public} for thumbprint, public in keys],
        "segment": segment,
        "entries": [{"seq": seq, "hash": digest, "text": body} for seq, digest, body in entries],
        "head": dict(zip(("seq", "hash", "key", "signature"), head, strict=True)) if head is not None else None,
    }
    return json.dumps(document, ensure_ascii=True, sort_keys=True).encode()
