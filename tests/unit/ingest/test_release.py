"""When the spool gives a copy up: by proof in the very transaction, and never on a promise that nobody made."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.events import Event, SegmentReleased
from ingest.ledger import segments, stores
from ingest.ledger.segments import Segment
from ingest.ledger.stores import Pinned
from ingest.model import Claim, StoreIdentity
from ingest.pace import Pace
from ingest.recovery import bring_together
from ingest.release import Releasing, released
from tests.simulators.stores.in_memory import InMemoryStore
from tests.unit.ingest.station import Station, station

DAY = 24 * 3600.0


async def confirmed(place: Station, *contents: bytes) -> list[str]:
    wanted = await place.spooled(*contents)
    async with place.at_work():
        await place.until(lambda: place.confirmed(*wanted))
    return wanted


async def test_a_fresh_proof_of_a_durable_store_is_enough(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        assert await place.ledger.commit(lambda tx: released(tx, [segment])) == [segment]
        assert (await place.row(segment)).in_spool == 0


async def test_a_fresh_look_at_a_store_without_a_promise_is_not_enough(tmp_path: Path) -> None:
    async with station(tmp_path, store=InMemoryStore(method="read-back"), keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        assert await place.ledger.commit(lambda tx: released(tx, [segment])) == []
        assert place.spool.segments() == [segment]


@pytest.mark.parametrize("case", ["caught", "another pinned", "not honest", "stale", "another boot", "held", "lost"])
async def test_what_no_longer_holds_when_it_is_written_down_releases_nothing(tmp_path: Path, case: str) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        another = StoreIdentity(id="store-2", url="http://two/", method="receipt", durable=True, keys=("key-2",))
        commit = place.ledger.commit
        match case:
            case "caught":
                await commit(lambda tx: stores.caught(tx, "store-1", error="it lied"))
            case "another pinned":
                await commit(lambda tx: stores.pin(tx, another))
                await commit(lambda tx: stores.honest(tx, "store-2"))
            case "not honest":
                await commit(lambda tx: stores.rotated(tx, "store-1", ("key-2",)))
            case "stale":
                place.clock.pass_by(600)
            case "another boot":
                place.clock.boot = "boot-2"
            case "held":
                await commit(lambda tx: segments.hold(tx, segment, reason="dishonest", error="?"))
            case _:
                await commit(lambda tx: segments.store_lost(tx, segment, error="gone"))
        assert await commit(lambda tx: released(tx, [segment])) == []
        assert (await place.row(segment)).in_spool == 1
        assert place.spool.segments() == [segment]


async def test_a_store_without_a_promise_is_read_twice_a_day_apart(tmp_path: Path) -> None:
    async with station(tmp_path, store=InMemoryStore(method="read-back")) as place:
        (segment,) = await confirmed(place, b"footage")
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        await place.delivery.attest([await place.row(segment)])  # at once: that is no second look a day later
        assert await releasing.some() == 0
        place.clock.pass_by(DAY - 600)
        assert await releasing.some() == 0
        looks = place.store.calls("claim")
        place.clock.pass_by(601)
        assert await releasing.some() == 1
        assert place.store.calls("claim") == looks + 1
        assert place.spool.segments() == []


async def test_what_is_lost_while_it_waits_for_its_second_look_does_not_wait_to_be_sent(tmp_path: Path) -> None:
    async with station(tmp_path, store=InMemoryStore(method="read-back")) as place:
        (segment,) = await confirmed(place, b"footage")
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        assert await releasing.some() == 0
        place.store.things.clear()
        assert await place.delivery.attest([await place.row(segment)]) == []
        async with place.at_work():
            await place.until(lambda: place.confirmed(segment))


async def test_what_is_lost_before_the_second_look_is_sent_again(tmp_path: Path) -> None:
    async with station(tmp_path, store=InMemoryStore(method="read-back")) as place:
        (segment,) = await confirmed(place, b"footage")
        place.store.things.clear()
        place.clock.pass_by(DAY + 1)
        async with place.at_work():
            await place.until(lambda: bool(place.store.things))
            await place.until(lambda: place.confirmed(segment))
        assert place.spool.segments() == [segment]
        assert "segment.store_lost" in await place.actions(segment)


async def given_up(place: Station, releasing: Releasing, count: int) -> None:
    """By this part alone: the station's own keeps them for a month, and may have put them off meanwhile."""
    released = 0
    while released < count:
        await place.ledger.commit(lambda tx: tx.execute("UPDATE segments SET next_attempt = 0").rowcount)
        released += await releasing.some()
    assert released == count


async def test_a_file_that_cannot_be_removed_keeps_no_other_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with station(tmp_path, keep_confirmed=30 * DAY) as place:
        stuck, free = await confirmed(place, b"one", b"two")
        place.clock.pass_by(3700)
        place.spool.file(stuck).unlink()
        place.spool.file(stuck).mkdir()
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        await given_up(place, releasing, 2)
        assert not place.spool.file(free).exists()
        assert f"the released spool copy {stuck} cannot be removed now" in caplog.text
        found = await bring_together(place.ledger, place.spool)  # the next start: no reason not to make it
        assert (found.recovered, found.unexplained, found.lost) == (0, 1, 0)


