"""What the pages list: in order, whole, along an index, and never more looked at than a page may cost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest

from ingest.ledger import cameras, page_cameras, page_footage, page_history, segments
from ingest.ledger.page_footage import Page, Show, Wanted
from ingest.model import folder_camera
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

START = 10**9


def paths(found: Page) -> list[bytes]:
    return [one.path for one in found.segments]


async def footage(dock: Dock, wanted: Wanted, *, after: str = "", count: int = 100) -> Page:
    return await dock.ledger.read(lambda db: page_footage.page(db.execute, wanted, after=after, count=count))


async def at(dock: Dock, segment: str, moment: float) -> str:
    await dock.write(lambda tx: tx.execute("UPDATE segments SET captured_at = ? WHERE id = ?", (moment, segment)))
    return segment


async def test_each_list_has_its_own_and_the_newest_recording_first(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        stored = await at(dock, await dock.confirmed(b"stored"), START + 1)
        waiting = await at(dock, await dock.copied(b"waiting"), START + 2)
        alone = await at(dock, await dock.listed(b"alone"), START + 3)
        gone = await at(dock, await dock.listed(b"gone"), START + 4)
        await dock.write(lambda tx: segments.vanished(tx, gone, error="x"))
        await dock.write(lambda tx: segments.hold(tx, waiting, reason="refused", error="x"))
        await dock.write(lambda tx: segments.mark_evidential(tx, stored))
        expected: dict[Show, list[bytes]] = {
            "missing": [b"alone", b"waiting"], "held": [b"waiting"], "evidence": [b"stored"], "lost": [b"gone"],
            "all": [b"gone", b"alone", b"waiting", b"stored"],
        }  # fmt: skip
        for show, found in expected.items():
            assert paths(await footage(dock, Wanted(show=show))) == found, show
            assert paths(await footage(dock, Wanted(show=show, cameras=[CAMERA.id]))) == found, show
            assert paths(await footage(dock, Wanted(show=show, cameras=["other", CAMERA.id]))) == found, show
            assert paths(await footage(dock, Wanted(show=show, cameras=["other"]))) == [], show
            assert paths(await footage(dock, Wanted(show=show, cameras=[]))) == [], show
            with pytest.raises(ValueError, match="at most"):
                await footage(dock, Wanted(show=show, cameras=["x"] * 51))
        assert paths(await footage(dock, Wanted(show="all", since=START + 2, until=START + 4))) == [b"alone", b"waiting"]  # fmt: skip
        assert paths(await footage(dock, Wanted(show="all", file="ALO"))) == [b"alone"]
        assert alone


async def test_what_is_in_doubt_is_with_what_is_lost(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        doubted = await dock.copied(b"doubted")
        await dock.write(lambda tx: segments.rotted(tx, doubted, error="x"))
        await dock.write(lambda tx: segments.vanished(tx, doubted, error="x"))
        assert (await dock.segment(doubted)).held == segments.IN_DOUBT
        assert paths(await footage(dock, Wanted(show="lost", cameras=[CAMERA.id]))) == [b"doubted"]
        assert paths(await footage(dock, Wanted())) == []


async def test_a_list_goes_on_where_it_stopped_though_times_are_equal(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        made = [await at(dock, await dock.listed(b"%d" % n), START + n // 3) for n in range(10)]
        for wanted in (Wanted(), Wanted(show="all", cameras=[CAMERA.id])):
            seen: list[str] = []
            after: str | None = ""
            while after is not None:
                found = await footage(dock, wanted, after=after, count=3)
                seen += [one.id for one in found.segments]
                after = found.next
            assert seen == made[::-1]
        with pytest.raises(KeyError):
            await footage(dock, Wanted(), after="nobody")


async def test_a_search_ends_and_says_where_to_go_on(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.listed(b"needle")
        rows = [
            (f"{n:032x}", CAMERA.id, b"hay", 1, 0, 0, 0, 0, 1, 0, 0, 2e9 + n, 0.0)
            for n in range(page_footage.LOOKS + 5)
        ]
        await dock.write(
            lambda tx: tx.executemany(
                "INSERT INTO segments (id, camera, path, size, mtime_ns, ctime_ns, dev, ino, on_camera, in_spool, in_store, captured_at,"
                " listed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        )
        first = await footage(dock, Wanted(file="needle"))
        assert first.segments == []
        assert first.cut
        assert first.next is not None
        second = await footage(dock, Wanted(file="needle"), after=first.next)
        assert paths(second) == [b"needle"]
        assert second.next is None


async def test_last_night_is_in_only_if_nothing_of_it_is_outside_by_any_clock(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        night = dock.clock.time

        async def outside() -> bool:
            return await dock.ledger.read(lambda db: page_footage.outside_since(db.execute, night))

        before = await at(dock, await dock.listed(b"before"), START)
        await dock.write(lambda tx: tx.execute("UPDATE segments SET listed_at = ? WHERE id = ?", (night - 60, before)))
        assert not await outside(), "it was found before the night began, so it was recorded before"
        wrong = await at(dock, await dock.listed(b"clock of 1970"), 5.0)
        assert await outside(), "its camera's clock says 1970, and it was found in the night"
        await dock.write(lambda tx: segments.vanished(tx, wrong, error="x"))
        assert await outside(), "what is lost is not in the store"
        assert await dock.ledger.read(lambda db: page_footage.found_since(db.execute, night)) == 2


def _before(db: sqlite3.Connection, **which: Any) -> page_history.Back:
    return page_history.before(db.execute, count=2, **which)


async def test_what_happened_is_paged_back_of_all_of_a_camera_and_of_a_bay(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        other = folder_camera(b"OTHER")
        await dock.write(lambda tx: cameras.docked(tx, other, bay=2, source="y"))
        await dock.copied(b"a")

        async def actions(**which: Any) -> list[str]:
            found: list[str] = []
            seq: int | None = None
            while True:
                page = await dock.ledger.read(partial(_before, seq=seq, **which))
                found += [one.action for one in page.records]
                seq = page.next
                if seq is None:
                    return found

        assert (await actions())[::-1] == await dock.actions()
        assert await actions(camera=CAMERA.id) == ["segment.copied", "segment.listed", "camera.docked"]
        assert await actions(bay=2) == ["camera.docked"]
        assert await actions(camera=CAMERA.id, files=False) == ["camera.docked"]
        held = await dock.copied(b"b")
        await dock.write(lambda tx: segments.hold(tx, held, reason="refused", error="x"))
        assert (await actions(files=False))[:2] == ["segment.held", "camera.docked"]


async def test_a_cameras_dockings_newest_first(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.copied(b"a")
        await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=True))
        again = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=3, source="x"))
        found = await dock.ledger.read(lambda db: page_cameras.dockings_of(db.execute, CAMERA.id, before=None, count=9))
        assert [(one.id, one.bay, one.undocked_at is None) for one in found] == [(again, 3, True), (dock.docking, 1, False)]  # fmt: skip
        assert found[1].sums.balance.segments.copied == 1
        last = await dock.ledger.read(lambda db: page_cameras.last_dockings(db.execute))
        assert [(one.camera, one.bay, one.last_known) for one in last] == [(CAMERA, 3, dock.clock.time)]


async def test_no_page_of_a_list_looks_at_a_whole_table(tmp_path: Path) -> None:
    async with dock_at(tmp_path):
        pass
    asked: list[tuple[str, list[Any]]] = []
    for show in get_args(Show):
        for cameras_ in (None, ["CAM"]):
            for start in (None, (5.0, 5)):
                wanted = Wanted(show=show, since=1.0, until=2.0, file="x")
                asked.append(page_footage.statement(wanted, cameras=cameras_, start=start))
                asked.append(page_footage.statement(Wanted(show=show), cameras=cameras_, start=start))
    for name, bay, files in (("x", None, True), (None, 1, True), (None, None, True), (None, None, False)):
        text, values = page_history.statement(camera=name, bay=bay, files=files)
        asked.append((text, [9, *values, 9]))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        for text, values in asked:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}", values)]
            assert len(plan) == 1, (text, plan)
            assert "USING INDEX" in plan[0] or "USING INTEGER PRIMARY KEY" in plan[0], (text, plan)
            # a list that is a whole index is gone along in its order: then LIMIT ends it
            assert plan[0].startswith("SEARCH") or "segments_" in plan[0] or "custody_" in plan[0], (text, plan)
