"""What keeps a dock from being taken out of service: footage that only it has, or only it knows of. Nothing is changed here but by `record`.

Rules: whatever is in the spool keeps it, proven or not (its copy is given up by the one place that does so, against a proof); so does what the store
is still to be asked for, and a mark of evidence that it has not heard. What is on cameras alone is in no danger from this: it may be left to another
dock, where a person says so. What was lost and told as lost keeps nobody. What a ledger before this one knows, and this one does not, is told, and
left only where a person says so.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import LedgerUnusable
from ingest.events import DockDecommissionCancelled, DockDecommissioned
from ingest.ledger import schema
from ingest.ledger.core import Transaction
from ingest.ledger.kept_aside import Lacking
from ingest.ledger.segments import IN_DOUBT

_SHOWN = 10
_NEAR = 100  # entries: whatever else writes before an agent does, its first start takes it back


@dataclass(frozen=True, kw_only=True)
class Reason:
    """`count` of something; `examples`: some of them, as camera: path. `on_cameras`: no copy of it is here; `older`: only a ledger before this one says so."""

    count: int
    what: str
    examples: tuple[str, ...] = ()
    on_cameras: bool = False
    older: bool = False


_PROVEN = "in_store = 1 AND in_spool = 1"
_PIN_FIRST = (
    "are proven and still on this dock, which gives up nothing before a person has confirmed the store: `dockd store pin`, then let it run until it has "
    "given them up (spool.keep_confirmed)"
)
_LOOKS = (
    ("in_store = 0 AND in_spool = 1", "are on this dock and not proven in the store: let it run until they are", False),
    (_PROVEN, "are proven and still on this dock: let it run until it has given them up (spool.keep_confirmed)", False),
    ("in_store = 0 AND in_spool = 0 AND on_camera = 1", "are on cameras alone: dock those, or leave them to another dock (--leave-on-cameras)", True),
    (f"in_store = 0 AND in_spool = 0 AND on_camera = 0 AND held = '{IN_DOUBT}'", "are in doubt: the store is still to be asked for them", False),
)  # fmt: skip


def reasons(db: sqlite3.Connection, *, unconfirmed: bool = False) -> list[Reason]:
    """All that there are. `unconfirmed`: a person has to say first which store is believed. Raises LedgerUnusable where the ledger is of an older dockd, sqlite3.DatabaseError."""
    if schema.pending(schema.applied(db)):
        raise LedgerUnusable(
            "the ledger is of an older dockd: start the agent once, which brings it up to this version; nothing was changed"
        )
    found = []
    for which, what, on_cameras in _LOOKS:
        count = db.execute(f"SELECT count(*) FROM segments WHERE {which}").fetchone()[0]
        rows = db.execute(f"SELECT camera, path FROM segments WHERE {which} ORDER BY captured_at LIMIT {_SHOWN}")
        examples = tuple(f"{camera}: {os.fsdecode(bytes(path))}" for camera, path in rows)
        if count:
            said = _PIN_FIRST if unconfirmed and which == _PROVEN else what
            found.append(Reason(count=count, what=f"segments {said}", examples=examples, on_cameras=on_cameras))
    for table, what in (
        ("permits WHERE closed_at IS NULL", "leaves to delete are open: start the agent once, which looks what became of them"),
        ("marks WHERE told_at IS NULL AND cannot IS NULL", "marks of evidence were not told to the store: let it run until they are"),
    ):  # fmt: skip
        count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if count:
            found.append(Reason(count=count, what=what))
    return found


def reasons_before(name: str, found: Lacking) -> list[Reason]:
    """What the ledger kept aside as `name` knows and the one in use does not: nobody here can ask or deliver it, so a person has to say that it is known."""
    told = []
    if found.on_cameras:
        what = (
            f"segments are on cameras alone by {name}, and the ledger in use does not know of them: dock those cameras, or leave them to another dock "
            "(--leave-on-cameras)"
        )
        told.append(
            Reason(count=found.on_cameras, what=what, examples=found.shown_on_cameras, on_cameras=True, older=True)
        )
    if found.unproven:
        what = f"segments were not proven by {name}, and the ledger in use does not know of them: look for them in the store; --leave-older where you have"
        told.append(Reason(count=found.unproven, what=what, examples=found.shown_unproven, older=True))
    if found.unread:
        what = (
            f"ledger kept as {name} cannot be read whole ({found.unread}): it may know of footage that is on cameras alone. Dock every camera that was here "
            "before it was put aside; --leave-older where that is done, or cannot be"
        )
        told.append(Reason(count=1, what=what, older=True))
    return told


def record(tx: Transaction, *, left: int, older: Sequence[str] = ()) -> None:
    """The dock's last entry; not a second time where it is there. `left`: segments that stay on cameras alone; `older`: the ledgers before this one
    that go with the record, each file's name and SHA-256."""
    last = tx.execute("SELECT action FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    if last is None or last[0] != DockDecommissioned.action:
        tx.record(DockDecommissioned(left=left, older=list(older) or None))


def take_back(tx: Transaction, *, reason: str) -> None:
    """The dock goes on after all: an entry, where the record's end says that it does not."""
    near = "SELECT action, seq FROM custody ORDER BY seq DESC LIMIT ?"
    last = tx.execute(
        f"SELECT action FROM ({near}) WHERE action IN (?, ?) ORDER BY seq DESC LIMIT 1",
        (_NEAR, DockDecommissioned.action, DockDecommissionCancelled.action),
    ).fetchone()
    if last is not None and last[0] == DockDecommissioned.action:
        tx.record(DockDecommissionCancelled(reason=reason))
