"""What should be in the ledger and is not: parts of recordings that nobody saw, and cameras that nobody saw.

Rules, so that nothing is claimed that cannot be known: only a camera's profile says which part of which recording a file is, so files without
such a name have no gaps that could be seen (`unnumbered` counts them). A number between two known ones, or one whose sidecar is there, is
missing; what would come before the first or after the last number known is not known. A file's time is that of its last write, its beginning
is not written anywhere: times say only how far parts end from each other, so an odd distance is told as odd and never as missing. Two
recordings are never compared: a camera that was switched off records nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from statistics import median
from typing import Literal

from ingest.clock import from_rfc3339

_MOST = 1000
_ODD = 2.0
_SURE = 4

Part = tuple[int, bytes, float]  # number, path, when it was last written


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Between two parts of one recording. `kind`: missing (`parts` numbers first to last), order (a later part is older), pause (ends far apart).

    `before`, `after`: paths of the neighbours, None where there is none (only a sidecar tells of the part). `seconds` between the neighbours' ends.
    """

    kind: Literal["missing", "order", "pause"]
    camera: str
    recording: str
    parts: tuple[int, int]
    before: bytes | None
    after: bytes | None
    seconds: float | None


@dataclass(kw_only=True)
class Gaps:
    """`found`: the first thousand; `missing`: how many parts in all; `odd`: how many orders and pauses. `recordings`, `unnumbered` files: what was looked at, what could not be."""

    found: list[Gap] = field(default_factory=list)
    missing: int = 0
    odd: int = 0
    recordings: int = 0
    unnumbered: int = 0

    def add(self, gap: Gap) -> None:
        """One more."""
        if gap.kind == "missing":
            self.missing += gap.parts[1] - gap.parts[0] + 1
        else:
            self.odd += 1
        if len(self.found) < _MOST:
            self.found.append(gap)


def gaps(
    reader: sqlite3.Connection, *, camera: str | None = None, since: float | None = None, until: float | None = None
) -> Gaps:
    """The gaps in all recordings that have a segment in a docking that began within the times. Raises sqlite3.DatabaseError."""
    rows = reader.execute(
        "SELECT s.camera, s.recording, s.part, s.path, s.captured_at, s.kind IS 'sidecar',"
        " coalesce(d.docked_at, s.listed_at) >= coalesce(?2, -1e300) AND coalesce(d.docked_at, s.listed_at) < coalesce(?3, 1e300)"
        " FROM segments s LEFT JOIN dockings d ON d.id = s.docking"
        " WHERE (?1 IS NULL OR s.camera = ?1) AND s.kind IS NOT 'other' ORDER BY s.camera, s.recording, s.part, s.captured_at",
        (camera, since, until),
    )
    found = Gaps()
    for (name, recording), group in groupby(rows, key=lambda row: (row[0], row[1])):
        mine = list(group) if recording is not None else None
        if mine is None:
            found.unnumbered += sum(not sidecar and within for *_place, sidecar, within in group)
        elif any(row[6] for row in mine):
            parts = [(int(row[2]), bytes(row[3]), float(row[4])) for row in mine if row[2] is not None and not row[5]]
            told = {int(row[2]) for row in mine if row[2] is not None and row[5]}
            found.unnumbered += sum(row[2] is None and not row[5] for row in mine)
            found.recordings += bool(parts)
            for gap in _of_one(str(name), str(recording), parts, told):
                for left in _without_unnumbered(reader, gap):
                    found.add(left)
    return found


