"""The only place that makes a WipePermit.

A permit names segments of one camera on one device. For each of them the ledger must hold, committed: the store among its copies; the
receipt that confirmed it, and a later attestation with another nonce, both from the pinned store, which was never caught lying, for
exactly these bytes (size and SHA-256); the attestation not older than ten minutes on CLOCK_BOOTTIME of this boot. The permit is committed, and
where the record ends then is kept beside the keys, before it is handed out; it ends ten minutes after the oldest of its attestations was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingest import events
from ingest.errors import Stop
from ingest.ledger import store_memory, stores
from ingest.ledger.core import Transaction
from ingest.ledger.segments import Segment, get
from ingest.model import PermittedSegment, WipePermit

ATTESTED_WITHIN_NS = 600 * 10**9


class PermitRefused(Stop):
    """No leave to delete; the message says which condition of P2 does not hold."""

    reason = "permit_refused"


def not_confirmed(why: str) -> str:
    """What to say of a store that a person has to confirm first."""
    return f"nothing is deleted until a person pins the store anew (dockd store pin): {why}"


def issue(tx: Transaction, *, camera: str, device: str, segments: Sequence[str]) -> WipePermit:
    """Leave to delete these segments from this device. Raises PermitRefused; then nothing was issued."""
    store = stores.pinned(tx.execute)
    if store is None:
        raise PermitRefused("no store is pinned: nothing may be deleted")
    if store.dishonest is not None:
        raise PermitRefused(f"the store {store.id} was caught: {store.dishonest}. Nothing may be deleted")
    if store.method != "read-back" and store.honest_at is None:
        raise PermitRefused(f"the store {store.id} has not yet been seen to refuse wrong bytes")
    if tx.unconfirmed:
        raise PermitRefused(not_confirmed(tx.unconfirmed))
    if store_memory.unasked(tx.execute, store.id):
        raise PermitRefused(
            f"the store {store.id} went back in time, and has not been asked again for all that it may have lost: nothing is deleted meanwhile"
        )
    named, oldest = [], tx.clock.boottime_ns()
    for segment in segments:
        row = get(tx.execute, segment)
        asked = _attested(tx, row, camera=camera, store=store.id)
        oldest = min(oldest, asked)
        named.append(PermittedSegment(segment=row.id, path=row.path, size=row.size, sha256=row.digest.sha256))
    if not named:
        raise PermitRefused("no segment is named")
    deadline = oldest + ATTESTED_WITHIN_NS
    number = int(
        tx.execute(
            "INSERT INTO permits (camera, device, issued_at, deadline_ns, boot_id) VALUES (?, ?, ?, ?, ?)",
            (camera, device, tx.now, deadline, tx.clock.boot_id),
        ).lastrowid
        or 0
    )
    tx.executemany("UPDATE segments SET wipe_permit = ? WHERE id = ?", [(number, item.segment) for item in named])
    tx.rest_on()
    tx.record(
        events.PermitIssued(camera=camera, permit=number, count=len(named), segments=[item.segment for item in named])
    )
    return WipePermit(
        id=number, camera=camera, device=device, segments=tuple(named), deadline_ns=deadline, boot_id=tx.clock.boot_id
    )


def _attested(tx: Transaction, row: Segment, *, camera: str, store: str) -> int:
    """When the latest attestation was asked for (CLOCK_BOOTTIME, ns). Raises PermitRefused."""
    if row.camera != camera:
        raise PermitRefused(f"segment {row.id} is not of camera {camera}")
    if row.held is not None:
        raise PermitRefused(f"segment {row.id} is held: {row.held_message}")
    if not (row.in_store and row.on_camera):
        raise PermitRefused(f"segment {row.id} is not both on the camera and in the store")
    receipts = tx.execute(
        "SELECT store, object, size, sha256, asked_boottime_ns, boot_id FROM receipts WHERE segment = ? ORDER BY id DESC LIMIT 2",
        (row.id,),
    ).fetchall()
    if len(receipts) < 2:
        raise PermitRefused(f"segment {row.id} was confirmed, but not attested again")
    for receipt in receipts:
        if receipt[:4] != (store, row.object, row.size, row.sha256):
            raise PermitRefused(f"a receipt of segment {row.id} is not for these bytes in the pinned store")
    asked, boot = int(receipts[0][4]), receipts[0][5]
    age = tx.clock.boottime_ns() - asked
    if boot != tx.clock.boot_id or not 0 <= age <= ATTESTED_WITHIN_NS:
        raise PermitRefused(f"the last attestation of segment {row.id} is older than ten minutes")
    return asked


def close(tx: Transaction, permit: WipePermit, *, gone: Sequence[str]) -> None:
    """The permit is over. Segments that it named and that are not in `gone` are not permitted any more. Nothing where it is over already."""
    _close(tx, permit.id, camera=permit.camera, wiped=len(gone))


def _close(tx: Transaction, permit: int, *, camera: str, wiped: int) -> None:
    if tx.execute("UPDATE permits SET closed_at = ? WHERE id = ? AND closed_at IS NULL", (tx.now, permit)).rowcount:
        tx.execute(
            "UPDATE segments SET wipe_permit = NULL WHERE camera = ? AND on_camera = 1 AND wipe_permit = ?",
            (camera, permit),
        )
        tx.record(events.PermitClosed(camera=camera, permit=permit, wiped=wiped))


def close_seen(tx: Transaction, *, camera: str, docking: int, gone: Mapping[int, int]) -> None:
    """After a whole listing: open permits of which everything that is still there was seen in this docking are over.

    `gone`: how many segments the listing showed to be wiped, by permit. What lies on another card of the camera keeps its permit open.
    """
    rows = tx.execute(
        "SELECT id FROM permits p INDEXED BY permits_open WHERE camera = ? AND closed_at IS NULL AND NOT EXISTS (SELECT 1 FROM segments s"
        " INDEXED BY segments_on_camera WHERE s.camera = p.camera AND s.on_camera = 1 AND s.wipe_permit = p.id AND s.docking IS NOT ?)",
        (camera, docking),
    ).fetchall()
    for (permit,) in rows:
        _close(tx, permit, camera=camera, wiped=gone.get(permit, 0))


def named(execute: Callable[..., Any], *, camera: str, device: str | None) -> frozenset[str]:
    """Ids of the segments that an open permit for this device of this camera names; None: for whichever device that camera was then."""
    rows = execute(
        "SELECT s.id FROM segments s JOIN permits p ON p.id = s.wipe_permit"
        " WHERE s.camera = ? AND p.device = coalesce(?, p.device) AND p.closed_at IS NULL AND s.on_camera = 1",
        (camera, device),
    )
    return frozenset(row[0] for row in rows)


def valid(execute: Callable[..., Any], permit: WipePermit) -> bool:
    """Whether the permit may be used this very moment: issued, not closed, its store never caught, and each segment as it was."""
    row = execute(
        "SELECT camera, device, deadline_ns, boot_id, closed_at FROM permits WHERE id = ?", (permit.id,)
    ).fetchone()
    store = stores.pinned(execute)
    if row != (permit.camera, permit.device, permit.deadline_ns, permit.boot_id, None) or store is None:
        return False
    if store.dishonest is not None or (store.method != "read-back" and store.honest_at is None):
        return False
    if store_memory.unasked(execute, store.id):
        return False
    return all(_still(get(execute, one.segment), permit, store.id) for one in permit.segments)


def _still(row: Segment, permit: WipePermit, store: str) -> bool:
    """A segment that was wiped under this permit is no hindrance to the others."""
    if not row.on_camera:
        return row.wiped_at is not None
    return bool(row.in_store and row.store == store and row.held is None and row.wipe_permit == permit.id)
