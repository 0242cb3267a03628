"""What a start believes of a spool file: its size against the row, and of one that has no row its bytes against its own description."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ingest.ledger import segments
from ingest.model import Digest
from ingest.recovery import Found, bring_together
from ingest.spool import Description, Spool
from tests.unit.ingest.ledger.dock import CAMERA, Dock, dock_at

CONTENT = b"footage" * 100
DIGEST = Digest(size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(), xxh3_128="")
DAMAGE = {
    "cut": CONTENT[:-1],
    "longer": CONTENT + b"x",
    "one bit": bytes([CONTENT[0] ^ 1]) + CONTENT[1:],
}


def spooled(folder: Path, segment: str) -> Spool:
    spool = Spool(folder, keep_free=0)
    spool.prepare()
    camera = {"profile": CAMERA.profile, "serial": CAMERA.serial, "card": CAMERA.card}
    with spool.part(segment) as part:
        os.write(part.fd, CONTENT)
        part.publish(
            Description(segment=segment, camera=camera, path=b"a", digest=DIGEST, mtime_ns=10**18, captured_at=1e9)
        )
    return spool


async def started(dock: Dock, spool: Spool) -> Found:
    return await bring_together(dock.ledger, spool)


async def test_a_whole_file_that_has_no_row_is_taken_in(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", "0" * 32)
    async with dock_at(tmp_path / "state") as dock:
        found = await started(dock, spool)
        row = await dock.segment("0" * 32)
    assert (found.recovered, found.unexplained) == (1, 0)
    assert (row.on_camera, row.in_spool, row.in_store, row.sha256) == (0, 1, 0, DIGEST.sha256)


@pytest.mark.parametrize("how", DAMAGE)
async def test_a_file_that_is_not_what_it_says_is_not_taken_in(tmp_path: Path, how: str) -> None:
    spool = spooled(tmp_path / "spool", "0" * 32)
    spool.file("0" * 32).write_bytes(DAMAGE[how])
    async with dock_at(tmp_path / "state") as dock:
        found = await started(dock, spool)
        known = await dock.ledger.read(lambda db: segments.ids(db.execute, "in_spool = 1"))
    assert (found.recovered, found.unexplained, known) == (0, 1, [])
    assert spool.file("0" * 32).read_bytes() == DAMAGE[how], "it may be all there is"


@pytest.mark.parametrize("how", ["cut", "longer"])
async def test_a_row_whose_file_has_another_size_does_not_count_as_a_copy(tmp_path: Path, how: str) -> None:
    async with dock_at(tmp_path / "state") as dock:
        segment = await dock.listed(size=len(CONTENT))
        spool = spooled(tmp_path / "spool", segment)
        await dock.write(lambda tx: segments.copied(tx, segment, digest=DIGEST, second_read="direct"))
        spool.file(segment).write_bytes(DAMAGE[how])
        found = await started(dock, spool)
        row = await dock.segment(segment)
    assert (found.rotted, row.in_spool, row.on_camera) == (1, 0, 1)
