"""The queue's order and its times, clocks that jump included."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.ledger import cameras, queue, rows, segments
from ingest.model import CameraId
from tests.unit.ingest.ledger.dock import Dock, dock_at


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def upcoming(dock: Dock, *, busy: set[str] | None = None, count: int = 10) -> list[bytes]:
    await dock.write(lambda tx: queue.end_waits(tx, longest=600.0))
    found = await dock.ledger.read(lambda db: queue.next_uploads(db.execute, busy=busy or set(), count=count))
    return [one.path for one in found]


async def change(dock: Dock, segment: str, **columns: object) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    values = (*columns.values(), segment)
    await dock.write(lambda tx: tx.execute(f"UPDATE segments SET {names} WHERE id = ?", values).rowcount)


def pass_by(dock: Dock, seconds: int) -> None:
    dock.clock.time += seconds
    dock.clock.boot += seconds * 10**9


async def test_order(dock: Dock) -> None:
    ids = {path: await dock.copied(path) for path in (b"late", b"early", b"moved up", b"evidential", b"held")}
    for captured, path in enumerate((b"early", b"late", b"moved up", b"evidential", b"held")):
        await change(dock, ids[path], captured_at=float(captured))
    await change(dock, ids[b"moved up"], priority=1)
    await change(dock, ids[b"evidential"], evidential=1)
    await dock.write(lambda tx: segments.hold(tx, ids[b"held"], reason="x", error="x"))
    await dock.listed(b"not copied")
    await dock.confirmed(b"confirmed")
    assert await upcoming(dock) == [b"evidential", b"moved up", b"early", b"late"]
    assert await upcoming(dock, count=2) == [b"evidential", b"moved up"]
    assert await upcoming(dock, busy={ids[b"evidential"]}, count=1) == [b"moved up"]


async def test_waiting_times(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.delay(tx, segment, seconds=60.0, error="x"))
    assert await upcoming(dock) == []
    assert await dock.ledger.read(lambda db: queue.next_time(db.execute)) == dock.clock.time + 60
    pass_by(dock, 60)
    assert await upcoming(dock) == [b"a"]


async def test_a_time_to_come_that_a_clock_in_the_future_left_makes_nothing_wait_for_years(dock: Dock) -> None:
    segment = await dock.copied()
    await change(dock, segment, next_attempt=dock.clock.time + 10 * 365 * 86400)
    assert await dock.ledger.read(lambda db: queue.any_due(db.execute, now=dock.clock.time, longest=600.0))
    assert await upcoming(dock) == [b"a"]


async def test_a_queue_stands_still_while_everything_in_it_waits(dock: Dock) -> None:
    async def still() -> tuple[int, str] | None:
        now = dock.clock.time
        return await dock.ledger.read(lambda db: queue.standing_still(db.execute, now=now))

    assert await still() is None  # nothing waits for anything
    one, two = await dock.copied(b"a"), await dock.copied(b"b")
    await dock.write(lambda tx: segments.delay(tx, one, seconds=60.0, error="locked"))
    assert await still() is None
    await dock.write(lambda tx: segments.delay(tx, two, seconds=90.0, error="odd"))
    assert await still() == (2, "locked")
    await dock.write(lambda tx: segments.hold(tx, one, reason="x", error="x"))
    assert await still() == (1, "odd")
    dock.clock.time += 90
    assert await still() is None


async def releasable(dock: Dock) -> list[bytes]:
    now = dock.clock.time
    found = await dock.ledger.read(lambda db: queue.releasable(db.execute, now=now, count=10))
    return [one.path for one in found]


async def test_confirmed_copies_may_be_looked_at(dock: Dock) -> None:
    await dock.confirmed(b"a")
    await dock.copied(b"not confirmed")
    assert await releasable(dock) == [b"a"]


async def test_held_copies_do_not_keep_the_others_from_being_released(dock: Dock) -> None:
    for number in range(12):
        segment = await dock.confirmed(b"held %d" % number)
        await dock.write(lambda tx, one=segment: segments.hold(tx, one, reason="x", error="x"))  # type: ignore[misc]
        dock.clock.time += 1
    await dock.confirmed(b"free")
    assert await releasable(dock) == [b"free"]


async def test_a_clock_that_was_set_back_does_not_keep_the_spool_full(dock: Dock) -> None:
    await dock.confirmed(b"a")
    dock.clock.time -= 86400
    assert await releasable(dock) == [b"a"]


async def test_delays_are_forgotten_when_a_person_asks(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.delay(tx, segment, seconds=60.0, error="x"))
    await dock.write(segments.forget_delays)
    assert await upcoming(dock) == [b"a"]


# -- ranks and cameras ---------------------------------------------------------------------------------------------------


async def of(dock: Dock, camera: str, path: bytes, *, captured: float, **columns: object) -> str:
    """A copied segment of another camera."""
    one = CameraId(profile="folder", serial=camera)
    await dock.write(lambda tx: cameras.docked(tx, one, bay=None, source="x"))
    segment = await dock.copied(path)
    await change(dock, segment, camera=one.id, captured_at=captured, **columns)
    return segment


def noted(ranks: list[queue.Rank]) -> queue.Shares:
    """All cameras are level; the ranks that were asked about are written down."""

    def shares(rank: queue.Rank, _cameras: Sequence[str]) -> dict[str, int]:
        ranks.append(rank)
        return {}

    return shares


async def test_days_before_cameras_and_cameras_in_turn(dock: Dock) -> None:
    today = dock.clock.time - dock.clock.time % 86400 + 6 * 3600
    for number in range(3):
        await of(dock, "A", b"a%d" % number, captured=today - 3000 - number)
    await of(dock, "B", b"b0", captured=today - 10)
    await of(dock, "C", b"old", captured=today - 200_000)
    await of(dock, "D", b"today", captured=today)
    assert await upcoming(dock) == [b"old", b"a2", b"b0", b"a1", b"a0", b"today"]


async def test_who_was_given_least_is_next(dock: Dock) -> None:
    for name in "AB":
        await of(dock, name, name.encode(), captured=dock.clock.time)
    await of(dock, "A", b"A2", captured=dock.clock.time + 1)
    given = {CameraId(profile="folder", serial="A").id: 15}
    found = await dock.ledger.read(
        lambda db: queue.next_uploads(db.execute, busy=(), count=3, shares=lambda _rank, _cameras: given)
    )
    assert [one.path for one in found] == [b"B", b"A", b"A2"]
    ranks: list[queue.Rank] = []
    await dock.ledger.read(lambda db: queue.next_uploads(db.execute, busy=(), count=3, shares=noted(ranks)))
    assert ranks == [queue.rank(found[0])]


async def test_a_camera_whose_clock_is_ahead_is_not_put_behind_everybody_for_ever(dock: Dock) -> None:
    await of(dock, "A", b"from 2090", captured=dock.clock.time + 10**9)
    await of(dock, "B", b"measured", captured=dock.clock.time + 86400 * 300, clock_offset=86400.0 * 303)
    await of(dock, "C", b"now", captured=dock.clock.time)
    assert await upcoming(dock) == [b"measured", b"from 2090", b"now"]


async def test_ranks_of_the_ledger_are_those_of_the_program(dock: Dock) -> None:
    for number, captured in enumerate((-1e9, 0.0, 21599.5, 21600.0, 1.7e9, 1.7e9 + 0.25, 1.9e9)):
        await of(dock, "A", b"%d" % number, captured=captured, clock_offset=None if number % 2 else -0.5)
    seen: list[queue.Rank] = []
    found = await dock.ledger.read(lambda db: queue.next_uploads(db.execute, busy=(), count=9, shares=noted(seen)))
    assert list(dict.fromkeys(queue.rank(one) for one in found)) == seen == sorted(seen)


@pytest.mark.parametrize("busy", [0, 3])
async def test_what_is_being_sent_is_passed_over(dock: Dock, busy: int) -> None:
    ids = [await of(dock, name, name.encode(), captured=dock.clock.time) for name in "ABCD"]
    left = await upcoming(dock, busy=set(ids[:busy]))
    assert sorted(left) == [name.encode() for name in "ABCD"[busy:]]


async def test_every_question_is_answered_from_an_index_in_its_order(dock: Dock) -> None:
    """A timed test would pass on a quick machine: what counts is that nothing is scanned or sorted."""
    asked: list[str] = []

    def watched(db: sqlite3.Connection) -> Callable[..., Any]:
        def execute(statement: str, values: Sequence[object] = ()) -> Any:
            asked.extend(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values))
            return db.execute(statement, values)

        return execute

    now = dock.clock.time
    for name in "AB":
        await of(dock, name, name.encode(), captured=now)
    await dock.write(
        lambda tx: segments.delay(tx, tx.execute("SELECT id FROM segments").fetchone()[0], seconds=9, error="x")
    )
    await dock.ledger.read(lambda db: queue.next_uploads(watched(db), busy=(), count=5))
    await dock.ledger.read(lambda db: queue.any_due(watched(db), now=now, longest=600.0))
    await dock.ledger.read(lambda db: queue.next_time(watched(db)))
    assert len(asked) > 15
    for step in asked:
        assert "TEMP B-TREE" not in step
        assert "segments" not in step or "INDEX segments_queue" in step or "INDEX segments_later" in step, step
    looks = [step for step in asked if "SCAN segments USING INDEX segments_queue" in step]
    assert len(looks) <= 2, "only the very first is looked for without a place to begin at"


_MORE = f"""
WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 3000)
INSERT INTO segments ({segments.COLUMNS}) SELECT printf('%032d', number), {segments.COLUMNS.partition(", ")[2]} FROM segments, numbers WHERE id = ?
"""


@pytest.mark.parametrize("waiting", [0, 3600.0])
async def test_no_question_costs_more_where_more_is_queued_or_waits(dock: Dock, waiting: float) -> None:
    """Counted in SQLite's own steps, and not in time."""
    now = dock.clock.time
    segment = await of(dock, "A", b"A", captured=now, next_attempt=now + waiting if waiting else 0.0)
    await of(dock, "B", b"B", captured=now)

    def steps(db: sqlite3.Connection) -> int:
        count = itertools.count()
        db.set_progress_handler(lambda: next(count) < 0, 10)
        try:
            queue.any_due(db.execute, now=now, longest=86400.0)
            queue.next_uploads(db.execute, busy=(), count=2)
            queue.next_time(db.execute)
        finally:
            db.set_progress_handler(None, 0)
        return next(count)

    few = await dock.ledger.read(steps)
    await dock.write(lambda tx: tx.execute(_MORE, (segment,)).rowcount)
    assert await dock.ledger.read(steps) <= few + 10


