"""Whether the dock's spool can be counted on is known while nobody copies and nothing is sent; and what was held for it goes on by itself."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.activity import Activity
from ingest.errors import StoreDown
from ingest.ledger import segments
from ingest.reread import Rereading, SpoolDiskFailed, SpoolUnread, unread
from ingest.rot import Rot, Scrubbing
from ingest.spool import Spool
from ingest.spool_watch import SpoolWatch, spool_works
from ingest.worker.pipeline import Fingerprint
from tests.simulators.stores.in_memory import always
from tests.unit.ingest.station import Station, station


class Failing(Rereading):
    """A disk that gives errors, as long as `fails`."""

    fails = True

    async def read(self, fd: int, *, size: int, sha256: bool, part_size: int | None = None) -> Fingerprint:
        if self.fails:
            raise unread(OSError(errno.EIO, "Input/output error"))
        return await super().read(fd, size=size, sha256=sha256, part_size=part_size)


class Watched:
    """A station's spool, watched by a test."""

    def __init__(self, place: Station) -> None:
        self.place = place
        self.activity = Activity()
        self.rereading = Failing(place.spool)
        self.rot = Rot(ledger=place.ledger, spool=place.spool, activity=self.activity, rereading=self.rereading)
        self.watch = SpoolWatch(
            ledger=place.ledger, spool=place.spool, activity=self.activity, rereading=self.rereading, bad=self.rot.found, every=0.0, writes_every=0.0,
        )  # fmt: skip
        self.said: list[str] = []
        place.ledger.subscribe(lambda event, _seq: self.said.append(type(event).__name__))

    def told(self) -> list[str]:
        return [name for name in self.said if name in ("SpoolFails", "SpoolWorks")]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


async def test_a_disk_that_is_not_mounted_any_more_is_told_and_that_it_is_back(place: Station) -> None:
    here = Watched(place)
    await here.watch.look()
    assert (here.activity.spool_failed, here.told()) == ("", [])
    away = place.spool.folder.with_name("away")
    place.spool.folder.rename(away)
    await here.watch.look()
    assert "is its disk mounted" in here.activity.spool_failed
    place.spool.folder.mkdir()
    await here.watch.look()
    assert (here.told(), os.listdir(place.spool.folder)) == (["SpoolFails"], []), "told once, and nothing written there"
    place.spool.folder.rmdir()
    away.rename(place.spool.folder)
    await here.watch.look()
    assert (here.activity.spool_failed, here.told()) == ("", ["SpoolFails", "SpoolWorks"])
    assert os.listdir(place.spool.folder) == [], "the trial leaves nothing behind"


async def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, place: Station) -> None:
    class ReadOnly(Spool):
        def part(self, segment: str):  # type: ignore[no-untyped-def]
            raise OSError(errno.EROFS, "Read-only file system", segment)

    place.spool = ReadOnly(tmp_path / "spool", keep_free=0)
    here = Watched(place)
    await here.watch.look()
    assert "cannot be written: Read-only file system" in here.activity.spool_failed
    spool_works(place.ledger, here.activity)
    assert (here.activity.spool_failed, here.told()) == ("", ["SpoolFails", "SpoolWorks"]), (
        "a copy that it took says more"
    )


async def test_a_copy_that_cannot_be_read_counts_until_it_was(place: Station) -> None:
    """On the dock alone: the daily look finds it, while no store is there to be sent to."""
    (segment,) = await place.spooled(b"footage")
    await place.ledger.commit(lambda tx: segments.vanished(tx, segment, error="test"))
    here = Watched(place)
    looking = Scrubbing(ledger=place.ledger, rereading=here.rereading, rot=here.rot, busy=(), every=0.0)
    assert await looking.once() == 1
    assert "cannot give its bytes" in here.activity.spool_failed
    assert here.activity.spool_refuses == "", "footage is taken in still"
    await here.watch.look()
    assert here.told() == ["SpoolFails"]
    here.rereading.fails = False
    await here.watch.look()
    assert (here.activity.spool_failed, here.told()) == ("", ["SpoolFails", "SpoolWorks"])


async def test_what_is_held_for_a_disk_goes_on_when_it_can_be_read(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    here = Watched(place)
    with pytest.raises(SpoolDiskFailed):
        async with here.rereading.of(segment, (await place.row(segment)).digest) as copy:
            await copy.sound()
    await place.ledger.commit(lambda tx: segments.hold(tx, segment, reason="spool_unread", error="EIO"))
    await here.watch.look()
    assert (await place.row(segment)).held == "spool_unread"
    here.rereading.fails = False
    await here.watch.look()
    assert (await place.row(segment)).held is None
    assert here.activity.spool_failed == ""


async def test_a_start_tries_what_was_held_and_nobody_counts_on_it_before_it_was_read(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    await place.ledger.commit(lambda tx: segments.hold(tx, segment, reason="spool_unread", error="EIO"))
    place.store.troubles["identify"] = always(lambda: StoreDown("cut"))
    said: list[str] = []
    place.ledger.subscribe(lambda event, _seq: said.append(type(event).__name__))
    async with place.at_work():
        await place.until(lambda: "SpoolWorks" in said)
    assert said.index("SpoolFails") < said.index("SpoolWorks")
    assert (await place.row(segment)).held is None


async def test_no_segment_is_blamed_for_a_disk_that_is_not_mounted(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    away = place.spool.folder.with_name("away")
    place.spool.folder.rename(away)
    for _ in range(10):
        await place.delivery._not_delivered(await place.row(segment), SpoolUnread(place.spool.elsewhere))
    row = await place.row(segment)
    assert (row.attempts, row.held) == (10, None)
    away.rename(place.spool.folder)
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
