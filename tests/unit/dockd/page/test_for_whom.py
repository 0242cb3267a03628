"""For whom a page was made is told with it, and with all that it is kept current by: a page of one takes nothing that is told to another. What was read goes at the sign-out."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from dockd.access import STRANGER, Who
from tests.unit.dockd.page.test_typed import Browser, Site
from tests.unit.dockd.page.test_typed import site as site

ANN = Who(name="ann", role="sergeant", how="session")


async def marks(browser: Browser) -> set[str]:
    """For whom what this browser is told was made: the page, what it reads again, and the line."""
    ask = browser.site.client.get
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.jar.items())}
    page = re.search(r'data-mark="([^"]*)"', (await browser.ask("/")).text)
    assert page is not None
    async with ask(browser.site.url + "/live/now", headers=headers) as now:
        again = now.headers["Dockd-Mark"]
    async with ask(browser.site.url + "/live", headers=headers) as line:
        first = b"retry:"
        while first.startswith((b"retry:", b"\n")):
            first = await line.content.readline()
        assert first == b"event: who\n", "before anything else"
        told = first
        while not told.startswith(b"data: "):
            told = await line.content.readline()
    return {page[1], again, json.loads(told.removeprefix(b"data: "))["mark"]}


async def test_what_a_page_is_told_bears_the_mark_of_whom_it_was_made_for(site: Site) -> None:
    found = []
    for name in ("ann", "bob"):
        browser = site.user(name)
        await browser.sign_in()
        found.append(await marks(browser))
    assert [len(one) for one in found] == [1, 1]
    assert found[0] != found[1]


def test_another_name_role_or_way_is_another() -> None:
    others = [
        replace(ANN, name="bob"), replace(ANN, role="ops"), replace(ANN, how="token"), replace(ANN, kind="oidc"), STRANGER,
    ]  # fmt: skip
    assert len({one.mark for one in (ANN, *others)}) == 6
    assert replace(ANN, csrf="other", idle_seconds=5).mark == ANN.mark, "the same one, who has signed in again"
    assert "ann" not in ANN.mark


async def test_what_was_read_goes_from_the_browsers_cache_at_the_sign_out(site: Site) -> None:
    ann = site.user("ann")
    await ann.sign_in()
    form, cookie = (await ann.ask("/")).form("/logout"), f"__Host-dockd={ann.jar['__Host-dockd']}"
    sent = {"Origin": site.url, "Cookie": cookie}
    async with site.client.post(
        site.url + "/logout", data={"csrf": ""}, headers=sent, allow_redirects=False
    ) as refused:
        assert (refused.status, refused.headers.get("Clear-Site-Data")) == (403, None)
    async with site.client.post(site.url + "/logout", data=form, headers=sent, allow_redirects=False) as answer:
        assert (answer.status, answer.headers.get("Clear-Site-Data")) == (303, '"cache"')
