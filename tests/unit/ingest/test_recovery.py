"""A start puts spool and ledger together and touches nothing that is not dockd's."""

from __future__ import annotations

from pathlib import Path

from ingest.recovery import bring_together
from ingest.spool import Spool
from tests.unit.ingest.ledger.dock import dock_at


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
