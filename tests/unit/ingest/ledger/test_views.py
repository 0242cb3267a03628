"""Sums for those who show how far the work is."""

from __future__ import annotations

from functools import partial
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


async def test_what_the_spool_keeps_though_the_store_has_it(tmp_path: Path) -> None:
    async with dock_at(tmp_path) as dock:
        now = dock.clock.time
        for path, later in (
            (b"a", 60.0),
            (b"b", 3600.0),
            (b"c", 7200.0),
        ):  # the first waits for another try, and is not kept
            one = await dock.confirmed(path)
            await dock.write(partial(segments.not_before, segment=one, moment=now + later))
        held = await dock.confirmed(b"held")
        await dock.write(lambda tx: segments.not_before(tx, held, now + 9000))
        await dock.write(lambda tx: segments.hold(tx, held, reason="copy_failed", error="x"))
        found = await dock.ledger.read(lambda db: views.kept(db.execute, now=now))
        assert found == views.Kept(segments=2, bytes=20, first=now + 3600, last=now + 7200)
        assert await dock.ledger.read(lambda db: views.kept(db.execute, now=now + 7200)) is None
