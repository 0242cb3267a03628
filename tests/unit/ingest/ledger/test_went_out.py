"""How a camera left: with footage that is safe on the dock, or on it alone; and how much comes in a day."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.ledger import cameras, segments, stores, views
from ingest.ledger.views import Away
from ingest.model import Listed, folder_camera
from tests.unit.ingest.ledger.dock import CAMERA, DIGEST, STORE, Dock, dock_at

OTHER = folder_camera(b"OTHER")


async def leaves(dock: Dock, *, may_go: bool = True, taken: bool = True) -> int:
    return int(await dock.write(lambda tx: cameras.undocked(tx, dock.docking, taken=taken, may_go=may_go)))


async def away(dock: Dock) -> list[Away]:
    return await dock.ledger.read(lambda db: views.away(db.execute))


async def told(dock: Dock) -> str:
    return next(
        (one for one in reversed(await dock.actions()) if one in ("camera.went_out", "camera.removed_early")), "nothing"
    )


async def test_one_whose_footage_is_all_safe_here_went_out_and_is_not_missed(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.copied(b"a")
        await dock.confirmed(b"b")
        assert await leaves(dock) == 1
        assert await told(dock) == "camera.went_out"
        (one,) = await away(dock)
        assert (one.segments, one.alone, one.out, one.early) == (1, 0, True, False)


@pytest.mark.parametrize("why", ["no room", "not copied", "held"])
async def test_anything_that_speaks_against_it_and_it_left_early(tmp_path: Path, why: str) -> None:
    async with dock_at(tmp_path) as dock:
        name = await dock.copied(b"a")
        if why == "not copied":
            await dock.listed(b"b")
        if why == "held":
            await dock.write(lambda tx: segments.hold(tx, name, reason="spool_spoils", error="x"))
        await leaves(dock, may_go=why != "no room")
        assert await told(dock) == "camera.removed_early"
        (one,) = await away(dock)
        assert one.early
        assert one.alone == (1 if why == "not copied" else 0)


async def test_what_was_on_it_before_and_is_nowhere_else_counts(tmp_path: Path) -> None:
    """Another card was in it, with a clip that was listed and never copied: all of this docking is safe here, and that is not."""
    async with dock_at(tmp_path) as dock:
        await dock.listed(b"old")
        await leaves(dock)
        dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="x"))
        await dock.copied(b"a")
        await leaves(dock)
        assert await told(dock) == "camera.removed_early"


@pytest.mark.parametrize("why", ["the store was caught", "a copy cannot be read", "a copy is nowhere"])
async def test_nobody_goes_out_of_a_dock_that_is_in_doubt(tmp_path: Path, why: str) -> None:
    async with dock_at(tmp_path) as dock:
        if why == "the store was caught":
            await dock.write(lambda tx: stores.caught(tx, STORE.id, error="x"))
        else:
            reason = "spool_unread" if why == "a copy cannot be read" else segments.IN_DOUBT
            other = await dock.copied(b"of another camera")
            await dock.write(lambda tx: segments.hold(tx, other, reason=reason, error="x"))
            dock.docking = await dock.write(lambda tx: cameras.docked(tx, OTHER, bay=2, source="x"))
        file = Listed(path=b"a", size=10, mtime_ns=10**18, ctime_ns=1, dev=1, ino=1)
        camera = (CAMERA if why == "the store was caught" else OTHER).id
        name = await dock.write(lambda tx: segments.listed(tx, camera=camera, docking=dock.docking, file=file))
        await dock.write(lambda tx: segments.copied(tx, name, digest=DIGEST, second_read="direct"))
        await leaves(dock)
        assert await told(dock) == "camera.removed_early"


async def test_one_that_was_not_taken_out_is_neither(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.copied(b"a")
        await leaves(dock, taken=False)
        assert await told(dock) == "nothing"


async def test_one_whose_copy_went_bad_since_is_missed(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        name = await dock.copied(b"a")
        await leaves(dock)
        await dock.write(lambda tx: segments.rotted(tx, name, error="x"))
        (one,) = await away(dock)
        assert (one.alone, one.out, one.early) == (1, True, True)


async def test_a_moment_in_a_bay_in_which_nobody_looked_at_it_changes_nothing(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        await dock.copied(b"a")
        await leaves(dock)
        dock.docking = await dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=2, source="x"))
        await leaves(dock, may_go=False)
        (one,) = await away(dock)
        assert not one.early


async def test_how_many_segments_neither_the_dock_nor_the_store_has(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        rotten = await dock.copied(b"a")
        await dock.confirmed(b"b")
        await dock.copied(b"c")
        await dock.listed(b"d")
        await dock.write(lambda tx: segments.rotted(tx, rotten, error="x"))
        found = await dock.ledger.read(lambda db: views.of_dockings(db.execute, [dock.docking]))
        assert found[dock.docking].alone == 2, "one that was copied and went bad counts"


async def test_how_much_comes_in_a_day(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:

        async def a_day() -> float | None:
            return await dock.ledger.read(lambda db: views.pulled_a_day(db.execute, now=dock.clock.time))

        await dock.copied(b"a")
        dock.clock.time += 86_399
        assert await a_day() is None, "not for a whole day yet"
        dock.clock.time += 1 + 86_400
        await dock.copied(b"b")
        assert await a_day() == 10.0
        dock.clock.time += 5.5 * 86_400
        assert await a_day() == pytest.approx(10 / 7), "the first is more than a week ago"
