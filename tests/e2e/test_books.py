"""Problems, footage, cameras, activity, system and help, as any browser gets them from a real agent: what they say, what their forms do, and that
no name from outside can act or break a page.
"""

from __future__ import annotations

import asyncio
import html
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.ledger import segments
from tests.agent import Answer, Running, running
from tests.guarded import Caller, guard
from tests.program import StoreProcess
from tests.unit.ingest.ledger.dock import SetClock, dock_at

ANGRY = '"><script>alert(1)<!--x<img src=x onerror=alert(2)>{{7*7}}%s{x}'
TURNED = "CAM\u202egnp.exe"
SPLIT = "CAM\nB\tC"
DEEP = "/".join([*["d" * 200] * 15, f"{ANGRY}.mp4"])
OFFICER = f"PC {ANGRY}\u202e" + "x" * 4000
PAGES = (
    "/problems",
    "/footage",
    "/footage?show=all",
    "/cameras",
    "/activity",
    "/activity?what=all",
    "/system",
    "/help",
)


class Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_named: object) -> None:
        return None


_OPENER = urllib.request.build_opener(Unfollowed)


def page(agent: Running, path: str, *, status: int = 200) -> str:
    answer = agent.ask(path)
    assert answer.status == status, answer
    text = answer.body.decode()
    for line in ("<script>alert", "onerror=alert(2)>", "\u202e", "49%s"):
        assert line not in text, path
    return text


def send(agent: Running, action: str, of: str, **fields: str) -> Answer:
    """Send the form with this action, as it stands on the page `of`."""
    found = re.search(
        rf'action="{re.escape(html.escape(action))}".*?name="csrf" value="([^"]+)"', page(agent, of), re.DOTALL
    )
    assert found is not None, (action, of)
    return post(agent, action, csrf=html.unescape(found[1]), **fields)


def post(agent: Running, action: str, **fields: str) -> Answer:
    return unfollowed(
        urllib.request.Request(
            agent.url + action,
            data=urllib.parse.urlencode(fields).encode(),
            headers={"Origin": agent.url},
            method="POST",
        )
    )


