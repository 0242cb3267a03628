"""Pages of footage, newest recording first: what is not in the store, what is held, what is evidence, what is lost, one camera's, one day's.

Rules: every list goes along an index in its order, and looks at no more than `LOOKS` rows for one page; where it stopped before it had found
enough it says from where to go on. Times are those of the camera's clock, as it wrote them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ingest.ledger.segments import COLUMNS, IN_DOUBT, Segment, get, of_row

Execute = Callable[..., Any]
Show = Literal["missing", "held", "evidence", "lost", "all"]
LOOKS = 20_000
CAMERAS_MOST = 50

_MISSING = "in_store = 0 AND (on_camera = 1 OR in_spool = 1)"
_NOWHERE = "in_store = 0 AND on_camera = 0 AND in_spool = 0"
# What each list is, and the index that holds nothing else, in the order of recording.
_LISTS: dict[Show, tuple[str, str]] = {
    "missing": (_MISSING, "segments_unconfirmed"),
    "held": ("held IS NOT NULL", "segments_held_when"),
    "evidence": ("evidential = 1", "segments_evidence"),
    "lost": (_NOWHERE, "segments_nowhere"),
    "all": ("1", "segments_when"),
}
# Lists that may be long, and of which each camera has its own part in order; the others are short, and are gone through.
_BY_CAMERA: dict[Show, str] = {
    "missing": "segments_missing_of", "evidence": "segments_of_camera", "all": "segments_of_camera",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which footage. `lost`: no copy of it is known, so it is lost, or in doubt where the store may have it. `cameras`: of these alone, at most CAMERAS_MOST (None: of all); `since`, `until`: recorded then (seconds since the epoch, the end no part of it);
    `file`: this is part of its name (ASCII letters are compared without their case).
    """

    show: Show = "missing"
    cameras: Sequence[str] | None = None
    since: float | None = None
    until: float | None = None
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """`next`: the segment after which to go on, None at the end; `cut`: it ends because enough was looked at, not because enough was found."""

    segments: list[Segment] = field(default_factory=list)
    next: str | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """One that was looked at: `hit` where it belongs to the list."""

    captured_at: float
    number: int
    id: str
    hit: bool


def page(execute: Execute, wanted: Wanted, *, after: str = "", count: int) -> Page:
    """The next `count` after the segment `after` ("": from the newest). Raises KeyError where there is no such segment, ValueError."""
    start = _place(execute, after) if after else None
    cameras = wanted.cameras
    if cameras is not None and not 0 < len(cameras) <= CAMERAS_MOST:
        if cameras:
            raise ValueError(f"at most {CAMERAS_MOST} cameras at once")
        return Page()
    apart = cameras is not None and wanted.show in _BY_CAMERA
    each: list[Sequence[str] | None] = [[name] for name in cameras or ()] if apart else [cameras]
    ways = [_looked_at(execute, wanted, cameras=some, start=start) for some in each]
    found: list[str] = []
    last: _Row | None = None
    for looked, row in enumerate(heapq.merge(*ways, key=lambda one: (-one.captured_at, -one.number))):
        if len(found) == count or looked == LOOKS:
            return Page(segments=_whole(execute, found), next=last.id if last else None, cut=len(found) < count)
        if row.hit:
            found.append(row.id)
        last = row
    return Page(segments=_whole(execute, found))


def alone(execute: Execute, camera: str, *, count: int) -> tuple[int, list[Segment]]:
    """What is on this camera and nowhere else: how many segments, and the newest `count` of them."""
    where = f"FROM segments INDEXED BY segments_missing_of WHERE camera = ? AND {_MISSING} AND in_spool = 0"
    in_all = execute(f"SELECT count(*) {where}", (camera,)).fetchone()[0]
    newest = execute(f"SELECT id {where} ORDER BY captured_at DESC, rowid DESC LIMIT ?", (camera, count)).fetchall()
    return int(in_all), _whole(execute, [row[0] for row in newest])


def _place(execute: Execute, segment: str) -> tuple[float, int]:
    row = execute("SELECT captured_at, rowid FROM segments WHERE id = ?", (segment,)).fetchone()
    if row is None:
        raise KeyError(segment)
    return float(row[0]), int(row[1])


