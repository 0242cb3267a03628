"""No barrier that axe-core knows how to find (WCAG 2.0, 2.1 and 2.2, A and AA), on any page, in either theme, from a phone to a wall.

What axe cannot decide by itself ("incomplete") is looked at by a person once: REVIEWED says of each what was seen, and anything else fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pytest

from tests.page.addresses import NAMES, OF_BAY
from tests.page.browsing import Looking

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = (320, 360, 768, 1280, 1920)
# A theme changes colours and nothing else, and no colour changes with the width but between these layouts: see dockd/page/styles.
LAYOUTS = (320, 768, 1920)
# DOCKD_AXE=whole: every rule, in both themes, at every width, in every state. It takes minutes more, and is run before a release.
WHOLE = os.environ.get("DOCKD_AXE") == "whole"
# The bay's page is one template: in these states at every width, in the others narrow and wide.
WHOLLY = ("copying", "removed_early")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'incomplete']})"
COLOURS = "() => axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}, resultTypes: ['violations', 'incomplete']})"
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


def runs(name: str) -> Iterable[tuple[Literal["light", "dark"], int]]:
    """In which theme and at which widths this page is looked at."""
    alike = not WHOLE and name in {f"/bays/{state}" for state in OF_BAY if state not in WHOLLY}
    yield from (("light", width) for width in ((320, 1280) if alike else WIDTHS))
    yield from (("dark", width) for width in ((320, 1280) if alike else WIDTHS if WHOLE else LAYOUTS))


@pytest.mark.parametrize("name", NAMES)
async def test_no_barrier(looking: Looking, places: Mapping[str, str], axe_script: str, name: str) -> None:
    page = await looking.at(places[name], width=WIDTHS[0])
    await page.evaluate(axe_script)
    wrong: dict[str, list[str]] = {}
    for theme, width in runs(name):
        await page.emulate_media(color_scheme=theme)
        await page.set_viewport_size({"width": width, "height": 900})
        found = await (page.evaluate(RUN, TAGS) if theme == "light" or WHOLE else page.evaluate(COLOURS))
        for one in wrong_in(found):
            wrong.setdefault(one, []).append(f"{theme} {width}")
    assert not wrong, "\n".join(f"{where}: {what}" for what, where in wrong.items())
