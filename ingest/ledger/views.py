"""What the page and the metrics ask of the ledger: sums, not rows, each over an index, and pages of rows in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.ledger.custody import Entry
from ingest.ledger.segments import COLUMNS, IN_DOUBT, Segment, of_row
from ingest.model import Balance, Tally

Execute = Callable[..., Any]
_MANY = 500  # parameters in one statement


@dataclass(frozen=True, kw_only=True)
class Docking:
    """One docking in sums. `on_camera` segments still on it that may be wiped, `stays`: others on it (neither segment nor sidecar), `alone` segments of which the dock has no whole copy and the store none; `held` reasons and how many; `example` a held one: path and message."""

    balance: Balance = field(default_factory=Balance)
    on_camera: int = 0
    stays: int = 0
    alone: int = 0
    held: dict[str, int] = field(default_factory=dict)
    example: tuple[bytes, str] | None = None


_SUMS = """
SELECT docking, count(*), coalesce(sum(sha256 IS NOT NULL), 0), coalesce(sum(in_store), 0),
       coalesce(sum(wiped_at IS NOT NULL AND NOT on_camera), 0), coalesce(sum(held IS NOT NULL), 0),
       coalesce(sum(size), 0), coalesce(sum(size * (sha256 IS NOT NULL)), 0), coalesce(sum(size * in_store), 0),
       coalesce(sum(size * (wiped_at IS NOT NULL AND NOT on_camera)), 0), coalesce(sum(size * (held IS NOT NULL)), 0),
       coalesce(sum(on_camera AND kind IS NOT 'other'), 0), coalesce(sum(on_camera AND kind IS 'other'), 0),
       coalesce(sum(NOT in_spool AND NOT in_store), 0)
FROM segments INDEXED BY segments_docking WHERE docking IN ({marks}) GROUP BY docking
"""
_HELD = """
SELECT docking, held, count(*), min(path), held_message FROM segments INDEXED BY segments_docking
WHERE docking IN ({marks}) AND held IS NOT NULL GROUP BY docking, held
"""


def of_dockings(execute: Execute, dockings: Sequence[int]) -> dict[int, Docking]:
    """Each of these dockings in sums; one that has no segments is all zeros."""
    found = {number: Docking() for number in dockings}
    for start in range(0, len(dockings), _MANY):
        some = list(dockings[start : start + _MANY])
        marks = ", ".join("?" * len(some))
        held: dict[int, dict[str, int]] = {}
        example: dict[int, tuple[bytes, str]] = {}
        for number, reason, count, path, message in execute(_HELD.format(marks=marks), some):
            held.setdefault(number, {})[reason] = count
            example.setdefault(number, (bytes(path), message or ""))
        for row in execute(_SUMS.format(marks=marks), some):
            names = ("listed", "copied", "confirmed", "wiped", "held")
            found[row[0]] = Docking(
                balance=Balance(
                    segments=Tally(**dict(zip(names, row[1:6], strict=True))),
                    bytes=Tally(**dict(zip(names, row[6:11], strict=True))),
                ),
                on_camera=row[11],
                stays=row[12],
                alone=row[13],
                held=held.get(row[0], {}),
                example=example.get(row[0]),
            )
    return found


_BYTES_SINCE = """
SELECT coalesce(sum(size), 0), coalesce(sum(CASE WHEN sha256 IS NOT NULL THEN size END), 0),
       coalesce(sum(CASE WHEN in_store THEN size END), 0),
       coalesce(sum(CASE WHEN wiped_at IS NOT NULL AND NOT on_camera THEN size END), 0)
FROM segments WHERE docking IN (SELECT id FROM dockings WHERE docked_at >= ?)
"""


def bytes_since(execute: Execute, began: float) -> Tally:
    """Bytes of all dockings that began at `began` (seconds since the epoch) or later; what is held is not counted apart."""
    listed, copied, confirmed, wiped = execute(_BYTES_SINCE, (began,)).fetchone()
    return Tally(listed=listed, copied=copied, confirmed=confirmed, wiped=wiped)


_PULLED_SINCE = """
SELECT coalesce(sum(size), 0) FROM segments INDEXED BY segments_docking
WHERE docking IN (SELECT id FROM dockings WHERE coalesce(undocked_at, ?) >= ?) AND pulled_at >= ?
"""


def pulled_a_day(execute: Execute, *, now: float, days: float = 7.0) -> float | None:
    """Bytes a day that were pulled in the last `days`; None where this dock has worked for less than one. `now`: seconds since the epoch."""
    row = execute("SELECT docked_at FROM dockings ORDER BY id LIMIT 1").fetchone()
    worked = min(days, (now - row[0]) / 86400) if row is not None else 0.0
    if worked < 1.0:
        return None
    since = now - worked * 86400
    return float(execute(_PULLED_SINCE, (now, since, since)).fetchone()[0]) / worked


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Spool copies of what the store has, that may not go yet: the first of them at `first`, the last at `last` (seconds since the epoch)."""

    segments: int
    bytes: int
    first: float
    last: float


