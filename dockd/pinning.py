"""A person's act: believe a store from now on, whatever was known of it before.

Nothing else pins a second store, and nothing else lifts what a caught store has brought about. What is pinned must still show its honesty
before anything is deleted; segments that were held because of the store are tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

from dockd.app import Agent
from ingest.clock import rfc3339
from ingest.ledger import Transaction, segments, stores
from ingest.ledger.stores import Pinned
from ingest.model import StoreIdentity

_STORE_REASONS = (
    "dishonest", "unproven", "object_gone", "store_lost", "store_refused", "spool_unread", "upload_blocked", "failed",
    "unproven_in_time",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is pinned, and what answers. `held`: how many segments wait for somebody to look at the store; `unconfirmed`: why a person has to say so."""

    before: Pinned | None
    answers: StoreIdentity
    held: int
    unconfirmed: str = ""


async def choice(agent: Agent) -> Choice:
    """Ask who answers. Raises what `Store.identify` raises."""
    answers = await agent.store.identify()
    before = await agent.ledger.read(lambda db: stores.pinned(db.execute))
    held = await agent.ledger.read(lambda db: len(segments.ids(db.execute, _HELD, _STORE_REASONS)))
    return Choice(before=before, answers=answers, held=held, unconfirmed=agent.ledger.unconfirmed)


_UNDER_WAY = "in_store = 0 AND upload IS NOT NULL"
_HELD = f"held IN ({', '.join('?' * len(_STORE_REASONS))})"


async def pin(agent: Agent, answers: StoreIdentity) -> int:
    """Pin it at a person's word, who thereby confirms it where that was asked for; else as `pin_the_proven`."""
    again = await pin_the_proven(agent, answers)
    await agent.ledger.confirmed()
    return again


async def pin_the_proven(agent: Agent, answers: StoreIdentity) -> int:
    """Pin it, with a custody record, and try again what was held because of a store; returns how many segments that are. That a person has to confirm
    it stays so: that it is who was meant, and refuses wrong bytes, does not say that it was not caught since a backup was made."""

    def write(tx: Transaction) -> int:
        stores.pin(tx, answers)
        for segment in segments.ids(tx.execute, _UNDER_WAY):
            segments.uploading_to(tx, segment, None)  # what it made of them before may be why it was caught: sent anew
        held = segments.ids(tx.execute, _HELD, _STORE_REASONS)
        for segment in held:
            segments.unhold(tx, segment)
        return len(held)

    return await agent.ledger.commit(write)


def told(found: Choice) -> list[str]:
    """The choice in plain words, a line each."""
    lines = ["pinned now:"]
    before = found.before
    if before is None:
        lines.append("  no store")
    else:
        lines += _store(before.id, before.url, before.method, before.keys)
        lines.append(f"  seen to refuse wrong bytes: {rfc3339(before.honest_at) if before.honest_at else 'not yet'}")
        if before.dishonest is not None:
            lines.append(f"  CAUGHT: {before.dishonest}")
    if found.unconfirmed:
        lines.append(f"  TO BE CONFIRMED: {found.unconfirmed}")
    answers = found.answers
    lines += ["answers:", *_store(answers.id, answers.url, answers.method, answers.keys)]
    if before is not None and (answers.id, answers.method) != (before.id, before.method):
        lines.append("this is ANOTHER store than the pinned one")
    elif before is not None and set(answers.keys) - set(before.keys):
        lines.append("it shows a key that is NOT pinned: hold its thumbprint against what the store's operator says")
    if found.held:
        lines.append(f"{found.held} segments are held because of a store, and would be tried again")
    return lines


def _store(name: str, url: str, method: str, keys: tuple[str, ...]) -> list[str]:
    return [f"  store {name} at {url}, proof by {method}", *(f"  key {key}" for key in keys)]