def _of_one(camera: str, recording: str, parts: list[Part], told: set[int]) -> Iterator[Gap]:
    """The gaps of one recording; `told`: numbers of which a sidecar tells."""
    usual = median(b[2] - a[2] for a, b in pairwise(parts)) if len(parts) > _SURE else None
    for a, b in pairwise(parts):
        seconds = b[2] - a[2]
        parts_between = (a[0] + 1, b[0] - 1)
        words = {"camera": camera, "recording": recording, "before": a[1], "after": b[1], "seconds": seconds}
        if b[0] > a[0] + 1:
            yield Gap(kind="missing", parts=parts_between, **words)  # type: ignore[arg-type]
        elif b[0] == a[0] + 1 and seconds < 0:
            yield Gap(kind="order", parts=(a[0], b[0]), **words)  # type: ignore[arg-type]
        elif b[0] == a[0] + 1 and usual is not None and usual > 0 and seconds > _ODD * usual:
            yield Gap(kind="pause", parts=(a[0], b[0]), **words)  # type: ignore[arg-type]
    known = {number for number, _path, _at in parts}
    first, last = (min(known), max(known)) if known else (1, 0)
    for number in sorted(told - known):
        if not first <= number <= last:
            yield Gap(
                kind="missing", camera=camera, recording=recording, parts=(number, number), before=None, after=None, seconds=None
            )  # fmt: skip


def _without_unnumbered(reader: sqlite3.Connection, gap: Gap) -> Iterator[Gap]:
    """What of a gap is left without parts that are there and only not numbered: in a rebuilt ledger the profile has not spoken of them yet."""
    first, last = gap.parts
    if gap.kind != "missing" or gap.before is None or last - first > _MOST:
        yield gap
        return
    numbers = [number for number in range(first, last + 1) if not _is_there(reader, gap, number)]
    for _run, group in groupby(enumerate(numbers), key=lambda one: one[1] - one[0]):
        run = [number for _place, number in group]
        yield replace(gap, parts=(run[0], run[-1]))


def _is_there(reader: sqlite3.Connection, gap: Gap, number: int) -> bool:
    before, last = gap.before or b"", gap.parts[0] - 1
    digits = next((run for run in reversed(list(re.finditer(rb"\d+", before))) if int(run[0]) == last), None)
    if digits is None:
        return False
    path = before[: digits.start()] + str(number).encode().rjust(len(digits[0]), b"0") + before[digits.end() :]
    found = reader.execute("SELECT 1 FROM segments WHERE camera = ? AND path = ? AND part IS NULL", (gap.camera, path))
    return found.fetchone() is not None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """When a camera was last known to be in this dock: seconds since the epoch; None: never. `docked`: as far as is known, it is now."""

    camera: str
    serial: str
    at: float | None
    bay: int | None
    docked: bool


def agent_started(reader: sqlite3.Connection) -> float:
    """When the agent last started, seconds since the epoch; 0: it never did (`dockd ingest` alone has worked here)."""
    row = reader.execute("SELECT at, max(seq) FROM custody WHERE action = 'agent.started'").fetchone()
    try:
        return from_rfc3339(row[0])
    except (TypeError, ValueError):  # never, or a damaged entry: `custody verify` says so
        return 0.0


def last_seen(reader: sqlite3.Connection, *, camera: str | None = None) -> list[Seen]:
    """Every camera that the ledger knows, by id. A docking that was open when the agent last started is over: nobody knows since when.

    A camera that is known only from a rebuilt ledger was never seen as far as that ledger knows.
    """
    rows = reader.execute(
        "SELECT c.id, c.serial, c.last_bay, max(d.docked_at, coalesce(d.undocked_at, 0), coalesce(l.at, 0)),"
        " d.undocked_at IS NULL AND d.docked_at >= ?2"
        " FROM cameras c LEFT JOIN dockings d ON d.id = (SELECT max(id) FROM dockings WHERE camera = c.id)"
        " LEFT JOIN (SELECT docking, max(at) AS at FROM listings GROUP BY docking) l ON l.docking = d.id"
        " WHERE ?1 IS NULL OR c.id = ?1 ORDER BY c.id",
        (camera, agent_started(reader)),
    )
    return [
        Seen(camera=name, serial=serial, at=at, bay=bay, docked=bool(docked) and at is not None)
        for name, serial, bay, at, docked in rows
    ]


def is_missed(at: float | None, *, docked: bool, now: float, not_seen: float) -> bool:
    """Whether a camera that was seen last `at` has not come back: it is not here, and was not for more than `not_seen` seconds, or never was."""
    return not docked and (at is None or now - at > not_seen)
