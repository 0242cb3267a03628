"""Names do not act in a real Chromium: on every page, and where a page that is open takes in what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.angry import FOLDER, Angry, bear_it, configured
from tests.guarded import PASSWORD
from tests.page.browsing import watched
from tests.program import store_at

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LISTEN = "window.acted = []; window.zz = what => window.acted.push(what)"
_FOUND = "() => [window.acted, document.querySelectorAll('zz-evil, [zz-attr], [onload], [onerror], [onmouseover], img[src=x]').length]"


@pytest.fixture
def angry(tmp_path: Path) -> Iterator[Angry]:
    with store_at(tmp_path / "central") as store:
        agent = configured(tmp_path / "dock", store.url)
        try:
            yield bear_it(agent, store)
        finally:
            agent.kill()


async def acted(page: Page) -> bool:
    """Whether any name has done anything, or become a part of the page."""
    found: list[object] = await page.evaluate(_FOUND)
    return found != [[], 0]


async def test_nothing_acts(browser: Browser, angry: Angry) -> None:
    agent = angry.dock.agent
    async with watched(browser, agent.url) as context:
        await context.context.add_init_script(_LISTEN)
        page = await context.page("/login")
        await page.get_by_label("Name").fill("ops")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(agent.url + "/")
        for path in angry.pages:
            await context.go(page, path)
            assert not await acted(page), path
        seen = [await context.page(path) for path in ("/", "/bays", "/wall")]
        agent.dock(f"3{FOLDER}", {f"{FOLDER}.mp4": b"e" * 1000})
        for one in seen[:2]:
            await expect(one.locator("main")).to_contain_text(f"3{FOLDER[:20]}", timeout=40_000)
        for one in seen:
            assert not await acted(one), one.url
