"""What a page that lives does beside being current: it stands still when it is told to, knows a session that has ended from a dock that is away, comes
through the end of its worker, and disturbs nobody who reads it, with their eyes or with their ears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from playwright.async_api import Browser, Page

from tests.agent import Running
from tests.browsing import PASSWORD, add_user, book
from tests.page.banner import noted, turned
from tests.page.browsing import until, watched
from tests.page.conftest import Staging
from tests.page.lines import laid

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

_SEEN = "id => { const e = document.getElementById(id); return !!e && e.checkVisibility(); }"
_WORD = "n => document.querySelector(`#bay-${n} .word`).textContent.trim()"
_NO_WORKERS = "delete self.SharedWorker"


def seen(what: str) -> str:
    return f"() => ({_SEEN})('{what}')"


def word_is_not(bay: int, word: str) -> str:
    return f"() => ({_WORD})({bay}) !== '{word}'"


class Line:
    """A line to the dock that can be cut: what is on its way stays on its way, and nobody is told."""

    def __init__(self, far: str) -> None:
        self._far = far
        self.open = asyncio.Event()
        self.open.set()
        self.url = ""
        self.passed_at = 0.0  # when anything came from the dock

    async def _up(self, _data: bytes) -> None:
        await self.open.wait()

    async def _down(self, _data: bytes) -> None:
        await self.open.wait()
        self.passed_at = time.time()

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Line]:
        async with laid(self._far, up=self._up, down=self._down) as self.url:
            yield self


# -- standing still ------------------------------------------------------------------------------------------------------


async def test_it_stands_still_when_it_is_told_to_and_is_current_again_afterwards(
    browser: Browser, own_stage: Staging
) -> None:
    stage = own_stage("--only", "charging")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        before = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        await until(page, word_is_not(7, before))
        await page.get_by_role("button", name="Pause").click()
        assert await page.evaluate(_SEEN, "paused")
        assert (await page.inner_text("#paused")).startswith("Paused at ")
        before, title = await page.evaluate(_WORD, 7), await page.title()
        stage.do("turns 2")
        await page.wait_for_timeout(1500)
        assert await page.evaluate(_WORD, 7) == before
        assert await page.title() == title
        assert not await page.evaluate(_SEEN, "not-live"), "the dock is heard, and stands only here"
        await page.get_by_role("button", name="Go on").click()
        await until(page, word_is_not(7, before))
        assert not await page.evaluate(_SEEN, "paused")
        assert await page.evaluate("() => document.activeElement.id") == "pause"


async def test_a_dock_that_is_away_is_said_of_a_page_that_stands_still_too(browser: Browser, agent: Running) -> None:
    async with watched(browser, agent.url) as context:
        await noted(context)
        page = await context.page("/")
        await page.wait_for_timeout(1000)
        await page.get_by_role("button", name="Pause").click()
        killed = time.time()
        agent.kill()
        assert await turned(page, killed) <= 11.0
        await page.get_by_role("button", name="Go on").click()
        await page.wait_for_timeout(1500)
        assert await page.evaluate(_SEEN, "paused"), "nothing fresh came: what stands there is as old as it was"


# -- lines that break without a word -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [True, False], ids=["one line for all tabs", "a line of its own"])
async def test_a_line_that_is_cut_is_said_and_mended(browser: Browser, own_stage: Staging, *, workers: bool) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with Line(stage.url).laid() as line, watched(browser, line.url) as context:
        if not workers:
            await context.context.add_init_script(_NO_WORKERS)
        await noted(context)
        page = await context.page("/")
        before = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        await until(page, word_is_not(7, before))
        before = await page.evaluate(_WORD, 7)
        cut, heard = time.time(), line.passed_at
        line.open.clear()
        silent = await turned(page, cut)
        assert silent <= 11.0
        assert silent + cut - heard >= 8.0
        assert "icon-dead" in str(await page.get_attribute("#icon", "href"))
        stage.do("turns 1")
        mended = time.time()
        line.open.set()
        assert await turned(page, mended, gone=True) <= 5.0
        assert await page.evaluate(_WORD, 7) != before, "it says that it is live once what it shows is"
        assert "icon-dead" not in str(await page.get_attribute("#icon", "href"))


async def test_a_page_that_is_loaded_and_then_hears_nothing_says_so(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with watched(browser, stage.url) as context:
        await context.context.route("**/live?*", lambda route: asyncio.sleep(60))
        await context.context.add_init_script(_NO_WORKERS)
        await noted(context)
        page = await context.page("/")
        assert await turned(page, time.time()) <= 11.0
        await context.context.unroute_all(behavior="ignoreErrors")


async def test_a_worker_that_dies_is_not_missed(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        before = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        await until(page, word_is_not(7, before))
        whole = await browser.new_browser_cdp_session()
        targets = (await whole.send("Target.getTargets"))["targetInfos"]
        (worker,) = [one for one in targets if one["type"] == "shared_worker" and one["url"].startswith(stage.url)]
        await whole.send("Target.closeTarget", {"targetId": worker["targetId"]})
        before = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        began = time.monotonic()
        await until(page, word_is_not(7, before))
        assert time.monotonic() - began <= 11.0 + 5.0
        assert not await page.evaluate(_SEEN, "not-live")
        await whole.detach()


async def test_a_tab_that_nobody_sees_gives_its_own_line_back(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with watched(browser, stage.url) as context:
        await context.context.add_init_script(_NO_WORKERS + "; window.hide = hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }")  # fmt: skip
        page = await context.page("/")
        before = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        await until(page, word_is_not(7, before))
        before = await page.evaluate(_WORD, 7)
        await page.evaluate("() => hide(true)")
        stage.do("turns 1")
        await page.wait_for_timeout(1000)
        assert await page.evaluate(_WORD, 7) == before
        await page.evaluate("() => hide(false)")
        await until(page, word_is_not(7, before))


# -- who is signed out ---------------------------------------------------------------------------------------------------


async def sign_in(page: Page) -> None:
    await page.fill("input[name=name]", "olga")
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#bays")


async def test_a_session_that_ends_is_said_and_is_no_dock_that_is_away(browser: Browser, agent: Running) -> None:
    add_user(agent, "olga", "viewer")
    async with watched(browser, agent.url) as context:
        page = await context.page("/")
        await sign_in(page)
        await page.wait_for_timeout(1000)
        assert not await page.evaluate(_SEEN, "signed-out")
        with closing(book(agent)) as access:
            access.change_user("olga", by="os:test", role="sergeant")  # what is changed of a user ends their sessions
        agent.dock("CAM09", {"DCIM/a.mp4": b"new"})
        await until(page, seen("signed-out"))
        assert not await page.evaluate(_SEEN, "signed-in"), "nobody is both"
        await page.wait_for_timeout(11_000)
        assert not await page.evaluate(_SEEN, "not-live")
        await page.get_by_role("link", name="Sign in").click()
        await sign_in(page)
        assert not await page.evaluate(_SEEN, "signed-out")
        await until(page, "() => document.querySelectorAll('#bays .tile').length === 3")


@pytest.mark.parametrize("phone", [False, True], ids=["a key", "a touch"])
async def test_whoever_seems_to_be_gone_is_warned_and_stays_by_a_key_or_a_touch(
    browser: Browser, agent: Running, *, phone: bool
) -> None:
    add_user(agent, "olga", "viewer")
    async with watched(browser, agent.url, has_touch=phone) as context:
        page = await context.page("/")
        await sign_in(page)
        await page.clock.install()
        await context.go(page, "/")
        await page.clock.fast_forward("12:00")
        await until(page, seen("not-live"), gone=True)
        assert not await page.evaluate(_SEEN, "idle")
        await page.clock.fast_forward("01:15")
        await until(page, seen("idle"))
        assert "Touch the page or press a key to stay." in await page.inner_text("#idle"), "a phone has no keys"
        async with page.expect_response("**/live/here") as answered:
            if phone:
                await page.locator("#headline").tap()
            else:
                await page.keyboard.press("Shift")
        answer = await answered.value
        assert (answer.status, (await answer.json())["idle_seconds"]) == (200, 900)
        await until(page, seen("idle"), gone=True)
        await page.clock.fast_forward("12:00")
        await page.wait_for_timeout(1500)
        assert not await page.evaluate(_SEEN, "idle")


# -- who reads it --------------------------------------------------------------------------------------------------------


async def test_whoever_stands_on_a_bay_stays_on_it(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        await page.focus("#bay-5 a")
        before = await page.evaluate(_WORD, 5)
        stage.do("turns 4")
        await until(page, word_is_not(5, before))
        assert await page.evaluate("() => document.activeElement.getAttribute('href')") == "/bays/5"


async def test_only_what_somebody_must_act_on_is_read_out(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "copying", "--bays", "8")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        await page.evaluate("""() => {
            window.said = [];
            const live = [...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log], [role=timer]')];
            for (const one of live) new MutationObserver(() => one.checkVisibility() && window.said.push([one.id, one.textContent.trim()])).observe(one, {childList: true, characterData: true, subtree: true, attributes: true});
        }""")
        stage.do("leave 3")
        await until(page, "() => window.said.length > 0")
        await page.wait_for_timeout(4000)
        said = await page.evaluate("() => window.said")
        assert said == [["live-said", "Bay 3: Put back"]]
        assert (
            await page.evaluate(
                "() => document.querySelectorAll('main [aria-live], main [role=timer], main [role=log]').length"
            )
            == 0
        )


async def test_the_tab_says_what_the_headline_says(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "copying", "--bays", "8")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        assert "icon-ready" in str(await page.get_attribute("#icon", "href"))
        stage.do("leave 3")
        await until(page, "() => document.title.includes('1 needs action')")
        assert "icon-action" in str(await page.get_attribute("#icon", "href"))
        assert "1 needs action" in await page.inner_text("h1")
        assert await page.inner_text("nav .count") == "1", "what the way to the problems says, too"


async def test_a_page_that_was_left_and_is_come_back_to_is_current(browser: Browser, own_stage: Staging) -> None:
    stage = own_stage("--only", "charging", "--bays", "8")
    async with watched(browser, stage.url) as context:
        page = await context.page("/")
        before = await page.evaluate(_WORD, 7)
        await context.go(page, "/help")
        stage.do("turns 1")
        await page.go_back()
        await until(page, word_is_not(7, before))
        again = await page.evaluate(_WORD, 7)
        stage.do("turns 1")
        await until(page, word_is_not(7, again))
