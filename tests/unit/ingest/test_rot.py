"""What becomes of a segment whose spool copy went bad, by what other copies there are and where its camera is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.activity import Activity
from ingest.errors import IntegrityFailed
from ingest.ledger import cameras, segments
from ingest.reread import Rereading, SpoolCopyBad, SpoolDiskFailed
from ingest.rot import SPOILS, Rot, Scrubbing
from ingest.worker.pipeline import Fingerprint
from tests.unit.ingest.station import CAMERA, Station, station

BAD = IntegrityFailed("bad")
BAD_NEWS = ("segment.rotted", "segment.held", "segment.lost", "segment.store_lost")


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
    await rot_of(place, docked=docked).found(await place.row(segment), BAD)
    row = await place.row(segment)
    assert (row.on_camera, row.in_spool, row.held) == (1, 0, held)
    assert ("segment.held" in await place.actions(segment)) == (held is not None)
    assert place.spool.file(segment).with_suffix(".rotted").read_bytes() == b"footage"
    assert not place.spool.file(segment).exists(), "its name is free for the next copy"


async def test_no_other_copy_is_anywhere(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    await gone_from_camera(place, segment)
    await rot_of(place, docked=False).found(await place.row(segment), BAD)
    assert (await place.row(segment)).held == segments.IN_DOUBT, "the store is asked before it is called lost"

    async def lost() -> bool:
        return "segment.lost" in await place.actions(segment)

    async with place.at_work():
        await place.until(lost)
    assert (await place.row(segment)).held is None, "lost is told as lost"


async def test_it_is_told_once_whoever_finds_it(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    rot, row = rot_of(place, docked=True), await place.row(segment)
    await rot.found(row, BAD)
    await rot.found(row, BAD)
    assert (await place.actions(segment)).count("segment.rotted") == 1


async def pulled_again(place: Station, segment: str) -> None:
    """A whole copy is published under the name, and then written down."""
    digest = (await place.row(segment)).digest
    place.spool.file(segment).write_bytes(b"footage")
    await place.ledger.commit(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))


@pytest.mark.parametrize("late", ["read before", "gone before", "disk before"])
@pytest.mark.parametrize("later", [True, False])
async def test_a_late_finding_leaves_the_copy_alone_that_was_pulled_since(
    place: Station, late: str, later: bool
) -> None:
    """`later`: the station's clock went on between the two copies; it may as well show the same moment twice."""
    (segment,) = await place.spooled(b"footage")
    rot, row = rot_of(place, docked=True), await place.row(segment)
    place.spool.file(segment).write_bytes(b"fo0tage")
    async with rot.rereading.of(segment, row.digest) as scrubbed:
        await rot.found(row, BAD)
        finding: IntegrityFailed | SpoolDiskFailed = SpoolDiskFailed("EIO")
        if late == "gone before":
            with pytest.raises(SpoolCopyBad) as gone:
                async with rot.rereading.of(segment, row.digest):
                    pass
            finding = gone.value
        place.clock.pass_by(5.0 * (later or late == "disk before"))
        await pulled_again(place, segment)
        if late == "read before":
            with pytest.raises(SpoolCopyBad) as read:
                await scrubbed.sound(anew=True)
            finding = read.value
        await rot.found(row, finding)
    assert place.spool.file(segment).read_bytes() == b"footage"
    assert (await place.row(segment)).in_spool == 1
    assert (await place.actions(segment)).count("segment.rotted") == 1


