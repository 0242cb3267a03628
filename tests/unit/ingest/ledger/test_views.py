"""Sums for those who show how far the work is."""

from __future__ import annotations

from pathlib import Path

from ingest.ledger import segments, views
from ingest.model import Tally
from tests.unit.ingest.ledger.dock import dock_at


async def test_bytes_of_the_dockings_since_a_moment(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        began = dock.clock.time
        await dock.listed(b"only listed")
        copied = await dock.copied(b"copied")
        now = await dock.ledger.read(lambda db: views.bytes_since(db.execute, began))
        assert now == Tally(listed=20, copied=10)
        assert await dock.ledger.read(lambda db: views.waits_in_spool(db.execute))
        await dock.write(lambda tx: segments.hold(tx, copied, reason="copy_failed", error="x"))
        assert not await dock.ledger.read(lambda db: views.waits_in_spool(db.execute)), "what is held is not sent"
        assert await dock.ledger.read(lambda db: views.bytes_since(db.execute, began + 1)) == Tally()
