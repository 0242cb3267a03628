"""What is claimed in green is claimed of nothing that is in doubt: of footage that the store does not know any more, or of a store that was caught."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dockd.page.pages import strip
from dockd.page.pages.footage import FootagePage
from dockd.page.pages.parts import Parts
from dockd.page.rendering import Rendering
from dockd.page.view import LOOK_AT_MOST_EVERY, View
from ingest.attest import _not_there
from ingest.errors import ObjectGone
from ingest.ledger import segments, stores
from ingest.ledger.page_footage import Wanted
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import STORE, Dock, dock_at


async def gone_from_the_store(dock: Dock, segment: str) -> None:
    """Nothing but the store has it, and the store has said that it does not."""
    await dock.write(lambda tx: segments.vanished(tx, segment, error="x"))
    await dock.write(lambda tx: segments.released(tx, segment))
    row = await dock.segment(segment)
    await dock.write(lambda tx: _not_there(tx, row, ObjectGone("404: no such object"), times=1))
    assert (await dock.segment(segment)).held == segments.IN_DOUBT


async def caught(dock: Dock, _segment: str) -> None:
    await dock.write(lambda tx: stores.caught(tx, STORE.id, error="it vouched for what it does not have"))


async def nothing(_dock: Dock, _segment: str) -> None:
    pass


@pytest.mark.parametrize(("happens", "tone"), [(nothing, "good"), (gone_from_the_store, "bad"), (caught, "bad")])
async def test_all_is_in_is_said_only_of_what_is_in_no_doubt(tmp_path: Path, happens: Any, tone: str) -> None:
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        found.spool.prepare()
        view = View(found)
        await happens(dock, await dock.confirmed(b"a"))
        await asyncio.sleep(LOOK_AT_MOST_EVERY)
        status = view.status_now(await view.look(anew=True))
        oldest, on_its_way, not_coming, *_ = strip.all_of(status, [])
        assert (oldest.tone, on_its_way.tone) == (tone, "good" if tone == "good" else "plain")
        assert not_coming.tone == ("good" if tone == "good" else "plain")
        page = FootagePage(Parts(sources=found, view=view, rendering=Rendering(view=view), access=None))  # type: ignore[arg-type]
        asked = await page._find(Wanted(), camera="", after="", count=10, night=dock.clock.now() - 86400)
        assert page._night(asked)[0] == tone
        assert asked.outside is (happens is gone_from_the_store)
        assert (asked.outside or not asked.sound) is (tone == "bad")
