"""What those who watch are told: at once, once for all of them, never more than they may know, and never older facts as new."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dockd.page.channels import Documents, Face, Rendered, Since
from dockd.page.facts import Sources
from dockd.page.server import address_of, page, take_address
from dockd.page.snapshot import Change
from dockd.page.view import LOOK_AT_MOST_EVERY, View
from dockd.settings import ListenAddress
from ingest.ledger import Ledger
from tests.unit.dockd.page.test_view import sources

JSON = dict[str, Any]


async def no_metrics() -> tuple[bytes, str]:
    return b"", "text/plain"


class Dock:
    """A rack of one bay with its page. `client` asks it."""

    def __init__(self, told: Sources, view: View, url: str, client: aiohttp.ClientSession) -> None:
        self.sources, self.view, self.url, self.client = told, view, url, client
        self.camera = next(iter(told.rack.bays.values())).camera
        assert self.camera is not None

    def becomes(self, phase: Any) -> None:
        """The camera in bay 1 is in this phase from now on."""
        assert self.camera is not None
        self.sources.activity.camera(self.camera.id, phase)

    @contextlib.asynccontextmanager
    async def watching(self, path: str) -> AsyncIterator[AsyncIterator[tuple[str, JSON]]]:
        """The events there, each its name and document."""
        async with self.client.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            yield _events(answer.content)

    async def now(self, path: str) -> JSON:
        async with self.client.get(self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            found: JSON = await answer.json()
            return found


async def _events(lines: aiohttp.StreamReader) -> AsyncIterator[tuple[str, JSON]]:
    kind = ""
    async for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


async def until(events: AsyncIterator[tuple[str, JSON]], kind: str) -> JSON:
    async with asyncio.timeout(10):
        async for found, document in events:
            if found == kind:
                return document
    raise AssertionError(f"it ended without {kind}")


async def tiles_of(events: AsyncIterator[tuple[str, JSON]]) -> JSON:
    """The next news of a bay."""
    while not (news := await until(events, "news"))["tiles"]:
        pass
    return news


@pytest.fixture
async def dock(tmp_path: Path) -> AsyncIterator[Dock]:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    told = sources(tmp_path, ledger)
    told.spool.prepare()
    told.settings = replace(told.settings, ledger=replace(told.settings.ledger, path=tmp_path / "ledger.db"))
    view = View(told)
    sock = take_address(ListenAddress(host="127.0.0.1", port=0))
    try:
        async with (
            page(sources=told, view=view, sock=sock, metrics=no_metrics) as live,
            aiohttp.ClientSession(auto_decompress=True) as client,
        ):
            yield Dock(told, view, address_of(sock), client)
            live.close()
    finally:
        await ledger.close()


# -- at once, and in order -----------------------------------------------------------------------------------------------


async def test_a_change_is_seen_as_the_server_draws_it(dock: Dock) -> None:
    async with dock.watching("/live") as events:
        whole = await until(events, "snapshot")
        assert whole["all"] is True
        assert [tile["bay"] for tile in whole["tiles"]] == [1]
        dock.becomes("wiping")
        news = await tiles_of(events)
        (tile,) = news["tiles"]
        assert (tile["state"], tile["label"]) == ("wiping", "Bay 1: Wiping")
        assert 'id="bay-1"' in tile["html"]
        assert tile["sequence"] <= news["sequence"]
        assert news["run"] == whole["run"]


async def test_a_change_waits_for_no_clock(dock: Dock) -> None:
    """Changes, each made when the one before was told: were there four looks a second, each would take a quarter of one. A machine that is busy is slow now
    and then, and not each time.
    """
    loop = asyncio.get_running_loop()
    took: list[float] = []
    async with dock.watching("/api/v1/events") as events, asyncio.timeout(50):
        await until(events, "snapshot")
        while sum(one < 2 * LOOK_AT_MOST_EVERY for one in took) < 3:
            dock.becomes("wiping" if len(took) % 2 == 0 else "waiting")
            began = loop.time()
            await until(events, "bay")
            took.append(loop.time() - began)


# -- since ---------------------------------------------------------------------------------------------------------------


async def test_a_page_that_has_all_is_told_nothing_again(dock: Dock) -> None:
    whole = await dock.now("/live/now")
    since = f"{whole['run']}.{whole['sequence']}"
    same = await dock.now(f"/live/now?since={since}")
    assert (same["tiles"], same["head"], same["all"]) == ([], None, False)
    assert (await dock.now(f"/live/now?since={since}&head=1"))["head"] is not None
    dock.becomes("wiping")
    await asyncio.sleep(LOOK_AT_MOST_EVERY)
    later = await dock.now(f"/live/now?since={since}")
    assert [tile["state"] for tile in later["tiles"]] == ["wiping"]
    assert later["head"] is not None


@pytest.mark.parametrize(
    "since", ["", "x", ".", "other.5", "other.", "run.-1", "run.1e3", "run.99999999999999999999", "٣.٣", "a" * 5000]
)
async def test_what_is_no_moment_of_this_run_is_nothing(dock: Dock, since: str) -> None:
    found = await dock.now(f"/live/now?since={since}")
    assert found["all"] is True
    assert found["tiles"]


async def test_a_moment_that_has_not_been_is_nothing(dock: Dock) -> None:
    """A dock whose clock was set back begins below what a page has: it must not be thought to have all."""
    whole = await dock.now("/live/now")
    found = await dock.now(f"/live/now?since={whole['run']}.{whole['sequence'] + 1}")
    assert found["all"] is True


async def test_the_front_page_says_what_it_has(dock: Dock) -> None:
    async with dock.client.get(dock.url + "/") as answer:
        text = await answer.text()
    now = dock.view.now
    assert f'data-since="{dock.view.run}.{now.sequence}"' in text
    assert f'id="bay-{next(iter(now.bays))}"' in text


# -- once for all --------------------------------------------------------------------------------------------------------


class Counting:
    """A face that counts what it draws."""

    def __init__(self) -> None:
        self.tiles, self.heads, self.passed = 0, 0, 100.0
        self.face = Face(tile=self.tile, head=self.head, label=lambda bay: bay["word"])

    def tile(self, _language: object, bay: JSON) -> str:
        self.tiles += 1
        return f"<li id='bay-{bay['number']}'></li>"

    def head(self, *_: object) -> JSON:
        self.heads += 1
        return {"html": ""}


async def test_a_change_is_drawn_once_for_all_and_the_head_once_a_second(dock: Dock) -> None:
    await dock.view.look()
    counting = Counting()
    channel = Rendered(dock.view, "en", counting.face, passed=lambda: counting.passed)
    for _ in range(50):
        channel.whole(Since())
    assert (counting.tiles, counting.heads) == (1, 1)
    (document,) = dock.view.now.bays.values()
    change = Change(sequence=dock.view.now.sequence, kind="bay", document=document)
    heads = []
    for tenth in range(30):
        counting.passed = 200.0 + tenth / 10
        told = channel.news([change]).decode()
        heads.append(json.loads(told.partition("data: ")[2])["head"] is not None)
    assert heads.count(True) == 3, "at 0, 1 and 2 seconds"
    assert counting.tiles == 1
    counting.passed += 1.0
    assert channel.news([]) != b"", "what was put off comes without another change"
    counting.passed += 1.0
    assert channel.news([]) == b""
    counting.passed += 30.0
    assert channel.news([]) != b"", "ages go on by themselves"


# -- languages -----------------------------------------------------------------------------------------------------------


async def test_programs_are_told_in_the_language_they_ask_for(dock: Dock) -> None:
    await dock.view.look()
    words = {}
    for language in ("en", "cy"):
        document = json.loads(Documents(dock.view, language).whole(Since()).decode().partition("data: ")[2])
        words[language] = document["bays"][0]["word"]
    assert words["en"] == "Take"
    assert words["cy"] != words["en"]
    async with dock.watching("/api/v1/events?lang=cy") as events:
        assert (await until(events, "snapshot"))["bays"][0]["word"] == words["cy"]
    async with dock.watching("/api/v1/events?lang=tlh") as events:
        assert (await until(events, "snapshot"))["bays"][0]["word"] == words["en"]


# -- the wall ------------------------------------------------------------------------------------------------------------


async def test_the_wall_is_told_no_names_no_cameras_and_no_problems(dock: Dock) -> None:
    dock.sources.troubles.open("usb_trouble", "the hub of PC 4711 Hughes is gone")
    await asyncio.sleep(LOOK_AT_MOST_EVERY)
    front = json.dumps(await dock.now("/live/now"))
    wall = json.dumps(await dock.now("/wall/live/now"))
    for word in ("CAM", "4711", "segment", "The camera is empty"):
        assert word in front or word == "segment", word
        assert word not in wall, word
    async with dock.watching("/wall/live") as events:
        await until(events, "snapshot")
        dock.becomes("failed")
        news = await tiles_of(events)
        assert set(news["tiles"][0]) == {"bay", "sequence", "state", "act", "label", "html"}
        assert "CAM" not in json.dumps(news)
