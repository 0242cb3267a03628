"""A page that is open tells the truth as long as it can, and says so when it cannot (P5): the banner, the way back, many tabs, days of changes."""

from __future__ import annotations

import signal
import time

import pytest
from playwright.async_api import Browser

from tests.agent import Running
from tests.page import heap
from tests.page.addresses import told
from tests.page.banner import SHOWN, noted, turned
from tests.page.browsing import until, watched
from tests.page.conftest import Staging
from tests.page.counting import counting
from tests.page.running_stage import RunningStage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

_WORDS = "n => document.querySelector(`#bay-${n} [data-field=word], #bay-${n} .word`)?.textContent.trim()"


@pytest.mark.parametrize("path", ["/", "/wall", "/bays/1"])
async def test_a_dock_that_was_killed_is_said_within_11_seconds_and_back_within_5(
    browser: Browser, agent: Running, path: str
) -> None:
    async with watched(browser, agent.url) as context:
        await noted(context)
        page = await context.page(path)
        await page.wait_for_timeout(1500)
        assert not await page.evaluate(SHOWN)
        killed = time.time()
        agent.kill()
        silent = await turned(page, killed)
        assert silent <= 11.0, f"the banner came after {silent:.1f} s"
        agent.listen = agent.url.removeprefix("http://")
        begun = time.time()
        agent.start()
        answers = time.time() - begun
        back = await turned(page, begun, gone=True) - answers
        assert back <= 5.0, f"it was back after {back:.1f} s"
        agent.dock("CAM03", {"DCIM/a.mp4": b"new" * 1000})
        number = agent.until_state("CAM03", "ready")["number"]
        if path != "/bays/1":  # what happens from now on is shown without a word to the page
            await until(page, f"() => (({_WORDS})({number}) || '').startsWith('Take')")


async def test_a_dock_that_hangs_is_said_too(browser: Browser, agent: Running) -> None:
    """Its line stays open and nothing comes: silence is what counts."""
    async with watched(browser, agent.url) as context:
        await noted(context)
        page = await context.page("/")
        await page.wait_for_timeout(1500)
        stopped = time.time()
        agent.send(signal.SIGSTOP)
        try:
            silent = await turned(page, stopped)
            assert silent <= 11.0, f"the banner came after {silent:.1f} s"
            assert silent > 3.0, "a beat comes every five seconds: a short silence is none"
        finally:
            goes_on = time.time()
            agent.send(signal.SIGCONT)
        assert await turned(page, goes_on, gone=True) <= 5.0


async def test_twelve_tabs_are_live_at_once(browser: Browser, own_stage: Staging) -> None:
    """A browser has six connections to one dock."""
    stage = own_stage("--only", "ready")
    async with watched(browser, stage.url) as context:
        pages = [await context.page("/") for _ in range(12)]
        number = told(stage.url, "/bays")["bays"][6]["number"]
        before = await pages[0].evaluate(_WORDS, number)
        stage.do("turns 1")
        for page in pages:
            await page.bring_to_front()
            await until(page, f"() => (({_WORDS})({number}) || '{before}') !== '{before}'")
            assert not await page.evaluate(SHOWN)


async def test_the_front_page_is_light(browser: Browser, stage: RunningStage) -> None:
    """64 bays: 60 kB at most with all that comes after them, ten requests at most, all of them to the dock."""
    async with counting(stage.url) as line, watched(browser, line.url) as context:
        page = await context.page("/")
        await page.wait_for_selector("#bay-64")
        await page.wait_for_timeout(2500)  # its script has heard the first snapshot by then
        assert len(line.paths) <= 10, line.paths
        assert line.down <= 60_000, (line.down, line.paths)


async def test_thousands_of_changes_leave_nothing_behind(browser: Browser, own_stage: Staging) -> None:
    """A screen on the wall lives for months. 3,200 changes here; the bench makes 30,000."""
    stage = own_stage("--only", "charging")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        stage.do("turns 8")
        before, worker = await heap.of_page(context.context, page), await heap.of_shared_worker(browser, stage.url)
        stage.do("turns 50")
        after, later = await heap.of_page(context.context, page), await heap.of_shared_worker(browser, stage.url)
        assert after.bytes - before.bytes < 500_000, (before, after)
        assert after.nodes - before.nodes < 200, (before, after)
        if worker is not None:
            assert later is not None
            assert later - worker < 500_000, (worker, later)
