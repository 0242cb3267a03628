"""On a phone: words stay whole, the bar is small, and the figures are near the top however much is wrong."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.page.browsing import Looking, watched
from tests.page.conftest import Staging

pytestmark = pytest.mark.asyncio(loop_scope="session")
WIDTH, HEIGHT = 360, 780
# The words of these elements that stand in more lines than one.
_BROKEN = """what => [...document.querySelectorAll(what)].flatMap(th => {
  const found = [];
  for (const node of [...th.childNodes].filter(n => n.nodeType === 3)) {
    for (const word of node.textContent.matchAll(/[\\w']+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => r.top)).size > 1) found.push(word[0]);
    }
  }
  return found;
})"""

# What of a table's cells stands beside the screen.
_OUTSIDE = "() => [...document.querySelectorAll('tbody td, tbody th')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.innerText)"


@pytest.mark.parametrize("path", ["/cameras", "/activity", "/footage?show=all", "/help"])
async def test_words_in_a_tables_head_stay_whole(looking: Looking, path: str) -> None:
    page = await looking.at(path, width=WIDTH, height=HEIGHT)
    assert await page.evaluate(_BROKEN, "thead th") == []
    assert await page.evaluate("() => document.querySelector('header.top').offsetHeight") <= 120


@pytest.mark.parametrize("width", [WIDTH, 768])
@pytest.mark.parametrize("path", ["/footage", "/footage?show=held"])
async def test_where_footage_is_is_read_without_moving_it(looking: Looking, path: str, width: int) -> None:
    page = await looking.at(path, width=width, height=HEIGHT)
    assert await page.locator("td .word").count() > 2
    assert await page.evaluate(_BROKEN, "td .word") == []
    assert await page.evaluate(_OUTSIDE) == []


@pytest.mark.parametrize("width", [WIDTH, 768, 1280])
async def test_a_camera_with_a_long_name_does_not_move_the_list_of_bays(looking: Looking, width: int) -> None:
    page = await looking.at("/bays", width=width, height=HEIGHT)
    await page.evaluate(
        "() => { for (const n of [3, 4]) document.querySelector(`.of-bays td:nth-child(${n})`).textContent = 'X'.repeat(200); }"
    )
    assert await page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert await page.evaluate(_BROKEN, ".of-bays .word") == []


async def test_on_a_tablet_the_bar_is_one_line(looking: Looking) -> None:
    page = await looking.at("/bays", width=768, height=HEIGHT)
    tops = await page.evaluate(
        "() => [...document.querySelectorAll('.ways li')].map(e => e.getBoundingClientRect().top)"
    )
    assert len(tops) > 8
    assert len(set(tops)) == 1


async def test_the_figures_are_near_the_top_however_much_is_wrong(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--frozen", "--only", "removed_early", "--bays", "24")
    stage.do("store down no connection in 10 s")
    async with watched(browser, stage.url, viewport={"width": WIDTH, "height": HEIGHT}) as context:
        page = await context.page("/")
        assert await page.evaluate("() => document.querySelector('#facts').getBoundingClientRect().top") < 2 * HEIGHT
        seen = await page.locator("#wrong li:visible").all_inner_texts()
        assert "The central store cannot be reached." in seen[0]
        assert len(seen) == 5
        assert seen[-1].strip() == "And 21 more"
        await page.set_viewport_size({"width": 1280, "height": 900})
        wide = await page.locator("#wrong li:visible").all_inner_texts()
        assert len(wide) == 13
        assert wide[-1].strip() == "And 13 more"
