"""What becomes of a segment whose spool copy went bad, by what other copies there are and where its camera is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.activity import Activity
from ingest.ledger import segments
from ingest.reread import Rereading, SpoolDiskFailed
from ingest.rot import Rot, Scrubbing
from tests.unit.ingest.station import CAMERA, Station, station


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


def rot_of(place: Station, *, docked: bool) -> Rot:
    activity = Activity()
    if docked:
        activity.camera(CAMERA.id, "waiting")
    return Rot(ledger=place.ledger, spool=place.spool, activity=activity, rereading=Rereading(place.spool))


async def gone_from_camera(place: Station, segment: str) -> None:
    await place.ledger.commit(lambda tx: segments.vanished(tx, segment, error="test"))


@pytest.mark.parametrize(("docked", "held"), [(True, None), (False, "spool_rotted")])
async def test_the_camera_has_it_still(place: Station, docked: bool, held: str | None) -> None:
    (segment,) = await place.spooled(b"footage")
    await rot_of(place, docked=docked).found(await place.row(segment), "bad")
    row = await place.row(segment)
    assert (row.on_camera, row.in_spool, row.held) == (1, 0, held)
    assert ("segment.held" in await place.actions(segment)) == (held is not None)
    assert place.spool.file(segment).with_suffix(".rotted").read_bytes() == b"footage"
    assert not place.spool.file(segment).exists(), "its name is free for the next copy"


async def test_no_other_copy_is_anywhere(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    await gone_from_camera(place, segment)
    await rot_of(place, docked=False).found(await place.row(segment), "bad")
    assert (await place.row(segment)).held == segments.IN_DOUBT, "the store is asked before it is called lost"

    async def lost() -> bool:
        return "segment.lost" in await place.actions(segment)

    async with place.at_work():
        await place.until(lost)
    assert (await place.row(segment)).held is None, "lost is told as lost"


async def test_it_is_told_once_whoever_finds_it(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    rot, row = rot_of(place, docked=True), await place.row(segment)
    await rot.found(row, "bad")
    await rot.found(row, "bad")
    assert (await place.actions(segment)).count("segment.rotted") == 1


@pytest.mark.parametrize("on_camera", [True, False])
async def test_a_disk_that_fails_loses_nothing_that_it_may_give_back(place: Station, on_camera: bool) -> None:
    (segment,) = await place.spooled(b"footage")
    if not on_camera:
        await gone_from_camera(place, segment)
    replaced = await rot_of(place, docked=True).disk_fails(await place.row(segment), SpoolDiskFailed("EIO"))
    assert replaced == on_camera
    assert (await place.row(segment)).in_spool == (0 if on_camera else 1)
    assert "segment.lost" not in await place.actions(segment)


async def test_what_waits_is_read_again_once_a_day_and_what_went_bad_is_found(place: Station) -> None:
    bad, good, fresh = await place.spooled(b"x" * 5000, b"y" * 5000, b"z" * 5000)
    place.spool.file(bad).write_bytes(os.urandom(5000))
    place.spool.file(fresh).write_bytes(os.urandom(5000))
    place.clock.pass_by(90_000)
    await place.ledger.commit(lambda tx: tx.execute("UPDATE segments SET pulled_at = ? WHERE id = ?", (tx.now, fresh)))
    rot = rot_of(place, docked=True)
    scrubbing = Scrubbing(ledger=place.ledger, rereading=rot.rereading, rot=rot, busy=set())
    assert await scrubbing.once() == 2
    assert [(await place.row(one)).in_spool for one in (bad, good, fresh)] == [0, 1, 1]
    assert place.store.asked == []


async def test_what_is_being_sent_is_not_read_beside_that(place: Station) -> None:
    (segment,) = await place.spooled(b"x" * 5000)
    place.clock.pass_by(90_000)
    rot = rot_of(place, docked=True)
    scrubbing = Scrubbing(ledger=place.ledger, rereading=rot.rereading, rot=rot, busy={segment})
    assert await scrubbing.once() == 0
