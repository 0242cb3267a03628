"""What the ledger knows of the store's word: the heads that the store has seen, what it lost, and what a segment's receipts amount to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.clock import Clock
from ingest.ledger.passed import passed_since
from ingest.ledger.segments import Segment
from ingest.model import Head

Execute = Callable[..., Any]

FRESH_NS = 540 * 10**9  # an attestation is asked again a minute before P2 would call it too old
SECOND_LOOK = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a segment's receipts amount to.

    `first_at`: when the first of them was given, at the latest, by the clock as it is set now (seconds since the epoch); None without a
    receipt from the pinned store.
    """

    durable: bool = False
    fresh: bool = False
    first_at: float | None = None

    def lasts(self, now: float) -> bool:
        """A store that promises durability, or one that still had the bytes a day after the first look."""
        return self.durable or (self.first_at is not None and now - self.first_at >= SECOND_LOOK)


def of(execute: Execute, segment: Segment, *, store: str, clock: Clock) -> Proof:
    """The proof that `store` has given for exactly the segment's bytes."""
    rows = execute(
        "SELECT durable, asked_boottime_ns, boot_id, at FROM receipts"
        " WHERE segment = ? AND store = ? AND object = ? AND size = ? AND sha256 = ? ORDER BY id",
        (segment.id, store, segment.object, segment.size, segment.sha256),
    ).fetchall()
    if not rows or segment.store != store:
        return Proof()
    durable, asked, boot, _at = rows[-1]
    fresh = boot == clock.boot_id and 0 <= clock.boottime_ns() - asked <= FRESH_NS
    first = rows[0]
    age = passed_since(execute, clock, segment=segment.id, asked_ns=first[1], boot=first[2], at=first[3])
    return Proof(durable=bool(durable), fresh=fresh, first_at=clock.now() - age)


def last_head(execute: Execute, *, store: str) -> Head | None:
    """The custody head to ask `store` with first: the last that it has seen, as far as this ledger knows, or the entry that follows it.

    A ledger that knows of none (a new dock's, or one that was made anew) begins with its first entry: whatever the chain has grown to by now, a
    store that has seen more of this dock says so. None without any entry.
    """
    seen = execute(
        "SELECT seq, head FROM receipts WHERE store = ? AND head IS NOT NULL ORDER BY id DESC LIMIT 1", (store,)
    ).fetchone()
    turn = execute(
        "SELECT seq, hash FROM custody WHERE action = 'custody.restored' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    first = execute("SELECT seq, hash FROM custody ORDER BY seq LIMIT 1").fetchone()
    known = [row for row in (seen, turn) if row is not None] or ([first] if first is not None else [])
    return max((Head(seq=row[0], hash=row[1]) for row in known), key=lambda head: head.seq, default=None)


def in_chain(execute: Execute, head: Head) -> bool:
    """Whether this very entry is in our custody chain."""
    row = execute("SELECT hash FROM custody WHERE seq = ?", (head.seq,)).fetchone()
    return row is not None and row[0] == head.hash


def times_rotted(execute: Execute, segment: str) -> int:
    """How many spool copies of this segment went bad since the store last proved it, as far as the custody record knows."""
    row = execute(
        "SELECT count(*) FROM custody WHERE segment = ? AND action = 'segment.rotted' AND seq > (SELECT coalesce(max(seq), 0) FROM custody"
        " WHERE segment = ? AND action IN ('segment.confirmed', 'segment.attested', 'segment.found_in_store'))",
        (segment, segment),
    ).fetchone()
    return int(row[0])


def times_lost(execute: Execute, segment: str) -> int:
    """How often the store has lost this segment after it had proven it."""
    row = execute(
        "SELECT count(*) FROM custody WHERE segment = ? AND action = 'segment.store_lost'", (segment,)
    ).fetchone()
    return int(row[0])