def unfollowed(request: urllib.request.Request) -> Answer:
    """The answer itself, wherever it points."""
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return Answer(status=answer.status, headers=answer.headers, body=answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(status=error.code, headers=error.headers, body=error.read())


def follow(agent: Running, answer: Answer) -> str:
    assert answer.status == 303, answer
    return page(agent, answer.headers["Location"])


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Cameras that are finished: one with a file, one of each evil name; the list has an officer of an evil name, a pool camera and one never seen."""
    folder = tmp_path_factory.mktemp("books")
    registry = folder / "cameras.csv"
    rows = (("CAM01", OFFICER, "n" * 4000), ("POOL1", "", "spare"), ("NEVER/1?#", "", ANGRY))
    quoted = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    registry.write_text(f"camera,assigned_to,note\n{quoted}\n", encoding="utf-8")
    before = Running(folder=folder, store=store.url)
    before.configure()
    before.dock("CAM01", {"DCIM/0001.mp4": b"a" * 1000, DEEP: b"deep"})
    before.dock("POOL1", {"p.mp4": b"p"})
    for name in (ANGRY, TURNED, SPLIT):
        before.dock(name, {f"{TURNED}.mp4": b"b" * 1000})
    with running(folder, store.url, more=f'[registry]\nfile = "{registry}"') as found:
        found.until(lambda: sum(one["state"] == "ready" for one in found.bays().values()) == 5, "all are ready")
        yield found


def segment_of(agent: Running, camera: str = "CAM01", part: str = "0001") -> str:
    found = agent.api(f"/segments?camera={urllib.parse.quote(camera)}")["segments"]
    return next(str(one["id"]) for one in found if part in one["path"])


def test_every_page_stands_whatever_things_are_called(agent: Running) -> None:
    for path in PAGES:
        assert "<h1" in page(agent, path)
    for one in agent.api("/segments")["segments"]:
        assert one["id"] in page(agent, f"/footage/{one['id']}")
    links = set(re.findall(r'href="(/cameras/[^"]+)"', page(agent, "/cameras")))
    assert len(links) == 6
    assert sum("<h1" in page(agent, html.unescape(link)) for link in links) == 6
    for one in agent.api("/cameras")["cameras"]:  # the API has the same addresses
        assert agent.api(f"/cameras/{urllib.parse.quote(one['id'], safe='')}")["id"] == one["id"]


def test_last_nights_footage_is_in_the_store_and_said_so(agent: Running) -> None:
    text = page(agent, "/footage")
    assert "All of last night&#39;s footage is in the store" in text
    assert "All footage that this dock knows of is in the store." in text
    found = page(agent, "/footage?show=all&camera=pc&file=0001.MP4")
    assert "DCIM/0001.mp4" in found
    assert "In the store" in found
    assert "POOL1" not in found
    assert "There is no such footage." in page(agent, "/footage?show=all&day=1999-01-01")
    assert "Write the day as year" in page(agent, "/footage?day=yesterday", status=400)
    assert agent.ask("/footage?after=nobody").status == 400
    assert agent.ask("/footage?show=%00").status == 400
    first = page(agent, "/footage?show=all&limit=1")
    assert "after=" in first


def test_one_segment_its_history_its_receipt_and_its_certificate(agent: Running) -> None:
    name = segment_of(agent)
    text = page(agent, f"/footage/{name}")
    for words in (
        "DCIM/0001.mp4",
        "In the store",
        "in the central store, proven",
        "by the camera",
        "Which clock to trust",
    ):
        assert words in text
    entries = agent.api(f"/segments/{name}/custody")["entries"]
    assert len(re.findall(r"<code>[0-9a-f]{12}</code>", text)) == len(entries) + 1
    assert "Leave was given to delete" in text, "which concerns other segments too"
    receipt = agent.ask(f"/footage/{name}/receipt")
    assert receipt.headers["Content-Type"] == "application/jwt"
    assert receipt.headers["Content-Disposition"].startswith("attachment")
    assert receipt.body.decode() == agent.api(f"/segments/{name}")["receipt"]["raw"]
    certificate = agent.ask(f"/footage/{name}/certificate")
    assert b"Certificate of a segment" in certificate.body
    policy = certificate.headers["Content-Security-Policy"]
    assert "style-src 'sha256-" in policy
    assert "unsafe" not in policy
    assert agent.ask("/footage/ffffffff").status == 404


def test_evidence_is_marked_once_and_for_good(agent: Running) -> None:
    name = segment_of(agent, "POOL1", "p")
    here = f"/footage/{name}"
    assert "cannot be undone" in page(agent, here)
    assert "It is marked as evidence." not in page(agent, f"{here}?done=evidential"), "nobody has"
    assert post(agent, f"{here}/evidential").status == 403, "no token"
    said = follow(agent, send(agent, f"{here}/evidential", here))
    assert "It is marked as evidence." in said
    assert f'action="{here}/evidential"' not in said
    assert agent.api(f"/segments/{name}")["evidential"]
    assert "p.mp4" in page(agent, "/footage?show=evidence")
    entry = next(
        one for one in agent.api(f"/segments/{name}/custody")["entries"] if one["action"] == "segment.evidential"
    )
    assert entry["data"]["by"] == "local"
    assert "somebody at this machine" in page(agent, here)


def test_what_makes_no_sense_is_refused_in_words_and_the_page_stays(agent: Running) -> None:
    name = segment_of(agent)
    token = re.search(r'name="csrf" value="([^"]+)"', page(agent, f"/footage/{name}"))
    assert token is not None
    answer = post(agent, f"/footage/{name}/first", csrf=html.unescape(token[1]))
    assert answer.status == 409
    text = answer.body.decode()
    assert 'id="errors"' in text
    assert "The store has it already." in text
    assert "DCIM/0001.mp4" in text


def test_a_pool_camera_is_issued_and_taken_back(agent: Running) -> None:
    text = page(agent, "/cameras?show=pool")
    assert "POOL1" in text
    assert "CAM01" not in text
    assert 'action="/cameras/CAM01/issue"' not in page(agent, "/cameras/CAM01"), "that one is somebody's own"
    empty = send(agent, "/cameras/POOL1/issue", "/cameras/POOL1", officer=" ")
    assert empty.status == 400
    assert b'href="#officer"' in empty.body
    long = send(agent, "/cameras/POOL1/issue", "/cameras/POOL1", officer=f"PC {ANGRY}" + "x" * 4000)
    assert long.status == 400
    assert "&lt;script&gt;alert" in long.body.decode(), "the form keeps what was written"
    said = follow(agent, send(agent, "/cameras/POOL1/issue", "/cameras/POOL1", officer=f"PC {ANGRY}"))
    assert "It is issued to PC" in said
    assert "POOL1" in page(agent, "/cameras?show=issued")
    assert "It is in the pool again." in follow(agent, send(agent, "/cameras/POOL1/return", "/cameras/POOL1"))
    assert "POOL1" not in page(agent, "/cameras?show=issued&q=POOL1").replace('value="POOL1"', "")


def test_whoever_asks_for_a_forms_address_is_sent_to_its_page(agent: Running) -> None:
    angry = urllib.parse.quote(ANGRY, safe="")
    for path, above in (
        ("/problems/a%2Fb/seen", "/problems"), ("/problems/x/close?lang=cy", "/problems?lang=cy"), ("/footage/abc/retry?lang=cy", "/footage/abc?lang=cy"),
        (f"/cameras/{angry}/issue", f"/cameras/{angry}"), ("/system/bandwidth", "/system"), ("/system/bandwidth/lift?lang=%22%3E", "/system"),
    ):  # fmt: skip
        answer = unfollowed(urllib.request.Request(agent.url + path))
        assert (answer.status, answer.headers["Location"].partition("?lang=%22")[0]) == (303, above)


def test_cameras_that_nobody_saw_and_that_nobody_named(agent: Running) -> None:
    assert "NEVER/1?#" in page(agent, "/cameras?show=never")
    assert "Never docked here" in page(agent, "/cameras/NEVER%2F1%3F%23")
    assert "CAM01" not in page(agent, "/cameras?show=unlisted")
    assert agent.ask("/cameras/NOBODY").status == 404
    told = next(
        one
        for one in agent.api("/cameras")["cameras"]
        if one["id"].startswith("CAM") and one["id"] != one["serial"] and one["card"]
    )
    by_serial = unfollowed(urllib.request.Request(f"{agent.url}/cameras/{urllib.parse.quote(told['serial'], safe='')}"))
    assert by_serial.status == 303, "it is not said to have never been here"
    assert told["id"] == urllib.parse.unquote(by_serial.headers["Location"].removeprefix("/cameras/"))
    assert agent.ask("/cameras?hours=-1").status == 400


def test_what_happened_is_told_newest_first_and_paged_back(agent: Running) -> None:
    seen: list[str] = []
    path = "/activity?what=all&limit=7"
    while True:
        text = page(agent, path)
        seen += re.findall(r"of entry (\d+)", text)
        found = re.search(r'href="(\?before=[^"]+)" rel="next"', text)
        if found is None:
            break
        path = "/activity" + html.unescape(found[1]) + "&limit=7"
    numbers = [int(one) for one in seen]
    assert numbers == sorted(numbers, reverse=True)
    assert set(numbers) >= {one["seq"] for one in agent.api("/activity?limit=1000")["activity"] if one["segment"]}
    assert "CAM01 was docked" in page(agent, "/activity?camera=CAM01")
    assert "was docked in bay 2" in page(agent, "/activity?bay=2")
    assert "No camera is called so." in page(agent, "/activity?camera=nobody", status=400)


def test_ops_set_what_may_be_sent_for_a_time(agent: Running) -> None:
    wrong = send(agent, "/system/bandwidth", "/system", rate="fast<b>", hours="2")
    assert wrong.status == 400
    assert 'value="fast&lt;b&gt;"' in wrong.body.decode()
    assert b'href="#rate"' in wrong.body
    said = follow(agent, send(agent, "/system/bandwidth", "/system", rate="20 Mbit/s", hours="2"))
    assert "It is set." in said
    assert "20 Mbit/s" in said
    assert agent.api("/bandwidth")["limit_bytes_per_second"] == 2_500_000
    follow(agent, send(agent, "/system/bandwidth/lift", "/system"))
    assert agent.api("/bandwidth")["source"] == "none"
    for words in ("by receipts that the store signs", "ledger.path", "the configuration", "Dockd&#39;s own".lower()):
        assert words in said or words in said.lower(), words
    assert re.search(r"dockd has run for</dt>\s*<dd>\s*(under a minute|\d+ min)\b", said), "not what the machine has"
    assert ("problems with cameras" in said or "1 problem with cameras" in said) == bool(
        agent.api("/problems")["problems"]
    )


async def lose(state: Path) -> None:
    """A ledger in which footage is lost, and other footage in doubt."""
    clock = SetClock()
    clock.time = time.time() - 60
    async with dock_at(state, clock=clock) as dock:
        lost, doubted = await dock.listed(b"lost.mp4"), await dock.copied(b"doubted.mp4")
        await dock.write(lambda tx: segments.vanished(tx, lost, error="x"))
        await dock.write(lambda tx: segments.rotted(tx, doubted, error="x"))
        await dock.write(lambda tx: segments.vanished(tx, doubted, error="x"))


def test_a_problem_is_seen_to_by_a_sergeant_and_others_are_shown_no_form(tmp_path: Path) -> None:
    """The store is away; a camera is copied, and taken out."""
    agent = Running(folder=tmp_path, store="http://127.0.0.1:1")
    agent.configure()
    users = guard(agent)
    asyncio.run(lose(tmp_path / "state"))
    agent.start()
    try:
        agent.dock("CAM01", {"a.mp4": b"a" * 1000})
        sergeant, viewer, ops = (users.signed_in(name) for name in ("sergeant", "viewer", "ops"))

        def page_of(caller: Caller, path: str, words: str) -> str:
            deadline = time.monotonic() + 40
            while words not in (text := caller.ask(path).text):
                assert time.monotonic() < deadline, f"{path} does not say {words}"
                time.sleep(0.05)
            return text

        text = page_of(sergeant, "/problems", "The central store cannot be reached")
        assert 'action="/problems/store_down/close"' not in text, "it ends by itself"
        token = {"csrf": sergeant.csrf}
        wrong = sergeant.post("/problems/store_down/seen", {**token, "hours": "99"})
        assert (wrong.status, "Choose for how long." in wrong.text) == (400, True)
        assert sergeant.post("/problems/store_down/close", {**token, "reason": "x"}).status == 409
        done = sergeant.post("/problems/store_down/seen", {**token, "hours": "4"})
        assert (done.status, done.where) == (303, "/problems?done=seen")
        assert "Noted: you have seen to it." in sergeant.ask(done.where).text
        assert re.search(r"Seen</strong> sergeant, until ", viewer.ask("/problems").text)
        text = page_of(viewer, "/footage", "On the dock")
        assert "Not all of last night&#39;s footage is in the store" in text
        found = re.search(r'href="(/footage/[0-9a-f]+)"', text)
        assert found is not None
        for path in ("/problems", "/cameras/CAM01", "/system", found[1]):
            forms = [
                (caller, set(re.findall(r'method="post" action="(?!/logout)', caller.ask(path).text)))
                for caller in (viewer, sergeant, ops)
            ]
            assert [bool(found) for _caller, found in forms] == [False, path != "/system", True], path
        assert sergeant.post("/system/bandwidth", {**token, "rate": "1 Mbit/s", "hours": "1"}).status == 403
        for path in ("/footage", "/footage?show=lost", "/cameras/CAM"):
            text = viewer.ask(path).text
            assert all(words in text for words in ("lost.mp4", "Lost</span>", "doubted.mp4", "In doubt</span>")), path
            assert "None that this dock knows of." not in text
        shutil.rmtree(agent.docks / "CAM01")
        page_of(viewer, "/cameras?show=out", "last in bay 1")
    finally:
        agent.kill()