def statement(
    wanted: Wanted, *, cameras: Sequence[str] | None, start: tuple[float, int] | None
) -> tuple[str, list[Any]]:
    """The rows to look at for one list, in order, and the values in it. `cameras`: one, where the list has an index by camera."""
    what, index = _LISTS[wanted.show]
    where: list[str] = []
    values: list[Any] = []
    hits: list[str] = []
    hit_values: list[Any] = []
    by_camera = _BY_CAMERA.get(wanted.show) if cameras is not None else None
    if by_camera is not None and cameras is not None:
        index = by_camera
        where.append("camera = ?")
        values.append(cameras[0])
        (where if wanted.show == "missing" else hits).append(f"({what})")
    else:
        where.append(what)
        if cameras is not None:
            hits.append(f"camera IN ({', '.join('?' * len(cameras))})")
            hit_values += cameras
    for limit, sign in ((wanted.since, ">="), (wanted.until, "<")):
        if limit is not None:
            where.append(f"captured_at {sign} ?")
            values.append(limit)
    if start is not None:
        where.append("(captured_at, rowid) < (?, ?)")
        values += start
    if wanted.file:
        hits.append("instr(lower(CAST(path AS TEXT)), lower(?)) > 0")
        hit_values.append(wanted.file)
    text = (
        f"SELECT captured_at, rowid, id, {' AND '.join(hits) or '1'} FROM segments INDEXED BY {index}"
        f" WHERE {' AND '.join(where)} ORDER BY captured_at DESC, rowid DESC LIMIT {LOOKS + 1}"
    )
    return text, [*hit_values, *values]


def _looked_at(
    execute: Execute, wanted: Wanted, *, cameras: Sequence[str] | None, start: tuple[float, int] | None
) -> Iterator[_Row]:
    text, values = statement(wanted, cameras=cameras, start=start)
    for captured_at, number, name, hit in execute(text, values):
        yield _Row(float(captured_at), int(number), str(name), bool(hit))


def _whole(execute: Execute, ids: Sequence[str]) -> list[Segment]:
    return [get(execute, one) for one in ids]


def named(execute: Execute, word: str) -> Segment | None:
    """The segment with this id, or the only one whose id begins so (with at least six characters)."""
    if len(word) < 6:
        return None
    rows = execute(
        f"SELECT {COLUMNS} FROM segments WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", (word, word + "\U0010ffff")
    ).fetchall()
    found = [of_row(row) for row in rows]
    return found[0] if len(found) == 1 or (found and found[0].id == word) else None


def outside_since(execute: Execute, moment: float) -> bool:
    """Whether anything is not in the store that was recorded or found at `moment` (seconds since the epoch) or later, or is lost, or
    is in doubt: the store has confirmed it once, and does not know it now.

    What was recorded after a moment was found after it too, whatever the camera's clock says; so nothing that is outside is overlooked.
    """
    row = execute(
        f"SELECT EXISTS (SELECT 1 FROM segments INDEXED BY segments_unconfirmed WHERE {_MISSING} AND (captured_at >= ?1 OR listed_at >= ?1))"
        f" OR EXISTS (SELECT 1 FROM segments INDEXED BY segments_nowhere WHERE {_NOWHERE} AND (captured_at >= ?1 OR listed_at >= ?1))"
        " OR EXISTS (SELECT 1 FROM segments INDEXED BY segments_held WHERE held = ?2 AND (captured_at >= ?1 OR listed_at >= ?1))",
        (moment, IN_DOUBT),
    )
    return bool(row.fetchone()[0])


def found_since(execute: Execute, moment: float) -> int | None:
    """How many segments were found on cameras since `moment`, by their ids, which begin with the time; None where more than can be counted soon."""
    first = f"{max(0, int(moment * 1000)) & 0xFFFFFFFFFFFF:012x}"
    count = execute(
        "SELECT count(*) FROM (SELECT 1 FROM segments WHERE id >= ? ORDER BY id LIMIT ?)", (first, LOOKS + 1)
    ).fetchone()[0]
    return int(count) if count <= LOOKS else None
