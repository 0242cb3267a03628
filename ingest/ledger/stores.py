"""The pinned store in the ledger: which one it is, when it was last seen to refuse wrong bytes, and whether it was ever caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from ingest import events
from ingest.ledger import marks
from ingest.ledger.core import Transaction
from ingest.ledger.keys import thumbprint
from ingest.ledger.pin_file import NAME, same, text_of
from ingest.ledger.pin_file import Pinned as Pinned
from ingest.model import ProofMethod, StoreIdentity

Execute = Callable[..., Any]


def pinned(execute: Execute) -> Pinned | None:
    """The pinned store, or None before the first."""
    row = execute("SELECT id, url, method, durable, keys, honest_at, dishonest FROM stores WHERE pinned = 1").fetchone()
    if row is None:
        return None
    return Pinned(
        id=row[0], url=row[1], method=cast(ProofMethod, row[2]), durable=bool(row[3]), keys=tuple(json.loads(row[4])),
        honest_at=row[5], dishonest=row[6],
    )  # fmt: skip


def pin(tx: Transaction, store: StoreIdentity) -> None:
    """Believe this store from now on, and no other."""
    tx.execute("UPDATE stores SET pinned = 0")
    tx.execute(
        "INSERT OR REPLACE INTO stores (id, url, method, durable, keys, pinned_at, pinned) VALUES (?, ?, ?, ?, ?, ?, 1)",
        (store.id, store.url, store.method, int(store.durable), json.dumps(list(store.keys)), tx.now),
    )
    tx.record(events.StorePinned(store=store.id, url=store.url, method=store.method, keys=list(store.keys)))
    keep_keys(tx, store)
    marks.anew(tx, store.id)
    _keep(tx)


def _keep(tx: Transaction) -> None:
    """Beside the ledger too, and durable before it is committed: a ledger that is lost must not take with it which store is believed."""
    now = pinned(tx.execute)
    if now is not None:
        tx.keep_beside(NAME, text_of(now))


def agree(tx: Transaction, kept: Pinned | None) -> None:
    """At the start: the ledger believes the store that was pinned last, by what is kept beside it. An older ledger, or a new one, does not know.

    A store that either of them calls caught is caught: both can be put back from an older copy, and only a person clears it.
    """
    now = pinned(tx.execute)
    if kept is None:
        _keep(tx)
        return
    dishonest = kept.dishonest
    if now is not None and now.id == kept.id:
        dishonest = dishonest or now.dishonest
    if now is None or not same(replace(now, dishonest=dishonest), replace(kept, dishonest=dishonest)):
        pin(tx, StoreIdentity(id=kept.id, url=kept.url, method=kept.method, durable=kept.durable, keys=kept.keys))
    if dishonest is not None:
        caught(tx, kept.id, error=dishonest)
    if dishonest != kept.dishonest:
        _keep(tx)


def keep_keys(tx: Transaction, store: StoreIdentity) -> None:
    """Keep the public keys of a pinned store, so that its receipts can be checked without it."""
    for public in store.publics:
        tx.execute(
            "INSERT OR IGNORE INTO store_keys (thumbprint, public, since) VALUES (?, ?, ?)",
            (thumbprint(public), public, tx.now),
        )


def keeps_keys(execute: Execute, store: StoreIdentity) -> bool:
    """Whether all of them are kept: a ledger from before dockd kept any learns them when it next meets its store."""
    return all(
        execute("SELECT 1 FROM store_keys WHERE thumbprint = ?", (thumbprint(public),)).fetchone()
        for public in store.publics
    )


def rotated(tx: Transaction, store: str, keys: tuple[str, ...]) -> None:
    """The pinned store has keys that a pinned one has signed. It must show its honesty again."""
    tx.execute("UPDATE stores SET keys = ?, honest_at = NULL WHERE id = ?", (json.dumps(list(keys)), store))
    tx.record(events.StoreKeyRotated(store=store, keys=list(keys)))
    _keep(tx)


def honest(tx: Transaction, store: str) -> None:
    """It refused wrong bytes, as it must."""
    tx.execute("UPDATE stores SET honest_at = ? WHERE id = ?", (tx.now, store))
    tx.record(events.StoreHonest(store=store))


def caught(tx: Transaction, store: str, *, error: str) -> None:
    """It vouched for what it does not have: nothing is deleted any more until a person pins it anew."""
    changed = tx.execute(
        "UPDATE stores SET dishonest = ?, honest_at = NULL WHERE id = ? AND dishonest IS NULL", (error, store)
    ).rowcount
    if changed:
        # what is being wiped on its word stops here; the permits' names stay, so that what was deleted already can be told
        tx.execute("UPDATE permits SET closed_at = ? WHERE closed_at IS NULL", (tx.now,))
        tx.record(events.StoreCaught(store=store, error=error))
        _keep(tx)
