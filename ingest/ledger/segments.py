"""Segments in the ledger: every step of the one transition table, each with its custody record, in one transaction.

Rules: the copies are always read from the row inside the transaction, never from what a caller remembers; a step that the table
(`ingest.copies`) does not allow raises and changes nothing; when the last copy is gone the segment is lost, in the same transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from ingest import events
from ingest.clock import moment_of, rfc3339
from ingest.copies import CAMERA, SPOOL, STORE, Copies, Step, after, is_lost
from ingest.errors import SourceUnstable
from ingest.ledger import addresses, marks, stores
from ingest.ledger.core import Transaction
from ingest.model import Digest, Listed, Receipt, legible
from ingest.rules import EVERYTHING, FileRules

Execute = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One row: sizes in bytes, `*_ns` nanoseconds, `*_at` seconds since the epoch by the station's clock."""

    id: str
    camera: str
    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    dev: int
    ino: int
    docking: int | None
    sha256: str | None
    xxh3_128: str | None
    on_camera: int
    in_spool: int
    in_store: int
    held: str | None
    held_message: str | None
    evidential: int
    priority: int
    attempts: int
    next_attempt: float
    trouble: str | None
    upload: str | None
    store: str | None
    object: str | None
    wipe_permit: int | None
    captured_at: float
    listed_at: float
    pulled_at: float | None
    verified_at: float | None
    confirmed_at: float | None
    wiped_at: float | None
    released_at: float | None
    kind: str | None = None
    recording: str | None = None
    part: int | None = None
    clock_offset: float | None = None

    @property
    def listed(self) -> Listed:
        """The file as it was last listed."""
        return Listed(
            path=self.path, size=self.size, mtime_ns=self.mtime_ns, ctime_ns=self.ctime_ns, dev=self.dev, ino=self.ino
        )  # fmt: skip

    @property
    def copies(self) -> Copies:
        """Which verified copies exist, as far as the ledger knows."""
        flags = ((CAMERA, self.on_camera), (SPOOL, self.in_spool), (STORE, self.in_store))
        return frozenset(copy for copy, there in flags if there)

    @property
    def digest(self) -> Digest:
        """What its bytes are. Raises ValueError before it was pulled."""
        if self.sha256 is None or self.xxh3_128 is None:
            raise ValueError(f"segment {self.id} has not been pulled")
        return Digest(size=self.size, sha256=self.sha256, xxh3_128=self.xxh3_128)


COLUMNS = ", ".join(f.name for f in fields(Segment))
_NAMES = tuple(f.name for f in fields(Segment))
IN_DOUBT = "in_doubt"
_OF_ITS_FILE = frozenset({"source_unstable", "not_deletable"})
_FLAG = {CAMERA: "on_camera", SPOOL: "in_spool", STORE: "in_store"}


def of_row(row: tuple[Any, ...]) -> Segment:
    """A row of `SELECT COLUMNS`."""
    return Segment(**dict(zip(_NAMES, row, strict=True)))


def get(execute: Execute, segment: str) -> Segment:
    """One segment by id. Raises KeyError."""
    row = execute(f"SELECT {COLUMNS} FROM segments WHERE id = ?", (segment,)).fetchone()
    if row is None:
        raise KeyError(segment)
    return of_row(row)


