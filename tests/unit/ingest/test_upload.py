"""Bringing one spool copy to the store: from the offset that the store names, in pieces that a bad line can bear."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.activity import Activity
from ingest.confirm import describe
from ingest.errors import IntegrityFailed, ObjectGone, StoreDown, Unproven
from ingest.lanes import Lanes
from ingest.ledger import segments
from ingest.reread import Rereading, SpoolCopyBad
from ingest.setbacks import backoff
from ingest.store.base import Slices
from ingest.store.throttle import Bucket
from ingest.upload import SpoolUnread, Uploading
from tests.simulators.stores.in_memory import InMemoryStore, times
from tests.unit.ingest.station import Station, station
from tests.unit.ingest.store.test_throttle import LateClock


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


def uploading(place: Station, *, chunk: int = 64 << 20, bucket: Bucket | None = None) -> Uploading:
    return Uploading(
        lanes=Lanes(2),
        ledger=place.ledger,
        rereading=Rereading(place.spool),
        store=place.store,
        bucket=bucket or Bucket(None),
        chunk=chunk,
        activity=Activity(),
    )


async def send(place: Station, sender: Uploading, segment: str) -> str:
    row = await place.row(segment)
    upload = await sender.send(row, describe(row, station="station"))
    assert upload is not None
    return upload


@pytest.mark.parametrize("chunk", [1, 1000, 4096, 64 << 20])
async def test_pieces_add_up(place: Station, chunk: int) -> None:
    content = os.urandom(3001)
    (segment,) = await place.spooled(content)
    upload = await send(place, uploading(place, chunk=chunk), segment)
    assert bytes(place.store.things[upload]) == content


async def test_it_goes_on_from_where_the_store_is(place: Station) -> None:
    content = os.urandom(500_000)
    (segment,) = await place.spooled(content)
    sender = uploading(place)
    place.store.troubles["send"] = times(1, lambda: StoreDown("cut"))
    with pytest.raises(StoreDown):
        await send(place, sender, segment)
    (upload,) = place.store.things
    place.store.things[upload] += content[:123_457]
    assert await send(place, sender, segment) == upload  # the address was remembered, the offset was asked
    assert bytes(place.store.things[upload]) == content


async def test_a_store_that_lost_what_it_had_taken_is_sent_it_again(place: Station) -> None:
    content = os.urandom(3001)
    (segment,) = await place.spooled(content)
    sender = uploading(place, chunk=1000)
    sent: list[str] = []

    def third_fails(one: str) -> Exception | None:
        sent.append(one)
        return StoreDown("cut") if len(sent) == 3 else None

    place.store.troubles["send"] = third_fails
    with pytest.raises(StoreDown):
        await send(place, sender, segment)
    (upload,) = place.store.things
    assert bytes(place.store.things[upload]) == content[:2000]
    del place.store.things[upload][500:]  # as after a power cut of a store that syncs nothing
    assert await send(place, sender, segment) == upload
    assert bytes(place.store.things[upload]) == content


async def test_an_upload_that_is_gone_is_begun_anew(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    sender = uploading(place)
    place.store.troubles["offset"] = times(1, lambda: ObjectGone("expired"))
    with pytest.raises(ObjectGone):
        await send(place, sender, segment)
    assert (await place.row(segment)).upload is None
    upload = await send(place, sender, segment)
    assert bytes(place.store.things[upload]) == b"footage"


async def test_pieces_are_smaller_while_the_line_is_bad(place: Station) -> None:
    lengths: list[int] = []

    class Notes(InMemoryStore):
        async def send(
            self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
        ) -> int:
            lengths.append(length)
            return await super().send(upload, offset=offset, length=length, size=size, slices=slices)

    place.store.__class__ = Notes
    content = os.urandom(9 << 20)
    (segment,) = await place.spooled(content)
    sender = uploading(place, chunk=16 << 20)
    place.store.troubles["send"] = times(2, lambda: StoreDown("cut"))
    for _ in range(2):
        with pytest.raises(StoreDown):
            await send(place, sender, segment)
    upload = await send(place, sender, segment)
    kib = [length >> 10 for length in lengths]
    assert kib == [5120, 1280, 640, 1280, 2560, 4736]  # it is alone: as much as goes in twenty seconds
    assert bytes(place.store.things[upload]) == content


async def test_what_the_store_did_not_keep_is_no_success(place: Station) -> None:
    (segment,) = await place.spooled(b"footage")
    place.store.offset_lie = 3
    with pytest.raises(Unproven, match="4 bytes where 7 were sent: it did not keep what it took"):
        await send(place, uploading(place), segment)
    assert (await place.row(segment)).upload is None


@pytest.mark.parametrize("damage", ["gone", "cut", "longer"])
async def test_a_spool_copy_that_is_not_whole_is_not_sent(place: Station, damage: str) -> None:
    (segment,) = await place.spooled(b"footage")
    path = place.spool.file(segment)
    match damage:
        case "gone":
            path.unlink()
        case "cut":
            os.truncate(path, 3)
        case _:
            path.write_bytes(b"footage and more")
    with pytest.raises(IntegrityFailed, match="spool file"):
        await send(place, uploading(place), segment)
    assert place.store.asked == []


async def test_a_spool_copy_that_cannot_be_read_is_not_the_stores_fault(place: Station) -> None:
    (segment,) = await place.spooled(b"footage" * 1000)
    row = await place.row(segment)

    class CutsTheFile(InMemoryStore):
        async def send(
            self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
        ) -> int:
            os.truncate(place.spool.file(segment), 100)
            return await super().send(upload, offset=offset, length=length, size=size, slices=slices)

    place.store.__class__ = CutsTheFile
    sender = uploading(place)
    with pytest.raises(SpoolUnread, match="spool file could not be read"):
        await sender.send(row, describe(row, station="station"))
    with pytest.raises(SpoolCopyBad):
        await sender.see_spool(row)


async def test_whether_the_spool_is_true_is_seen_from_its_bytes(place: Station) -> None:
    one, other, third = await place.spooled(b"footage", b"footage", b"footage")
    sender = uploading(place)
    await sender.see_spool(await place.row(one))
    place.spool.file(other).write_bytes(b"FOOTAGE")
    with pytest.raises(SpoolCopyBad) as changed:
        await sender.see_spool(await place.row(other))
    assert changed.value.file == place.spool.lies_there(other), "it names the very file"
    place.spool.file(third).unlink()
    with pytest.raises(SpoolCopyBad) as gone:
        await sender.see_spool(await place.row(third))
    assert gone.value.file is None


@given(
    attempts=st.integers(0, 10**6), longest=st.floats(0.1, 1e5), chance=st.floats(0, 1, exclude_max=True),
    floor=st.floats(0, 1e6),
)  # fmt: skip
def test_backoff_is_capped_before_it_is_jittered_and_floored(
    attempts: int, longest: float, chance: float, floor: float
) -> None:
    wait = backoff(attempts, longest=longest, chance=chance, floor=floor)
    assert floor <= wait <= max(longest, floor + min(floor / 2, longest))
    capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))
    assert wait >= capped / 2


async def test_a_store_that_checks_each_request_is_told_what_it_carries(place: Station) -> None:
    content = os.urandom(5 << 20)
    (segment,) = await place.spooled(content)
    place.store.checked = True
    await send(place, uploading(place, chunk=2 << 20), segment)
    pieces = [
        content[at : at + (512 << 10)] for at in range(0, len(content), 512 << 10)
    ]  # a cut one is lost whole: short ones
    assert place.store.digests == [hashlib.sha256(piece).hexdigest() for piece in pieces]
    place.store.checked, place.store.digests = False, []
    (other,) = await place.spooled(content)
    await send(place, uploading(place), other)
    assert place.store.digests == [None]


@pytest.mark.parametrize("evidential", [False, True])
async def test_requests_follow_the_limit_and_what_passes_it_does_not(place: Station, evidential: bool) -> None:
    """At 100 kB/s, on a clock of the test's own: alone it may take twenty seconds; evidence that passes the limit is as large as the line says."""
    lengths: list[int] = []

    class Notes(InMemoryStore):
        async def send(
            self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
        ) -> int:
            lengths.append(length)
            return await super().send(upload, offset=offset, length=length, size=size, slices=slices)

    place.store.__class__ = Notes
    clock = LateClock(late=0.0, seed=1)
    (segment,) = await place.spooled(bytes(3_000_000))
    if evidential:
        await place.ledger.commit(lambda tx: segments.mark_evidential(tx, segment))
    bucket = Bucket(100_000.0, bypass=True, now=clock.now, sleep=clock.sleep)
    sender = uploading(place, bucket=bucket)
    await send(place, sender, segment)
    assert lengths == ([3_000_000] if evidential else [2_000_000, 1_000_000])
    sender._lanes.demand = True  # more waits than the lanes carry: two of them, eight seconds each
    place.store.things.clear()
    lengths.clear()
    (other,) = await place.spooled(bytes(1_000_000))
    await send(place, sender, other)
    assert lengths == [400_000, 400_000, 200_000]
