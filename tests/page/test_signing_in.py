"""Signing in with a real browser, with a script and without: what it keeps, what its forms say of themselves, and the way there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.agent import Running, running
from tests.browsing import PASSWORD, add_user, bearer, token
from tests.browsing import Browser as Program
from tests.program import store_at

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def dock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("signing-in")
    with store_at(folder / "central") as store, running(folder / "dock", store.url) as found:
        add_user(found, "ann", "sergeant")
        yield found


@pytest_asyncio.fixture(loop_scope="session", params=[True, False], ids=["script", "no-script"])
async def page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=request.param)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def sign_in(page: Page, password: str) -> None:
    await page.get_by_label("Name", exact=True).fill("ann")
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_there_and_back_by_keyboard_alone(dock: Running, page: Page) -> None:
    await page.goto(f"{dock.url}/problems?lang=en")
    assert page.url.startswith(f"{dock.url}/login?next=")
    await page.get_by_label("Name", exact=True).focus()
    await page.keyboard.type("ann")
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{dock.url}/problems?lang=en")
    assert await page.get_by_text("Signed in as ann (sergeant)").is_visible()


async def test_what_the_browser_keeps_no_script_reads_and_no_other_site_sends(dock: Running, page: Page) -> None:
    await page.goto(f"{dock.url}/login")
    await sign_in(page, PASSWORD)
    await page.wait_for_url(f"{dock.url}/")
    (kept,) = [one for one in await page.context.cookies() if one["name"].endswith("dockd")]
    assert (kept["name"], kept["httpOnly"], kept["secure"], kept["sameSite"], kept["path"], kept["expires"]) == (
        "__Host-dockd", True, True, "Strict", "/", -1,
    )  # fmt: skip
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(f"{dock.url}/login")
    assert not [one for one in await page.context.cookies() if one["name"].endswith("dockd")]
    await page.goto(f"{dock.url}/")
    assert page.url == f"{dock.url}/login"
    again = Program(dock.url, cookies={"__Host-dockd": kept["value"]})
    assert again.get("/api/v1/status").status == 401


async def test_a_mistake_is_said_and_may_be_put_right(dock: Running, page: Page) -> None:
    await page.goto(f"{dock.url}/bays?lang=en")
    await sign_in(page, "not the one")
    assert await page.get_by_role("alert").filter(has_text="The name or the password is wrong.").is_visible()
    assert await page.get_by_label("Password", exact=True).input_value() == ""
    assert await page.get_by_label("Name", exact=True).input_value() == "ann"
    await sign_in(page, PASSWORD)
    await page.wait_for_url(f"{dock.url}/bays?lang=en")


async def test_a_form_of_a_page_elsewhere_changes_nothing(dock: Running, page: Page, tmp_path: Path) -> None:
    """Another origin of the same machine: the browser's own words of where a form comes from."""
    await page.goto(f"{dock.url}/login")
    await sign_in(page, PASSWORD)
    await page.wait_for_url(f"{dock.url}/")
    evil = tmp_path / "evil.html"
    evil.write_text(f'<form method="post" action="{dock.url}/logout"><button>A kitten</button></form>')
    await page.goto(evil.as_uri())
    await page.get_by_role("button").click()
    await page.wait_for_load_state()
    await page.goto(f"{dock.url}/")
    assert await page.get_by_text("Signed in as ann (sergeant)").is_visible()


async def test_a_wall_screen_keeps_its_token_and_shows_it_nowhere(dock: Running, page: Page) -> None:
    shown = token(dock, "wall")
    await page.goto(f"{dock.url}/wall?token={shown}")
    assert page.url == f"{dock.url}/wall"
    assert shown not in await page.content()
    await page.reload()
    assert page.url == f"{dock.url}/wall"
    await page.goto(f"{dock.url}/")
    assert page.url == f"{dock.url}/login"
    assert Program(dock.url).ask("GET", "/api/v1/status", headers=bearer(shown)).status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wrong", [False, True])
async def test_axe_finds_nothing(dock: Running, browser: Browser, axe_script: str, scheme: str, wrong: bool) -> None:
    context = await browser.new_context(color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True)
    try:
        page = await context.new_page()
        await page.goto(f"{dock.url}/login")
        if wrong:
            await page.get_by_label("Name", exact=True).fill("nobody")
            await page.get_by_role("button", name="Sign in").click()
            await page.get_by_role("alert").first.wait_for()
        await page.evaluate(axe_script)
        found = await page.evaluate(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
        )
        assert [one["id"] for one in found["violations"]] == []
    finally:
        await context.close()
