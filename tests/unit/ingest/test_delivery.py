"""What the delivery does with each word of a store: who is delayed, who is held, and what is said of the store meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.errors import (
    DockdError,
    Garbled,
    HistoryConflict,
    NeverStorable,
    ObjectGone,
    Retry,
    Stop,
    StoreBusy,
    StoreDishonest,
    StoreDown,
    Unanswered,
    Unproven,
    UploadBlocked,
    Withheld,
    WrongStore,
)
from ingest.events import StoreChanged
from ingest.ledger import segments, stores
from ingest.model import ProofMethod, SegmentDescription
from ingest.store.answers import LONGEST_RETRY_AFTER
from tests.simulators.stores.in_memory import InMemoryStore, always, times
from tests.unit.ingest.station import Station, station


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Station]:
    async with station(tmp_path) as found:
        yield found


async def test_segments_are_brought_proven_and_given_up_by_the_spool(place: Station) -> None:
    contents = [os.urandom(size) for size in (0, 1, 300_000)]
    wanted = await place.spooled(*contents)
    async with place.at_work():
        await place.until(lambda: place.spool.segments() == [])
    for segment, content in zip(wanted, contents, strict=True):
        row = await place.row(segment)
        assert (row.in_store, row.in_spool, row.on_camera) == (1, 0, 1)
        assert bytes(place.store.things[str(row.object)]) == content
    assert place.delivery.state.word == "connected"
    assert place.store.calls("tempt") == 1


async def test_a_segment_that_always_cuts_the_line_lets_the_others_go(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1) as place:
        bad, *good = await place.spooled(b"bad", b"good", b"better")

        def cut(segment: str) -> DockdError | None:
            return StoreDown("the line was cut") if segment == bad else None

        place.store.troubles["send"] = cut
        async with place.at_work():
            await place.until(lambda: place.confirmed(*good))
        assert (await place.row(bad)).held is None  # it is tried again, in its turn
        assert (await place.row(bad)).trouble == "the line was cut"


async def test_a_short_trouble_blames_no_segment(place: Station) -> None:
    place.store.troubles["send"] = times(1, lambda: StoreBusy("busy"))
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    assert (await place.row(segment)).attempts == 0
    assert "segment.delayed" not in await place.actions()


async def test_retry_after_is_a_floor_for_one_segment_too(place: Station) -> None:
    locked, good = await place.spooled(b"locked", b"good")
    place.store.troubles["send"] = lambda one: Retry("somebody else is writing", after=7200) if one == locked else None
    async with place.at_work():
        await place.until(lambda: place.confirmed(good))
        await asyncio.sleep(0.5)
    assert [segment for what, segment in place.store.asked if what == "send"].count(locked) == 1
    assert (await place.row(locked)).next_attempt >= place.clock.now() + 7100


async def test_a_wait_that_the_store_asked_for_is_no_clock_that_jumped(place: Station) -> None:
    """The longest Retry-After twice: for the segment, and for the door that it closed."""
    (busy,) = await place.spooled(b"busy")
    tries = 0

    def longest(segment: str) -> DockdError | None:
        nonlocal tries
        tries += segment == busy
        return StoreBusy("busy", after=LONGEST_RETRY_AFTER) if segment == busy else None

    place.store.troubles["send"] = longest
    async with place.at_work():
        for times_tried in (1, 2):
            await place.until(lambda wanted=times_tried: tries == wanted and place.delivery.state.word == "down")  # type: ignore[misc]
            place.delivery.wake()
        await place.until(lambda: _waits(place, busy))
        place.delivery.wake()
        (other,) = await place.spooled(b"other")
        await place.until(lambda: place.confirmed(other))
    assert tries == 2
    assert await _waits(place, busy)


async def _waits(place: Station, segment: str) -> bool:
    return (await place.row(segment)).next_attempt > place.clock.now()


@pytest.mark.parametrize(
    ("what", "make", "reason"),
    [
        ("claim", lambda: Unproven("other bytes"), "unproven"), ("claim", lambda: ObjectGone("not there"), "object_gone"),
        ("offset", lambda: ObjectGone("not there"), "object_gone"), ("announce", lambda: NeverStorable("no"), "store_refused"),
        ("send", lambda: NeverStorable("no"), "store_refused"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_one_segment_holds_that_one_alone(
    place: Station, what: str, make: Callable[[], DockdError], reason: str
) -> None:
    bad, good = await place.spooled(b"bad", b"good")
    place.store.troubles[what] = lambda segment: make() if segment == bad else None

    async def held() -> bool:
        return (await place.row(bad)).held is not None

    async with place.at_work():
        await place.until(held)
        await place.until(lambda: place.confirmed(good))
    row = await place.row(bad)
    assert (row.held, row.in_spool, row.in_store) == (reason, 1, 0)
    assert row.held_message is not None


async def test_a_wrong_offset_after_sending_begins_anew(place: Station) -> None:
    place.store.offset_lie = 1
    (segment,) = await place.spooled(b"footage")

    async def held() -> bool:
        return (await place.row(segment)).held == "unproven"

    async with place.at_work():
        await place.until(held)
    assert place.store.calls("announce") == 5


async def test_a_spool_copy_that_is_no_longer_what_was_pulled_is_never_sent_for_it(place: Station) -> None:
    (segment,) = await place.spooled(b"x" * 100_000)
    path = place.spool.file(segment)
    path.write_bytes(b"y" * 100_000)
    async with place.at_work():
        await place.until(lambda: not path.exists())
    assert place.delivery.state.word != "dishonest"  # it signed for what it was sent: the fault is ours
    assert "store.dishonest" not in await place.actions()
    row = await place.row(segment)
    assert (row.in_spool, row.in_store, row.on_camera) == (0, 0, 1)
    assert path.with_suffix(".rotted").read_bytes() == b"y" * 100_000  # kept aside
    assert "segment.rotted" in await place.actions(segment)


async def test_a_spool_file_that_cannot_be_read_does_not_stop_the_rest(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=1) as place:
        bad, good = await place.spooled(b"x" * 5000, b"good")
        path = place.spool.file(bad)
        path.unlink()
        path.symlink_to("/proc/self/mem")  # the right size is not enough
        async with place.at_work():
            await place.until(lambda: place.confirmed(good))


# -- what is said of the store -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Garbled("garbage"), "down"), (lambda: StoreDown("cut"), "down"), (lambda: WrongStore("another"), "wrong-store"),
        (lambda: HistoryConflict("went back"), "down"), (lambda: StoreBusy("busy"), "down"),
    ],
)  # fmt: skip
async def test_a_store_that_answers_and_never_proves_is_not_called_connected(
    place: Station, make: Callable[[], DockdError], word: str
) -> None:
    """It says who it is again and again, and that is no success: whoever waits for it must see that."""
    place.store.troubles["claim"] = always(make)
    words: list[str] = []
    place.ledger.subscribe(lambda event, _seq: words.append(event.state) if isinstance(event, StoreChanged) else None)
    await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.store.calls("claim") >= 4)
        assert place.delivery.state.word == word
    assert words[words.index(word) :] == [word]
    place.store.troubles.clear()
    async with place.at_work():
        await place.until(lambda: place.delivery.state.word == "connected")


async def test_a_silent_store_is_called_slow_after_a_while(place: Station) -> None:
    class Silent(InMemoryStore):
        async def identify(self) -> None:  # type: ignore[override]
            await asyncio.sleep(3600)

    place.store.__class__ = Silent
    async with place.at_work():
        await place.until(lambda: place.delivery.state.word == "slow")
    assert "no answer to a look at who it is for 5 s" in place.delivery.state.message


@pytest.mark.parametrize(
    "alter",
    [
        lambda claim: replace(claim, nonce="stale"), lambda claim: replace(claim, sha256="0" * 64),
        lambda claim: replace(claim, store="another"),
    ],
)  # fmt: skip
async def test_a_store_that_is_caught_stays_so_whatever_comes_in_beside(place: Station, alter: object) -> None:
    first, second = await place.spooled(b"one", b"two")
    place.store.lie = lambda claim: alter(claim) if claim.segment == first else claim  # type: ignore[operator]

    async def held() -> bool:
        return (await place.row(first)).held == "dishonest"

    async with place.at_work():
        await place.until(held)
        await place.until(lambda: place.delivery.state.word == "dishonest")
        await asyncio.sleep(0.5)
        assert place.delivery.state.word == "dishonest"
        with pytest.raises((Stop, Retry)):
            await place.delivery.attest([await place.row(second)])
    assert sorted(place.spool.segments()) == sorted([first, second])  # nothing is given up
    assert (await place.actions()).count("store.dishonest") == 1


async def test_one_conflict_makes_one_new_chain_however_many_meet_it(tmp_path: Path) -> None:
    async with station(tmp_path, parallel=8) as place:
        wanted = await place.spooled(*(b"%d" % number for number in range(8)))
        seq = place.ledger.head.seq + 500
        place.store.troubles["claim"] = times(8, lambda: HistoryConflict("went back", seq=seq, head="ab" * 32))
        async with place.at_work():
            await place.until(lambda: place.confirmed(*wanted))
        said = await place.actions()
        assert said.count("custody.restored") == 1
        assert "segment.confirmed" not in said[: said.index("custody.restored")]
        row = await place.ledger.read(
            lambda db: db.execute("SELECT seq FROM custody WHERE action = 'custody.restored'").fetchone()
        )
        assert row[0] == seq + 1


@pytest.mark.parametrize("seq", [10**30, 2**63, 2**53, None])
async def test_an_impossible_conflict_makes_no_chain_and_no_crash(place: Station, seq: int | None) -> None:
    head = None if seq is None else "ab" * 32
    place.store.troubles["claim"] = always(lambda: HistoryConflict("went back", seq=seq, head=head))
    await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.store.calls("claim") >= 3)
    assert "custody.restored" not in await place.actions()


# -- proof for those who delete ----------------------------------------------------------------------------------------


async def confirmed(place: Station, *contents: bytes) -> list[str]:
    wanted = await place.spooled(*contents)
    async with place.at_work():
        await place.until(lambda: place.confirmed(*wanted))
    return wanted


async def test_each_attestation_has_a_nonce_of_its_own(place: Station) -> None:
    wanted = await confirmed(place, b"one", b"two")
    rows = [await place.row(segment) for segment in wanted]
    for _ in range(3):
        assert await place.delivery.attest(rows) == wanted
    nonces = await place.ledger.read(lambda db: [row[0] for row in db.execute("SELECT nonce FROM receipts")])
    assert len(nonces) == len(set(nonces)) == 8
    assert all(len(nonce) >= 32 for nonce in nonces)


@pytest.mark.parametrize("make", [lambda: ObjectGone("gone"), lambda: Unproven("other bytes")])
async def test_what_the_store_has_lost_is_queued_again(tmp_path: Path, make: Callable[[], DockdError]) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        lost, kept = await confirmed(place, b"one", b"two")
        rows = [await place.row(lost), await place.row(kept)]
        place.store.troubles["claim"] = lambda segment: make() if segment == lost else None
        assert await place.delivery.attest(rows) == [kept]
        assert ((await place.row(lost)).in_store, (await place.row(lost)).in_spool) == (0, 1)
        place.store.troubles.clear()
        async with place.at_work():
            await place.until(lambda: place.confirmed(lost))


async def test_what_it_loses_again_and_again_is_for_somebody_to_look_at(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        for _ in range(3):
            async with place.at_work():
                await place.until(lambda: place.confirmed(segment))
            place.store.troubles["claim"] = times(2, lambda: ObjectGone("gone"))
            assert await place.delivery.attest([await place.row(segment)]) == []
        row = await place.row(segment)
        assert (row.held, row.in_spool) == ("store_lost", 1)
        assert "lost it 3 times" in str(row.held_message)


async def only_in_the_store(place: Station) -> str:
    """A segment of which the store has the last copy."""
    (segment,) = await confirmed(place, b"footage")
    if (await place.row(segment)).in_spool:
        await place.ledger.commit(lambda tx: segments.released(tx, segment))
    await place.ledger.commit(lambda tx: segments.vanished(tx, segment, error="x"))
    return segment


async def test_the_last_copy_is_given_up_on_the_third_occasion(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        segment = await only_in_the_store(place)
        place.store.troubles["claim"] = always(lambda: ObjectGone("404"))
        recognised = place.store.calls("identify")
        for _ in range(4):  # all on one occasion: only the first counts
            assert await place.delivery.attest([await place.row(segment)]) == []
        row = await place.row(segment)
        assert (row.in_store, row.held) == (1, "in_doubt")
        assert place.store.calls("identify") > recognised  # it was seen who says so
        claims = place.store.calls("claim")

        async def lost() -> bool:
            return "segment.lost" in await place.actions(segment)

        async with place.at_work():
            await place.until(lost)
        assert place.store.calls("claim") - claims >= 4
        assert (await place.actions(segment))[-3:] == ["segment.store_lost", "segment.unheld", "segment.lost"]


async def test_a_last_copy_that_is_there_after_all(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        segment = await only_in_the_store(place)
        place.store.troubles["claim"] = times(2, lambda: ObjectGone("404"))
        assert await place.delivery.attest([await place.row(segment)]) == []
        assert (await place.row(segment)).held == "in_doubt"

        async def known() -> bool:
            return (await place.row(segment)).held is None

        async with place.at_work():
            await place.until(known)
        assert (await place.row(segment)).copies == {"store"}
        assert "segment.store_lost" not in await place.actions(segment)


async def test_what_is_said_once_loses_nothing(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        place.store.troubles["claim"] = times(1, lambda: ObjectGone("404"))
        assert await place.delivery.attest([await place.row(segment)]) == [segment]


async def test_a_part_that_does_not_come_loses_nothing(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        segment = await only_in_the_store(place)
        place.store.troubles["part"] = always(lambda: Withheld("404"))
        for _ in range(5):
            with contextlib.suppress(Retry):
                place.delivery.wake()
                await place.delivery.attest([await place.row(segment)])
        row = await place.row(segment)
        assert (row.in_store, row.held) == (1, None)


async def test_one_that_cannot_be_proven_keeps_no_other_from_it(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        bad, good = await confirmed(place, b"bad", b"good")
        rows = [await place.row(bad), await place.row(good)]
        place.store.troubles["claim"] = lambda segment: StoreDown("500") if segment == bad else None
        for _ in range(3):
            place.delivery.wake()
            assert await place.delivery.attest(rows) == [good]
        assert place.delivery.state.word == "connected"
        place.delivery.wake()
        with pytest.raises(Unanswered):
            await place.delivery.attest(rows[:1])
        assert await place.delivery.attest(rows) == [good]  # the door is open
        assert (await place.row(bad)).in_store == 1


@pytest.mark.parametrize(
    "make", [lambda: NeverStorable("400"), lambda: StoreDown("cut"), lambda: Garbled("?"), lambda: WrongStore("?")]
)
async def test_those_who_delete_hear_only_of_waiting_and_stopping(
    place: Station, make: Callable[[], DockdError]
) -> None:
    (segment,) = await confirmed(place, b"footage")
    place.store.troubles["claim"] = always(make)
    with pytest.raises((Retry, Stop)):
        await place.delivery.attest([await place.row(segment)])
    assert (await place.row(segment)).held is None
    assert (await place.row(segment)).in_store == 1


async def test_a_bad_attestation_catches_the_store(place: Station) -> None:
    (segment,) = await confirmed(place, b"footage")
    place.store.lie = lambda claim: replace(claim, nonce="stale")
    with pytest.raises(StoreDishonest):
        await place.delivery.attest([await place.row(segment)])
    found = await place.ledger.read(lambda db: stores.pinned(db.execute))
    assert found is not None
    assert found.dishonest is not None


async def test_one_probe_at_a_time(place: Station) -> None:
    place.store.troubles["identify"] = always(lambda: StoreDown("nobody there"))
    results = await asyncio.gather(*(place.delivery.trusted() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(result, StoreDown) for result in results)
    assert place.store.calls("identify") == 1


async def test_before_the_first_deletion_the_store_shows_its_honesty_to_this_very_run(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
    there = InMemoryStore(things={"http://store/files/0": bytearray(b"footage")})
    async with station(tmp_path, store=there, keep_confirmed=3600.0) as place:
        place.clock.pass_by(3600)
        (fresh,) = await place.spooled(b"more")
        async with place.at_work():
            await place.until(lambda: place.confirmed(fresh))
        assert place.store.calls("tempt") == 0  # it was passed within a day: nothing is deleted yet
        row = await place.row(segment)
        for _ in range(2):
            assert await place.delivery.attest([row]) == [segment]
        assert place.store.calls("tempt") == 1
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        place.clock.pass_by(7200)
        place.store.troubles["tempt"] = always(lambda: StoreDishonest("it vouches for anything"))
        with pytest.raises(StoreDishonest):
            await place.delivery.attest([row])
        assert place.store.calls("claim") == 0


# -- one address for two -----------------------------------------------------------------------------------------------


class OneName(InMemoryStore):
    """Names each upload the same. `empties`: what is there is gone when the next one begins."""

    empties = True

    async def announce(self, segment: SegmentDescription) -> str:
        self._called("announce", segment.id)
        address = "http://store/files/MOV_0001.MP4"
        if self.empties or address not in self.things:
            self.things[address] = bytearray()
        self.of[address] = segment.id
        return address


async def _caught(place: Station) -> str | None:
    pinned = await place.ledger.read(lambda db: stores.pinned(db.execute))
    assert pinned is not None
    return pinned.dishonest


@pytest.mark.parametrize("empties", [True, False])
@pytest.mark.parametrize("method", ["receipt", "read-back"])
async def test_an_address_that_another_segment_has_is_never_taken(
    tmp_path: Path, method: ProofMethod, empties: bool
) -> None:
    """Its footage is asked for at once, nothing is sent there, and the store is not believed any more."""
    store = OneName(method=method)
    store.empties = empties
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        (first,) = await confirmed(place, b"footage of one")
        asked = len(store.asked)
        (second,) = await place.spooled(b"of another")
        async with place.at_work():
            await place.until(lambda: _caught(place))
            await place.until(lambda: _is_held(place, second))
        whose, other = await place.row(first), await place.row(second)
        assert (other.upload, other.held, other.in_spool) == (None, "dishonest", 1)
        assert f"it gave the address of segment {first} (0.mp4 of camera " in str(other.held_message)
        after = [what for what, _segment in store.asked[asked:]]
        assert after.index("announce") < after.index("claim")
        assert ("send", second) not in store.asked
        said = await place.actions(first)
        assert said.count("segment.held") == 1
        assert ("segment.store_lost" in said) == (empties and method == "read-back"), "it is sent again from the spool"
        assert (whose.held == segments.IN_DOUBT) == (empties and method == "receipt"), "its proof is no answer"
        assert bytes(store.things["http://store/files/MOV_0001.MP4"]) in (
            b"footage of one",
            *([b""] if empties else []),
        )


async def _is_held(place: Station, segment: str) -> bool:
    return (await place.row(segment)).held is not None


async def test_an_address_of_before_is_never_taken_either(tmp_path: Path) -> None:
    """The store has said that it lost what it had proven there: that may have been wrong."""
    store = OneName(method="read-back")
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        (first,) = await confirmed(place, b"footage of one")
        await place.ledger.commit(lambda tx: segments.store_lost(tx, first, error="x"))
        await place.ledger.commit(lambda tx: segments.not_before(tx, first, place.clock.now() + 1e6))
        (second,) = await place.spooled(b"of another")
        async with place.at_work():
            await place.until(lambda: _is_held(place, second))
        assert (await place.row(second)).held == "dishonest"
        assert await _caught(place)


async def test_the_same_segment_gets_its_own_address_again(tmp_path: Path) -> None:
    store = OneName(method="read-back")
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        (one,) = await confirmed(place, b"footage of one")
        await place.ledger.commit(lambda tx: segments.store_lost(tx, one, error="x"))
        async with place.at_work():
            await place.until(lambda: place.confirmed(one))
        assert await _caught(place) is None
        assert (await place.row(one)).object == "http://store/files/MOV_0001.MP4"


# -- what nobody foresaw -----------------------------------------------------------------------------------------------


async def test_two_that_ask_about_one_lost_segment(tmp_path: Path) -> None:
    """The wipe and the release do, after every start."""
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        lost, kept = await confirmed(place, b"one", b"two")
        rows = [await place.row(lost), await place.row(kept)]
        place.store.troubles["claim"] = lambda segment: ObjectGone("gone") if segment == lost else None
        assert await asyncio.gather(*(place.delivery.attest(rows) for _ in range(3))) == [[kept]] * 3
        assert (await place.actions(lost)).count("segment.store_lost") == 1


@pytest.mark.parametrize("what", ["announce", "offset", "send", "claim"])
async def test_a_defect_meets_one_segment_alone(place: Station, what: str, caplog: pytest.LogCaptureFixture) -> None:
    bad, good = await place.spooled(b"bad", b"good")
    place.store.troubles[what] = lambda segment: ValueError("nobody foresaw this") if segment == bad else None

    async def held() -> bool:
        return (await place.row(bad)).held is not None

    async with place.at_work():
        await place.until(lambda: place.confirmed(good))
        assert (await place.row(bad)).held is None
        await place.until(held)
    row = await place.row(bad)
    assert (row.held, row.in_spool) == ("failed", 1)
    assert "ValueError: nobody foresaw this (at each of 10 tries)" in str(row.held_message)
    assert "Traceback" in caplog.text


async def test_a_defect_in_a_proof_costs_the_others_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        bad, good = await confirmed(place, b"bad", b"good")
        place.store.troubles["claim"] = lambda segment: ValueError("odd") if segment == bad else None
        rows = [await place.row(bad), await place.row(good)]
        assert await place.delivery.attest(rows) == [good]
        row = await place.row(bad)
        assert (row.in_store, row.held, row.trouble) == (1, None, "it could not be proven again: ValueError: odd")
        assert "Traceback" in caplog.text


async def test_a_defect_while_the_store_is_recognised_is_a_store_that_cannot_be_used(
    place: Station, caplog: pytest.LogCaptureFixture
) -> None:
    (segment,) = await place.spooled(b"footage")
    place.store.troubles["identify"] = times(2, lambda: ValueError("odd"))
    async with place.at_work():
        await place.until(lambda: place.delivery.state.word == "down")
        await place.until(lambda: place.confirmed(segment))
    assert "Traceback" in caplog.text


# -- what would go on for ever -----------------------------------------------------------------------------------------


async def test_an_upload_that_stays_locked_is_begun_anew(place: Station) -> None:
    place.store.troubles["send"] = lambda _one: UploadBlocked("423") if len(place.store.things) == 1 else None
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.confirmed(segment))
    assert place.store.calls("announce") == 2
    assert place.store.calls("send") == 6


async def test_what_stays_locked_however_it_is_sent_is_held(place: Station) -> None:
    place.store.troubles["send"] = always(lambda: UploadBlocked("the store answered 423"))
    (segment,) = await place.spooled(b"footage")

    async def held() -> bool:
        return (await place.row(segment)).held is not None

    async with place.at_work():
        await place.until(held)
    row = await place.row(segment)
    assert row.held == "upload_blocked"
    assert str(row.held_message).startswith("the store answered 423 (at each of 10 tries). Look at the store")


async def test_a_spool_that_cannot_be_read_for_long_is_held(place: Station) -> None:
    (segment,) = await place.spooled(b"x" * 5000)
    path = place.spool.file(segment)
    if os.geteuid() == 0:
        os.chown(path, 65534, -1)
    else:
        path.chmod(0)

    async def held() -> bool:
        return (await place.row(segment)).held is not None

    async with place.at_work():
        await place.until(held)
    assert (await place.row(segment)).held == "spool_unread"


async def test_an_outage_is_no_try_of_a_segment(place: Station) -> None:
    """What was waited for is not counted when something else goes wrong once, later."""
    place.store.troubles["send"] = times(8, lambda: StoreDown("cut"))
    (segment,) = await place.spooled(b"footage")
    async with place.at_work():
        await place.until(lambda: place.store.calls("send") >= 8)
        place.store.troubles["offset"] = times(1, lambda: ObjectGone("expired"))
        await place.until(lambda: place.confirmed(segment))
    assert "segment.held" not in await place.actions(segment)
