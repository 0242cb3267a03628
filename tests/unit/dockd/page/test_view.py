"""What is shown is one moment: a camera to which something happens while the ledger is asked is not ready by the old sums."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from dockd.docking import Bay, Rack, Turns
from dockd.page.documents import when
from dockd.page.facts import Sources
from dockd.page.view import LOOK_AT_MOST_EVERY, Snapshot, View
from dockd.page.words import moment_words
from dockd.settings import defaults
from ingest.activity import Activity
from ingest.bandwidth import Bandwidth, Rules
from ingest.clock import Clock
from ingest.events import SegmentSame
from ingest.intake import Intake, IntakeSettings
from ingest.ledger import Ledger, cameras, segments
from ingest.ledger.segments import Segment
from ingest.model import folder_camera
from ingest.spool import Spool
from ingest.standing import StoreState
from ingest.store.throttle import Bucket
from ingest.visit import Visit
from tests.unit.ingest.ledger.dock import dock_at

T = TypeVar("T")


class Outrun(Ledger):
    """The ledger, and while it is next asked after `outrun` was set to False a segment of the camera becomes something else."""

    outrun = True

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        found = await super().read(query)
        if not self.outrun:
            self.outrun = True
            self.publish(SegmentSame(camera="CAM", segment="s", path="a"))
        return found


async def nobody(_segments: Sequence[Segment]) -> list[str]:
    return []


def sources(folder: Path, ledger: Ledger) -> Sources:
    """A bay with a camera whose pass is over, and in which nothing was found by then."""
    clock, activity, camera = Clock(), Activity(), folder_camera(b"CAM")
    spool = Spool(folder / "spool", keep_free=0)
    turns = Turns(parallel=1, spool=spool.folder, activity=activity)
    intake = Intake(
        ledger=ledger,
        spool=spool,
        pool=turns,
        activity=activity,
        attest=nobody,
        settings=IntakeSettings(wipe=False, rest=0.05),
    )
    rack = Rack(intake=intake, ledger=ledger, turns=turns, clock=clock, fixed={}, max_clock_offset=60.0)
    rack.bays[1] = Bay(
        number=1, camera=camera, visit=Visit(camera=camera, root=b"/", bay=1, docking=1, listed_once=True)
    )
    activity.camera(camera.id, "done")
    return Sources(
        settings=defaults(), version="1", clock=clock, ledger=ledger, spool=spool, activity=activity, rack=rack, store_state=StoreState,
        bandwidth=Bandwidth(ledger=ledger, bucket=Bucket(None), rules=Rules(), clock=clock),
    )  # fmt: skip


async def looked(view: View) -> Snapshot:
    """One look, once nothing is put off any more: a question that takes long on a busy machine is asked less often."""
    async with asyncio.timeout(30):
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        while view._asking._backlog_dirty and not view._asking.due:  # noqa: ASYNC110 - the clock makes it due, nobody says so
            await asyncio.sleep(0.01)
    return await view.look(anew=True)


async def test_nothing_is_ready_by_sums_that_were_outrun(tmp_path: Path) -> None:
    ledger = await Outrun.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    assert isinstance(ledger, Outrun)
    ledger.outrun = False
    try:
        view = View(sources(tmp_path, ledger))
        assert (await view.look()).bays[1]["state"] == "reading"
        await asyncio.sleep(LOOK_AT_MOST_EVERY)  # a look is as old as that at most
        assert (await view.look()).bays[1]["state"] == "ready"
    finally:
        await ledger.close()


async def test_of_one_that_has_just_left_nothing_is_said_to_be_in_the_store_before_the_ledger_was_asked(
    tmp_path: Path,
) -> None:
    """On a busy machine the question where all footage is takes long, and is asked less often."""
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        view = View(found)
        await looked(view)
        await dock.copied(b"footage")
        view._asking._not_before = float("inf")
        await dock.write(lambda tx: cameras.undocked(tx, 1, taken=True))
        bay = found.rack.bays[1]
        found.rack.bays[1] = replace(bay, camera=None, visit=None, last_camera=bay.camera)
        found.activity.version += 1
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        now = (await view.look(anew=True)).bays[1]
        assert (now["state"], now["why"].partition(". ")[2]) == (
            "removed_early", "Where its footage is, is looked up now. Put it back into any bay.",
        )  # fmt: skip
        view._asking._not_before = 0.0
        now = (await looked(view)).bays[1]
        assert "before the store had its footage: 1 segment is copied on the dock, and still on it" in now["why"]


async def test_why_the_dock_is_full_though_the_store_has_what_is_on_it(tmp_path: Path) -> None:
    """A store that gives no receipts is looked at once more a day later; nobody is told to wait for its line."""
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        segment = await dock.confirmed()
        view, until = View(found), dock.clock.time + 86400
        found.activity.spool_full = True
        found.activity.camera("CAM", "waiting", reason="spool_full")
        assert (await view.look()).status["spool"]["kept"] is None, "it may go: nothing is kept"
        await dock.write(lambda tx: segments.not_before(tx, segment, until))
        await dock.write(lambda tx: tx.execute("UPDATE stores SET method = 'read-back'"))
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        found.activity.version += 1
        now = await view.look()
        words = (
            f"10 bytes that the store has are kept until {moment_words(until)}, because this store gives no receipts."
        )
        assert now.status["spool"]["kept"] == {"bytes": 10, "until": when(until), "text": words}
        (problem,) = [one for one in now.problems if one["problem"] == "spool_full"]
        assert words in problem["text"]
        assert "when the store has taken more" not in problem["advice"]
        assert moment_words(until) in now.bays[1]["why"]
        await dock.copied(b"sent next")
        now = await looked(view)
        (problem,) = [one for one in now.problems if one["problem"] == "spool_full"]
        assert words in problem["text"]
        assert "when the store has taken more" in problem["advice"], "the store takes some first"
        found.activity.spool_full = False
        found.activity.version += 1
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        assert (await view.look()).status["spool"]["kept"] is None