_SOON = 120.0  # what waits no longer than that waits for another try


def kept(execute: Execute, *, now: float) -> Kept | None:
    """What the spool keeps though the store has it; None where that is nothing. `now`: seconds since the epoch."""
    count, size, first, last = execute(
        "SELECT count(*), coalesce(sum(size), 0), min(next_attempt), max(next_attempt) FROM segments INDEXED BY segments_spooled"
        " WHERE in_spool = 1 AND in_store = 1 AND held IS NULL AND next_attempt > ?",
        (now + _SOON,),
    ).fetchone()
    return Kept(segments=count, bytes=size, first=first, last=last) if count else None


def waits_in_spool(execute: Execute) -> bool:
    """Whether a copy that may be sent waits for the store."""
    row = execute("SELECT EXISTS (SELECT 1 FROM segments WHERE in_spool = 1 AND in_store = 0 AND held IS NULL)")
    return bool(row.fetchone()[0])


def missing(execute: Execute, camera: str, docking: int) -> int:
    """Segments that are believed to be on this camera, are not in the store, and were not listed in this docking."""
    row = execute(
        "SELECT count(*) FROM segments INDEXED BY segments_on_camera WHERE camera = ? AND on_camera = 1 AND docking IS NOT ? AND in_store = 0",
        (camera, docking),
    ).fetchone()
    return int(row[0])


@dataclass(frozen=True, kw_only=True)
class Unproven:
    """Segments of one camera that the store has not confirmed. `in_spool`: a verified copy is on this dock."""

    camera: str
    in_spool: bool
    held: bool
    segments: int
    bytes: int


def unproven(execute: Execute) -> list[Unproven]:
    """All that the store has not confirmed, by camera, whether it is in the spool, and whether it is held."""
    rows = execute(
        "SELECT camera, in_spool, held IS NOT NULL, count(*), sum(size) FROM segments INDEXED BY segments_unconfirmed"
        " WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1) GROUP BY 1, 2, 3"
    )
    return [
        Unproven(camera=r[0], in_spool=bool(r[1]), held=bool(r[2]), segments=int(r[3]), bytes=int(r[4])) for r in rows
    ]


def oldest_unproven(execute: Execute) -> tuple[str, float] | None:
    """Camera and capture time (seconds since the epoch) of the oldest segment that the store has not confirmed."""
    row = execute(
        "SELECT camera, captured_at FROM segments INDEXED BY segments_unconfirmed"
        " WHERE in_store = 0 AND (on_camera = 1 OR in_spool = 1) ORDER BY captured_at LIMIT 1"
    ).fetchone()
    return None if row is None else (row[0], float(row[1]))


def held_reasons(execute: Execute) -> dict[str, int]:
    """Why segments are held, and how many for each reason."""
    return dict(execute("SELECT held, count(*) FROM segments WHERE held IS NOT NULL GROUP BY held").fetchall())


_NOWHERE = "in_store = 0 AND on_camera = 0 AND in_spool = 0"


def lost(execute: Execute) -> int:
    """Segments of which no copy is left anywhere. Looks at every row: for the start, and after a loss."""
    row = execute(f"SELECT count(*) FROM segments WHERE {_NOWHERE} AND held IS NOT ?", (IN_DOUBT,)).fetchone()
    return int(row[0])


