"""At 320 px, which is 200 % and more on a small screen, and with the spacing that a reader may set: nothing scrolls sideways, nothing is cut off."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.page.addresses import NAMES
from tests.page.browsing import Looking
from tests.page.cast import cast

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
# A style sheet of the reader's, which the page's policy does not bind.
_READERS_OWN = "css => { const own = new CSSStyleSheet(); own.replaceSync(css); document.adoptedStyleSheets = [...document.adoptedStyleSheets, own]; }"
_SMALL = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')].filter(e => {
  if (!e.checkVisibility({visibilityProperty: true}) || e.matches('.skip')) return false;  // seen with the focus alone
  const box = e.getBoundingClientRect();
  const inline = getComputedStyle(e).display === 'inline';
  return !inline && box.width > 0 && (box.width < 24 || box.height < 24) && e.type !== 'radio' && e.type !== 'checkbox';
}).map(e => e.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("name", NAMES)
async def test_at_320_pixels(looking: Looking, places: Mapping[str, str], name: str) -> None:
    page = await looking.at(places[name], width=320, height=640)
    wide, window = await page.evaluate(_SIDEWAYS)
    assert wide <= window, "it scrolls sideways"
    assert await page.evaluate(_CUT) == []
    assert await page.evaluate(_SMALL) == [], "24 pixels each way is the least that a finger meets (2.5.8)"


@pytest.mark.parametrize("name", NAMES)
async def test_with_a_readers_own_spacing_and_letters_twice_as_large(
    looking: Looking, places: Mapping[str, str], name: str
) -> None:
    page = await looking.at(places[name], width=640)
    await page.evaluate(_READERS_OWN, _SPACING)
    assert await page.evaluate("() => getComputedStyle(document.querySelector('main')).letterSpacing") != "normal"
    assert await page.evaluate(_CUT) == []
    wide, window = await page.evaluate(_SIDEWAYS)
    assert wide <= window, "it scrolls sideways with more space between the letters"
    await page.evaluate(_READERS_OWN, "html { font-size: 200% !important; }")
    assert await page.evaluate(_CUT) == []
    wide, window = await page.evaluate(_SIDEWAYS)
    assert wide <= window, "it scrolls sideways with letters twice as large"


async def test_the_wall_fits_one_screen(looking: Looking) -> None:
    """64 bays, 1920 × 1080, readable at five metres: nothing to scroll, numbers of 24 pixels at least, no names and no footage."""
    page = await looking.at("/wall", width=1920, height=1080)
    size = await page.evaluate("() => [document.scrollingElement.scrollWidth, document.scrollingElement.scrollHeight]")
    assert size[0] <= 1920
    assert size[1] <= 1080
    tiles = page.locator('[id^="bay-"]')
    assert await tiles.count() == 64
    numbers = await page.evaluate("() => [...document.querySelectorAll('[id^=bay-]')].map(e => Number(e.id.slice(4)))")
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
