"""A new record book is a problem until what is here was answered for; a rack with nothing in it does not alarm for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.new_book import answered_for
from dockd.page.facts import Sources
from ingest.ledger import segments, stores
from ingest.standing import StoreState
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import STORE, Dock, dock_at

SOON = 0.02


@contextlib.asynccontextmanager
async def rebuilt(folder: Path) -> AsyncIterator[tuple[Dock, Sources]]:
    """A dock that found its ledger gone, with one camera in it, listed, and with a store that answers."""
    async with dock_at(folder):
        pass
    for one in folder.glob("ledger.db*"):
        one.unlink()
    async with dock_at(folder) as dock:
        assert dock.ledger.rebuilt is not None
        found = sources(folder, dock.ledger)
        found.store_state = lambda: StoreState(word="connected")
        yield dock, found


async def ended(found: Sources, *, after: float = 10.0) -> bool:
    try:
        async with asyncio.timeout(after):
            await answered_for(found, every=SOON)
    except TimeoutError:
        return False
    return "ledger_rebuilt" not in found.troubles.now


async def test_nothing_is_here_and_the_store_answers(tmp_path: Path) -> None:
    async with rebuilt(tmp_path) as (_dock, found):
        assert await ended(found)


@pytest.mark.parametrize("waits", ["store", "listing", "camera", "spool", "doubt"])
async def test_what_is_here_and_unanswered_keeps_it(tmp_path: Path, waits: str) -> None:
    async with rebuilt(tmp_path) as (dock, found):
        visit = found.rack.bays[1].visit
        assert visit is not None
        if waits == "store":
            found.store_state = lambda: StoreState(word="down")
        elif waits == "listing":
            visit.listed_once = False
        elif waits == "camera":
            await dock.listed()
        elif waits == "spool":
            await dock.copied()
        else:
            name = await dock.copied()
            await dock.write(lambda tx: segments.rotted(tx, name, error="e"))
            await dock.write(lambda tx: segments.vanished(tx, name, error="e"))
        assert not await ended(found, after=SOON * 8)
        assert "ledger_rebuilt" in found.troubles.now


async def test_a_proof_ends_it(tmp_path: Path) -> None:
    async with rebuilt(tmp_path) as (dock, found):
        await dock.copied(b"waits")
        async with asyncio.TaskGroup() as group:
            done = group.create_task(ended(found))
            while "ledger_rebuilt" not in found.troubles.now:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.001)
            await dock.confirmed(b"proven")
        assert done.result()


async def test_a_camera_that_is_away_keeps_nobody(tmp_path: Path) -> None:
    async with rebuilt(tmp_path) as (dock, found):
        await dock.listed()
        found.rack.bays.clear()
        assert await ended(found)


@pytest.mark.parametrize("occupied", ["looking", "fault", "not_ours"])
async def test_what_cannot_be_looked_at_may_have_anything(tmp_path: Path, occupied: str) -> None:
    async with rebuilt(tmp_path) as (dock, found):
        await dock.listed()
        bay = found.rack.bays[1]
        found.rack.bays[1] = replace(bay, camera=None, visit=None, occupied=occupied, still=bay.camera)
        assert await ended(found, after=10.0 if occupied == "not_ours" else SOON * 8) is (occupied == "not_ours")


async def test_after_a_restart_it_is_looked_at_anew(tmp_path: Path) -> None:
    """The bays are empty until their cameras are found, and the store is heard before that."""
    async with rebuilt(tmp_path) as (dock, _found):
        await dock.write(lambda tx: stores.honest(tx, STORE.id))
    async with dock_at(tmp_path, pinned=False) as dock:
        found = sources(tmp_path, dock.ledger)
        found.store_state = lambda: StoreState(word="down")
        assert not await ended(found, after=SOON * 8)
        found.store_state = lambda: StoreState(word="connected")
        assert await ended(found)
