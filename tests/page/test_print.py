"""What a sergeant signs over: two A4 pages at most with 64 bays, in black and white, and all of it there."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser

from tests.page.addresses import told
from tests.page.browsing import watched
from tests.page.running_stage import RunningStage

pytestmark = pytest.mark.asyncio(loop_scope="session")


def pages(pdf: bytes) -> int:
    """How many pages a PDF of Chromium's has: its objects of the type Page."""
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


async def test_the_handover_is_two_pages(browser: Browser, stage: RunningStage) -> None:
    async with watched(browser, stage.url) as context:
        page = await context.page("/handover")
        pdf = await page.pdf(format="A4")
        assert 1 <= pages(pdf) <= 2
        await page.emulate_media(media="print", color_scheme="dark")
        ground = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), "paper is white, whatever the screen's theme"
        seen = await page.locator("body").inner_text()
        for bay in told(stage.url, "/bays")["bays"]:
            if bay["verb"] == "act":
                assert re.search(rf"\b{bay['number']}\b", seen), (
                    f"bay {bay['number']} needs somebody, and is not on the paper"
                )


async def test_a_page_that_is_not_meant_for_paper_prints_all_the_same(browser: Browser, stage: RunningStage) -> None:
    async with watched(browser, stage.url) as context:
        for path in ("/", "/problems", "/help"):
            page = await context.page(path)
            assert pages(await page.pdf(format="A4")) <= 8
