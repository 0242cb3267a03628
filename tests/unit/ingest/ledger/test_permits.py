"""Each condition of P2, taken away one at a time: no permit, and the message says which."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ingest import events
from ingest.ledger import permits, segments, store_memory, stores
from ingest.ledger.permits import PermitRefused
from ingest.model import StoreIdentity, WipePermit
from ingest.release import released
from tests.unit.ingest.ledger.dock import CAMERA, STORE, Dock, dock_at

MINUTE = 60 * 10**9


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    async with dock_at(tmp_path) as dock:
        yield dock


async def issue(dock: Dock, *names: str, camera: str = CAMERA.id) -> WipePermit:
    permit = await dock.write(lambda tx: permits.issue(tx, camera=camera, device="1:2", segments=names))
    assert isinstance(permit, WipePermit)
    return permit


async def valid(dock: Dock, permit: WipePermit) -> bool:
    return await dock.ledger.read(lambda db: permits.valid(db.execute, permit))


async def test_a_permit_names_what_it_is_for(dock: Dock) -> None:
    segment = await dock.attested()
    permit = await issue(dock, segment)
    row = await dock.segment(segment)
    assert [(one.segment, one.path, one.size, one.sha256) for one in permit.segments] == [
        (row.id, row.path, row.size, row.sha256)
    ]
    assert (permit.camera, permit.device, row.wipe_permit) == (CAMERA.id, "1:2", permit.id)
    assert (permit.deadline_ns, permit.boot_id) == (dock.clock.boot + 10 * MINUTE, dock.clock.boot_id)
    assert await dock.ledger.read(lambda db: permits.valid(db.execute, permit))


async def test_the_oldest_attestation_sets_the_deadline(dock: Dock) -> None:
    first = await dock.attested(b"a")
    asked = dock.clock.boot
    dock.clock.boot += 4 * MINUTE
    second = await dock.attested(b"b")
    assert (await issue(dock, second, first)).deadline_ns == asked + 10 * MINUTE


async def no_pin(dock: Dock) -> None:
    await dock.write(lambda tx: tx.execute("UPDATE stores SET pinned = 0").rowcount)


async def caught(dock: Dock) -> None:
    await dock.write(lambda tx: stores.caught(tx, STORE.id, error="it lied"))


async def not_tested(dock: Dock) -> None:
    await dock.write(lambda tx: stores.rotated(tx, STORE.id, ("K2",)))


async def another_store(dock: Dock) -> None:
    other = StoreIdentity(id="store-2", url="http://other", method="receipt", durable=True, keys=("K",))
    await dock.write(lambda tx: stores.pin(tx, other))
    await dock.write(lambda tx: stores.honest(tx, other.id))


async def too_old(dock: Dock) -> None:
    dock.clock.boot += 10 * MINUTE + 1
    dock.clock.time += 600


async def from_the_future(dock: Dock) -> None:
    dock.clock.boot -= 1


async def rebooted(dock: Dock) -> None:
    dock.clock.boot_name = "boot-2"


async def held(dock: Dock) -> None:
    await dock.write(lambda tx: segments.hold(tx, _only(tx), reason="x", error="held back"))


async def not_on_camera(dock: Dock) -> None:
    await dock.write(lambda tx: segments.vanished(tx, _only(tx), error="x"))


async def not_in_store(dock: Dock) -> None:
    await dock.write(lambda tx: segments.store_lost(tx, _only(tx), error="x"))


async def other_receipt_bytes(dock: Dock) -> None:
    await dock.write(lambda tx: tx.execute("UPDATE receipts SET sha256 = ? WHERE id = 1", ("c" * 64,)).rowcount)


async def other_object(dock: Dock) -> None:
    await dock.write(lambda tx: tx.execute("UPDATE receipts SET object = 'x' WHERE id = 2").rowcount)


def _only(tx: object) -> str:
    return str(tx.execute("SELECT id FROM segments").fetchone()[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (no_pin, "no store is pinned"),
        (caught, "was caught: it lied"),
        (not_tested, "not yet been seen to refuse wrong bytes"),
        (another_store, "is not for these bytes in the pinned store"),
        (too_old, "older than ten minutes"),
        (from_the_future, "older than ten minutes"),
        (rebooted, "older than ten minutes"),
        (held, "is held: held back"),
        (not_on_camera, "not both on the camera and in the store"),
        (not_in_store, "not both on the camera and in the store"),
        (other_receipt_bytes, "is not for these bytes in the pinned store"),
        (other_object, "is not for these bytes in the pinned store"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_no_permit(dock: Dock, spoil: Callable[[Dock], Awaitable[None]], why: str) -> None:
    segment = await dock.attested()
    await spoil(dock)
    head = dock.ledger.head
    with pytest.raises(PermitRefused, match=why):
        await issue(dock, segment)
    assert (dock.ledger.head, (await dock.segment(segment)).wipe_permit) == (head, None)


async def test_just_in_time(dock: Dock) -> None:
    segment = await dock.attested()
    dock.clock.boot += 10 * MINUTE
    assert (await issue(dock, segment)).deadline_ns == dock.clock.boot


async def test_a_confirmation_alone_is_not_enough(dock: Dock) -> None:
    with pytest.raises(PermitRefused, match="not attested again"):
        await issue(dock, await dock.confirmed())


async def test_not_for_nothing_and_not_for_another_camera(dock: Dock) -> None:
    segment = await dock.attested()
    with pytest.raises(PermitRefused, match="no segment is named"):
        await issue(dock)
    with pytest.raises(PermitRefused, match="not of camera OTHER"):
        await issue(dock, segment, camera="OTHER")


async def test_one_bad_segment_refuses_them_all(dock: Dock) -> None:
    good, bad = await dock.attested(b"a"), await dock.confirmed(b"b")
    with pytest.raises(PermitRefused):
        await issue(dock, good, bad)
    assert (await dock.segment(good)).wipe_permit is None


async def test_a_permit_that_the_ledger_does_not_know_is_not_valid(dock: Dock) -> None:
    segment = await dock.attested()
    permit = await issue(dock, segment)
    for forged in (
        dataclasses.replace(permit, id=99),
        dataclasses.replace(permit, device="9:9"),
        dataclasses.replace(permit, deadline_ns=permit.deadline_ns + 1),
        dataclasses.replace(permit, boot_id="x"),
        dataclasses.replace(permit, camera="OTHER"),
    ):
        assert not await valid(dock, forged)
    await dock.write(lambda tx: permits.close(tx, permit, gone=[]))
    assert not await dock.ledger.read(lambda db: permits.valid(db.execute, permit))
    assert (await dock.segment(segment)).wipe_permit is None


async def test_a_permit_that_is_over_is_not_valid_though_all_of_it_is_gone(dock: Dock) -> None:
    segment = await dock.attested()
    permit = await issue(dock, segment)
    await dock.write(lambda tx: segments.wiped(tx, segment, permit=permit.id, seen="x"))
    assert await valid(dock, permit)
    await dock.write(lambda tx: permits.close(tx, permit, gone=[segment]))
    assert not await valid(dock, permit)


async def test_open_permits_are_known_by_device(dock: Dock) -> None:
    segment = await dock.attested()
    permit = await issue(dock, segment)
    here = await dock.ledger.read(lambda db: permits.named(db.execute, camera=CAMERA.id, device="1:2"))
    elsewhere = await dock.ledger.read(lambda db: permits.named(db.execute, camera=CAMERA.id, device="9:9"))
    assert here == {segment}
    assert elsewhere == frozenset()
    await dock.write(lambda tx: permits.close(tx, permit, gone=[]))
    assert not await dock.ledger.read(lambda db: permits.named(db.execute, camera=CAMERA.id, device="1:2"))


@pytest.mark.parametrize(
    "spoil",
    [no_pin, caught, not_tested, another_store, held, not_on_camera, not_in_store],
    ids=lambda value: value.__name__,
)
async def test_a_permit_holds_no_longer_than_what_it_was_issued_for(
    dock: Dock, spoil: Callable[[Dock], Awaitable[None]]
) -> None:
    permit = await issue(dock, await dock.attested())
    assert await valid(dock, permit)
    await spoil(dock)
    assert not await valid(dock, permit)


async def test_what_was_wiped_under_a_permit_does_not_end_it_for_the_rest(dock: Dock) -> None:
    first, second = await dock.attested(b"a"), await dock.attested(b"b")
    permit = await issue(dock, first, second)
    await dock.write(lambda tx: segments.wiped(tx, first, permit=permit.id, seen="x"))
    assert await valid(dock, permit)


async def test_a_caught_store_ends_open_permits_and_what_is_gone_by_then_can_still_be_told(dock: Dock) -> None:
    segment = await dock.attested()
    permit = await issue(dock, segment)
    await caught(dock)
    assert not await dock.ledger.read(lambda db: permits.named(db.execute, camera=CAMERA.id, device="1:2"))
    await dock.write(lambda tx: segments.wiped(tx, segment, permit=permit.id, seen="it was unlinked just before"))
    assert not (await dock.segment(segment)).on_camera


async def test_nothing_is_deleted_on_the_word_of_a_store_that_went_back_until_it_was_asked_for_all_again(
    dock: Dock,
) -> None:
    """Neither what it has just proven, nor under a permit of before, nor from the spool."""
    old, new = await dock.confirmed(b"a"), await dock.confirmed(b"b")
    await dock.attest(old, number=7)
    await dock.attest(new, number=8)
    before = await issue(dock, new)
    last = await dock.ledger.read(lambda db: int(db.execute("SELECT max(id) FROM receipts").fetchone()[0]))
    went_back = events.StoreWentBack(store=STORE.id, number=7, known=8, last_receipt=last)
    await dock.write(lambda tx: tx.record(went_back))
    await dock.attest(new, number=9)
    assert not await valid(dock, before)
    with pytest.raises(PermitRefused, match="went back in time"):
        await issue(dock, new)
    assert await dock.write(lambda tx: released(tx, [new])) == []
    await dock.attest(old, number=10)
    assert await dock.write(lambda tx: released(tx, [new])) == [new]
    await issue(dock, new)
    assert (await dock.ledger.read(lambda db: store_memory.unseen(db.execute))) is not None
    await dock.write(lambda tx: stores.pin(tx, STORE))
    assert (await dock.ledger.read(lambda db: store_memory.unseen(db.execute))) is None
