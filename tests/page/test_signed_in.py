"""Once there are users: who signs in by keyboard alone comes to the page that was asked for, and neither has a barrier."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from playwright.async_api import Browser

from tests.page.browsing import PATIENCE, watched
from tests.page.conftest import Staging
from tests.page.test_axe import RUN, TAGS, wrong_in
from tests.program import DOCKD, REPOSITORY, environment

pytestmark = pytest.mark.asyncio(loop_scope="session")
PASSWORD = "correct horse battery staple"


async def test_signing_in_by_keyboard(browser: Browser, own_stage: Staging, axe_script: str) -> None:
    stage = own_stage("--bays", "20")
    command = [
        *DOCKD,
        "user",
        "add",
        "pat",
        "--role",
        "sergeant",
        "--config",
        str(stage.folder / "stage" / "dockd.toml"),
    ]
    subprocess.run(
        command, input=f"{PASSWORD}\n", text=True, env=environment(), cwd=REPOSITORY, check=True, capture_output=True
    )
    async with watched(browser, stage.url, viewport={"width": 360, "height": 740}) as context:
        page = await context.context.new_page()
        async with asyncio.timeout(PATIENCE):  # a change of who may come in holds within two seconds
            while "/login" not in page.url:
                await page.goto(f"{stage.url}/problems")
        await page.evaluate(axe_script)
        assert list(wrong_in(await page.evaluate(RUN, TAGS))) == []
        for _ in range(12):
            if await page.evaluate("() => document.activeElement.matches('input:not([type=password])')"):
                break
            await page.keyboard.press("Tab")
        await page.keyboard.type("pat")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/problems")
        await page.evaluate(axe_script)
        assert list(wrong_in(await page.evaluate(RUN, TAGS))) == []
        assert "pat" in await page.locator("header").inner_text()
        height = await page.evaluate("() => document.querySelector('header.top').offsetHeight")
        assert height <= 160, f"the bar takes {height} of a phone's 740 pixels"