def last_place(execute: Execute) -> tuple[str, bytes] | None:
    """Camera and path of the segment that was listed last."""
    row = execute("SELECT camera, path FROM segments ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else (str(row[0]), bytes(row[1]))


def new_id(now: float) -> str:
    """A segment's name for good: 12 hex digits of time (they sort), 20 of chance."""
    return f"{max(0, int(now * 1000)) & 0xFFFFFFFFFFFF:012x}{secrets.token_hex(10)}"


def _write(tx: Transaction, segment: str, columns: dict[str, Any]) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    tx.execute(f"UPDATE segments SET {names} WHERE id = ?", (*columns.values(), segment))


def classified(
    tx: Transaction, *, docking: int, rules: FileRules, clock_offset: float | None, again: bool = False
) -> None:
    """Write down what the camera's profile says of each file of this docking that was not looked at yet; of all of them, where `again`.

    What a file is decides nothing of its copies. The clock's offset (seconds, camera minus station) stays with the segments first listed under it;
    once a segment is copied the record has its times, and they stay as they are.
    """
    if rules == EVERYTHING and clock_offset is None:
        return
    which = "" if again else " AND kind IS NULL"
    for segment, path, mtime_ns, known, sha256 in tx.execute(
        f"SELECT id, path, mtime_ns, kind, sha256 FROM segments WHERE docking = ?{which}", (docking,)
    ).fetchall():
        place, kind = rules.place(path), rules.kind(path)
        said: dict[str, Any] = {
            "kind": "other" if kind == "ignorable" else kind, "recording": place.recording or None, "part": place.part,
        }  # fmt: skip
        if known is None and sha256 is None:
            said |= {"clock_offset": clock_offset, "captured_at": moment_of(mtime_ns, rules.time_zone)}
        _write(tx, segment, said)


def _step(tx: Transaction, segment: Segment, step: Step, event: events.Event, **columns: Any) -> None:
    """Apply one step of the table, record its event, and notice when no copy is left."""
    copies = after(segment.copies, step)
    flags = {name: int(copy in copies) for copy, name in _FLAG.items()}
    _write(tx, segment.id, {**flags, **columns})
    tx.record(event)
    if is_lost(copies):
        _no_copy_left(tx, segment, step)
    elif segment.held == IN_DOUBT:
        unhold(tx, segment.id)


def _no_copy_left(tx: Transaction, segment: Segment, step: Step) -> None:
    """It is lost, unless the store may have it all the same, by a history of this dock that this ledger does not know (any more)."""
    if step is Step.STORE_LOST:
        lost(tx, segment.id)
    elif segment.sha256 is None and not tx.settled:
        error = "it is not on its camera any more; the store is asked whether this ledger knows all of its history"
        hold(tx, segment.id, reason=IN_DOUBT, error=error)
    elif segment.sha256 is not None:
        hold(
            tx,
            segment.id,
            reason=IN_DOUBT,
            error="no copy of it is known here any more; the store is asked whether it has it",
        )
    elif _went_back_since(tx, segment.id):
        error = (
            "it was listed before the ledger went back in time, and never pulled as far as this ledger knows: whether the store has it, "
            "only the store's operator can say, by this segment's id"
        )
        hold(tx, segment.id, reason=IN_DOUBT, error=error)
    else:
        lost(tx, segment.id)


def _went_back_since(tx: Transaction, segment: str) -> bool:
    """Whether this ledger went back to an older copy after the segment was listed: it may have been pulled and proven in what is missing."""
    turn = tx.execute("SELECT max(seq) FROM custody WHERE action = 'custody.restored'").fetchone()[0]
    first = tx.execute("SELECT min(seq) FROM custody WHERE segment = ?", (segment,)).fetchone()[0]
    return turn is not None and first is not None and first < turn


def decided(tx: Transaction, segment: str) -> bool:
    """The store has seen this ledger's history: is what was never pulled lost, or not known? Returns whether that is new."""
    row = get(tx.execute, segment)
    if row.held != IN_DOUBT or row.copies or row.sha256 is not None:
        return False
    _no_copy_left(tx, row, Step.VANISHED)
    return get(tx.execute, segment).held_message != row.held_message


def lost(tx: Transaction, segment: str) -> None:
    """No copy of it is left anywhere: said for good, and loudly."""
    row = get(tx.execute, segment)
    unhold(tx, segment)
    tx.record(events.SegmentLost(camera=row.camera, segment=segment, path=legible(row.path)))


def listed(tx: Transaction, *, camera: str, docking: int, file: Listed) -> str:
    """A new segment begins: a file was seen on a camera. Returns its id."""
    segment = new_id(tx.now)
    tx.execute(
        "INSERT INTO segments (id, camera, path, size, mtime_ns, ctime_ns, dev, ino, docking, on_camera, in_spool, in_store,"
        " captured_at, listed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, ?, ?)",
        (segment, camera, file.path, file.size, file.mtime_ns, file.ctime_ns, file.dev, file.ino, docking, file.mtime_ns / 1e9, tx.now),
    )  # fmt: skip
    tx.record(
        events.SegmentListed(
            camera=camera, segment=segment, path=legible(file.path), bytes=file.size, mtime_ns=file.mtime_ns
        )
    )
    return segment


def seen_again(tx: Transaction, segment: str, *, docking: int, file: Listed) -> None:
    """The same file as before, listed again: remember where it is now. It is there, so no earlier permit was used on it."""
    columns = {"docking": docking, "dev": file.dev, "ino": file.ino, "ctime_ns": file.ctime_ns, "wipe_permit": None}
    _write(tx, segment, columns)


def seen_in(tx: Transaction, segment: str, *, docking: int) -> None:
    """Count the segment with this docking."""
    _write(tx, segment, {"docking": docking})


def grown(tx: Transaction, segment: str, *, docking: int, file: Listed) -> None:
    """A file that was never pulled is being written still: it is this size now. Its digest begins to count with the pull."""
    row = get(tx.execute, segment)
    if row.sha256 is not None:
        raise ValueError(f"segment {segment} was pulled: what is there now is another one")
    seen_again(tx, segment, docking=docking, file=file)
    _write(
        tx, segment, {"size": file.size, "mtime_ns": file.mtime_ns, "captured_at": file.mtime_ns / 1e9, "kind": None}
    )


def copied(tx: Transaction, segment: str, *, digest: Digest, second_read: str) -> None:
    """Pulled, verified by a second read of the source, and durable in the spool."""
    row = get(tx.execute, segment)
    if row.sha256 is not None and row.sha256 != digest.sha256:
        raise SourceUnstable(
            f"{legible(row.path)} has other bytes than when it was pulled before: it is another segment"
        )
    event = events.SegmentCopied(
        camera=row.camera, segment=segment, path=legible(row.path), bytes=digest.size, sha256=digest.sha256,
        xxh3_128=digest.xxh3_128, second_read=second_read, mtime_ns=row.mtime_ns, captured_at=rfc3339(row.captured_at),
        clock_offset_ms=None if row.clock_offset is None else round(row.clock_offset * 1000),
    )  # fmt: skip
    _step(
        tx, row, Step.COPIED, event, size=digest.size, sha256=digest.sha256, xxh3_128=digest.xxh3_128, pulled_at=tx.now,
        verified_at=tx.now, released_at=None, attempts=0, next_attempt=0.0, trouble=None,
    )  # fmt: skip
    if row.evidential or row.priority:
        marks.undescribe(tx, segment)


def save_receipt(tx: Transaction, receipt: Receipt) -> None:
    """Keep a receipt for good. Raises sqlite3.IntegrityError for a nonce that was used before."""
    tx.execute(
        "INSERT INTO receipts (segment, store, object, method, size, sha256, durable, stored_at, attested_at, nonce, seq, head, raw,"
        " asked_boottime_ns, boot_id, at, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            receipt.segment, receipt.store, receipt.object, receipt.method, receipt.size, receipt.sha256, int(receipt.durable),
            receipt.stored_at, receipt.attested_at, receipt.nonce, receipt.head.seq if receipt.head else None,
            receipt.head.hash if receipt.head else None, receipt.raw, receipt.asked_boottime_ns, receipt.boot_id, tx.now,
            receipt.number,
        ),
    )  # fmt: skip


