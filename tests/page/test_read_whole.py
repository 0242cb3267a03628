"""A page that is drawn whole is read until it shows what was heard of, and is not live while it cannot be (P5)."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import Browser, Page, Route

from tests.page.addresses import told
from tests.page.banner import SHOWN
from tests.page.browsing import PATIENCE, until, watched
from tests.page.conftest import Staging
from tests.page.running_stage import RunningStage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

_TEXT = "() => document.getElementById('main').innerText"
PATH = "/bays/7"


class Between:
    """Stands between the page and the dock: answers `refused` requests with 503, and holds `slow` ones up for three seconds."""

    def __init__(self) -> None:
        self.refused = 0
        self.slow = 0
        self.held = asyncio.Event()

    async def meet(self, route: Route) -> None:
        if "dockd-live" not in route.request.headers:
            await route.continue_()
        elif self.refused:
            self.refused -= 1
            await route.fulfill(status=503, body="busy")
        elif self.slow:
            self.slow -= 1
            answer = await route.fetch()
            self.held.set()
            await asyncio.sleep(3)
            await route.fulfill(response=answer)
        else:
            await route.continue_()


async def settled(page: Page, between: Between) -> None:
    await page.route(f"**{PATH}", between.meet)
    await page.wait_for_timeout(3000)


async def shown(page: Page, stage: RunningStage, *, within: float) -> None:
    """Until it says what the dock says now."""
    began = time.monotonic()
    while True:
        word = told(stage.url, PATH)["word"]
        if word in str(await page.evaluate(_TEXT)):
            return
        assert time.monotonic() - began < within, f"not {word!r} after {within} s"
        await asyncio.sleep(0.1)


async def test_what_changes_while_the_page_is_read_is_read_too(browser: Browser, own_stage: Staging) -> None:
    stage, between = own_stage("--only", "charging"), Between()
    async with watched(browser, stage.url) as context:
        page = await context.page(PATH)
        await settled(page, between)
        between.slow = 1
        stage.do("turns 1")
        await asyncio.wait_for(between.held.wait(), PATIENCE)
        stage.do("turns 1")
        await shown(page, stage, within=PATIENCE)
        assert not await page.evaluate(SHOWN)


async def test_an_answer_that_is_no_page_is_asked_for_again_and_then_not_live(
    browser: Browser, own_stage: Staging
) -> None:
    stage, between = own_stage("--only", "charging"), Between()
    async with watched(browser, stage.url) as context:
        page = await context.page(PATH)
        await settled(page, between)
        between.refused = 1
        stage.do("turns 1")
        await shown(page, stage, within=PATIENCE)
        assert not await page.evaluate(SHOWN)
        between.refused = 1000
        stage.do("turns 1")
        assert await until(page, SHOWN) > 3.0
        between.refused = 0
        await until(page, SHOWN, gone=True)
        await shown(page, stage, within=1)
