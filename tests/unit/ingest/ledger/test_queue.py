"""The queue's order and its times, clocks that jump included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.ledger import queue, segments
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
