"""A store that signs nothing proves by its bytes, and each such proof reads like the one before: the record tells them apart all the same."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ingest.ledger import segments, stores
from ingest.ledger.audit import check, moment
from ingest.ledger.handover import handover
from ingest.ledger.history import Wanted
from ingest.model import StoreIdentity
from tests.unit.ingest.ledger.dock import dock_at

PLAIN = StoreIdentity(id="tus:http://store/", url="http://store/", method="read-back", durable=False, keys=())


async def test_each_entry_has_its_own_proof(tmp_path: Path) -> None:
    async with dock_at(tmp_path, pinned=False) as dock:
        await dock.write(lambda tx: stores.pin(tx, PLAIN))
        segment = await dock.copied()
        for nonce in ("first", "second", "third"):
            dock.clock.time += 60
            at = f"2027-01-15T08:0{dock.nonces}:00.000Z"
            receipt = await dock.receipt(
                segment, store=PLAIN.id, method="read-back", durable=False, nonce=nonce, stored_at=at, attested_at=at
            )
            write = segments.confirmed if nonce == "first" else segments.attested
            await dock.write(partial(write, receipt=receipt))
    with moment(tmp_path / "ledger.db") as reader:
        assert check(reader).faults == ()
        given = [one["nonce"] for one in handover(reader, Wanted(), with_receipts=True) if one["type"] == "receipt"]
    assert given == ["first", "second", "third"]
