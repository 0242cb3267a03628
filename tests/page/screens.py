"""Pictures of every page for docs/screens: 64 bays in every state, 360, 1280 and 1920 pixels wide, light and dark. `make screens`.

They change only with the page: the rack's clock stands still, names made by chance (segments' ids, hashes, keys) are shown as if they were
always the same ones, and moving parts are at rest. What is longer than a screen (two on a phone) is cut there.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, async_playwright

from tests.page.addresses import PAGES, addresses
from tests.page.browsing import launched, watched
from tests.page.cast import NOW
from tests.page.running_stage import running_stage
from tests.program import REPOSITORY

# Width of the screen, its height, and how many screens of a long page are shown.
SIZES = ((360, 740, 2), (1280, 900, 1), (1920, 1080, 1))
_COLOURS, _ALIKE = 48, 32
# What chance has made, told by its form; the same ones each time, in the order in which they stand there.
_SAME = r"""() => {
  const known = new Map();
  const same = text => text.replace(/\b[0-9a-f]{32}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{12,16}\b|\b[A-Za-z0-9_-]{43}\b/g, found => {
    if (!/[0-9]/.test(found)) return found;
    if (!known.has(found)) known.set(found, known.size + 1);
    let seed = known.get(found) * 2654435761 % 4294967296, made = '';
    while (made.length < found.length) { seed = (seed * 1664525 + 1013904223) % 4294967296; made += seed.toString(16).padStart(8, '0'); }
    return made.slice(0, found.length);
  });
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) { const text = same(node.data); if (text !== node.data) node.data = text; }
}"""


def _pages() -> dict[str, str]:
    """Name of the picture, and name of the address."""
    found = {("now" if page == "/" else page.strip("/")): page for page in PAGES}
    return found | {
        "bay": "/bays/copying",
        "bay-act": "/bays/removed_early",
        "segment": "/footage/stored",
        "camera": "/cameras/one",
    }


async def _picture(page: Page, *, width: int, height: int, screens: int) -> bytes:
    await page.set_viewport_size({"width": width, "height": height})
    await page.evaluate(_SAME)
    whole: int = await page.evaluate("() => Math.max(innerHeight, document.scrollingElement.scrollHeight)")
    clip: Any = {"x": 0, "y": 0, "width": width, "height": min(whole, screens * height)}
    return await page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")


def small(png: bytes) -> bytes:
    """The same picture with few colours: a page has not many more. The commonest that are not alike are kept as they are, however small a sign is."""
    from PIL import Image  # here and not above: only a picture needs it

    with Image.open(io.BytesIO(png)) as image:
        flat = image.convert("RGB")
        kept: list[Any] = []
        found: list[tuple[int, Any]] = flat.getcolors(flat.width * flat.height) or []
        for _count, colour in sorted(found, reverse=True, key=lambda one: one[0])[:4000]:
            if all(sum(abs(one - other) for one, other in zip(colour, like, strict=True)) > _ALIKE for like in kept):
                kept.append(colour)
            if len(kept) == _COLOURS:
                break
        palette = Image.new("P", (1, 1))
        palette.putpalette([part for colour in kept for part in colour])
        made = io.BytesIO()
        flat.quantize(palette=palette, dither=Image.Dither.NONE).save(made, format="PNG", optimize=True)
        return made.getvalue()


async def _take(browser: Browser, url: str, out: Path, *, only: str) -> None:
    found = addresses(url)
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme in themes:
        async with watched(browser, url, color_scheme=theme, reduced_motion="reduce") as context:
            for name, address in _pages().items():
                if only and name != only:
                    continue
                page = await context.context.new_page()
                await page.clock.set_fixed_time(NOW)
                await context.go(page, found[address])
                await page.wait_for_timeout(500)
                for width, height, screens in SIZES:
                    shown = await _picture(page, width=width, height=height, screens=screens)
                    (out / f"{name}-{width}-{theme}.png").write_bytes(await asyncio.to_thread(small, shown))
                await page.close()


async def _main(out: Path, only: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="dockd-screens-") as folder,
        running_stage(Path(folder), "--frozen") as stage,
    ):
        async with async_playwright() as playwright:
            browser = await launched(playwright)
            try:
                await _take(browser, stage.url, out, only=only)
            finally:
                await browser.close()
    size = sum(file.stat().st_size for file in out.glob("*.png"))
    print(f"{len(list(out.glob('*.png')))} pictures, {size / 1e6:.1f} MB, in {out}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.page.screens", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "screens")
    parser.add_argument("--only", default="", help="one of them, such as wall")
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.out, chosen.only))


if __name__ == "__main__":
    main()
