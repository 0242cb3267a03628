"""Every page says when it is not live: what keeps itself current does so but under nobody's hands, what stands still says when it was so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.agent import Running, running
from tests.page.browsing import until, watched
from tests.page.test_live import seen
from tests.program import store_at

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

PAGES = ["/", "/bays", "/problems", "/footage", "/cameras", "/handover", "/activity", "/system", "/help", "/wall"]
STILL = ("/footage", "/activity")


async def _camera(page: Page) -> str:
    return str(await page.get_attribute("main table a[href^='/cameras/']", "href"))


async def test_a_dock_that_was_killed_is_said_on_every_page(browser: Browser, agent: Running) -> None:
    async with watched(browser, agent.url) as context:
        pages = [await context.page(path) for path in PAGES]
        pages.append(await context.page(await _camera(pages[PAGES.index("/cameras")])))
        titles = [await page.title() for page in pages]
        await pages[0].wait_for_timeout(1500)
        agent.kill()
        for page in pages:
            await page.bring_to_front()
            await until(page, seen("not-live"))
            assert await page.title() == "NOT LIVE. Test Street 7", "no figure of before stands in the tab"
            assert "icon-dead" in str(await page.get_attribute("#icon", "href"))
            assert "second" not in await page.inner_text("#not-live"), "it does not say since when: it cannot know"
        agent.listen = agent.url.removeprefix("http://")
        agent.start()
        for page, title in zip(pages, titles, strict=True):
            await page.bring_to_front()
            await until(page, seen("not-live"), gone=True)
            await until(page, f"() => document.title === {json.dumps(title)}")  # its cameras are looked at anew first


async def test_without_a_script_each_says_when_it_was_so(browser: Browser, agent: Running) -> None:
    async with watched(browser, agent.url, java_script_enabled=False) as context:
        for path in ("/problems", "/cameras", "/system", *STILL):
            page = await context.page(path)
            assert "As it was at " in await page.inner_text("body"), path
            assert await page.get_by_role("link", name="Show it as it is now").count() == 1, path
            await page.close()


async def test_problems_come_by_themselves_but_under_nobodys_hands(browser: Browser, tmp_path: Path) -> None:
    with store_at(tmp_path / "central") as store, running(tmp_path / "dock", store.url) as agent:
        store.stop()
        async with watched(browser, agent.url) as context:
            page = await context.page("/problems")
            agent.dock("CAM01", {"DCIM/a.mp4": b"new" * 1000})
            agent.until_state("CAM01", "unconfirmed")
            await until(page, "() => !!document.querySelector('main section.panel.bad')")
            assert not await page.locator("#as-of").is_visible()
            before = await page.locator("main section.panel.bad").count()
            await page.locator("select[name=hours]").first.focus()
            (agent.docks / "CAM01").rename(tmp_path / "CAM01")
            await until(page, seen("as-of"))
            assert (await page.inner_text("#as-of")).startswith("As it was at ")
            assert await page.locator("main section.panel.bad").count() == before, "what is about to be pressed stays"
            assert not await page.evaluate(f"() => ({seen('not-live')})()"), "it says itself that it is not of now"
            await page.evaluate("() => document.activeElement.blur()")
            await until(page, seen("as-of"), gone=True)
            assert await page.locator("main section.panel.bad").count() > before