def _receipt_hash(receipt: Receipt) -> str:
    return hashlib.sha256(receipt.raw.encode("utf-8", "surrogateescape")).hexdigest()


def confirmed(tx: Transaction, receipt: Receipt) -> None:
    """The store's receipt for these very bytes is in the ledger. Raises ValueError where it is not for these bytes, AddressTaken.

    Where it was found in the store meanwhile, as that same object, this is one proof more.
    """
    row = get(tx.execute, receipt.segment)
    _must_match(row, receipt)
    if row.in_store and row.object == receipt.object:
        attested(tx, receipt)
        return
    addresses.must_be_free(tx.execute, receipt.object, segment=row.id)
    save_receipt(tx, receipt)
    event = events.SegmentConfirmed(
        camera=row.camera, segment=row.id, path=legible(row.path), bytes=row.size, sha256=receipt.sha256, store=receipt.store,
        object=receipt.object, method=receipt.method, stored_at=receipt.stored_at, receipt_sha256=_receipt_hash(receipt),
    )  # fmt: skip
    _step(
        tx, row, Step.CONFIRMED, event, confirmed_at=tx.now, store=receipt.store, object=receipt.object, attempts=0,
        next_attempt=0.0, trouble=None, held=None, held_message=None,
    )  # fmt: skip
    if row.evidential:
        marks.to_tell(tx, row.id)


