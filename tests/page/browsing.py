"""A browser's context that notices what no page of dockd may do: ask another origin, break its own content security policy, raise an error."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Error, Page, Playwright, Request

from tests.page.tools import FLAGS, chromium

PATIENCE = 40.0  # seconds for what comes at once where nothing else is at work

_TELL = "addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber))"


async def launched(playwright: Playwright) -> Browser:
    """One Chromium."""
    return await playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS), headless=True)


async def until(page: Page, script: str, *, timeout: float = PATIENCE, gone: bool = False) -> float:
    """Seconds until the script is true (`gone`: false). A page that is just being left for another is asked again."""
    began = time.monotonic()
    while True:
        try:
            if bool(await page.evaluate(script)) is not gone:
                return time.monotonic() - began
        except Error as error:
            if "context was destroyed" not in error.message:
                raise
        assert time.monotonic() - began < timeout, f"not so after {timeout} s: {script}"
        await asyncio.sleep(0.05)


@dataclass
class Watched:
    """A context and what was wrong in it so far. `asked`: every address that was asked for."""

    context: BrowserContext
    origin: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def page(self, path: str = "/", *, wait: Any = "load") -> Page:
        """A new page at this address of the dock."""
        page = await self.context.new_page()
        await self.go(page, path, wait=wait)
        return page

    async def go(self, page: Page, path: str, *, wait: Any = "load") -> None:
        answer = await page.goto(self.origin + path, wait_until=wait)
        assert answer is not None
        assert answer.status < 400, f"{path}: {answer.status}"

    def look(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: (
                self.wrong.append(f"{page.url}: {said.text}")
                if "CSP" in said.text or "Content Security Policy" in said.text
                else None
            ),
        )

    def ask(self, request: Request) -> None:
        self.asked.append(request.url)
        found = urlsplit(request.url)
        if found.scheme not in ("data", "blob") and f"{found.scheme}://{found.netloc}" != self.origin:
            self.wrong.append(f"asked elsewhere: {request.url}")


@contextlib.asynccontextmanager
async def watched(browser: Browser, origin: str, **options: Any) -> AsyncIterator[Watched]:
    """A context of its own; at its end nothing may have gone wrong in it. `options`: Playwright's for a context."""
    context = await browser.new_context(**options)
    found = Watched(context, origin)
    context.on("page", found.look)
    context.on("request", found.ask)
    await context.add_init_script(_TELL)
    try:
        yield found
    finally:
        await context.close()
    assert not found.wrong, found.wrong


@dataclass
class Looking:
    """One page for all tests that only look: a window of its own for each would cost more than what they look at."""

    watched: Watched
    one: Page

    async def at(
        self,
        path: str,
        *,
        width: int = 1280,
        height: int = 900,
        theme: Literal["light", "dark"] = "light",
        forced: Literal["active", "none"] = "none",
        still: bool = False,
    ) -> Page:
        """It, loaded anew at this address of the dock; `still`: for somebody who wants nothing to move."""
        await self.one.set_viewport_size({"width": width, "height": height})
        motion: Literal["reduce", "no-preference"] = "reduce" if still else "no-preference"
        await self.one.emulate_media(color_scheme=theme, forced_colors=forced, reduced_motion=motion)
        await self.watched.go(self.one, path)
        return self.one
