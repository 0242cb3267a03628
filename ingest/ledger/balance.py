"""The accounts: listed = confirmed + held + left (+ lost), for each camera, to the file and the byte.

Two books are held against each other. The rows of `segments` say what is; the custody record says what happened, and is played back
through the one transition table to what should be. And each camera's last listing, written down whole before its first byte was pulled,
must be accounted for by segments. A difference anywhere is a fault that names its place. Memory does not grow with the segments.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ingest.copies import NONE, STORE, Copies, NotInTable, Step, after
from ingest.ledger.segments import COLUMNS, Segment, of_row
from ingest.model import legible

_STEPS = {f"segment.{step.value}": step for step in Step}
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
class Accounts:
    """All cameras, by id; `open` names the first thousand segments that are not proven."""

    cameras: dict[str, CameraBalance] = field(default_factory=dict)
    open: list[Open] = field(default_factory=list)
    open_total: int = 0

    @property
    def balances(self) -> bool:
        """Whether both books agree to the file and byte, and nothing is lost."""
        return all(not one.faults and not one.segments.lost for one in self.cameras.values())

    @property
    def complete(self) -> bool:
        """Whether moreover everything is proven in the store, and nothing is held."""
        return self.balances and not self.open_total and all(not one.unseen for one in self.cameras.values())

    def total(self) -> tuple[Count, Count]:
        """The sums of segments and of bytes."""
        files, size = Count(), Count()
        for one in self.cameras.values():
            for kind in KINDS:
                files.add((kind,), getattr(one.segments, kind))
                size.add((kind,), getattr(one.bytes, kind))
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


@dataclass(kw_only=True)
class _Replayed:
    """What the record of one segment says of it."""

    camera: str = ""
    copies: Copies = NONE
    sha256: str | None = None
    size: int = 0
    held: str | None = None
    wiped_seq: int = 0
    wiped_at: str = ""
    faults: list[str] = field(default_factory=list)

    def play(self, seq: int, at: str, action: str, data: dict[str, Any]) -> None:
        """One entry more."""
        self.camera = data.get("camera", self.camera)
        if action == "segment.held":
            self.held = data.get("reason")
        elif action == "segment.unheld":
            self.held = None
        step = _STEPS.get(action)
        if step is None:
            return
        try:
            self.copies = after(self.copies, step)
        except NotInTable as error:
            self.faults.append(f"entry {seq}: {error}")
        if step in (Step.COPIED, Step.RECOVERED):
            self.sha256, self.size = data.get("sha256"), int(data.get("bytes", 0))
        elif step is Step.CONFIRMED:
            self.held = None
        elif step is Step.WIPED:
            self.wiped_seq, self.wiped_at = seq, at


def accounts(reader: sqlite3.Connection, *, camera: str | None = None) -> Accounts:
    """The accounts of all cameras, or of one. `reader` is a `moment`. Raises sqlite3.DatabaseError."""
    found = Accounts()
    for (name,) in reader.execute("SELECT id FROM cameras WHERE ?1 IS NULL OR id = ?1 ORDER BY id", (camera,)):
        found.cameras[name] = CameraBalance(camera=name)
    listings = _last_listings(reader, found)
    for name, row, played in _side_by_side(reader, camera):
        owner = row.camera if row is not None else (played.camera if played is not None else "")
        balance = found.cameras.setdefault(owner, CameraBalance(camera=owner))
        if len(balance.faults) < _FAULTS_MOST:
            balance.faults += _differences(name, row, played)
        if row is not None:
            _count(found, balance, row)
            _account(listings.get(row.camera), row, played)
    for name, listing in listings.items():
        _close(found.cameras[name], listing)
    return found


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
        data = _data(text)
        if action == "camera.listed":
            found.cameras[camera].unseen = []
            last[camera] = _Listing(
                seq=seq, at=at, docking=data.get("docking", 0), files=data.get("files", 0), bytes=data.get("bytes", 0)
            )
        elif data.get("kind") == "unreadable":
            found.cameras[camera].unseen.append(f"{data.get('path')} could not be looked into: {data.get('error')}")
    return last


def _data(text: str) -> dict[str, Any]:
    """What an entry says; nothing where it is damaged (`custody verify` says so)."""
    try:
        data = json.loads(text)["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _side_by_side(
    reader: sqlite3.Connection, camera: str | None
) -> Iterator[tuple[str, Segment | None, _Replayed | None]]:
    """Every segment that is in either book, in the order of ids."""
    rows = (of_row(row) for row in reader.execute(
        f"SELECT {COLUMNS} FROM segments WHERE ?1 IS NULL OR camera = ?1 ORDER BY id", (camera,)
    ))  # fmt: skip
    entries = reader.execute(
        "SELECT segment, seq, at, action, body FROM custody WHERE segment IS NOT NULL AND (?1 IS NULL OR camera = ?1)"
        " ORDER BY segment, seq",
        (camera,),
    )
    row = next(rows, None)
    for name, mine in groupby(entries, key=lambda entry: str(entry[0])):
        while row is not None and row.id < name:
            yield row.id, row, None
            row = next(rows, None)
        played = _Replayed()
        for _name, seq, at, action, text in mine:
            played.play(seq, at, action, _data(text))
        if row is not None and row.id == name:
            yield name, row, played
            row = next(rows, None)
        else:
            yield name, None, played
    while row is not None:
        yield row.id, row, None
        row = next(rows, None)


def _differences(name: str, row: Segment | None, played: _Replayed | None) -> list[str]:
    """Where the two books disagree on one segment."""
    if row is None:
        return [f"segment {name} is in the record, but not in the ledger"]
    where = f"segment {name} ({legible(row.path)})"
    if played is None:
        return [f"{where} is in the ledger, but not in the record"]
    faults = [f"{where}: {fault}" for fault in played.faults]
    pairs = (
        ("camera", row.camera, played.camera),
        ("copies", _listed(row.copies), _listed(played.copies)),
        ("SHA-256", row.sha256, played.sha256),
        ("size in bytes", row.size if row.sha256 else 0, played.size),
        ("held", row.held, played.held),
    )
    faults += [
        f"{where}: its {what}: {mine} in the ledger, {said} in the record" for what, mine, said in pairs if mine != said
    ]
    return faults


def _listed(copies: Copies) -> str:
    return ", ".join(sorted(copies)) or "none"


def _count(found: Accounts, balance: CameraBalance, row: Segment) -> None:
    if STORE in row.copies:
        state = "confirmed"
    elif not row.copies:
        state = "lost"
    else:
        state = "held" if row.held is not None else "left"
    kinds = ["listed", state]
    if row.sha256 is not None:
        kinds.append("copied")
    if row.wiped_at is not None and not row.on_camera:
        kinds.append("wiped")
    balance.segments.add(tuple(kinds), 1)
    balance.bytes.add(tuple(kinds), row.size)
    if state == "confirmed" and row.held is None:
        return
    balance.stuck += state == "confirmed"
    found.open_total += 1
    if len(found.open) < OPEN_MOST:
        found.open.append(
            Open(
                segment=row.id, camera=row.camera, path=row.path, bytes=row.size, state="stuck" if state == "confirmed" else state,
                reason=row.held or "", message=row.held_message or row.trouble or "",
            )
        )  # fmt: skip


def _account(listing: _Listing | None, row: Segment, played: _Replayed | None) -> None:
    """Does this segment account for a file of the camera's last listing? If it is there still, or was deleted by dockd since."""
    if listing is None or row.docking != listing.docking:
        return
    since = played is not None and played.wiped_seq > listing.seq and played.wiped_at != listing.at
    if row.on_camera or since:
        listing.found_files += 1
        listing.found_bytes += row.size
