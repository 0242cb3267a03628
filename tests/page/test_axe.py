"""No barrier that axe-core knows how to find (WCAG 2.0, 2.1 and 2.2, A and AA), on any page, in either theme, from a phone to a wall.

What axe cannot decide by itself ("incomplete") is looked at by a person once: REVIEWED says of each what was seen, and anything else fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest
from playwright.async_api import Browser

from tests.page.addresses import NAMES, addresses
from tests.page.browsing import watched
from tests.page.running_stage import RunningStage

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = (320, 360, 768, 1280, 1920)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'incomplete']})"
# Rule, a part of the element's HTML, what axe says, and why it is right as it is.
REVIEWED: tuple[tuple[str, str, str, str], ...] = (
    (
        "color-contrast",
        '<span class="n">',
        "Element content is too short to determine if it is actual text content",
        "the number of a bay may have one digit, and that is a text; its colours are checked where it has two",
    ),
    (
        "color-contrast",
        '<span class="n">',
        "Element's background color could not be determined because it's partially obscured by another element",
        "on a phone the wall's cells are so low that the box of the word's line begins inside that of the number's; nothing is drawn over the number (seen)",
    ),
)


def wrong_in(found: dict[str, Any]) -> Iterable[str]:
    """What axe found and nobody has reviewed."""
    for rule in found["violations"]:
        for node in rule["nodes"][:4]:
            yield f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
    for rule in found["incomplete"]:
        for node in rule["nodes"]:
            messages = {one["message"] for kind in ("any", "all", "none") for one in node[kind]}
            if not any(
                rule["id"] == name and part in node["html"] and said in messages for name, part, said, _why in REVIEWED
            ):
                yield f"unreviewed {rule['id']}: {node['html'][:200]}: {'; '.join(messages)}"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
async def test_no_barrier(
    browser: Browser, stage: RunningStage, axe_script: str, name: str, theme: Literal["light", "dark"]
) -> None:
    path = addresses(stage.url)[name]
    async with watched(browser, stage.url, color_scheme=theme, viewport={"width": WIDTHS[0], "height": 900}) as context:
        page = await context.page(path)
        await page.evaluate(axe_script)
        wrong: dict[str, list[int]] = {}
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 900})
            for one in wrong_in(await page.evaluate(RUN, TAGS)):
                wrong.setdefault(one, []).append(width)
        assert not wrong, "\n".join(f"{widths}: {what}" for what, widths in wrong.items())