def found(tx: Transaction, receipt: Receipt) -> bool:
    """The store has proven that it has these very bytes, of which this ledger did not know. False where that is known meanwhile.

    Raises ValueError where it is not for these bytes, AddressTaken.
    """
    row = get(tx.execute, receipt.segment)
    _must_match(row, receipt)
    if row.in_store:
        return False
    addresses.must_be_free(tx.execute, receipt.object, segment=row.id)
    save_receipt(tx, receipt)
    event = events.SegmentFoundInStore(
        camera=row.camera, segment=row.id, path=legible(row.path), bytes=row.size, sha256=receipt.sha256, store=receipt.store,
        object=receipt.object, method=receipt.method, stored_at=receipt.stored_at, receipt_sha256=_receipt_hash(receipt),
    )  # fmt: skip
    _step(
        tx, row, Step.FOUND, event, confirmed_at=tx.now, store=receipt.store, object=receipt.object, attempts=0,
        next_attempt=0.0, trouble=None,
    )  # fmt: skip
    if row.evidential:
        marks.to_tell(tx, row.id)
    return True


def attested(tx: Transaction, receipt: Receipt) -> bool:
    """The store has proven a confirmed segment once more. Where another store was believed before, the pinned one's word counts from now on.

    Returns False, and changes nothing, where somebody else has meanwhile found it lost (and perhaps sent it again, as another object).
    """
    row = get(tx.execute, receipt.segment)
    _must_match(row, receipt)
    if not row.in_store or row.object != receipt.object:
        return False
    save_receipt(tx, receipt)
    pinned = stores.pinned(tx.execute)
    if row.store != receipt.store and pinned is not None and pinned.id == receipt.store:
        _write(tx, row.id, {"store": receipt.store})
        if row.evidential:
            marks.to_tell(tx, row.id)
    tx.record(
        events.SegmentAttested(
            camera=row.camera,
            segment=row.id,
            store=receipt.store,
            nonce=receipt.nonce,
            receipt_sha256=_receipt_hash(receipt),
        )
    )
    return True


def _must_match(row: Segment, receipt: Receipt) -> None:
    if (row.size, row.sha256, row.camera) != (receipt.size, receipt.sha256, receipt.camera):
        raise ValueError(f"the receipt is not for the bytes of segment {row.id}")


def wiped(tx: Transaction, segment: str, *, permit: int, seen: str) -> None:
    """Deleted under a permit and seen gone. `seen` says how that was seen."""
    row = get(tx.execute, segment)
    if row.wipe_permit != permit:
        raise ValueError(f"segment {segment} is not named in permit {permit}")
    event = events.SegmentWiped(
        camera=row.camera,
        segment=segment,
        path=legible(row.path),
        bytes=row.size,
        sha256=row.sha256 or "",
        permit=permit,
        seen=seen,
    )
    _step(tx, row, Step.WIPED, event, wiped_at=tx.now, wipe_permit=None)


def released(tx: Transaction, segment: str) -> None:
    """The spool's copy is given up; the file is removed after the commit."""
    row = get(tx.execute, segment)
    _step(tx, row, Step.RELEASED, events.SegmentReleased(camera=row.camera, segment=segment), released_at=tx.now)


