"""When a page says NOT LIVE, and when it takes that back: told by the page's own clock at the moment when it happens, and not by when a test gets round to asking.

What the machine held the page up for (its timers came late, because others were at work) is no delay of the page's, and is taken off.
"""

from __future__ import annotations

import time

from playwright.async_api import Page

from tests.page.browsing import Watched, until

SHOWN = "() => { const e = document.getElementById('not-live'); return !!e && e.checkVisibility(); }"
_TICK = 100
_NOTE = f"""(() => {{
  const found = window.notLive = {{turns: [], late: []}};
  let shown = false, last = Date.now();
  const look = () => {{
    const now = ({SHOWN})();
    if (now !== shown) found.turns.push([Date.now(), now]);
    shown = now;
  }};
  new MutationObserver(look).observe(document, {{attributes: true, attributeFilter: ['hidden'], subtree: true}});
  setInterval(() => {{
    const now = Date.now();
    if (now - last > 2 * {_TICK}) found.late.push([now, now - last - {_TICK}]);
    last = now;
  }}, {_TICK});
}})()"""


async def noted(context: Watched) -> None:
    """Every page of this context notes from now on when its banner comes and goes."""
    await context.context.add_init_script(_NOTE)


async def turned(page: Page, since: float, *, gone: bool = False) -> float:
    """Seconds from `since` (`time.time()`) until the banner came (`gone`: went), less the longest that the machine held the page up meanwhile."""
    await until(page, SHOWN, gone=gone)
    found = await page.evaluate("() => window.notLive")
    at = [at for at, shown in found["turns"] if shown is not gone and at >= since * 1000]
    assert at, f"it was so already {time.time() - since:.1f} s ago: {found['turns']}"
    late = max((by for when, by in found["late"] if since * 1000 <= when <= at[0] + _TICK), default=0.0)
    return float(at[0] - late) / 1000 - since
