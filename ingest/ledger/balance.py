"""The accounts: listed = confirmed + held + left (+ lost), for each camera and each docking, to the file and the byte.

Two books are held against each other (`ingest.ledger.books`), and each camera's last listing, written down whole before its first byte
was pulled, must be accounted for by segments. A difference anywhere is a fault that names its place. Every segment counts once, with the
docking in which it was seen last, so that the sums of dockings, of cameras and of the station are the same. Memory does not grow with the
segments.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, field

from ingest.copies import STORE
from ingest.ledger.books import Replayed, differences, entry_data, side_by_side
from ingest.ledger.gaps import agent_started
from ingest.ledger.segments import IN_DOUBT, Segment

KINDS = ("listed", "copied", "confirmed", "wiped", "held", "left", "lost")
_FAULTS_MOST = 1000
OPEN_MOST = 1000


@dataclass(kw_only=True)
class Count:
    """Segments and bytes. `confirmed`, `held`, `left` and `lost` exclude each other and make up `listed`.

    `held`: not confirmed and held for a person; `left`: on its way; `lost`: no copy anywhere; `copied` and `wiped` are points on the way.
    """

    listed: int = 0
    copied: int = 0
    confirmed: int = 0
    wiped: int = 0
    held: int = 0
    left: int = 0
    lost: int = 0

    def add(self, kinds: tuple[str, ...], amount: int) -> None:
        """Count `amount` under each of `kinds`."""
        for kind in kinds:
            setattr(self, kind, getattr(self, kind) + amount)

    def take(self, other: Count) -> None:
        """Add another's sums to these."""
        for kind in KINDS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))

    def as_dict(self) -> dict[str, int]:
        """By name, in the order of the way."""
        return {kind: getattr(self, kind) for kind in KINDS}


@dataclass(frozen=True, kw_only=True)
class Open:
    """A segment that is not yet where it belongs: `state` is held, left, lost, or stuck (proven in the store, but held on the camera)."""

    segment: str
    camera: str
    path: bytes
    bytes: int
    state: str
    reason: str
    message: str


@dataclass(kw_only=True)
class CameraBalance:
    """One camera's accounts. `faults` are differences between the books; `unseen` says what on it was not looked at."""

    camera: str
    segments: Count = field(default_factory=Count)
    bytes: Count = field(default_factory=Count)
    stuck: int = 0
    faults: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class DockingBalance:
    """The segments that were last seen in one docking. `docking` 0: in none (taken in from the spool after the ledger was lost).

    `listing`: files and bytes of its last whole listing, which may have some that a later docking counts; None: there was none.
    `docked`: as far as is known, the camera is still in it.
    """

    docking: int
    camera: str
    bay: int | None = None
    docked_at: float | None = None
    undocked_at: float | None = None
    listing: tuple[int, int] | None = None
    docked: bool = False
    segments: Count = field(default_factory=Count)
    bytes: Count = field(default_factory=Count)
    stuck: int = 0

    @property
    def unlisted(self) -> bool:
        """Whether the camera is docked and nobody has seen yet, whole, what is on it: no sum has any of that. (A listing comes with its segments, or not at all.)"""
        return self.docked and self.listing is None and not self.segments.listed

    @property
    def complete(self) -> bool:
        """Whether all of it is proven in the store, and nothing is held."""
        return self.segments.confirmed == self.segments.listed and not self.stuck and not self.unlisted


@dataclass(kw_only=True)
class Accounts:
    """All cameras, by id, and their dockings, in order; `open` names the first thousand segments that are not proven."""

    cameras: dict[str, CameraBalance] = field(default_factory=dict)
    dockings: dict[tuple[str, int], DockingBalance] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    open_total: int = 0

    @property
    def balances(self) -> bool:
        """Whether both books agree to the file and byte, and nothing is lost."""
        return all(not one.faults and not one.segments.lost for one in self.cameras.values())

    @property
    def unlisted(self) -> list[DockingBalance]:
        """Cameras that are docked and were not listed whole in this docking: of what is on them no sum knows."""
        return [one for one in self.dockings.values() if one.unlisted]

    @property
    def complete(self) -> bool:
        """Whether moreover everything is proven in the store, nothing is held, and no camera is docked of which nobody has seen what is on it."""
        seen = all(not one.unseen for one in self.cameras.values()) and not self.unlisted
        return self.balances and not self.open_total and seen

    def total(self) -> tuple[Count, Count]:
        """The sums of segments and of bytes."""
        files, size = Count(), Count()
        for one in self.cameras.values():
            files.take(one.segments)
            size.take(one.bytes)
        return files, size


@dataclass(kw_only=True)
class _Listing:
    seq: int = 0
    at: str = ""
    docking: int = 0
    files: int = 0
    bytes: int = 0
    found_files: int = 0
    found_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Span:
    """Dockings that began at `since` or later and before `until`, seconds since the epoch."""

    since: float = -math.inf
    until: float = math.inf

    @property
    def whole(self) -> bool:
        """Whether everything is in it."""
        return (self.since, self.until) == (-math.inf, math.inf)

    def has(self, moment: float) -> bool:
        """Whether it is within."""
        return self.since <= moment < self.until


ALWAYS = Span()


