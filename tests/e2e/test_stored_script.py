"""Names do not act: whatever a camera, a file, an officer, a list, a sergeant or a station is called, a page shows it as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.angry import ANGRY, FOLDER, Angry, Seen, bear_it, configured
from tests.program import StoreProcess


@pytest.fixture(scope="module")
def angry(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Angry]:
    agent = configured(tmp_path_factory.mktemp("angry"), store.url)
    try:
        yield bear_it(agent, store)
    finally:
        agent.kill()


def test_every_page_shows_them_as_text(angry: Angry) -> None:
    said = {}
    for lang in ("en", "cy"):
        for path in angry.pages:
            answer = angry.ops.ask(f"{path}{'&' if '?' in path else '?'}lang={lang}", Accept="text/html")
            assert answer.status == 200, (path, answer.status, answer.text[:300])
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert answer.headers["x-content-type-options"] == "nosniff"
            page = Seen(answer.text)
            assert page.wrong == [], (path, page.wrong)
            assert "54439" not in page.text, path
            said[path] = page.text
    # what cannot fail shows nothing: each page that is to have a name has it
    for path in angry.pages:
        silent = path in ("/help", "/wall", "/system")
        assert silent or FOLDER in said[path] or ANGRY[:60] in said[path], path
    assert "zz-evil" not in said["/wall"].replace(FOLDER[:64], ""), "no names on the wall"


def test_what_scripts_are_given_is_no_page(angry: Angry) -> None:
    for path in (
        "/api/v1/bays",
        "/api/v1/cameras",
        "/api/v1/segments",
        "/api/v1/activity",
        "/api/v1/problems",
        "/api/v1/status",
        "/live/now?since=",
        "/wall/live/now?since=",
    ):
        answer = angry.ops.ask(path, Accept="text/html")
        assert answer.status == 200, (path, answer.text[:300])
        assert answer.headers["content-type"].startswith("application/json"), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        for piece in _texts(json.loads(answer.text)):
            if "<" in piece and "zz-evil" not in piece.split("<", 1)[0] and piece.lstrip().startswith("<"):
                assert Seen(piece).wrong == [], path  # parts that are drawn by the server


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for one in document.values():
            yield from _texts(one)
    elif isinstance(document, list):
        for one in document:
            yield from _texts(one)


def test_what_is_sent_is_not_sent_back(angry: Angry) -> None:
    """Reflected: in an address, in a form that is shown again, in what is said of a mistake."""
    ops, stranger = angry.ops, angry.dock.caller("127.0.0.70")
    evil = quote(ANGRY, safe="")
    asked = [
        f"/cameras?q={evil}", f"/cameras?show={evil}", f"/footage?camera={evil}", f"/footage?after={evil}", f"/activity?before={evil}", f"/bays?sort={evil}",
        f"/bays?done={evil}", f"/problems?done={evil}", f"/?lang={evil}", f"/{evil}", f"/cameras/{evil}", f"/footage/{evil}", f"/static/{evil}", f"/login?next=/{evil}",
    ]  # fmt: skip
    for path in asked:
        for caller in (ops, stranger):
            page = Seen(caller.ask(path, Accept="text/html").text)
            assert page.wrong == [], (path, page.wrong)
    forms = [
        ("/bays/1/out-of-use", {"reason": ANGRY * 9}), ("/system/bandwidth", {"rate": ANGRY, "for": ANGRY}), (f"/cameras/{evil}/issue", {"officer": ANGRY}),
        (f"/problems/{evil}/close", {"reason": ANGRY}), (f"/problems/{evil}/seen", {"hours": ANGRY}),
    ]  # fmt: skip
    for path, form in forms:
        answer = ops.post(path, {"csrf": ops.csrf, **form})
        assert 400 <= answer.status < 500, (path, answer.status)
        assert Seen(answer.text).wrong == [], path
    answer = stranger.sign_in(ANGRY, ANGRY)
    assert answer.status == 401
    page = Seen(answer.text)
    assert page.wrong == []
    assert ANGRY in page.text, "the name is shown again, as it was typed"
    assert ANGRY not in angry.dock.agent.said