def in_doubt(execute: Execute) -> int:
    """Segments of which no copy is known here, and that the store may have."""
    row = execute("SELECT count(*) FROM segments WHERE held = ?", (IN_DOUBT,)).fetchone()
    return int(row[0])


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The last entries of custody (their numbers; 0: none) by which segments became lost, in doubt, or evidence that the store has not been told of."""

    lost: int = 0
    doubt: int = 0
    untold: int = 0


_LOST = f"segments s INDEXED BY segments_nowhere WHERE {_NOWHERE} AND held IS NOT ?"
_DOUBTED = "segments s INDEXED BY segments_held WHERE held = ?"
_UNTOLD = "marks m JOIN segments s ON s.id = m.segment WHERE s.in_store = 1 AND (m.cannot IS NOT NULL OR (m.told_at IS NULL AND m.trouble IS NOT NULL))"


def newest(execute: Execute, *, losses: bool, untold: bool) -> Newest:
    """Of those that are so now: another one in the same number of them is a newer one. `losses`, `untold`: which are asked for."""

    def last(of: str, *actions: str, held: tuple[str, ...] = ()) -> int:
        text = f"SELECT max(seq) FROM custody INDEXED BY custody_segment WHERE segment IN (SELECT s.id FROM {of}) AND action IN ({', '.join('?' * len(actions))})"
        return int(execute(text, (*held, *actions)).fetchone()[0] or 0)

    return Newest(
        lost=last(_LOST, "segment.lost", held=(IN_DOUBT,)) if losses else 0, doubt=last(_DOUBTED, "segment.held", held=(IN_DOUBT,)) if losses else 0,
        untold=last(_UNTOLD, "segment.evidential", "segment.confirmed", "segment.found_in_store", "segment.not_markable") if untold else 0,
    )  # fmt: skip


def not_whole(execute: Execute) -> str | None:
    """Why the ledger is a new one, as long as the store has proven nothing to it; None where it is not, or is whole again."""
    row = execute("SELECT body FROM custody WHERE action = 'ledger.rebuilt' ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None or execute("SELECT 1 FROM receipts LIMIT 1").fetchone() is not None:
        return None
    data = json.loads(row[0])["data"]
    return f"{data['reason']}; kept of it: {data['aside']}"


def went_back(execute: Execute) -> str | None:
    """That the ledger has lost the end of its record, as long as the store has proven nothing since; None where it has not, or is settled."""
    row = execute(
        "SELECT seq, body FROM custody WHERE action = 'ledger.went_back' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None or execute(_PROVEN_SINCE, (row[0],)).fetchone() is not None:
        return None
    data = json.loads(row[1])["data"]
    return f"it ended with entry {data['lost_seq']} ({data['lost_head']}), and was found to end with {data['own_seq']} ({data['own_head']})"


_PROVEN_SINCE = "SELECT 1 FROM custody WHERE seq > ? AND action IN ('segment.confirmed', 'segment.attested', 'segment.found_in_store') LIMIT 1"


def unanswered(execute: Execute, here: Sequence[str]) -> int:
    """Segments that the store has still to speak of: whatever is in the spool, what is in doubt, and what is on the cameras `here` and not proven. What is
    held on a camera is a problem of its own.
    """
    cameras = f"AND camera IN ({', '.join('?' * len(here))})"
    row = execute(
        "SELECT (SELECT count(*) FROM segments WHERE in_spool = 1) + (SELECT count(*) FROM segments WHERE held = ?)"
        f" + (SELECT count(*) FROM segments WHERE on_camera = 1 AND in_store = 0 AND in_spool = 0 AND held IS NULL {cameras})",
        (IN_DOUBT, *here),
    ).fetchone()
    return int(row[0])


def only_elsewhere(execute: Execute, camera: str, *, docking: int) -> int:
    """Segments of which this camera has the only copy, as far as is known, and that were not listed in this docking."""
    row = execute(
        "SELECT count(*) FROM segments WHERE camera = ? AND on_camera = 1 AND in_spool = 0 AND in_store = 0 AND docking IS NOT ?",
        (camera, docking),
    ).fetchone()
    return int(row[0])


@dataclass(frozen=True, kw_only=True)
class Away:
    """A camera that left with footage on it that the store has not confirmed: `alone` of these segments are nowhere else.

    `out`: when it left, all of them were safe on the dock, and it had room for more. `docking`: its last.
    """

    camera: str
    profile: str
    serial: str
    card: str
    bay: int | None
    segments: int
    since: float
    alone: int = 0
    out: bool = False
    docking: int = 0

    @property
    def early(self) -> bool:
        """Whether it is missed: it is to be put back."""
        return self.alone > 0 or not self.out


def away(execute: Execute) -> list[Away]:
    """Cameras whose last docking is over and whose unconfirmed footage is, for all that is known, still on them."""
    rows = execute(
        "SELECT c.id, c.profile, c.serial, c.card, c.last_bay, count(*), coalesce(max(d.undocked_at), c.last_seen),"
        " sum(s.in_spool = 0), min(coalesce(seen.went_out, 0)), coalesce(max(d.id), 0)"
        " FROM segments s INDEXED BY segments_unconfirmed JOIN cameras c ON c.id = s.camera"
        " LEFT JOIN dockings d ON d.id = (SELECT max(id) FROM dockings WHERE camera = c.id)"
        " LEFT JOIN dockings seen ON seen.id = s.docking"  # one that was in a bay for a moment since, and not looked at, is as it was
        " WHERE s.in_store = 0 AND s.on_camera = 1 AND (s.on_camera = 1 OR s.in_spool = 1) GROUP BY c.id ORDER BY c.id"
    )
    return [
        Away(
            camera=r[0],
            profile=r[1],
            serial=r[2],
            card=r[3],
            bay=r[4],
            segments=int(r[5]),
            since=float(r[6]),
            alone=int(r[7]),
            out=bool(r[8]),
            docking=int(r[9]),
        )
        for r in rows
    ]


def taken_along(execute: Execute) -> dict[str, set[str]]:
    """The segments that `away` counts, by camera."""
    found: dict[str, set[str]] = {}
    for camera, id in execute(
        "SELECT camera, id FROM segments INDEXED BY segments_unconfirmed WHERE in_store = 0 AND on_camera = 1 AND (on_camera = 1 OR in_spool = 1)"
    ):
        found.setdefault(camera, set()).add(id)
    return found


# -- pages of rows -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera as the ledger knows it; times in seconds since the epoch."""

    id: str
    profile: str
    serial: str
    card: str
    first_seen: float
    last_seen: float
    last_bay: int | None


