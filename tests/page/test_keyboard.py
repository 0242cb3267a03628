"""With the keyboard alone: everything that can be done is reached, in the order in which it is read, is seen to be reached, and lets go again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.async_api import Browser, Page

from tests.page.addresses import NAMES
from tests.page.browsing import Looking, watched
from tests.page.running_stage import RunningStage

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What can be acted on and is shown; of radio buttons with one name one alone is stepped to. A live page may put a new element in an old one's place
# at any time: what counts is the place.
_KNOWN = """
  const all = () => {
    const groups = new Set();
    return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')].filter(e => {
      if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({visibilityProperty: true}) || e.closest('[inert]')) return false;
      if (e.type !== 'radio') return true;
      const group = e.form + e.name; const first = !groups.has(group); groups.add(group); return first;
    });
  };
  const drawn = e => {
    const s = getComputedStyle(e);
    return [s.boxShadow, s.backgroundColor, s.borderColor, s.textDecorationLine, s.outlineStyle === 'none' ? '' : s.outlineWidth + s.outlineColor].join('|');
  };
"""
_ALL = f"() => {{ {_KNOWN} return all().map(drawn); }}"
# The element that has the focus: its place, how it is drawn, whether it is in sight and nothing lies over it.
_HERE = f"""() => {{ {_KNOWN}
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const within = (low, at, high) => Math.min(high - 1, Math.max(low, at));
  const over = inside ? document.elementFromPoint(within(0, box.left + Math.min(box.width / 2, 8), innerWidth), within(0, box.top + box.height / 2, innerHeight)) : null;
  return {{number: all().indexOf(e), on: drawn(e), inside, covered: !(over && (e.contains(over) || over.contains(e))),
          html: e.outerHTML.slice(0, 160), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2}};
}}"""


async def _walk(page: Page) -> list[str]:
    """Tab through all of it. Returns what is wrong."""
    before = await page.evaluate(_ALL)
    many = len(before)
    assert many, "nothing can be reached at all"
    wrong, reached = [], []
    for _ in range(many):
        await page.keyboard.press("Tab")
        here = await page.evaluate(_HERE)
        if here is None:
            break
        number = here["number"]
        reached.append(number)
        if number < 0:
            wrong.append(f"reached and not seen: {here['html']}")
            continue
        if here["on"] == before[number] and not here["outline"]:
            wrong.append(f"its focus is not seen: {here['html']}")
        if not here["inside"] or here["covered"]:
            wrong.append(f"it has the focus and is out of sight or covered: {here['html']}")
    if reached != list(range(many)):
        wrong.append(f"not in the order of the page, or not all of it: {reached} of {many}")
    await page.keyboard.press("Tab")  # one more lets go, to the browser's own parts
    after = await page.evaluate(_HERE)
    if after is not None and after["number"] not in (0, -1):
        wrong.append(f"the focus is kept in: {after['html']}")
    return wrong


@pytest.mark.parametrize("name", NAMES)
async def test_everything_is_reached_and_seen(looking: Looking, places: Mapping[str, str], name: str) -> None:
    wrong = await _walk(await looking.at(places[name], still=True))
    assert not wrong, "\n".join(wrong)


async def test_the_first_key_leads_past_what_every_page_has(browser: Browser, stage: RunningStage) -> None:
    async with watched(browser, stage.url) as context:
        for name in ("/", "/bays", "/problems", "/handover"):
            page = await context.page(name)
            await page.keyboard.press("Tab")
            first = page.locator(":focus")
            assert (await first.get_attribute("href") or "").startswith("#"), name
            assert await first.is_visible(), "a way that is taken by key is seen when it is"
            await page.keyboard.press("Enter")
            await page.keyboard.press("Tab")
            inside = await page.evaluate("() => !!document.activeElement.closest('main')")
            assert inside, f"{name}: after it comes what the page is about"
            await page.close()
