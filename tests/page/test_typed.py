"""In a real browser, with a script and without: signed out while somebody types, they are told, sign in, and send what they had typed by one more press."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.agent import Running, running
from tests.browsing import PASSWORD, add_user
from tests.page.test_axe import RUN, TAGS, wrong_in
from tests.program import store_at

pytestmark = pytest.mark.asyncio(loop_scope="session")
REASON = "the pins of its socket are bent"


@pytest.fixture(scope="module")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("typed")
    with store_at(folder / "central") as store, running(folder / "dock", store.url) as found:
        found.dock("CAM01", {"a.mp4": b"a"})
        found.until_state("CAM01", "ready")
        add_user(found, "ann", "sergeant")
        yield found


@pytest_asyncio.fixture(loop_scope="session", params=[True, False], ids=["script", "no-script"])
async def context(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[BrowserContext]:
    found = await browser.new_context(java_script_enabled=request.param)
    try:
        yield found
    finally:
        await found.close()


async def sign_in(page: Page) -> None:
    await page.get_by_label("Name", exact=True).fill("ann")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def send(page: Page) -> None:
    await page.get_by_role("button", name="Take it out of use").click()


async def test_signing_in_from_the_banner_loses_nothing_and_does_nothing(dock: Running, browser: Browser) -> None:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.goto(f"{dock.url}/bays/1?lang=en")
        await sign_in(page)
        await page.wait_for_url("**/bays/1?lang=en")
        await page.locator("summary", has_text="Take this bay out of use").click()
        await page.get_by_label("Why is nobody to use this bay?").fill(REASON)
        other = await context.new_page()
        await other.goto(f"{dock.url}/help")
        await other.get_by_role("button", name="Sign out").click()
        await other.wait_for_url("**/login")
        await page.locator("#signed-out").wait_for(state="visible", timeout=40_000)
        await page.locator("#signed-out a").click()
        await page.wait_for_url("**/login?next=*")
        await sign_in(page)
        await page.wait_for_url("**/bays/1?kept=1")
        assert await page.get_by_label("Why is nobody to use this bay?").input_value() == REASON
        assert await page.get_by_role("button", name="Use it again").count() == 0, "nothing was done by itself"


async def test_what_was_typed_is_sent_after_signing_in_again(
    dock: Running, context: BrowserContext, axe_script: str, request: pytest.FixtureRequest
) -> None:
    page = await context.new_page()
    await page.goto(f"{dock.url}/bays/1?lang=en")
    await sign_in(page)
    await page.wait_for_url("**/bays/1?lang=en")
    await page.locator("summary", has_text="Take this bay out of use").click()
    await page.get_by_label("Why is nobody to use this bay?").fill(REASON)
    other = await context.new_page()
    await other.goto(f"{dock.url}/help")
    await other.get_by_role("button", name="Sign out").click()
    await other.wait_for_url("**/login")
    if "no-script" not in request.node.name:
        await page.locator("#signed-out").wait_for(state="visible", timeout=40_000)
    await send(page)
    await page.wait_for_url("**/login?next=*")
    assert "Nothing was changed: you had been signed out." in await page.locator("main").inner_text()
    assert "pins" not in page.url
    await sign_in(page)
    await page.wait_for_url("**/bays/1?kept=1")
    field = page.get_by_label("Why is nobody to use this bay?")
    assert await field.is_visible()
    assert await field.input_value() == REASON
    assert "nothing was changed" in await page.locator("#typed").inner_text()
    if "no-script" not in request.node.name:
        await page.evaluate(axe_script)
        assert list(wrong_in(await page.evaluate(RUN, TAGS))) == []
    await send(page)
    await page.wait_for_url("**/bays/1?done=out")
    assert REASON.lower() in (await page.locator("#facts").inner_text()).lower()
    await page.get_by_role("button", name="Use it again").click()
    await page.wait_for_url("**/bays/1?done=back")
