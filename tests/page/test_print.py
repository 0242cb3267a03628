"""What a sergeant signs over: two A4 pages at most with 64 bays, in black and white, and all of it there."""

from __future__ import annotations

import json
import re
from urllib.request import Request, urlopen

import pytest
from playwright.async_api import Browser

from tests.page.addresses import told
from tests.page.browsing import watched
from tests.page.conftest import Staging
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


async def test_each_camera_that_is_to_be_put_back_is_on_the_paper(browser: Browser, own_stage: Staging) -> None:
    """However many they are, with the store down beside them; and it is two sheets still."""
    stage = own_stage("--frozen", "--only", "removed_early")
    stage.do("store down no connection in 10 s")
    async with watched(browser, stage.url) as context:
        page = await context.page("/handover")
        assert 1 <= pages(await page.pdf(format="A4")) <= 2
        await page.emulate_media(media="print")
        rows = await page.locator(".racked li").all_inner_texts()
        assert len(rows) == 64
        assert all(re.search(r"X60A\d{4}", row) for row in rows), "a bay says Put back, and not what"
        assert "The central store cannot be reached." in await page.locator("body").inner_text()


async def test_each_camera_that_went_out_with_footage_not_confirmed_is_on_the_paper(
    browser: Browser, own_stage: Staging
) -> None:
    """Where a whole night's went out while the store was away, the next sergeant signs for cameras that have names."""
    stage = own_stage("--frozen", "--only", "empty")
    stage.do("store down no connection in 10 s")
    out = told(stage.url, "/status")["out"]["cameras"]
    assert out > 15
    async with watched(browser, stage.url) as context:
        page = await context.page("/handover")
        assert 1 <= pages(await page.pdf(format="A4")) <= 2
        await page.emulate_media(media="print")
        rows = await page.locator(".racked li").all_inner_texts()
        named = [row for row in rows if "Out: X60A" in row]
        assert len(named) == out
        assert f"{out} with footage that the store has not confirmed" in await page.locator("body").inner_text()
        cut = await page.evaluate("""() => [...document.querySelectorAll(".racked li > :last-child")]
            .filter(one => one.textContent.includes("Out:") && one.scrollWidth > one.clientWidth).length""")
        assert cut == 0


async def test_why_bays_are_out_of_use_is_on_the_paper_whole(browser: Browser, own_stage: Staging) -> None:
    """As the form promises: five with the longest reason there is, and it is two sheets still."""
    stage = own_stage("--frozen")
    why = ("the socket is loose; estates know of it " * 8)[:296] + " end"
    for number in [one["number"] for one in told(stage.url, "/bays")["bays"] if one["state"] == "empty"][:5]:
        body = json.dumps({"reason": why}).encode()
        posted = Request(f"{stage.url}/api/v1/bays/{number}/out-of-use", body, {"Content-Type": "application/json"})
        urlopen(posted, timeout=30).close()
    async with watched(browser, stage.url) as context:
        page = await context.page("/handover")
        assert 1 <= pages(await page.pdf(format="A4")) <= 2
        await page.emulate_media(media="print")
        whole = page.locator(".racked li > :last-child", has_text=why)
        assert await whole.count() == 5
        cut = await whole.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length")
        assert cut == 0


async def test_a_page_that_is_not_meant_for_paper_prints_all_the_same(browser: Browser, stage: RunningStage) -> None:
    async with watched(browser, stage.url) as context:
        for path in ("/", "/problems", "/help"):
            page = await context.page(path)
            assert pages(await page.pdf(format="A4")) <= 8
