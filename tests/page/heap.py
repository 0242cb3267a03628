"""How much JavaScript holds on to, in a page and in the worker that all pages share: asked of Chromium itself, after everything that can go has gone."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Page


@dataclass(frozen=True, kw_only=True)
class Held:
    """Bytes of JavaScript, and DOM nodes."""

    bytes: int
    nodes: int


async def of_page(context: BrowserContext, page: Page) -> Held:
    """What this page holds."""
    session = await context.new_cdp_session(page)
    try:
        await session.send("Performance.enable")
        for _ in range(2):
            await session.send("HeapProfiler.collectGarbage")
        found = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
        return Held(bytes=int(found["JSHeapUsedSize"]), nodes=int(found["Nodes"]))
    finally:
        await session.detach()


@dataclass
class _Target:
    """A target that Playwright has no object for, spoken to through the browser's own session."""

    browser: CDPSession
    session: str
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)

    def hear(self, event: dict[str, Any]) -> None:
        said = json.loads(event["message"])
        if event["sessionId"] == self.session and said.get("id") in self.waiting:
            self.waiting.pop(said["id"]).set_result(said.get("result", {}))

    async def ask(self, method: str) -> Any:
        number = next(self.numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting[number] = answer
        message = json.dumps({"id": number, "method": method, "params": {}})
        await self.browser.send("Target.sendMessageToTarget", {"sessionId": self.session, "message": message})
        return await asyncio.wait_for(answer, 10)


async def of_shared_worker(browser: Browser, url: str) -> int | None:
    """Bytes that the shared worker of this origin holds; None where there is none."""
    whole = await browser.new_browser_cdp_session()
    try:
        targets = (await whole.send("Target.getTargets"))["targetInfos"]
        found = [one for one in targets if one["type"] == "shared_worker" and one["url"].startswith(url)]
        if not found:
            return None
        attached = await whole.send("Target.attachToTarget", {"targetId": found[0]["targetId"], "flatten": False})
        target = _Target(whole, attached["sessionId"])
        whole.on("Target.receivedMessageFromTarget", target.hear)
        for _ in range(2):
            await target.ask("HeapProfiler.collectGarbage")
        return int((await target.ask("Runtime.getHeapUsage"))["usedSize"])
    finally:
        await whole.detach()
