"""A start puts spool and ledger together and touches nothing that is not dockd's."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ingest.ledger import segments, stores
from ingest.model import Digest
from ingest.recovery import bring_together
from ingest.spool import Description, Spool
from tests.unit.ingest.ledger.dock import CAMERA, STORE, Dock, dock_at


async def test_files_of_others_in_the_spool_folder_stay(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    for name in ("config.json", "download.part", "footage.mp4"):
        (folder / name).write_text("not dockd's")
    orphan = folder / ("0" * 32 + ".json")
    orphan.write_text("a description without its bytes")
    async with dock_at(tmp_path / "state") as dock:
        await bring_together(dock.ledger, Spool(folder, keep_free=0))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "download.part", "footage.mp4"]


async def _left_by_a_crash(dock: Dock, spool: Spool) -> str:
    """A release that was committed, and whose file is still there. Returns the segment's id."""
    content = b"footage" * 100
    digest = Digest(size=len(content), sha256=hashlib.sha256(content).hexdigest(), xxh3_128="")
    segment = await dock.listed(size=len(content))
    spool.prepare()
    with spool.part(segment) as part:
        os.write(part.fd, content)
        camera = {"profile": CAMERA.profile, "serial": CAMERA.serial, "card": CAMERA.card}
        part.publish(
            Description(segment=segment, camera=camera, path=b"a", digest=digest, mtime_ns=10**18, captured_at=1e9)
        )
    await dock.write(lambda tx: segments.copied(tx, segment, digest=digest, second_read="direct"))
    receipt = await dock.receipt(segment)
    await dock.write(lambda tx: segments.confirmed(tx, receipt))
    await dock.write(lambda tx: segments.released(tx, segment))
    return segment


async def test_an_old_release_removes_nothing_the_store_may_have_been_caught_since(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", keep_free=0)
    async with dock_at(tmp_path / "state") as dock:
        segment = await _left_by_a_crash(dock, spool)
        await dock.write(lambda tx: stores.caught(tx, STORE.id, error="it lied"))
        found = await bring_together(dock.ledger, spool)
        row = await dock.segment(segment)
    assert (found.recovered, row.in_spool, row.released_at) == (1, 1, None)
    assert spool.file(segment).exists()


async def test_other_bytes_under_a_known_name_are_never_taken_for_the_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", keep_free=0)
    async with dock_at(tmp_path / "state") as dock:
        segment = await _left_by_a_crash(dock, spool)
        await dock.write(lambda tx: tx.execute("UPDATE segments SET sha256 = ?", ("c" * 64,)).rowcount)
        found = await bring_together(dock.ledger, spool)
        row = await dock.segment(segment)
    assert (found.recovered, found.unexplained, row.in_spool, row.sha256) == (0, 1, 0, "c" * 64)
    assert spool.file(segment).exists()
