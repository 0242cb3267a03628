"""What a person has closed stays out of sight only while it is what they have closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dockd.docking import Bay
from dockd.page.doings import Doings
from dockd.page.facts import Sources
from dockd.page.snapshot import Snapshot
from dockd.page.view import View
from ingest.ledger import Transaction, cameras, marks, segments
from ingest.model import Listed
from ingest.visit import Visit
from tests.unit.dockd.page.test_view import looked, sources
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

BY = "user:smith"


@dataclass
class Page:
    dock: Dock
    found: Sources
    view: View
    doings: Doings

    async def look(self) -> Snapshot:
        return await looked(self.view)

    async def problems(self) -> list[str]:
        return [str(one["problem"]) for one in (await self.look()).problems]

    async def close(self, kind: str) -> None:
        problem = next(one["id"] for one in (await self.look()).problems if one["problem"] == kind)
        await self.doings.close(problem, reason="it is written down", by=BY)
        assert kind not in await self.problems()

    async def arrives(self) -> None:
        self.dock.docking = await self.dock.write(lambda tx: cameras.docked(tx, CAMERA, bay=1, source="x"))
        self.found.rack.bays[1] = Bay(
            number=1, place="p", camera=CAMERA, visit=Visit(camera=CAMERA, root=b"/", bay=1, docking=self.dock.docking)
        )

    async def leaves(self) -> None:
        self.found.activity.camera_left(CAMERA.id)
        self.found.rack.bays[1] = Bay(number=1, place="p", last_camera=CAMERA)
        await self.dock.write(lambda tx: cameras.undocked(tx, self.dock.docking, taken=True))


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        found.rack.bays[1] = Bay(number=1, place="p")
        view = View(found)
        yield Page(dock=dock, found=found, view=view, doings=Doings(sources=found, view=view))


async def test_a_camera_that_came_back_and_left_early_again_is_missed_again_though_nobody_looked(page: Page) -> None:
    old = await page.dock.listed(b"old.mp4")
    await page.leaves()
    await page.close("removed_early")
    assert (await page.look()).status["needs_action"] == 0
    await page.arrives()
    await page.dock.write(lambda tx: segments.vanished(tx, old, error="taken off it elsewhere"))
    await page.dock.listed(b"new.mp4")
    await page.leaves()
    found = await page.look()
    assert found.bays[1]["state"] == "removed_early", "the same number of files, and not the same"
    assert "removed_early" in {one["problem"] for one in found.problems}
    assert found.status["needs_action"] >= 1


async def test_another_loss_is_another_loss_though_their_number_is_the_same(page: Page) -> None:
    first, second = await page.dock.listed(b"a"), await page.dock.listed(b"b")
    await page.dock.write(lambda tx: segments.vanished(tx, first, error="gone"))
    await page.close("footage_lost")
    back = Listed(path=b"a", size=10, mtime_ns=10**18, ctime_ns=1, dev=1, ino=1)

    def both(tx: Transaction) -> None:
        segments.reappeared(tx, first, docking=page.dock.docking, file=back)
        segments.vanished(tx, second, error="gone")

    await page.dock.write(both)
    assert "footage_lost" in await page.problems()


async def test_a_loss_that_is_over_opens_nothing(page: Page) -> None:
    first, second = await page.dock.listed(b"a"), await page.dock.listed(b"b")
    for one in (first, second):
        await page.dock.write(lambda tx, one=one: segments.vanished(tx, one, error="gone"))  # type: ignore[misc]
    await page.close("footage_lost")
    back = Listed(path=b"b", size=10, mtime_ns=10**18, ctime_ns=1, dev=1, ino=1)
    await page.dock.write(lambda tx: segments.reappeared(tx, second, docking=page.dock.docking, file=back))
    assert "footage_lost" not in await page.problems()


async def test_other_evidence_that_the_store_is_not_told_of_is_news(page: Page) -> None:
    first, second = await page.dock.confirmed(b"a"), await page.dock.confirmed(b"b")

    async def untold(segment: str) -> None:
        await page.dock.write(lambda tx: segments.mark_evidential(tx, segment, by=BY))
        await page.dock.write(lambda tx: marks.failed(tx, segment, seconds=60, error="403"))

    await untold(first)
    await page.close("evidence_not_marked")
    await page.dock.write(lambda tx: marks.told(tx, first, object=f"o-{first}"))
    await untold(second)
    assert "evidence_not_marked" in await page.problems()


async def test_a_bay_that_a_person_has_freed_stays_free_when_its_cause_is_gone(page: Page) -> None:
    old = await page.dock.listed(b"old.mp4")
    await page.leaves()
    page.found.rack.bays[1] = replace(page.found.rack.bays[1], left_early=1)
    await page.close("removed_early")
    assert page.found.rack.bays[1].left_early == 0, "closing frees it at once"
    page.found.rack.bays[1] = replace(page.found.rack.bays[1], left_early=1, last_camera=CAMERA)  # dockd begins anew
    assert (await page.look()).bays[1]["state"] == "empty"
    await page.dock.write(lambda tx: segments.vanished(tx, old, error="taken off it elsewhere"))
    await page.look()
    assert (await page.look()).bays[1]["state"] == "empty"
    assert page.found.rack.bays[1].left_early == 0
