"""A state is told by word and shape, whatever becomes of the colours: forced ones, eyes that tell red from green badly, none at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from playwright.async_api import Browser

from dockd.page.looks import LOOKS
from tests.page.addresses import NAMES, told
from tests.page.browsing import Looking, watched
from tests.page.running_stage import RunningStage

pytestmark = pytest.mark.asyncio(loop_scope="session")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Of each bay on the page: the words that stand in its tile, the shape that is drawn, and how it is drawn against what is behind it.
_TILES = """() => [...document.querySelectorAll('[id^="bay-"]')].filter(e => /^bay-\\d+$/.test(e.id)).map(e => {
  const use = e.querySelector('svg use');
  const svg = use && use.closest('svg');
  return {bay: Number(e.id.slice(4)), text: e.innerText, shape: use ? use.getAttribute('href').replace(/^.*#/, '') : null,
          size: svg ? svg.getBoundingClientRect().width : 0, ink: svg ? getComputedStyle(svg).color : '', hidden: !e.checkVisibility()};
})"""


def _look(bay: dict[str, Any]) -> str:
    return LOOKS[bay["state"]].shape


@pytest.mark.parametrize("path", ["/", "/bays", "/wall"])
@pytest.mark.parametrize("forced", ["none", "active"])
async def test_word_and_shape_tell_the_state(looking: Looking, stage: RunningStage, path: str, forced: Any) -> None:
    bays = {bay["number"]: bay for bay in told(stage.url, "/bays")["bays"]}
    page = await looking.at(path, forced=forced, width=1920, height=1080)
    tiles = {one["bay"]: one for one in await page.evaluate(_TILES)}
    assert tiles.keys() == bays.keys()
    for number, tile in tiles.items():
        bay = bays[number]
        assert not tile["hidden"]
        word = bay["word"].partition(",")[0]
        if path == "/wall":  # shorter ones: they are read from afar
            assert re.search("[A-Z][a-z]+", tile["text"]), (bay["state"], tile["text"])
        else:
            assert word in tile["text"], (bay["state"], tile["text"])
        assert tile["shape"] == _look(bay), bay["state"]
        assert tile["size"] >= 12, "a shape that small is a dot"


async def test_no_two_states_that_ask_for_something_else_look_alike(stage: RunningStage) -> None:
    """By shape alone take, leave and act are told apart; by word and shape every state but those that are one to whoever stands before it."""
    bays = told(stage.url, "/bays")["bays"]
    verbs: dict[str, set[str]] = {}
    for bay in bays:
        verbs.setdefault(bay["shape"], set()).add(bay["verb"])
    assert all(len(found) == 1 for found in verbs.values()), verbs
    looks: dict[tuple[str, str], set[str]] = {}
    for bay in bays:
        looks.setdefault((bay["word"].rstrip("0123456789% "), bay["shape"]), set()).add(bay["state"])
    alike = {look: states for look, states in looks.items() if len(states) > 1}
    assert all(states == {"integrity_failed", "store_refused"} for states in alike.values()), alike


@pytest.mark.parametrize("eyes", ["achromatopsia", "deuteranopia", "protanopia", "tritanopia"])
async def test_by_other_eyes(browser: Browser, stage: RunningStage, eyes: str) -> None:
    """The words keep their contrast: what is drawn differs by light and not by hue alone."""
    async with watched(browser, stage.url, viewport={"width": 1280, "height": 900}) as context:
        page = await context.page("/")
        session = await context.context.new_cdp_session(page)
        await session.send("Emulation.setEmulatedVisionDeficiency", {"type": eyes})
        bays = {bay["number"]: bay for bay in told(stage.url, "/bays")["bays"]}
        for tile in await page.evaluate(_TILES):
            assert tile["shape"] == _look(bays[tile["bay"]])
            assert bays[tile["bay"]]["word"].partition(",")[0] in tile["text"]
        flat = await page.screenshot()
        await session.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
        assert flat != await page.screenshot(), "the emulation was on"


_LOST = """() => [...document.querySelectorAll('svg')].filter(e => e.checkVisibility() && e.getBoundingClientRect().width > 0).filter(e => {
  const ground = (n) => { for (; n; n = n.parentElement) { const c = getComputedStyle(n).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
  return getComputedStyle(e).color === ground(e);
}).map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_lost_in_forced_colours(looking: Looking, places: Mapping[str, str], name: str) -> None:
    page = await looking.at(places[name], forced="active")
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, forced_colors="active")
        assert await page.evaluate(_LOST) == [], scheme
