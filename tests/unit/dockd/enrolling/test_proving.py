"""Enrolment pins a store that it has proven; what only a person's word takes away stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dockd.app import agent
from dockd.enrolling.proving import proven
from dockd.pinning import choice, pin
from dockd.settings import Settings, defaults
from ingest.central import CentralStore
from ingest.ledger.pin_file import kept
from ingest.ledger.unconfirmed import to_confirm, why_unconfirmed

WHY = "it was put back from a backup"


def settings_in(folder: Path, url: str) -> Settings:
    found = defaults()
    return replace(
        found, ledger=replace(found.ledger, path=folder / "ledger.db"), spool=replace(found.spool, path=folder / "spool"),
        store=replace(found.store, url=url),
    )  # fmt: skip


async def test_a_dock_that_was_put_back_and_enrolled_anew_waits_for_a_person_still(tmp_path: Path) -> None:
    """A backup without keys has to be enrolled anew: whether the store was caught since, that does not ask."""
    async with CentralStore(tmp_path / "root") as store:
        settings = settings_in(tmp_path / "state", store.url)
        settings.keys_path.mkdir(parents=True)
        to_confirm(settings.keys_path, why=WHY)
        done = await proven(settings, version="test")
        assert done.pinned
        assert why_unconfirmed(settings.keys_path) == WHY
        believed = kept(settings.keys_path)
        assert believed is not None
        assert believed.id == store.store_id
        async with agent(settings, version="test") as built:
            assert built.ledger.unconfirmed == WHY
            await pin(built, (await choice(built)).answers)
            assert built.ledger.unconfirmed == ""
        assert why_unconfirmed(settings.keys_path) == ""
