"""`store.kind = "directory"` is the directory store, in the folder that `store.url` names, founded only where that is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockd.settings.schema import StoreSettings
from dockd.store_kinds import Needs, store_of
from ingest.errors import WrongStore


async def test_a_folder_is_a_store(tmp_path: Path) -> None:
    allowed = False
    told: list[str] = []

    async def founds() -> bool:
        return allowed

    needs = Needs(founds=founds, observe=lambda what, _seconds: told.append(what), patience=None)
    store = store_of(StoreSettings(kind="directory", url=str(tmp_path)), needs=needs)
    with pytest.raises(WrongStore, match="is the share mounted"):
        await store.identify()
    allowed = True
    identity = await store.identify()
    await store.close()
    assert identity.url == str(tmp_path)
    assert identity.id.removeprefix("directory:") in (tmp_path / ".dockd-store").read_text()
    assert told[0] == "WHO"