def reappeared(tx: Transaction, segment: str, *, docking: int, file: Listed) -> None:
    """A file that was wiped or had vanished is on the camera again, with the same content (the caller has read it)."""
    row = get(tx.execute, segment)
    event = events.SegmentReappeared(camera=row.camera, segment=segment, path=legible(row.path), mtime_ns=file.mtime_ns)
    _step(
        tx, row, Step.REAPPEARED, event, docking=docking, dev=file.dev, ino=file.ino, mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns, wiped_at=None, wipe_permit=None,
    )  # fmt: skip


def vanished(tx: Transaction, segment: str, *, error: str) -> None:
    """Gone from the camera, or replaced there, and not by dockd. What it was held for there is over, where another copy is left."""
    row = get(tx.execute, segment)
    event = events.SegmentVanished(camera=row.camera, segment=segment, path=legible(row.path), error=error)
    _step(tx, row, Step.VANISHED, event, wipe_permit=None)
    if row.held in _OF_ITS_FILE and (row.in_spool or row.in_store):
        unhold(tx, segment)


def replaced(tx: Transaction, segment: str) -> str:
    """Other bytes of the same name, size and time lie where the segment was: those are a segment of their own. Returns its id."""
    row = get(tx.execute, segment)
    if row.on_camera:
        vanished(tx, segment, error="other bytes of the same size and time lie at its place")
    return listed(tx, camera=row.camera, docking=row.docking or 0, file=row.listed)


def rotted(tx: Transaction, segment: str, *, error: str) -> None:
    """The spool file is no longer its hash, or not there."""
    row = get(tx.execute, segment)
    begun: dict[str, Any] = (
        {"upload": None} if row.on_camera or row.in_store else {}
    )  # else the store may have it there
    _step(tx, row, Step.ROTTED, events.SegmentRotted(camera=row.camera, segment=segment, error=error), **begun)


def store_lost(tx: Transaction, segment: str, *, error: str, object: str | None = None) -> bool:
    """The store, asked again (for `object`), does not have it. With another copy left it is queued again.

    Returns False, and changes nothing, where that is known already: several may have asked, and it may have been sent again since.
    """
    row = get(tx.execute, segment)
    if not row.in_store or object not in (None, row.object):
        return False
    event = events.SegmentStoreLost(camera=row.camera, segment=segment, store=row.store or "", error=error)
    _step(
        tx, row, Step.STORE_LOST, event, upload=None, object=None, confirmed_at=None, wipe_permit=None, next_attempt=0.0
    )  # fmt: skip
    return True


def recovered(
    tx: Transaction, *, camera: str, segment: str, path: bytes, digest: Digest, captured_at: float, mtime_ns: int
) -> None:
    """A whole spool file that the ledger does not know (it was lost or went back): taken in with its own name."""
    event = events.SegmentRecovered(
        camera=camera, segment=segment, path=legible(path), bytes=digest.size, sha256=digest.sha256, xxh3_128=digest.xxh3_128,
        mtime_ns=mtime_ns, captured_at=rfc3339(captured_at),
    )  # fmt: skip
    known = tx.execute(f"SELECT {COLUMNS} FROM segments WHERE id = ?", (segment,)).fetchone()
    if known is not None:
        _step(
            tx,
            of_row(known),
            Step.RECOVERED,
            event,
            size=digest.size,
            sha256=digest.sha256,
            xxh3_128=digest.xxh3_128,
            released_at=None,
        )
        return
    tx.execute(
        "INSERT INTO segments (id, camera, path, size, mtime_ns, ctime_ns, dev, ino, sha256, xxh3_128, on_camera, in_spool, in_store,"
        " captured_at, listed_at, pulled_at, verified_at) VALUES (?, ?, ?, ?, ?, 0, 0, 0, ?, ?, 0, 1, 0, ?, ?, ?, ?)",
        (
            segment,
            camera,
            path,
            digest.size,
            mtime_ns,
            digest.sha256,
            digest.xxh3_128,
            captured_at,
            tx.now,
            tx.now,
            tx.now,
        ),
    )
    tx.record(event)


def hold(tx: Transaction, segment: str, *, reason: str, error: str) -> None:
    """Keep it wherever it is until a person or a changed condition releases it. Saying the same again records nothing."""
    row = get(tx.execute, segment)
    if (row.held, row.held_message) == (reason, error):
        return
    _write(tx, segment, {"held": reason, "held_message": error})
    tx.record(
        events.SegmentHeld(camera=row.camera, segment=segment, path=legible(row.path), reason=reason, error=error)
    )