async def test_a_defect_in_between_does_not_end_the_releases(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        await confirmed(place, b"one")
        left = [1]

        async def trusted() -> Pinned:
            if left and left.pop():
                raise ValueError("on purpose")
            return await place.delivery.trusted()

        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=trusted, attest=place.delivery.attest
        )
        task = asyncio.create_task(releasing.run())
        await place.until(lambda: "on purpose" in caplog.text)
        releasing.wake()
        await place.until(lambda: place.spool.segments() == [])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_store_pinned_anew_releases_after_its_own_proof(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=3600.0) as place:
        (segment,) = await confirmed(place, b"footage")
        place.store.id = "store-2"
        another = StoreIdentity(id="store-2", url="http://store/", method="receipt", durable=True, keys=("key-1",))
        await place.ledger.commit(lambda tx: stores.pin(tx, another))
        place.delivery._link.standing.pinned = None  # in life another process has pinned it
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        assert await releasing.some() == 1
        assert place.spool.segments() == []
        receipts = await place.ledger.read(
            lambda db: db.execute("SELECT store FROM receipts WHERE segment = ? ORDER BY id", (segment,)).fetchall()
        )
        assert [row[0] for row in receipts] == ["store-1", "store-2", "store-2"]  # enough for a permit as well


async def test_what_is_read_back_too_slowly_is_held_and_does_not_go_round_for_ever(tmp_path: Path) -> None:
    class Slow(InMemoryStore):
        slow = False

        async def claim(self, *given: object, **more: object) -> Claim:
            if self.slow:
                await asyncio.sleep(len(self.things[str(given[0])]) / 100_000)
            return await super().claim(*given, **more)  # type: ignore[arg-type]

    store = Slow(method="read-back")
    async with station(tmp_path, store=store, keep_confirmed=3600.0) as place:
        large, *_small = await confirmed(place, b"x" * 100_000, b"y" * 500, b"z" * 1000)
        store.slow = True
        place.clock.pass_by(DAY + 60)
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted,
            attest=place.delivery.attest, pace=Pace(good_for=0.4),
        )  # fmt: skip
        released = [await releasing.some() for _ in range(5)]
        assert sum(released) == 2
        row = await place.row(large)
        assert (row.held, row.in_spool) == ("unproven_in_time", 1)
        assert place.spool.segments() == [large]


def locked(file: Path, *, on: bool) -> None:
    """No user may remove it; skips where that cannot be had."""
    command = ["chattr", "+i" if on else "-i", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("chattr") else None
    if done is None or done.returncode != 0:
        pytest.skip(f"files cannot be locked here: {done.stderr.strip() if done else 'there is no chattr'}")


async def test_what_its_disk_did_not_let_go_is_removed_once_it_does(tmp_path: Path) -> None:
    """And never a newer copy that was pulled since, under the same name."""
    async with station(tmp_path, keep_confirmed=30 * DAY) as place:  # its own releases stay away
        old, replaced = await confirmed(place, b"one", b"two")
        place.clock.pass_by(3700)
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        try:
            for one in (old, replaced):
                locked(place.spool.file(one), on=True)
            await given_up(place, releasing, 2)
        finally:
            for one in (old, replaced):
                locked(place.spool.file(one), on=False)
        assert set(place.spool.segments()) == {old, replaced}
        newer = tmp_path / "newer"
        newer.write_bytes(b"two")
        newer.rename(place.spool.file(replaced))
        for _time in range(2):
            assert await releasing.some() == 0
            assert place.spool.segments() == [replaced]


async def test_a_copy_that_was_pulled_since_it_was_given_up_is_another_one(tmp_path: Path) -> None:
    """Between the commit and the removal the store may lose it, and it is pulled again under the same name."""
    async with station(tmp_path, keep_confirmed=30 * DAY) as place:
        (old,) = await confirmed(place, b"one")
        newer = tmp_path / "newer"
        newer.write_bytes(b"one")

        def hear(event: Event, _seq: int) -> None:
            if isinstance(event, SegmentReleased):
                newer.rename(place.spool.file(old))

        place.ledger.subscribe(hear)
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        await given_up(place, releasing, 1)
        assert place.spool.segments() == [old]


async def test_kept_for_another_time_from_now_on_also_what_waits(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=30 * DAY) as place:
        (segment,) = await confirmed(place, b"footage")
        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=DAY, trusted=place.delivery.trusted, attest=place.delivery.attest
        )  # fmt: skip
        assert await releasing.some() == 0
        place.clock.pass_by(3600)
        releasing.keep(7200.0)
        assert await releasing.some() == 0
        releasing.keep(1800.0)
        assert await releasing.some() == 1, "though it was to be looked at in a day"
        assert place.spool.segments() == []
        assert not (await place.row(segment)).in_spool


async def test_to_be_kept_longer_is_obeyed_by_what_is_being_proven(tmp_path: Path) -> None:
    async with station(tmp_path, keep_confirmed=30 * DAY) as place:
        (segment,) = await confirmed(place, b"footage")

        async def attest(wanted: Sequence[Segment]) -> list[str]:
            releasing.keep(DAY)
            return await place.delivery.attest(wanted)

        releasing = Releasing(
            ledger=place.ledger, spool=place.spool, keep_confirmed=0.0, trusted=place.delivery.trusted, attest=attest
        )
        place.clock.pass_by(3600)
        assert await releasing.some() == 0
        assert (await place.row(segment)).in_spool
