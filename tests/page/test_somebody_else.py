"""A browser that several people use, one after the other: what was read goes with whoever read it, and nothing is done in the name of the next one."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.async_api import Browser, Page

from tests.agent import Running
from tests.browsing import PASSWORD, add_user, book
from tests.page.browsing import watched

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_MAIN = "() => document.getElementById('main').innerText.trim()"
_EMPTY = "() => document.getElementById('main').children.length === 0"


async def sign_in(page: Page, name: str) -> None:
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/login" not in url)


@pytest.mark.parametrize("path", ["/", "/bays/1"])
async def test_a_tab_of_one_is_never_filled_with_what_is_anothers(browser: Browser, agent: Running, path: str) -> None:
    for name in ("bob", "ann"):
        add_user(agent, name, "sergeant")
    async with watched(browser, agent.url) as context:
        one = await context.page("/login")
        await sign_in(one, "bob")
        other = await context.page(path)
        assert "Signed in as bob" in await other.inner_text("header")
        await one.context.clear_cookies()  # as at a sign-out that no tab has heard of yet
        await context.go(one, "/login")
        await sign_in(one, "ann")
        await other.wait_for_function(
            "() => document.querySelector('header').innerText.includes('Signed in as ann')", timeout=40_000
        )
        assert "Signed in as bob" not in await other.inner_text("header")


async def test_what_was_read_goes_at_the_sign_out_in_every_tab(browser: Browser, agent: Running) -> None:
    add_user(agent, "bob", "sergeant")
    async with watched(browser, agent.url) as context:
        one = await context.page("/login")
        await sign_in(one, "bob")
        front, bay = await context.page("/"), await context.page("/bays/1")
        filled = await context.page("/bays/1")
        assert await front.evaluate(_MAIN)
        await filled.evaluate("() => document.querySelectorAll('main details').forEach(one => (one.open = true))")
        await filled.locator("main form [name=reason]").first.fill("the lid is bent")
        await one.get_by_role("button", name="Sign out").click()
        for page in (front, bay):
            await page.wait_for_function(_EMPTY, timeout=40_000)
            assert (await page.title()).startswith("Signed out.")
        await filled.wait_for_function("() => document.getElementById('main').children.length === 1", timeout=40_000)
        assert await filled.locator("main form [name=reason]").first.input_value() == "the lid is bent"
        assert not await filled.locator("main dl, main ul, main h1").count()
        await sign_in(one, "bob")
        for page in (front, bay):
            await page.wait_for_function("() => document.getElementById('main').children.length > 0", timeout=40_000)


async def test_whoever_is_changed_sees_no_more_than_they_may(browser: Browser, agent: Running) -> None:
    add_user(agent, "bob", "ops")
    async with watched(browser, agent.url) as context:
        page = await context.page("/login")
        await sign_in(page, "bob")
        await context.go(page, "/bays/1")
        with closing(book(agent)) as access:
            access.remove_user("bob", by="os:test")
            access.add_user("eve", role="viewer", password="none", by="os:test")
        await page.wait_for_function(_EMPTY, timeout=40_000)
