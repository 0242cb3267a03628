"""Whoever turns wiping off, or wants footage to stay longer, is obeyed: before the next permit is written, and between two lots under one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import Stop
from ingest.events import Event, PermitIssued
from ingest.leave import Leave, NotWanted, Wish
from ingest.wipe import LOT
from tests.unit.ingest.ledger.dock import CAMERA
from tests.unit.ingest.test_wipe_lots import ToldAfterEachLot, scene

OFF, LONGER = Wish(wipe=False), Wish(grace=3600.0)


@pytest.mark.parametrize("wish", [OFF, LONGER], ids=["off", "longer grace"])
async def test_while_the_store_proves_it_no_permit_is_written(tmp_path: Path, wish: Wish) -> None:
    leave = Leave()

    def meanwhile() -> None:
        leave.now = wish

    async with scene(tmp_path, files=3, leave=leave, meanwhile=meanwhile) as now:
        with pytest.raises(NotWanted, match=r"wipe\.(enabled|grace)"):
            await now.wiping.batch(now.ready, worker=now.worker, camera=CAMERA.id, device=now.worker.device)
        assert now.left == 3
        assert "permit.issued" not in await now.dock.actions()


@pytest.mark.parametrize("wish", [OFF, LONGER], ids=["off", "longer grace"])
async def test_nothing_is_deleted_under_a_permit_of_just_before(tmp_path: Path, wish: Wish) -> None:
    leave = Leave()

    def hear(event: Event, _seq: int) -> None:
        if isinstance(event, PermitIssued):
            leave.now = wish

    async with scene(tmp_path, files=3, leave=leave) as now:
        now.dock.ledger.subscribe(hear)
        with pytest.raises(Stop, match="is not used any more"):
            await now.wiping.batch(now.ready, worker=now.worker, camera=CAMERA.id, device=now.worker.device)
        assert now.left == 3
        assert (await now.dock.actions())[-2:] == ["permit.issued", "permit.closed"]


async def test_between_two_lots_it_ends(tmp_path: Path) -> None:
    leave = Leave()

    async def off() -> None:
        leave.now = OFF

    async with scene(tmp_path, files=2 * LOT + 1, leave=leave) as now:
        now.worker.__class__ = ToldAfterEachLot
        now.worker.after = off  # type: ignore[attr-defined]
        with pytest.raises(Stop, match="is not used any more"):
            await now.wiping.batch(now.ready, worker=now.worker, camera=CAMERA.id, device=now.worker.device)
        assert now.left == LOT + 1
        assert (await now.dock.actions())[-1] == "permit.closed"


async def test_what_was_confirmed_long_enough_ago_goes(tmp_path: Path) -> None:
    leave = Leave(LONGER)
    async with scene(tmp_path, files=3, leave=leave) as now:
        now.dock.clock.boot += 3601 * 10**9
        await now.dock.attest(now.ready[0].id)
        why = await now.dock.ledger.read(lambda db: leave.why_not(db.execute, now.dock.clock, [now.ready[0].id]))
        assert why == ""
        leave.now = Wish(grace=3602.0)
        why = await now.dock.ledger.read(lambda db: leave.why_not(db.execute, now.dock.clock, [now.ready[0].id]))
        assert "3602 s" in why


def test_the_stricter_of_two() -> None:
    assert Wish().stricter(OFF) == OFF
    assert OFF.stricter(LONGER) == LONGER.stricter(OFF) == Wish(wipe=False, grace=3600.0)
    assert Wish().stricter(Wish()) == Wish()
