"""Steps of a segment in the ledger: the table is asked inside the transaction, and each has its record."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingest import events
from ingest.copies import STORE as STORE_COPY
from ingest.copies import NotInTable
from ingest.ledger import cameras, segments, stores, views
from ingest.ledger.core import Transaction
from ingest.model import Digest, Listed
from tests.unit.ingest.ledger.dock import CAMERA, DIGEST, STORE, Dock, dock_at


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def test_the_whole_way(dock: Dock) -> None:
    segment = await dock.attested()
    row = await dock.segment(segment)
    assert row.copies == {"camera", "spool", "store"}
    assert row.digest == DIGEST
    await dock.write(lambda tx: segments.released(tx, segment))
    await dock.write(lambda tx: tx.execute("UPDATE segments SET wipe_permit = 5 WHERE id = ?", (segment,)).rowcount)
    await dock.write(lambda tx: segments.wiped(tx, segment, permit=5, seen="x"))
    row = await dock.segment(segment)
    assert row.copies == {"store"}
    assert (row.wipe_permit, row.wiped_at) == (None, dock.clock.time)
    wanted = [
        "segment.listed",
        "segment.copied",
        "segment.confirmed",
        "segment.attested",
        "segment.released",
        "segment.wiped",
    ]
    assert [action for action in await dock.actions() if action.startswith("segment.")] == wanted


async def test_what_the_table_does_not_allow_changes_nothing(dock: Dock) -> None:
    segment = await dock.copied()
    before, head = await dock.segment(segment), dock.ledger.head
    for step in (
        lambda tx: segments.copied(tx, segment, digest=DIGEST, second_read="direct"),
        lambda tx: segments.released(tx, segment),
        lambda tx: segments.reappeared(tx, segment, docking=1, file=before.listed),
    ):
        with pytest.raises(NotInTable):
            await dock.write(step)
    assert (await dock.segment(segment), dock.ledger.head) == (before, head)


async def test_a_wipe_needs_its_permit(dock: Dock) -> None:
    segment = await dock.attested()
    with pytest.raises(ValueError, match="not named in permit"):
        await dock.write(lambda tx: segments.wiped(tx, segment, permit=5, seen="x"))


@pytest.mark.parametrize("wrong", [{"size": 11}, {"sha256": "c" * 64}, {"camera": "OTHER"}], ids=str)
async def test_a_receipt_for_other_bytes_confirms_nothing(dock: Dock, wrong: dict[str, Any]) -> None:
    segment = await dock.copied()
    receipt = await dock.receipt(segment, **wrong)
    with pytest.raises(ValueError, match="not for the bytes"):
        await dock.write(lambda tx: segments.confirmed(tx, receipt))
    assert not (await dock.segment(segment)).in_store


async def test_a_nonce_counts_once(dock: Dock) -> None:
    segment = await dock.confirmed()
    with pytest.raises(sqlite3.IntegrityError):
        await dock.attest(segment, nonce="n1")


async def test_of_several_that_ask_about_a_lost_segment_the_second_changes_nothing(dock: Dock) -> None:
    segment = await dock.attested()
    late = await dock.receipt(segment)
    assert await dock.write(lambda tx: segments.store_lost(tx, segment, error="404", object=f"o-{segment}"))
    before, head = await dock.segment(segment), dock.ledger.head
    assert not await dock.write(lambda tx: segments.store_lost(tx, segment, error="404", object=f"o-{segment}"))
    assert not await dock.write(lambda tx: segments.attested(tx, late))
    assert (await dock.segment(segment), dock.ledger.head) == (before, head)


async def test_two_that_prove_the_same_object_at_once_are_two_proofs_of_one_segment(dock: Dock) -> None:
    segment = await dock.copied()
    sent, sought = await dock.receipt(segment), await dock.receipt(segment)
    assert await dock.write(lambda tx: segments.found(tx, sought))
    await dock.write(lambda tx: segments.confirmed(tx, sent))
    assert (await dock.actions())[-2:] == ["segment.found_in_store", "segment.attested"]
    assert (await dock.segment(segment)).in_store


async def test_an_answer_about_the_object_before_says_nothing_of_the_one_that_was_sent_since(dock: Dock) -> None:
    segment = await dock.attested()
    late = await dock.receipt(segment)
    await dock.write(lambda tx: segments.store_lost(tx, segment, error="404"))
    again = await dock.receipt(segment, object="o-2")
    await dock.write(lambda tx: segments.confirmed(tx, again))
    before, head = await dock.segment(segment), dock.ledger.head
    assert not await dock.write(lambda tx: segments.store_lost(tx, segment, error="404", object=f"o-{segment}"))
    assert not await dock.write(lambda tx: segments.attested(tx, late))
    assert (await dock.segment(segment), dock.ledger.head) == (before, head)


async def test_the_word_of_a_store_that_was_pinned_since_counts_from_its_first_proof_on(dock: Dock) -> None:
    segment = await dock.attested()
    other = dataclasses.replace(STORE, id="store-2")
    await dock.attest(segment, store=other.id)  # it is not pinned yet
    assert (await dock.segment(segment)).store == STORE.id
    await dock.write(lambda tx: stores.pin(tx, other))
    await dock.attest(segment, store=other.id)
    row = await dock.segment(segment)
    assert (row.store, row.object) == (other.id, f"o-{segment}")
    await dock.attest(segment)  # the old one's answer, late
    assert (await dock.segment(segment)).store == other.id


async def test_the_last_copy_that_goes_is_in_doubt_until_the_store_was_asked(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    assert "segment.held" not in await dock.actions()
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    row = await dock.segment(segment)
    assert (await dock.actions())[-2:] == ["segment.rotted", "segment.held"]
    assert (row.copies, row.held) == (frozenset(), segments.IN_DOUBT)
    assert await counts(dock) == (0, 1)
    await dock.write(lambda tx: segments.lost(tx, segment))
    assert (await dock.actions())[-2:] == ["segment.unheld", "segment.lost"]
    assert await counts(dock) == (1, 0)


async def counts(dock: Dock) -> tuple[int, int]:
    """How many segments are lost, and how many in doubt."""
    return await dock.ledger.read(lambda db: (views.lost(db.execute), views.in_doubt(db.execute)))


async def test_what_the_store_itself_has_lost_is_lost_at_once(dock: Dock) -> None:
    segment = await dock.confirmed()
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    assert await counts(dock) == (0, 0)
    await dock.write(lambda tx: segments.store_lost(tx, segment, error="404"))
    assert (await dock.actions())[-2:] == ["segment.store_lost", "segment.lost"]


async def test_found_in_the_store(dock: Dock) -> None:
    segment = await dock.copied()
    receipt = await dock.receipt(segment)
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    other = dataclasses.replace(receipt, sha256="c" * 64)
    with pytest.raises(ValueError, match="not for the bytes"):
        await dock.write(lambda tx: segments.found(tx, other))
    assert await dock.write(lambda tx: segments.found(tx, receipt))
    row = await dock.segment(segment)
    assert (row.copies, row.held, row.object) == (frozenset({STORE_COPY}), None, receipt.object)
    assert not await dock.write(lambda tx: segments.found(tx, receipt))
    assert await counts(dock) == (0, 0)


async def test_what_is_back_is_in_doubt_no_more(dock: Dock) -> None:
    segment = await dock.copied()
    await dock.write(lambda tx: segments.rotted(tx, segment, error="x"))
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    row = await dock.segment(segment)
    await dock.write(lambda tx: segments.reappeared(tx, segment, docking=1, file=row.listed))
    assert (await dock.segment(segment)).held is None
    assert await counts(dock) == (0, 0)


async def test_what_was_never_pulled_is_lost_when_the_store_has_seen_all_of_this_history(dock: Dock) -> None:
    dock.ledger.settled = False
    segment = await dock.listed()
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    assert await counts(dock) == (0, 1)
    dock.ledger.settled = True
    assert await dock.write(lambda tx: segments.decided(tx, segment))
    assert await counts(dock) == (1, 0)


async def test_what_was_listed_before_the_ledger_went_back_may_be_in_the_store(dock: Dock) -> None:
    segment = await dock.listed()
    restored = events.CustodyRestored(store="s", store_seq=50, store_head="a" * 64, own_seq=5, own_head="b" * 64)
    await dock.write(lambda tx: tx.record(restored, continue_after=50))
    later = await dock.listed(b"later")
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    await dock.write(lambda tx: segments.vanished(tx, later, error="x"))
    assert "only the store's operator can say" in str((await dock.segment(segment)).held_message)
    assert await counts(dock) == (1, 1)
    assert not await dock.write(lambda tx: segments.decided(tx, segment))


async def test_what_the_store_lost_is_queued_again(dock: Dock) -> None:
    segment = await dock.attested()
    await dock.write(lambda tx: segments.store_lost(tx, segment, error="404"))
    row = await dock.segment(segment)
    assert (row.in_store, row.in_spool, row.upload, row.object, row.confirmed_at) == (0, 1, None, None, None)
    receipt = await dock.receipt(segment)
    await dock.write(lambda tx: segments.confirmed(tx, receipt))


async def test_a_file_grows_only_before_it_was_pulled(dock: Dock) -> None:
    waiting, pulled = await dock.listed(b"a"), await dock.copied(b"b")
    file = Listed(path=b"a", size=99, mtime_ns=2 * 10**18, ctime_ns=9, dev=1, ino=1)
    await dock.write(lambda tx: segments.grown(tx, waiting, docking=dock.docking, file=file))
    row = await dock.segment(waiting)
    assert (row.size, row.captured_at) == (99, 2 * 10**9)
    with pytest.raises(ValueError, match="was pulled"):
        await dock.write(lambda tx: segments.grown(tx, pulled, docking=dock.docking, file=file))


async def test_a_hold_is_said_once_and_an_unhold_frees_it(dock: Dock) -> None:
    segment = await dock.copied()
    for _ in range(3):
        await dock.write(lambda tx: segments.hold(tx, segment, reason="copy_failed", error="bad sector"))
    assert (await dock.actions()).count("segment.held") == 1
    await dock.write(lambda tx: segments.unhold(tx, segment))
    await dock.write(lambda tx: segments.unhold(tx, segment))
    assert (await dock.actions()).count("segment.unheld") == 1
    assert (await dock.segment(segment)).held is None


async def test_recovered_into_an_empty_ledger(dock: Dock) -> None:
    digest = Digest(size=7, sha256="d" * 64, xxh3_128="e" * 32)

    def take_in(tx: Transaction) -> None:
        segments.recovered(
            tx, camera="CAM", segment="f" * 32, path=b"x", digest=digest, captured_at=5.0, mtime_ns=5 * 10**9
        )

    await dock.write(take_in)
    row = await dock.segment("f" * 32)
    assert row.copies == {"spool"}
    assert (row.digest, row.path) == (digest, b"x")
    with pytest.raises(NotInTable):
        await dock.write(take_in)


async def test_a_digest_before_the_pull_is_none(dock: Dock) -> None:
    row = await dock.segment(await dock.listed())
    with pytest.raises(ValueError, match="has not been pulled"):
        _ = row.digest


async def test_ids_sort_by_time_and_never_repeat(dock: Dock) -> None:
    ids = [segments.new_id(now) for now in (0.0, -5.0, 1.5, 1e9, 4e12) for _ in range(100)]
    assert len(set(ids)) == 500
    assert all(len(one) == 32 for one in ids)
    assert segments.new_id(1.0) < segments.new_id(1000.0)


ODD = "it said \ud800 and \udcff"
SHOWN = "it said \\ud800 and \\udcff"


async def test_no_word_from_outside_keeps_its_own_record_from_being_made(dock: Dock) -> None:
    segment = await dock.attested()
    told: list[str] = []
    dock.ledger.subscribe(lambda event, _seq: told.append(event.message()))
    await dock.write(lambda tx: segments.delay(tx, segment, seconds=1.0, error=ODD))
    await dock.write(lambda tx: segments.vanished(tx, segment, error=ODD))
    await dock.write(lambda tx: segments.store_lost(tx, segment, error=ODD))
    await dock.write(lambda tx: segments.rotted(tx, segment, error=ODD))
    await dock.write(lambda tx: segments.hold(tx, segment, reason="x", error=ODD))
    await dock.write(lambda tx: stores.caught(tx, STORE.id, error=ODD))
    row = await dock.segment(segment)
    assert (row.held_message, row.trouble) == (SHOWN, SHOWN)
    pinned = await dock.ledger.read(lambda db: stores.pinned(db.execute))
    assert pinned is not None
    assert pinned.dishonest == SHOWN
    assert "store.dishonest" in await dock.actions()
    assert all(text.encode("utf-8") for text in told)
    assert sum(SHOWN in text for text in told) == 6


async def test_what_is_published_without_a_record_is_readable_too(dock: Dock) -> None:
    told: list[str] = []
    dock.ledger.subscribe(lambda event, _seq: told.append(event.message()))
    dock.ledger.publish(events.StoreChanged(state="down", error=ODD))
    assert told == [f"the store is down: {SHOWN}"]


async def test_a_new_docking_tries_again_what_is_in_the_spool_alone(dock: Dock) -> None:
    overwritten, caught, lost = await dock.copied(b"a"), await dock.copied(b"b"), await dock.listed(b"c")
    await dock.write(lambda tx: segments.vanished(tx, overwritten, error="another file lies at its place"))
    await dock.write(lambda tx: segments.hold(tx, overwritten, reason="unproven", error="460 at each of 5 tries"))
    await dock.write(lambda tx: segments.hold(tx, caught, reason="dishonest", error="x"))
    await dock.write(lambda tx: segments.vanished(tx, lost, error="x"))
    assert await dock.ledger.read(lambda db: cameras.held(db.execute, CAMERA.id)) == [overwritten]
