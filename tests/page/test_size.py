"""At 320 px, which is 200 % and more on a small screen, and with the spacing that a reader may set: nothing scrolls sideways, nothing is cut off."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.page.addresses import NAMES, addresses
from tests.page.browsing import watched
from tests.page.cast import cast
from tests.page.running_stage import RunningStage

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What a table may do by itself inside its own box, the page may not (WCAG 1.4.10 excepts tables of data, in a box that the keyboard reaches).
_SIDEWAYS = "() => [document.scrollingElement.scrollWidth, innerWidth]"
_CUT = """() => [...document.querySelectorAll('body *')].filter(e => {
  if (!e.checkVisibility({visibilityProperty: true}) || e.closest('svg') || !e.innerText || e.closest('.visually-hidden, [class*=hidden]')) return false;
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const s = getComputedStyle(e);
  if (!own || s.position === 'absolute' || s.clip !== 'auto' || s.clipPath !== 'none') return false;
  return (s.overflowX === 'hidden' || s.overflowX === 'clip') && e.scrollWidth > e.clientWidth + 1 ||
         (s.overflowY === 'hidden' || s.overflowY === 'clip') && e.scrollHeight > e.clientHeight + 1;
}).map(e => e.outerHTML.slice(0, 160))"""
_SPACING = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }"
_SMALL = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')].filter(e => {
  if (!e.checkVisibility({visibilityProperty: true}) || e.matches('.skip')) return false;  // seen with the focus alone
  const box = e.getBoundingClientRect();
  const inline = getComputedStyle(e).display === 'inline';
  return !inline && box.width > 0 && (box.width < 24 || box.height < 24) && e.type !== 'radio' && e.type !== 'checkbox';
}).map(e => e.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("name", NAMES)
async def test_at_320_pixels(browser: Browser, stage: RunningStage, name: str) -> None:
    path = addresses(stage.url)[name]
    async with watched(browser, stage.url, viewport={"width": 320, "height": 640}) as context:
        page = await context.page(path)
        wide, window = await page.evaluate(_SIDEWAYS)
        assert wide <= window, "it scrolls sideways"
        assert await page.evaluate(_CUT) == []
        assert await page.evaluate(_SMALL) == [], "24 pixels each way is the least that a finger meets (2.5.8)"


@pytest.mark.parametrize("name", NAMES)
async def test_with_a_readers_own_spacing_and_letters_twice_as_large(
    browser: Browser, stage: RunningStage, name: str
) -> None:
    """A style sheet of the reader's is not the page's: its policy does not bind it, and here it is let in for that."""
    path = addresses(stage.url)[name]
    async with watched(browser, stage.url, viewport={"width": 640, "height": 900}, bypass_csp=True) as context:
        page = await context.page(path)
        await page.add_style_tag(content=_SPACING)
        assert await page.evaluate(_CUT) == []
        wide, window = await page.evaluate(_SIDEWAYS)
        assert wide <= window, "it scrolls sideways with more space between the letters"
        session = await context.context.new_cdp_session(page)
        await session.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 1})
        await page.add_style_tag(content="html { font-size: 200% !important; }")
        assert await page.evaluate(_CUT) == []
        wide, window = await page.evaluate(_SIDEWAYS)
        assert wide <= window, "it scrolls sideways with letters twice as large"


async def test_the_wall_fits_one_screen(browser: Browser, stage: RunningStage) -> None:
    """64 bays, 1920 × 1080, readable at five metres: nothing to scroll, numbers of 24 pixels at least, no names and no footage."""
    async with watched(browser, stage.url, viewport={"width": 1920, "height": 1080}) as context:
        page = await context.page("/wall")
        size = await page.evaluate(
            "() => [document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]"
        )
        assert size[0] <= 1920
        assert size[1] <= 1080
        tiles = page.locator('[id^="bay-"]')
        assert await tiles.count() == 64
        numbers = await page.evaluate(
            "() => [...document.querySelectorAll('[id^=bay-]')].map(e => Number(e.id.slice(4)))"
        )
        assert numbers == sorted(numbers), "as they stand in the rack"
        small = await page.evaluate(
            "() => [...document.querySelectorAll('[id^=bay-] *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize)).sort((a, b) => a - b)[0]"
        )
        assert small >= 16
        text = await page.locator("body").inner_text()
        for part in stage_names():
            assert part not in text, f"the wall names {part}"


def stage_names() -> set[str]:
    return {name for part in cast() for name in (part.serial, part.officer or "") if name}