_CAMERA = "SELECT id, profile, serial, card, first_seen, last_seen, last_bay FROM cameras"


def _camera(row: tuple[Any, ...]) -> Camera:
    names = ("id", "profile", "serial", "card", "first_seen", "last_seen", "last_bay")
    return Camera(**dict(zip(names, row, strict=True)))


def cameras_after(execute: Execute, *, after: str, count: int) -> list[Camera]:
    """The next `count` cameras by id."""
    return [_camera(row) for row in execute(f"{_CAMERA} WHERE id > ? ORDER BY id LIMIT ?", (after, count))]


def camera(execute: Execute, name: str) -> Camera | None:
    """One camera."""
    row = execute(f"{_CAMERA} WHERE id = ?", (name,)).fetchone()
    return None if row is None else _camera(row)


def segments_after(execute: Execute, *, after: str, count: int, camera: str | None = None) -> list[Segment]:
    """The next `count` segments by id, which is the order in which they were first listed; of one camera, if that is given."""
    if camera is None:
        rows = execute(f"SELECT {COLUMNS} FROM segments WHERE id > ? ORDER BY id LIMIT ?", (after, count))
    else:
        rows = execute(
            f"SELECT {COLUMNS} FROM segments WHERE camera = ? AND id > ? ORDER BY id LIMIT ?", (camera, after, count)
        )
    return [of_row(row) for row in rows]


_RECEIPT = ("segment", "store", "object", "method", "size", "sha256", "durable", "stored_at", "attested_at", "nonce", "seq", "head", "raw")  # fmt: skip


def receipts(execute: Execute, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The latest receipt of each of these segments that has one."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), _MANY):
        some = list(wanted[start : start + _MANY])
        marks = ", ".join("?" * len(some))
        rows = execute(
            f"SELECT {', '.join(_RECEIPT)} FROM receipts WHERE id IN"
            f" (SELECT max(id) FROM receipts WHERE segment IN ({marks}) GROUP BY segment)",
            some,
        )
        for row in rows:
            said = dict(zip(_RECEIPT, row, strict=True))
            segment = said.pop("segment")
            found[segment] = {**said, "durable": bool(said["durable"])}
    return found


def custody_after(execute: Execute, *, after: int, count: int, segment: str | None = None) -> list[Entry]:
    """The next `count` custody entries after number `after`; of one segment, if that is given."""
    where, values = ("seq > ?", [after]) if segment is None else ("segment = ? AND seq > ?", [segment, after])
    rows = execute(
        f"SELECT seq, at, action, body, hash FROM custody WHERE {where} ORDER BY seq LIMIT ?", [*values, count]
    )
    return [Entry(seq=r[0], at=r[1], action=r[2], data=json.loads(r[3])["data"], hash=r[4], text=r[3]) for r in rows]


def segments_of(execute: Execute, docking: int, *, count: int, skip: int = 0) -> list[Segment]:
    """`count` segments of a docking after the first `skip`: held ones, then those that neither the store nor the dock has, then those on their way, then the rest, oldest capture first."""
    rows = execute(
        f"SELECT {COLUMNS} FROM segments INDEXED BY segments_docking WHERE docking = ?"
        " ORDER BY held IS NULL, in_store, in_store = 0 AND in_spool = 1, captured_at, path LIMIT ? OFFSET ?",
        (docking, count, skip),
    )
    return [of_row(row) for row in rows]