async def test_a_copy_that_is_not_written_down_yet_is_left_alone(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    rot, row = rot_of(place, docked=True), await place.row(segment)
    await rot.found(row, BAD)
    place.spool.file(segment).write_bytes(b"footage")
    await rot.found(row, BAD)
    assert place.spool.file(segment).read_bytes() == b"footage"


async def test_a_whole_copy_that_took_the_place_of_the_bad_one_keeps_its_name(place: Station) -> None:
    """The row is the same still: only which file was read tells them apart."""
    (segment,) = await place.spooled(b"footage")
    rot, row = rot_of(place, docked=True), await place.row(segment)
    file = place.spool.file(segment)
    finding = SpoolCopyBad("bad", file=place.spool.lies_there(segment))
    whole = file.with_name("whole")
    whole.write_bytes(b"footage")
    whole.rename(file)
    await rot.found(row, finding)
    assert file.read_bytes() == b"footage"
    assert (await place.row(segment)).in_spool == 1
    assert "segment.rotted" not in await place.actions(segment)


async def test_what_the_scrubber_listed_long_ago_is_looked_up_again(place: Station) -> None:
    first, second = await place.spooled(b"footage", b"footage")
    place.clock.pass_by(90_000)
    rot = rot_of(place, docked=True)

    class PullsMeanwhile(Rereading):
        async def read(self, fd: int, *, size: int, sha256: bool, part_size: int | None = None) -> Fingerprint:
            if (await place.row(second)).in_spool:
                await rot.found(await place.row(second), BAD)
            return await super().read(fd, size=size, sha256=sha256)

    scrubbing = Scrubbing(ledger=place.ledger, rereading=PullsMeanwhile(place.spool), rot=rot, busy=set())
    assert await scrubbing.once() == 1
    assert [(await place.row(one)).in_spool for one in (first, second)] == [1, 0]
    assert (await place.actions(second)).count("segment.rotted") == 1


@pytest.mark.parametrize("docked", [True, False])
async def test_a_dock_that_spoils_copy_after_copy_stops_and_says_so(place: Station, docked: bool) -> None:
    (segment,) = await place.spooled(b"footage")
    for left in (2, 1, 0):
        rot = rot_of(place, docked=docked or left > 0)  # a new one each time: the count survives a restart
        place.clock.pass_by(1.0)
        await rot.found(await place.row(segment), BAD)
        if left:
            assert (await place.row(segment)).held is None
            await pulled_again(place, segment)
    row = await place.row(segment)
    assert (row.held, row.on_camera, row.in_spool) == (SPOILS, 1, 0)
    assert "this dock has spoilt 3 copies of it: its disk or its memory fails" in (row.held_message or "")
    assert "leave the camera in, or dock it at another dock" in (row.held_message or "")
    held = await place.ledger.read(lambda db: cameras.held(db.execute, CAMERA.id))
    assert held == [segment], "a new docking releases it"


async def test_what_was_proven_since_does_not_count(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    rot = rot_of(place, docked=True)
    for _again in range(2):
        place.clock.pass_by(1.0)
        await rot.found(await place.row(segment), BAD)
        await pulled_again(place, segment)
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    await place.ledger.commit(lambda tx: segments.store_lost(tx, segment, error="test"))
    row = await place.row(segment)
    if not row.in_spool:
        await pulled_again(place, segment)
    place.clock.pass_by(1.0)
    await rot.found(await place.row(segment), BAD)
    assert (await place.row(segment)).held is None


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


async def test_rot_after_the_proof_and_before_the_release_is_harmless(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        place.spool.file(segment).write_bytes(b"fo0tage")
        place.clock.pass_by(90_000)
        rot = rot_of(place, docked=False)
        scrubbing = Scrubbing(ledger=place.ledger, rereading=rot.rereading, rot=rot, busy=set())
        assert await scrubbing.once() == 0, "nobody reads what the store has"

        async def released() -> bool:
            return not (await place.row(segment)).in_spool and not place.spool.file(segment).exists()

        async with place.at_work():
            await place.until(released)
        said = await place.actions(segment)
        assert [one for one in said if one in BAD_NEWS] == []
        assert [bytes(thing) for thing in place.store.things.values() if bytes(thing) == b"footage"] == [b"footage"]


async def test_rot_that_is_seen_after_the_proof_is_told_and_no_more(tmp_path: Path) -> None:
    """At a start, say: the camera is away, and nobody has to do anything."""
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await place.spooled(b"footage")
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))
        await rot_of(place, docked=False).found(await place.row(segment), BAD)
        row = await place.row(segment)
        assert (row.on_camera, row.in_spool, row.in_store, row.held) == (1, 0, 1, None)
        assert [one for one in await place.actions(segment) if one in BAD_NEWS] == ["segment.rotted"]
