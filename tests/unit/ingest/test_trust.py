"""Whom to believe: the first pin, a named pin, keys that change, and what the honesty check leads to."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from ingest.errors import AddressTaken, DockdError, StoreBusy, StoreDishonest, StoreDown, WrongStore
from ingest.ledger import Ledger, cameras, segments, stores
from ingest.ledger.stores import Pinned
from ingest.model import Claim, Head, Listed, ProofMethod, SegmentDescription, Span, StoreIdentity, folder_camera
from ingest.store.base import Begun, Slices
from ingest.store.throttle import Bucket
from ingest.trust import Trust
from tests.unit.ingest.station_clock import StationClock


@dataclass(kw_only=True)
class SpokenFor:
    """A store that says who it is, and answers the honesty check as it is told to."""

    id: str = "store-1"
    keys: tuple[str, ...] = ("key-1",)
    method: ProofMethod = "receipt"
    signed: set[tuple[str, str]] = field(default_factory=set)  # (new, by)
    check: DockdError | None = None
    gives: str = "http://store/files/new"
    baits: list[tuple[SegmentDescription, bytes, str, Head | None]] = field(default_factory=list)

    async def identify(self) -> StoreIdentity:
        return StoreIdentity(id=self.id, url="http://store/", method=self.method, durable=True, keys=self.keys)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        return key in pinned or any(new == key and by in pinned for new, by in self.signed)

    async def tempt(
        self,
        segment: SegmentDescription,
        slices: Slices,
        *,
        nonce: str,
        head: Head | None,
        dock: str,
        begun: Begun | None = None,
    ) -> None:
        if begun is not None:
            await begun(self.gives)
        body = b"".join([piece async for piece in slices(0)])
        self.baits.append((segment, body, nonce, head))
        if self.check is not None:
            raise self.check

    async def announce(self, segment: SegmentDescription) -> str:
        raise NotImplementedError

    async def part(self, upload: str, *, offset: int, length: int, size: int, fresh: bool = False) -> bytes | None:
        raise NotImplementedError

    async def withdraw(self, upload: str) -> None:
        raise NotImplementedError

    async def offset(self, upload: str, *, size: int) -> int:
        raise NotImplementedError

    def part_size(self, size: int, *, wanted: int, upload: str | None = None) -> int | None:
        raise NotImplementedError

    async def checks(self) -> bool:
        raise NotImplementedError

    async def lacking(self, upload: str, *, size: int) -> Sequence[Span] | None:
        raise NotImplementedError

    async def finish(self, upload: str, segment: SegmentDescription) -> None:
        raise NotImplementedError

    async def mark(self, upload: str, segment: SegmentDescription) -> bool:
        raise NotImplementedError

    async def explain(self, upload: str, segment: SegmentDescription, *, custody: bytes, since: str = "") -> None:
        raise NotImplementedError

    async def send(
        self, upload: str, *, offset: int, length: int, size: int, slices: Slices, sha256: str | None = None
    ) -> int:
        raise NotImplementedError

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@pytest.fixture
def clock() -> StationClock:
    return StationClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: StationClock) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys", clock=clock)
    yield ledger
    await ledger.close()


def trust(ledger: Ledger, store: SpokenFor, *, wanted: str | None = None) -> Trust:
    @contextlib.asynccontextmanager
    async def heads(_store: str) -> AsyncIterator[Head]:
        yield ledger.head

    return Trust(ledger=ledger, store=store, station="station", wanted=wanted, bucket=Bucket(None), heads=heads)


async def in_ledger(ledger: Ledger) -> Pinned | None:
    return await ledger.read(lambda db: stores.pinned(db.execute))


async def actions(ledger: Ledger) -> list[str]:
    return await ledger.read(lambda db: [row[0] for row in db.execute("SELECT action FROM custody ORDER BY seq")])


async def test_the_first_store_is_pinned_by_its_keys(ledger: Ledger) -> None:
    found = await trust(ledger, SpokenFor()).recognise()
    assert (found.id, found.keys, found.honest_at) == ("store-1", ("key-1",), None)
    assert (await actions(ledger)).count("store.pinned") == 1
    await trust(ledger, SpokenFor()).recognise()
    assert (await actions(ledger)).count("store.pinned") == 1


@pytest.mark.parametrize(
    "other",
    [
        SpokenFor(id="store-2"), SpokenFor(method="read-back", keys=()), SpokenFor(method="digest", keys=()), SpokenFor(keys=("key-2",)),
        SpokenFor(keys=("key-2", "key-1")), SpokenFor(keys=()), SpokenFor(keys=("key-2",), signed={("key-2", "key-3")}),
        SpokenFor(method="digest"),
    ],
    ids=["another", "no receipts", "digests", "another key", "one key more", "no keys", "signed by a stranger", "its keys, and a weaker proof"],
)  # fmt: skip
async def test_who_is_not_the_pinned_one_is_not_believed(ledger: Ledger, other: SpokenFor) -> None:
    before = await trust(ledger, SpokenFor()).recognise()
    with pytest.raises(WrongStore, match="[Nn]othing is sent to it|none of its pinned keys"):
        await trust(ledger, other).recognise()
    assert await in_ledger(ledger) == before


async def test_a_key_signed_by_a_pinned_one_is_followed_and_honesty_is_shown_again(ledger: Ledger) -> None:
    first = trust(ledger, SpokenFor())
    await first.honest(await first.recognise())
    store = SpokenFor(keys=("key-2", "key-1"), signed={("key-2", "key-1")})
    found = await trust(ledger, store).recognise()
    assert found.keys == ("key-2", "key-1")
    assert found.honest_at is None
    assert "store.key_rotated" in await actions(ledger)


@pytest.mark.parametrize(
    ("store", "wanted", "good"),
    [
        (SpokenFor(), "key-1", True), (SpokenFor(), "key-2", False), (SpokenFor(), "store-1", False),
        (SpokenFor(keys=("impostor", "key-1")), "key-1", False), (SpokenFor(keys=("key-1", "impostor")), "key-1", False),
        (SpokenFor(keys=("key-2", "key-1"), signed={("key-2", "key-1")}), "key-1", True),
        (SpokenFor(method="read-back", keys=()), "store-1", True), (SpokenFor(method="read-back", keys=()), "key-1", False),
    ],
    ids=[
        "its key", "another key", "a name is no key", "a public key shown by an impostor", "in any order", "a signed successor",
        "a store without keys", "a store without the key",
    ],
)  # fmt: skip
async def test_a_pin_that_the_site_has_named(ledger: Ledger, store: SpokenFor, wanted: str, good: bool) -> None:
    if good:
        assert (await trust(ledger, store, wanted=wanted).recognise()).id == "store-1"
        return
    with pytest.raises(WrongStore, match=f"store.pin names {wanted}"):
        await trust(ledger, store, wanted=wanted).recognise()
    assert await in_ledger(ledger) is None


async def test_the_check_is_passed_once_a_day(ledger: Ledger, clock: StationClock) -> None:
    store = SpokenFor()
    who = trust(ledger, store)
    for passed, checks in (
        (0, 1),
        (23 * 3600, 1),
        (2 * 3600, 2),
        (-40 * 3600, 3),
    ):  # a clock that goes back proves nothing
        clock.seconds += passed
        await who.honest(await who.recognise())
        assert len(store.baits) == checks


async def test_before_a_deletion_each_run_makes_its_own_check(ledger: Ledger) -> None:
    store = SpokenFor()
    for checks in (1, 2):
        who = trust(ledger, store)
        await who.honest(await who.recognise())
        assert len(store.baits) == 1  # within a day
        for _ in range(3):
            await who.honest(await who.recognise(), in_this_run=True)
            assert len(store.baits) == checks
        assert who.tested(await who.recognise())


async def test_the_bait_is_an_ordinary_segment_with_one_bit_wrong(ledger: Ledger) -> None:
    store = SpokenFor()
    who = trust(ledger, store)
    found = await who.recognise()
    await who.honest(found)
    (segment, body, nonce, head), = store.baits  # fmt: skip
    assert 1 << 20 <= len(body) == segment.digest.size < 2 << 20
    assert hashlib.sha256(body).hexdigest() != segment.digest.sha256
    assert len(segment.id) == 32
    assert len(nonce) == 32
    assert head is not None


async def test_a_store_that_is_caught_stays_caught(ledger: Ledger) -> None:
    store = SpokenFor(check=StoreDishonest("it lied"))
    who = trust(ledger, store)
    with pytest.raises(StoreDishonest):
        await who.honest(await who.recognise())
    store.check = None
    for _ in range(2):
        with pytest.raises(
            StoreDishonest, match=r"was caught: it lied\. Nothing is deleted until a person pins it anew"
        ):
            await who.recognise()
    found = await in_ledger(ledger)
    assert found is not None
    assert (found.dishonest, found.honest_at) == ("it lied", None)
    assert (await actions(ledger)).count("store.dishonest") == 1


@pytest.mark.parametrize("error", [StoreBusy("busy"), StoreDown("down")])
async def test_a_check_that_could_not_be_made_is_not_passed(ledger: Ledger, error: DockdError) -> None:
    who = trust(ledger, SpokenFor(check=error))
    with pytest.raises(type(error)):
        await who.honest(await who.recognise())
    found = await in_ledger(ledger)
    assert found is not None
    assert (found.honest_at, found.dishonest) == (None, None)


async def test_read_back_has_no_digest_to_lie_about(ledger: Ledger) -> None:
    store = SpokenFor(method="read-back", keys=())
    who = trust(ledger, store)
    await who.honest(await who.recognise())
    assert store.baits == []


async def test_the_bait_has_a_name_that_no_camera_gives(ledger: Ledger) -> None:
    """A store that names files by their names would overwrite footage with it."""
    store, places = SpokenFor(), [b"DCIM/MOV_0001.MP4", b"MOV_0001", b"a/.hidden", b"d.d/x." + b"y" * 200]
    camera = folder_camera(b"CAM01")
    docking = await ledger.commit(lambda tx: cameras.docked(tx, camera, bay=None, source="test"))
    for path in places:
        listed = Listed(path=path, size=1, mtime_ns=0, ctime_ns=0, dev=1, ino=1)
        await ledger.commit(partial(segments.listed, camera=camera.id, docking=docking, file=listed))
        for _ in range(2):
            who = trust(ledger, store)
            found = await who.recognise()
            await who.honest(replace(found, honest_at=None))
    baited = [segment.path for segment, *_ in store.baits]
    assert len(set(baited)) == len(baited) == 8
    assert re.fullmatch(rb"DCIM/MOV_0001\d{20}\.MP4", baited[0])
    assert {segment.camera for segment, *_ in store.baits} == {camera.id}
    assert all(
        path.rpartition(b"/")[0] == places[number // 2].rpartition(b"/")[0] for number, path in enumerate(baited)
    )


async def test_the_bait_takes_no_address_of_footage(ledger: Ledger) -> None:
    camera = folder_camera(b"CAM01")
    docking = await ledger.commit(lambda tx: cameras.docked(tx, camera, bay=None, source="test"))
    listed = Listed(path=b"MOV_0001.MP4", size=1, mtime_ns=0, ctime_ns=0, dev=1, ino=1)
    name = await ledger.commit(lambda tx: segments.listed(tx, camera=camera.id, docking=docking, file=listed))
    await ledger.commit(lambda tx: segments.uploading_to(tx, name, "http://store/files/new"))
    store = SpokenFor()
    who = trust(ledger, store)
    with pytest.raises(AddressTaken, match=f"the address of segment {name}"):
        await who.honest(await who.recognise())
    assert store.baits == [], "not a byte"
    found = await in_ledger(ledger)
    assert found is not None
    assert "MOV_0001.MP4" in str(found.dishonest)
