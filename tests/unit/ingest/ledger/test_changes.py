"""What people change is kept with who did it: bays out of use, issued cameras, tried again, marked, moved up, the bandwidth."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database, Migrations

from ingest import events
from ingest.ledger import cameras, issues, marks, override, rack, schema, segments, stores
from ingest.ledger.books import entry_data
from ingest.ledger.issues import Issue
from ingest.ledger.rack import OutOfUse
from ingest.ledger.rows import faults
from ingest.model import CameraId, StoreIdentity
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

POOL = CameraId(profile="p", serial="0007", card="c")


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def last(dock: Dock, action: str) -> dict[str, Any]:
    rows = await dock.ledger.read(lambda db: db.execute("SELECT body FROM custody WHERE action = ? ORDER BY seq DESC", (action,)).fetchall())  # fmt: skip
    return entry_data(rows[0][0])


# -- bays --------------------------------------------------------------------------------------------------------------


async def test_a_bay_is_out_of_use_until_it_is_put_back_over_restarts(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        assert await dock.write(lambda tx: rack.take_out(tx, 3, reason="its socket is broken", by="user:smith"))
        assert not await dock.write(lambda tx: rack.take_out(tx, 3, reason="its socket is broken", by="user:smith"))
        assert (await last(dock, "bay.out_of_use"))["by"] == "user:smith"
        since = dock.clock.time
    async with dock_at(tmp_path, pinned=False) as dock:
        found = await dock.ledger.read(lambda db: rack.out_of_use(db.execute))
        assert found == {3: OutOfUse(reason="its socket is broken", by="user:smith", since=since)}
        dock.clock.time += 60
        assert await dock.write(lambda tx: rack.take_out(tx, 3, reason="no light either", by="user:jones"))
        found = await dock.ledger.read(lambda db: rack.out_of_use(db.execute))
        assert found[3] == OutOfUse(reason="no light either", by="user:jones", since=since)
        assert await dock.write(lambda tx: rack.put_back(tx, 3, by="token:desk"))
        assert not await dock.write(lambda tx: rack.put_back(tx, 3, by="token:desk"))
        assert await dock.ledger.read(lambda db: rack.out_of_use(db.execute)) == {}
        assert (await dock.actions()).count("bay.back_in_use") == 1


async def test_a_row_that_somebody_changed_without_saying_so_is_found(dock: Dock) -> None:
    segment = await dock.confirmed()
    await dock.write(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    await dock.write(lambda tx: marks.told(tx, segment, object=f"o-{segment}"))
    await dock.write(lambda tx: rack.take_out(tx, 3, reason="broken", by="user:smith"))
    await dock.write(lambda tx: issues.issue(tx, "CAM", officer="PC Jones", by="user:smith", docked=False))
    assert await dock.ledger.read(faults) == []
    for statement, word in (
        ("UPDATE bays_out_of_use SET by = 'user:jones'", "bay 3: out of use"),
        ("UPDATE issues SET officer = 'PC Smith'", "camera CAM: issued"),
        ("UPDATE marks SET object = 'other'", "knows it as evidence"),
    ):
        await dock.write(lambda tx, statement=statement: tx.execute(statement).rowcount)  # type: ignore[misc]
        assert word in (await dock.ledger.read(faults))[-1]


# -- cameras -----------------------------------------------------------------------------------------------------------


async def issued(dock: Dock) -> dict[str, str]:
    found = await dock.ledger.read(lambda db: issues.issued(db.execute))
    return {camera: one.officer for camera, one in found.items()}


async def docked(dock: Dock, camera: CameraId = POOL, *, bay: int = 5) -> int:
    return int(await dock.write(lambda tx: cameras.docked(tx, camera, bay=bay, source="x")))


async def issue(dock: Dock, officer: str, *, camera: str = POOL.id, here: bool = False) -> bool:
    return bool(await dock.write(lambda tx: issues.issue(tx, camera, officer=officer, by="user:smith", docked=here)))


async def test_a_camera_that_was_taken_and_comes_back_is_no_longer_issued(dock: Dock) -> None:
    docking = await docked(dock)
    assert await issue(dock, "PC Jones", here=True)
    assert not await issue(dock, "PC Jones", here=True)
    assert await issued(dock) == {POOL.id: "PC Jones"}
    await dock.write(lambda tx: cameras.undocked(tx, docking, taken=True))
    assert await issued(dock) == {POOL.id: "PC Jones"}
    dock.clock.time += 3600
    await docked(dock)
    assert await issued(dock) == {}
    assert await last(dock, "camera.returned") == {"camera": POOL.id, "officer": "PC Jones", "by": "docking"}
    (had,) = await dock.ledger.read(lambda db: issues.history(db.execute, POOL))
    assert (had.officer, had.by, had.returned_by, had.returned_at) == (
        "PC Jones",
        "user:smith",
        "docking",
        dock.clock.time,
    )


async def test_one_that_lies_in_its_bay_still_is_not_back_because_dockd_was_started_anew(dock: Dock) -> None:
    docking = await docked(dock)
    await issue(dock, "PC Jones", here=True)
    await dock.write(lambda tx: cameras.undocked(tx, docking, taken=False))
    await docked(dock)
    assert await issued(dock) == {POOL.id: "PC Jones"}


async def test_one_that_is_in_another_bay_was_out(dock: Dock) -> None:
    await docked(dock, bay=5)
    await issue(dock, "PC Jones", here=True)  # and dockd was killed before it was taken
    await docked(dock, bay=6)
    assert await issued(dock) == {}


async def test_a_place_that_was_numbered_anew_has_moved_nothing(dock: Dock) -> None:
    async def lies(bay: int, place: str) -> dict[str, str]:
        await dock.write(lambda tx: cameras.docked(tx, POOL, bay=bay, source="x", place=place))
        return await issued(dock)

    await lies(5, "port-5")
    await issue(dock, "PC Jones", here=True)
    assert await lies(6, "port-5") == {POOL.id: "PC Jones"}, "its bay has another number"
    assert await lies(6, "port-7") == {POOL.id: "PC Jones"}, "its bay has another cable"
    assert await lies(2, "port-2") == {}


async def test_one_that_was_not_in_a_bay_when_it_was_issued_is_back_at_once(dock: Dock) -> None:
    docking = await docked(dock)
    await dock.write(lambda tx: cameras.undocked(tx, docking, taken=True))
    await issue(dock, "PC Jones")
    await docked(dock)
    assert await issued(dock) == {}


async def test_a_camera_goes_to_one_officer_at_a_time_and_is_taken_back_by_hand(dock: Dock) -> None:
    await issue(dock, "PC Jones")
    await issue(dock, "PC Smith")
    assert await issued(dock) == {POOL.id: "PC Smith"}
    assert (await dock.actions()).count("camera.returned") == 1
    assert await dock.write(lambda tx: issues.take_back(tx, POOL.id, by="user:smith"))
    assert not await dock.write(lambda tx: issues.take_back(tx, POOL.id, by="user:smith"))
    assert await issued(dock) == {}
    had = await dock.ledger.read(lambda db: issues.history(db.execute, POOL))
    assert [one.officer for one in had] == ["PC Smith", "PC Jones"]


async def test_an_issue_by_serial_is_the_cameras(dock: Dock) -> None:
    await issue(dock, "PC Jones", camera="0007")
    found = await dock.ledger.read(lambda db: issues.issued(db.execute))
    of_it = issues.of_camera(found, POOL)
    assert isinstance(of_it, Issue)
    assert issues.of_camera(found, CAMERA) is None
    await docked(dock)
    assert await issued(dock) == {}


# -- segments ----------------------------------------------------------------------------------------------------------


async def test_who_marked_and_moved_up_is_in_the_record_and_the_books_agree(dock: Dock) -> None:
    one, two = await dock.confirmed(b"one"), await dock.copied(b"two")
    assert await dock.write(lambda tx: segments.mark_evidential(tx, one, by="user:smith"))
    assert not await dock.write(lambda tx: segments.mark_evidential(tx, one, by="user:jones"))
    assert await dock.write(lambda tx: segments.move_up(tx, two, by="token:desk"))
    assert (await last(dock, "segment.evidential"))["by"] == "user:smith"
    assert (await last(dock, "segment.moved_up"))["by"] == "token:desk"
    assert await dock.ledger.read(faults) == []


async def test_who_had_a_held_one_tried_again_is_in_the_record(dock: Dock) -> None:
    segment = await dock.copied()
    assert not await dock.write(lambda tx: segments.try_again(tx, segment, by="user:smith"))
    await dock.write(lambda tx: segments.hold(tx, segment, reason="store_refused", error="413"))
    assert await dock.write(lambda tx: segments.try_again(tx, segment, by="user:smith"))
    assert (await dock.segment(segment)).held is None
    said = await last(dock, "segment.tried_again")
    assert (said["by"], said["reason"]) == ("user:smith", "store_refused")
    assert (await dock.actions())[-2:] == ["segment.tried_again", "segment.unheld"]
    assert await dock.ledger.read(faults) == []


async def test_who_set_the_bandwidth_is_in_the_record(dock: Dock) -> None:
    await dock.write(lambda tx: override.begin(tx, rate=1e6, lasts=60, by="user:ops"))
    await dock.write(lambda tx: override.end(tx, why="it was lifted", by="user:ops"))
    assert (await last(dock, "bandwidth.overridden"))["by"] == "user:ops"
    assert (await last(dock, "bandwidth.lifted"))["by"] == "user:ops"


def test_entries_from_before_who_was_recorded_say_nothing_of_it() -> None:
    assert events.SegmentEvidential(camera="C", segment="s", path="p").data() == {"camera": "C", "segment": "s", "path": "p"}  # fmt: skip
    assert events.BandwidthOverridden(limit="unlimited", until="x").data() == {"limit": "unlimited", "until": "x"}


def test_the_log_has_no_officers_names() -> None:
    for event in (
        events.CameraIssued(camera="C", officer="PC Jones", by="user:smith"),
        events.CameraReturned(camera="C", officer="PC Jones", by="docking"),
    ):
        assert "Jones" not in event.message()


# -- what is to be told of evidence ------------------------------------------------------------------------------------


async def to_tell(dock: Dock) -> list[str]:
    return await dock.ledger.read(lambda db: marks.waiting(db.execute, now=dock.clock.time, longest=86400.0))


async def test_evidence_that_is_found_in_the_store_is_to_be_told(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    assert await to_tell(dock) == []
    receipt = await dock.receipt(segment)
    assert await dock.write(lambda tx: segments.found(tx, receipt))
    assert await to_tell(dock) == [segment]


async def test_another_store_that_proves_evidence_is_to_be_told(dock: Dock) -> None:
    segment = await dock.confirmed()
    await dock.write(lambda tx: segments.mark_evidential(tx, segment, by="user:smith"))
    await dock.write(lambda tx: marks.told(tx, segment, object=f"o-{segment}"))
    await dock.attest(segment)
    assert await to_tell(dock) == []
    await dock.write(lambda tx: stores.pin(tx, StoreIdentity(id="other", url="http://other", method="receipt", durable=True, keys=("K",))))  # fmt: skip
    assert await to_tell(dock) == []
    await dock.attest(segment, store="other")
    assert await to_tell(dock) == [segment]


def test_marks_of_before_are_to_be_told_and_to_be_described(tmp_path: Path) -> None:
    """A ledger of an older dockd, which wrote that something is evidence, or first, and nothing else."""
    connection, older = sqlite3.connect(tmp_path / "ledger.db"), Migrations("dockd")
    for name, script in schema.MIGRATIONS:
        if name < "0012":
            connection.executescript(script)
            older(name=name)(lambda _db: None)
    older.apply(Database(connection))
    connection.execute(
        "INSERT INTO cameras (id, profile, serial, card, first_seen, last_seen) VALUES ('C', 'p', 's', 'c', 0, 0)"
    )
    for name, spool, store, evidential, priority in (
        ("plain", 1, 1, 0, 0), ("evidence", 0, 1, 1, 0), ("both", 1, 1, 1, 0), ("first", 1, 0, 0, 7), ("camera", 0, 0, 1, 0),
    ):  # fmt: skip
        connection.execute(
            "INSERT INTO segments (id, camera, path, size, mtime_ns, ctime_ns, dev, ino, on_camera, in_spool, in_store, evidential, priority,"
            " captured_at, listed_at) VALUES (?, 'C', ?, 1, 0, 0, 0, 0, 1, ?, ?, ?, ?, 0, 0)",
            (name, name.encode(), spool, store, evidential, priority),
        )
    connection.commit()
    schema.migrate(connection)
    assert sorted(marks.waiting(connection.execute, now=1.0, longest=86400.0)) == ["both", "evidence"]
    assert marks.undescribed(connection.execute) == ["both", "first"]
    connection.close()
