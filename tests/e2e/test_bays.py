"""The front page, the list of bays, one bay with its form, the wall and the handover, as any browser gets them from a real agent."""

from __future__ import annotations

import contextlib
import html
import re
import sqlite3
from collections.abc import Iterator

import pytest

from tests.agent import Running, running
from tests.e2e.test_books import ANGRY, follow, page, post, send
from tests.program import StoreProcess


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two cameras that are finished, one of them of an evil name, and somebody's."""
    folder = tmp_path_factory.mktemp("bays")
    registry = folder / "cameras.csv"
    registry.write_text("camera,assigned_to\nCAM01,PC 1234 Jones\n", encoding="utf-8")
    before = Running(folder=folder, store=store.url)
    before.configure()
    before.dock("CAM01", {f"DCIM/{n:04}.mp4": bytes([n]) * 10 for n in range(5)})
    before.dock(ANGRY, {"x.mp4": b"b" * 1000})
    with running(folder, store.url, more=f'[registry]\nfile = "{registry}"') as found:
        found.until(lambda: sum(one["state"] == "ready" for one in found.bays().values()) == 2, "both are ready")
        yield found


def number_of(agent: Running, camera: str = "CAM01") -> int:
    return int(
        next(one["number"] for one in agent.bays().values() if one["camera"] and one["camera"]["serial"] == camera)
    )


def test_the_front_page_says_it_in_its_title_and_counts_each_kind(agent: Running) -> None:
    text = page(agent, "/")
    assert "<title>2 ready" in text
    assert re.search(r'href="/bays\?show=take">.*?Take <b>2</b>', text, re.DOTALL)
    assert "icon-ready" in text
    first = [text.index(f'id="{part}"') for part in ("headline", "key", "next", "wrong", "facts", "bays")]
    assert first == sorted(first), "in the order in which a sergeant asks"


def test_the_list_is_sorted_and_narrowed_by_links_alone(agent: Running) -> None:
    text = page(agent, "/bays")
    for href in re.findall(r'href="(/bays\?[^"]+)"', text):
        assert "<h1" in page(agent, html.unescape(href))
    assert "There is none just now" in page(agent, "/bays?show=act")
    by_camera = page(agent, "/bays?sort=camera&show=take")
    assert 'aria-sort="ascending"' in by_camera
    assert len(re.findall(r'<tr id="bay-', by_camera)) == 2


def test_segments_of_a_bay_are_paged_and_each_is_there_once(agent: Running) -> None:
    address = f"/bays/{number_of(agent)}"
    first, second = page(agent, f"{address}?limit=3"), page(agent, f"{address}?limit=3&from=3")
    assert f'href="{address}?limit=3&amp;from=3"' in first
    files = [re.findall(r'href="(/footage/[0-9a-f]+)"', text) for text in (first, second)]
    assert [len(one) for one in files] == [3, 2]
    assert len({*files[0], *files[1]}) == 5
    assert agent.ask(f"{address}?from=x").status == 400
    assert agent.ask("/bays/99").status == 404


def test_a_bay_is_taken_out_of_use_with_a_reason_and_given_back(agent: Running) -> None:
    number = number_of(agent)
    address = f"/bays/{number}"
    action = f"{address}/out-of-use"
    empty = send(agent, action, address, reason="  ")
    assert empty.status == 400
    assert "Say why nobody is to use this bay." in empty.body.decode()
    reason = f"its socket is broken {ANGRY}"
    done = follow(agent, send(agent, action, address, reason=reason))
    assert "This bay is out of use." in done
    assert html.escape(ANGRY, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in done
    assert agent.api(f"/bays/{number}")["out_of_use"]["reason"] == reason
    back = follow(agent, send(agent, f"{address}/back-in-use", address))
    assert "This bay may be used again." in back
    assert agent.api(f"/bays/{number}")["out_of_use"] is None
    assert "This bay is out of use." not in page(agent, f"{address}?done=out"), "only what is so is said to be done"
    assert post(agent, action, reason="x").status == 403, "not without the token of this page"


def test_the_wall_names_nobody(agent: Running) -> None:
    text = page(agent, "/wall")
    main = text[text.index("<main") :]
    assert main.count('class="cell ') == len(agent.bays())
    for name in ("CAM01", "Jones", "script&gt;alert", 'href="/bays', "segment"):
        assert name not in main
    assert 'name="csrf"' not in text


def test_the_handover_pins_the_end_of_the_record(agent: Running) -> None:
    text = page(agent, "/handover")
    found = re.search(r"entry (\d+),\s*<span class=\"id\">([0-9a-f]{16})</span>", text)
    assert found is not None
    with contextlib.closing(sqlite3.connect(f"file:{agent.folder / 'state/ledger.db'}?mode=ro", uri=True)) as book:
        (known,) = book.execute("SELECT hash FROM custody WHERE seq = ?", (int(found[1]),)).fetchone()
    assert known.startswith(found[2])
    for words in ("Handed over by", "Taken over by", "Signature", "PC 1234 Jones"):
        assert words in text
    assert "http-equiv" not in text, "what is to be signed does not change under the pen"