def unhold(tx: Transaction, segment: str) -> None:
    """Its cause is gone: try again."""
    row = get(tx.execute, segment)
    if row.held is None:
        return
    _write(tx, segment, {"held": None, "held_message": None, "attempts": 0, "next_attempt": 0.0})
    tx.record(events.SegmentUnheld(camera=row.camera, segment=segment))


def try_again(tx: Transaction, segment: str, *, by: str) -> bool:
    """A person says that its cause is gone. False where it is not held. Raises KeyError."""
    row = get(tx.execute, segment)
    if row.held is None:
        return False
    tx.record(
        events.SegmentTriedAgain(camera=row.camera, segment=segment, path=legible(row.path), reason=row.held, by=by)
    )
    unhold(tx, segment)
    return True


def mark_evidential(tx: Transaction, segment: str, *, by: str | None = None) -> bool:
    """It is evidence, for good. False, and nothing recorded, where that is known. Raises KeyError.

    The store, if it has it, and the description in the spool, if it has one, are to be told from this commit on.
    """
    row = get(tx.execute, segment)
    if row.evidential:
        return False
    _write(tx, segment, {"evidential": 1})
    tx.record(events.SegmentEvidential(camera=row.camera, segment=segment, path=legible(row.path), by=by))
    if row.in_store:
        marks.to_tell(tx, segment, late=True)
    if row.in_spool:
        marks.undescribe(tx, segment)
    return True


def move_up(tx: Transaction, segment: str, *, by: str | None = None) -> bool:
    """Put it before all that is not evidence, by hand: the last one moved is the first. False where the store has it already. Raises KeyError."""
    row = get(tx.execute, segment)
    if row.in_store:
        return False
    entry = tx.record(events.SegmentMovedUp(camera=row.camera, segment=segment, path=legible(row.path), by=by))
    _write(tx, segment, {"priority": entry})  # later entries have greater numbers
    if row.in_spool:
        marks.undescribe(tx, segment)
    return True


def delay(tx: Transaction, segment: str, *, seconds: float, error: str) -> None:
    """One more try that did not work; the next not before `seconds` from now. Survives a restart."""
    row = get(tx.execute, segment)
    _write(tx, segment, {"attempts": row.attempts + 1, "next_attempt": tx.now + seconds, "trouble": error})
    tx.record(events.SegmentDelayed(camera=row.camera, segment=segment, error=error, seconds=round(seconds)))


def not_before(tx: Transaction, segment: str, moment: float) -> None:
    """Look at it again then, seconds since the epoch: no failure, and no try."""
    _write(tx, segment, {"next_attempt": moment})


def uploading_to(tx: Transaction, segment: str, upload: str | None) -> None:
    """Remember the upload's address before its first byte, so that a restart goes on with it. None: begin anew. Raises AddressTaken."""
    if upload is not None:
        addresses.must_be_free(tx.execute, upload, segment=segment)
    _write(tx, segment, {"upload": upload})


def asked_again(tx: Transaction, others: Iterable[str]) -> None:
    """Their address was given to another one: those that the store has proven are in doubt until it has proven them once more."""
    error = "the store gave its address to another segment, so that it may not be there any more; it is asked again"
    for name in others:
        row = get(tx.execute, name)
        if row.in_store and row.held is None:
            hold(tx, name, reason=IN_DOUBT, error=error)


def forget_delays(tx: Transaction) -> None:
    """A person asked for it now: stored waiting times are ignored, but not the second look at a store without promises."""
    tx.execute("UPDATE segments SET next_attempt = 0.0 WHERE next_attempt > 0.0 AND in_store = 0")


def ids(execute: Execute, where: str, values: Iterable[Any] = ()) -> list[str]:
    """Ids of the segments for which `where` (named SQL of this package) holds."""
    return [row[0] for row in execute(f"SELECT id FROM segments WHERE {where}", tuple(values))]
