"""How much time has surely passed since a proof, across boots: of a segment that was confirmed, and of one that was found in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.ledger import segments
from ingest.ledger.passed import since_proof
from tests.unit.ingest.ledger.dock import SetClock, dock_at

DAY = 86_400.0


class _InStep(SetClock):
    def synchronised(self) -> bool | None:
        return True


@pytest.mark.parametrize("found", [False, True], ids=["confirmed", "found in store"])
async def test_a_synchronised_clock_is_believed_across_boots(tmp_path: Path, found: bool) -> None:
    async with dock_at(tmp_path, clock=_InStep()) as dock:
        segment = await dock.copied()
        receipt = await dock.receipt(segment)
        await dock.write(lambda tx: (segments.found if found else segments.confirmed)(tx, receipt))
        dock.clock.time += 2 * DAY
        dock.clock.boot, dock.clock.boot_name = 60 * 10**9, "boot-2"
        passed = await dock.ledger.read(lambda db: since_proof(db.execute, dock.clock, segment))
    assert passed == 2 * DAY
