"""The whole way in a real Chromium: dockd is `localhost` and the provider `127.0.0.1`, which are two sites to a browser, as they are in a station."""

from __future__ import annotations

from playwright.async_api import async_playwright

from tests.agent import Running
from tests.page.browsing import launched


async def test_there_and_back_and_there_again(dock: Running) -> None:
    here = dock.url.replace("127.0.0.1", "localhost")
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        try:
            context = await browser.new_context()
            page = await context.new_page()
            said: list[str] = []
            page.on("console", lambda one: said.append(one.text))
            await page.goto(here + "/bays")
            assert page.url == here + "/login?next=%2Fbays"
            for _ in range(
                2
            ):  # the second time the provider still knows this browser, and asks for the password all the same
                await page.get_by_role("link", name="Sign in with your force's account").click()
                await page.get_by_label("Name").fill("k.jones")
                await page.get_by_label("Password").fill("a sergeant's words")
                await page.get_by_role("button", name="Sign in").click()
                await page.wait_for_url(here + "/bays")
                cookies = {one.get("name"): one for one in await context.cookies(here)}
                assert cookies["__Host-dockd"].get("sameSite") == "Strict"
                assert cookies["__Host-dockd"].get("httpOnly")
                assert "__Host-dockd-elsewhere" not in cookies
                assert "k.jones" in await page.inner_text("header")
                await page.get_by_role("button", name="Sign out").click()
                await page.goto(here + "/bays")
                assert page.url == here + "/login?next=%2Fbays"
            assert not [one for one in said if "Content Security Policy" in one]
        finally:
            await browser.close()