def accounts(reader: sqlite3.Connection, *, camera: str | None = None, span: Span = ALWAYS) -> Accounts:
    """The accounts of all cameras, or of one, and of the dockings within `span`. `reader` is a `moment`. Raises sqlite3.DatabaseError.

    What counts with no docking is within the span in which it was listed. The two books are held against each other whole, whatever the span.
    """
    found = Accounts()
    for (name,) in reader.execute("SELECT id FROM cameras WHERE ?1 IS NULL OR id = ?1 ORDER BY id", (camera,)):
        found.cameras[name] = CameraBalance(camera=name)
    found.dockings = _dockings(reader, camera, span)
    listings = _last_listings(reader, found)
    for name, row, played in side_by_side(reader, camera):
        owner = row.camera if row is not None else (played.camera if played is not None else "")
        balance = found.cameras.setdefault(owner, CameraBalance(camera=owner))
        if len(balance.faults) < _FAULTS_MOST:
            balance.faults += differences(name, row, played)
        if row is not None:
            docking = _docking(found, row, span)
            if docking is not None:
                _count(found, balance, docking, row)
            _account(listings.get(row.camera), row, played)
    for name, listing in listings.items():
        if span.whole or (name, listing.docking) in found.dockings:
            _close(found.cameras[name], listing)
        else:
            found.cameras[name].unseen = []
    if not span.whole:
        there = {one.camera for one in found.dockings.values()}
        found.cameras = {name: one for name, one in found.cameras.items() if name in there or one.faults}
    return found


def _dockings(reader: sqlite3.Connection, camera: str | None, span: Span) -> dict[tuple[str, int], DockingBalance]:
    rows = reader.execute(
        "SELECT d.id, d.camera, d.bay, d.docked_at, d.undocked_at, l.files, l.bytes, d.undocked_at IS NULL AND d.docked_at >= ?4"
        " AND d.id = (SELECT max(id) FROM dockings WHERE camera = d.camera) FROM dockings d LEFT JOIN"
        " (SELECT docking, files, bytes, max(id) FROM listings GROUP BY docking) l ON l.docking = d.id"
        " WHERE (?1 IS NULL OR d.camera = ?1) AND d.docked_at >= ?2 AND d.docked_at < ?3 ORDER BY d.id",
        (camera, span.since, span.until, agent_started(reader)),
    )
    return {
        (name, number): DockingBalance(
            docking=number, camera=name, bay=bay, docked_at=docked_at, undocked_at=undocked_at,
            listing=None if files is None else (files, size), docked=bool(docked),
        )
        for number, name, bay, docked_at, undocked_at, files, size, docked in rows
    }  # fmt: skip


def _docking(found: Accounts, row: Segment, span: Span) -> DockingBalance | None:
    """With which docking this segment counts; None where that is not within the span."""
    known = found.dockings.get((row.camera, row.docking or 0))
    if known is None and (span.whole or (not row.docking and span.has(row.listed_at))):
        known = found.dockings[row.camera, 0] = DockingBalance(docking=0, camera=row.camera)
    return known


def _close(balance: CameraBalance, listing: _Listing) -> None:
    """Hold the segments found against the listing. A file that looks like an earlier segment counts once its content has been compared."""
    if (listing.files, listing.bytes) == (listing.found_files, listing.found_bytes):
        return
    said = (
        f"its last listing (entry {listing.seq}) has {listing.files} files with {listing.bytes} bytes; "
        f"{listing.found_files} segments with {listing.found_bytes} bytes account for it"
    )
    if listing.found_files < listing.files and listing.found_bytes <= listing.bytes:
        balance.unseen.append(f"{said}: the others are still to be looked at")
    else:
        balance.faults.append(said)


def _last_listings(reader: sqlite3.Connection, found: Accounts) -> dict[str, _Listing]:
    """Each camera's last whole listing, and what could not be looked into in it."""
    last: dict[str, _Listing] = {}
    rows = reader.execute(
        "SELECT seq, at, action, camera, body FROM custody WHERE action IN ('camera.listed', 'file.skipped') ORDER BY seq"
    )
    for seq, at, action, camera, text in rows:
        if camera not in found.cameras:
            continue
        data = entry_data(text)
        if action == "camera.listed":
            found.cameras[camera].unseen = []
            last[camera] = _Listing(
                seq=seq, at=at, docking=data.get("docking", 0), files=data.get("files", 0), bytes=data.get("bytes", 0)
            )
        elif data.get("kind") == "unreadable":
            found.cameras[camera].unseen.append(f"{data.get('path')} could not be looked into: {data.get('error')}")
    return last


def _count(found: Accounts, balance: CameraBalance, docking: DockingBalance, row: Segment) -> None:
    if STORE in row.copies:
        state = "confirmed"
    elif not row.copies and row.held != IN_DOUBT:
        state = "lost"
    else:
        state = "held" if row.held is not None else "left"
    kinds = ["listed", state]
    if row.sha256 is not None:
        kinds.append("copied")
    if row.wiped_at is not None and not row.on_camera:
        kinds.append("wiped")
    for one in (balance, docking):
        one.segments.add(tuple(kinds), 1)
        one.bytes.add(tuple(kinds), row.size)
    if state == "confirmed" and row.held is None:
        return
    for one in (balance, docking):
        one.stuck += state == "confirmed"
    found.open_total += 1
    if len(found.open) < OPEN_MOST:
        found.open.append(
            Open(
                segment=row.id, camera=row.camera, path=row.path, bytes=row.size, state="stuck" if state == "confirmed" else state,
                reason=row.held or "", message=row.held_message or row.trouble or "",
            )
        )  # fmt: skip


def _account(listing: _Listing | None, row: Segment, played: Replayed | None) -> None:
    """Does this segment account for a file of the camera's last listing? If it is there still, or was deleted by dockd since."""
    if listing is None or row.docking != listing.docking:
        return
    since = played is not None and played.wiped_seq > listing.seq and played.wiped_at != listing.at
    if row.on_camera or since:
        listing.found_files += 1
        listing.found_bytes += row.size
