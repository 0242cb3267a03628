"""The style that is committed: it is what its sources make, small, asks nothing of anybody else, and every colour can be read on its ground."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from dockd.page.looks import LOOKS
from tests.program import REPOSITORY

SOURCES = REPOSITORY / "dockd/page/styles"
MADE = REPOSITORY / "dockd/page/static/page.css"
LOCK = REPOSITORY / "packaging/styles/package-lock.json"
LARGEST = 28_000
PALETTE = (SOURCES / "_palette.scss").read_text()


def palette(name: str) -> dict[str, str]:
    found = re.search(rf"^\${name}: \((.*?)^\);", PALETTE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return dict(re.findall(r'"([\w-]+)": (#[0-9a-f]{6})', found[1]))


def pairs() -> list[tuple[str, str, float]]:
    found = re.search(r"^\$pairs: \((.*?)^\);", PALETTE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return [(one, other, float(least)) for one, other, least in re.findall(r'"([\w-]+)" "([\w-]+)" ([\d.]+)', found[1])]


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 reckons it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_reckoning_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", ["light", "dark", "night"])
def test_every_pair_can_be_read(name: str) -> None:
    colours = {**palette("dark"), **palette("night")} if name == "night" else palette(name)
    unreadable = [
        f"{one} on {other}: {contrast(colours[one], colours[other]):.2f}, wanted {least}"
        for one, other, least in pairs()
        if contrast(colours[one], colours[other]) < least
    ]
    assert unreadable == []


def test_both_palettes_have_the_same_colours_and_each_is_in_a_pair() -> None:
    assert palette("light").keys() == palette("dark").keys() >= palette("night").keys()
    paired = {name for one, other, _least in pairs() for name in (one, other)}
    assert paired <= palette("light").keys()
    assert palette("light").keys() - paired == {
        "line",
        "press-under",
        "second-under",
        "warning-under",
    }  # lines and shadows that mean nothing


@pytest.mark.parametrize("tone", sorted({look.tone for look in LOOKS.values()}))
def test_each_tone_has_its_four_colours(tone: str) -> None:
    assert {tone, f"on-{tone}", f"{tone}-ink", f"{tone}-tint"} <= palette("light").keys()


@pytest.mark.parametrize("file", sorted(SOURCES.glob("*.scss")), ids=lambda path: path.name)
def test_colours_are_named_in_the_palette_alone(file: Path) -> None:
    """But on paper, where everything is black on white."""
    text = file.read_text()
    screens = text.split("@media print")[0]
    if file.name != "_palette.scss":
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?!\{)", re.sub(r"#\{", "", screens))


def test_what_is_committed_is_what_the_sources_make() -> None:
    """Without npm: the sources' hash stands in the first line. `make styles` makes it anew, `make styles-check` compares it whole."""
    parts = hashlib.sha256()
    for file in sorted(SOURCES.glob("*.scss")):
        parts.update(f"{file.name}\n".encode())
        parts.update(file.read_bytes())
    parts.update(LOCK.read_bytes())
    assert parts.hexdigest() in MADE.read_text().partition("\n")[0], (
        "run make styles, and commit dockd/page/static/page.css"
    )


def test_it_is_small_and_asks_nothing_of_anybody_else() -> None:
    text = MADE.read_text()
    assert len(text.encode()) <= LARGEST
    assert not re.search(r"url\(|@import|@font-face|expression|GDS Transport", text)
    for colour in palette("light").values():
        assert colour in text or colour[:4] in text or colour == "#ffffff"
