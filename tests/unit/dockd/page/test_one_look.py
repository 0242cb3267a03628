"""A page is of one moment: what stands at its top counts the bays that stand under it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from dockd.page.faces import faces
from dockd.page.live import Live
from dockd.page.pages import Parts
from dockd.page.rendering import Rendering
from dockd.page.server import access_of, application
from dockd.page.snapshot import Snapshot
from dockd.page.view import View
from tests.unit.dockd.page.test_nonsense_on_the_line import no_metrics
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import dock_at

PAGES = ("/", "/parts", "/bays", "/bays/1", "/wall", "/handover", "/problems", "/footage", "/cameras", "/activity", "/system", "/help")  # fmt: skip


class Restless(View):
    """No two looks find the same: its one camera is ready, and then its clock is wrong, and so on."""

    looks = 0

    async def look(self, *, anew: bool = False) -> Snapshot:
        self.looks += 1
        self._sources.rack._set(1, clock_offset_seconds=9999.0 if self.looks % 2 else 0.0)
        return await super().look(anew=True)


@dataclass
class Site:
    url: str
    view: Restless

    async def ask(self, path: str) -> str:
        async with ClientSession() as client, client.get(self.url + path, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        view = Restless(found)
        rendering, access = Rendering(view=view), access_of(found)
        parts = Parts(sources=found, view=view, rendering=rendering, access=access)
        runner = web.AppRunner(
            application(parts, live=Live(view, faces(view, rendering)), metrics=no_metrics), access_log=None, shutdown_timeout=0.1
        )  # fmt: skip
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield Site(f"http://{host}:{port}", view)
        await runner.cleanup()
        await access.close()


async def test_no_page_looks_twice(site: Site) -> None:
    looks = {}
    for path in PAGES:
        before = site.view.looks
        await site.ask(path)
        looks[path] = site.view.looks - before
    assert looks == dict.fromkeys(PAGES, 1)


@pytest.mark.parametrize("path", ["/", "/parts", "/wall"])
async def test_the_headline_counts_the_bays_under_it(site: Site, path: str) -> None:
    for _time in range(2):
        page = await site.ask(path)
        headline = re.search(r'<h1 id="headline"[^>]*>(.*?)</h1>', page, re.DOTALL)
        assert headline is not None
        is_ready = re.search("1 ready", headline[1]) is not None
        assert is_ready is (re.search(r'data-state="ready"|class="[^"]*\bready\b', page) is not None), page