# -- what a person sets --------------------------------------------------------------------------------------------------


async def test_evidence_and_what_is_moved_up_are_on_record_once(dock: Dock) -> None:
    one, two = await dock.copied(b"one"), await dock.copied(b"two")
    assert await dock.write(lambda tx: segments.mark_evidential(tx, one))
    assert not await dock.write(lambda tx: segments.mark_evidential(tx, one))
    assert (await dock.actions()).count("segment.evidential") == 1
    assert await dock.write(lambda tx: segments.move_up(tx, one))
    assert await dock.write(lambda tx: segments.move_up(tx, two))
    assert (await dock.actions())[-2:] == ["segment.moved_up"] * 2
    assert (await dock.segment(two)).priority > (await dock.segment(one)).priority > 0
    done = await dock.confirmed(b"done")
    assert not await dock.write(lambda tx: segments.move_up(tx, done))
    for change_of in (segments.mark_evidential, segments.move_up):
        with pytest.raises(KeyError):
            await dock.write(lambda tx, change_of=change_of: change_of(tx, "nobody"))  # type: ignore[misc]


async def test_the_last_one_moved_up_is_the_first(dock: Dock) -> None:
    ids = [await dock.copied(name) for name in (b"a", b"b", b"c", b"d")]
    for segment in ids[1:3]:
        await dock.write(lambda tx, one=segment: segments.move_up(tx, one))  # type: ignore[misc]
    assert (await upcoming(dock))[:2] == [b"c", b"b"]


async def test_waits_end_in_lots(dock: Dock) -> None:
    for number in range(5):
        segment = await dock.copied(b"%d" % number)
        await dock.write(lambda tx, one=segment: segments.delay(tx, one, seconds=5, error="x"))  # type: ignore[misc]
    pass_by(dock, 6)
    assert await dock.write(lambda tx: queue.end_waits(tx, longest=600.0, most=3)) == 3
    assert await dock.write(lambda tx: queue.end_waits(tx, longest=600.0, most=3)) == 2
    assert await dock.write(lambda tx: queue.end_waits(tx, longest=600.0, most=3)) == 0


async def test_a_row_that_is_called_evidence_without_an_entry_is_found(dock: Dock) -> None:
    one, two = await dock.copied(b"one"), await dock.copied(b"two")
    await dock.write(lambda tx: segments.mark_evidential(tx, one))
    assert await dock.ledger.read(rows.faults) == []
    await change(dock, two, evidential=1)
    await change(dock, one, evidential=0)
    faults = await dock.ledger.read(rows.faults)
    assert len(faults) == 2
    assert all("being evidence" in fault for fault in faults)
