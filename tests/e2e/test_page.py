"""The page for people, as any browser gets it: what it says, what it weighs, that nothing of a camera's names can act, and that a real
Chromium keeps it current.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.agent import Running, running
from tests.program import StoreProcess, store_at

ANGRY = '"><script>alert(1)<!--script><img src=x onerror=alert(2)>'


class Parts(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    before = Running(folder=folder, store=store.url)
    before.configure()
    before.dock("CAM01", {"a.mp4": b"a" * 1000})
    before.dock(ANGRY, {f"{ANGRY.replace('/', '')}.mp4": b"b" * 1000})
    with running(folder, store.url) as found:
        found.until_state("CAM01", "ready")
        found.until_state(ANGRY, "ready")
        yield found


def page(agent: Running, path: str = "/") -> tuple[str, Parts]:
    answer = agent.ask(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    return text, Parts(text)


def test_it_says_what_matters_without_any_script(agent: Running) -> None:
    text, parts = page(agent)
    assert "<title>2 ready · Test Street 7</title>" in text
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in text
    for words in (
        "2 ready",
        "Connected",
        "Room on the dock",
        "Oldest footage",
        "On its way to the store",
        "Not in the store, and not on its way",
        "CAM01",
        "Take",
        "Bay 1",
        "Bay 2",
    ):
        assert words in parts.text, words


def test_names_do_not_act(agent: Running) -> None:
    for path in ("/", "/parts", f"/bays/{agent.bays()[ANGRY]['number']}"):
        _text, parts = page(agent, path)
        assert ANGRY in parts.text
        assert not [tag for tag, _ in parts.tags if tag == "img"]
        scripts = [attributes for tag, attributes in parts.tags if tag == "script"]
        assert all(str(attributes.get("src")).startswith("/static/live.js?v=") for attributes in scripts)
        assert not [
            name for _, attributes in parts.tags for name in attributes if name.startswith("on") or name == "style"
        ]


def test_it_asks_nobody_else_and_is_light(agent: Running) -> None:
    text, parts = page(agent)
    asked = {
        value
        for tag, found in parts.tags
        if tag in ("link", "script", "img")
        for name, value in found.items()
        if name in ("href", "src")
    }
    assert {str(one).partition("?v=")[0] for one in asked} == {
        "/static/page.css",
        "/static/live.js",
        "/static/icon-ready.svg",
    }
    weight = len(gzip.compress(text.encode()))
    for path in asked:
        body = agent.ask(str(path)).body
        weight += len(gzip.compress(body))
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", body), path
    assert weight < 25_000


def test_one_bay(agent: Running) -> None:
    number = agent.bays()["CAM01"]["number"]
    text, parts = page(agent, f"/bays/{number}")
    assert f"<title>Bay {number}: Take · Test Street 7</title>" in text
    assert "a.mp4" in parts.text
    assert re.search(r"a\.mp4\s*1\.0 kB\s*In the store", parts.text)
    assert re.search(r"Wiped\s*1\s*1\.0 kB", parts.text)
    assert agent.ask("/bays/99").status == 404


def test_a_page_without_cameras_and_what_is_wrong(tmp_path: Path) -> None:
    with store_at(tmp_path / "central") as store:
        store.stop()
        with running(tmp_path / "dock", store.url, more="[wipe]\nenabled = false") as agent:
            _text, parts = page(agent)
            assert "0 ready" in parts.text
            assert "No camera has been docked yet" in parts.text
            assert "not emptied" in parts.text
            agent.until(lambda: "cannot be reached" in page(agent)[1].text, "the page says that the store is away")
            store.start()
            agent.dock("CAM", {"a.mp4": b"a"})
            bay = agent.until_state("CAM", "ready")
            assert "Not emptied" in bay["why"]
            assert "Not emptied" in page(agent)[1].text
