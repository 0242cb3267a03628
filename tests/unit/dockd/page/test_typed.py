"""What was typed is not lost when whoever typed it was signed out: it stands in the form again, and is not sent by itself. And what one has not seen one does not undo unasked."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from aiohttp import ClientSession, web

from dockd.access.book import Book
from dockd.access.desk import Access
from dockd.access.hashing import Cost, Hashing
from dockd.docking import Bay, Rack
from dockd.page import typed
from dockd.page.faces import faces
from dockd.page.facts import Sources
from dockd.page.live import Live
from dockd.page.pages import Parts
from dockd.page.rendering import Rendering
from dockd.page.server import application
from dockd.page.view import View
from ingest import events
from ingest.ledger.rack import OutOfUse, out_of_use
from ingest.model import folder_camera
from ingest.standing import StoreState
from tests.unit.dockd.page.test_nonsense_on_the_line import no_metrics
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import Dock, dock_at

HASHING = Hashing(Cost(passes=1, memory=64))
PASSWORD = "correct horse battery"
REASON = "its pins are bent <b>“ö”</b>"
OUT = "/bays/1/out-of-use"


@dataclass
class Site:
    url: str
    client: ClientSession
    book: Book
    dock: Dock
    rack: Rack
    found: Sources

    async def marked(self) -> dict[int, OutOfUse]:
        return await self.dock.ledger.read(lambda db: out_of_use(db.execute))

    def user(self, name: str, role: str = "sergeant") -> Browser:
        self.book.add_user(name, role=role, password=HASHING.make(PASSWORD), by="os:test")  # type: ignore[arg-type]
        return Browser(self, name)


@dataclass
class Answer:
    status: int
    text: str
    onward: str

    def form(self, action: str) -> dict[str, str]:
        """The fields of this form, as they stand in it."""
        found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', self.text, re.DOTALL)
        assert found is not None, (action, self.text)
        inputs = re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', found[0])
        return {name: html.unescape(value) for name, value in inputs}


@dataclass
class Browser:
    site: Site
    name: str
    jar: dict[str, str] = field(default_factory=dict)

    async def ask(self, path: str, form: dict[str, str] | None = None, *, origin: str | None = None) -> Answer:
        headers = {"Accept": "text/html", "Cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items())}
        if form is not None:
            headers |= {"Origin": origin or self.site.url, "Content-Type": "application/x-www-form-urlencoded"}
        body = None if form is None else urlencode(form).encode()
        method = "GET" if form is None else "POST"
        async with self.site.client.request(
            method, self.site.url + path, headers=headers, data=body, allow_redirects=False
        ) as answer:
            for line in answer.headers.getall("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    self.jar.pop(name, None)
                    if morsel["max-age"] != "0":
                        self.jar[name] = morsel.value
            return Answer(answer.status, await answer.text(), answer.headers.get("Location", ""))

    async def sign_in(self, onward: str = "/") -> str:
        answer = await self.ask("/login", {"name": self.name, "password": PASSWORD, "next": onward})
        assert answer.status == 303, answer
        return answer.onward

    def is_signed_out(self) -> None:
        """As its session is when nobody did anything for some minutes."""
        self.jar.pop("__Host-dockd")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async def record(_event: events.Event) -> None:
        return

    async with dock_at(tmp_path) as dock:
        found = sources(tmp_path, dock.ledger)
        found.clock = dock.clock
        view = View(found)
        book = Book(tmp_path / "access.db", clock=dock.clock.now)
        access = Access(
            book.path, clock=dock.clock, idle=lambda: 900.0, record=record, tell=lambda _event: None, hashing=HASHING
        )
        rendering = Rendering(view=view)
        parts = Parts(sources=found, view=view, rendering=rendering, access=access)
        app = application(parts, live=Live(view, faces(view, rendering)), metrics=no_metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with ClientSession() as client:
            yield Site(f"http://{host}:{port}", client, book, dock, found.rack, found)
        await runner.cleanup()
        await access.close()
        book.close()


async def test_what_was_typed_stands_in_the_form_again_after_signing_in_and_is_sent_by_a_press_alone(
    site: Site,
) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    form = (await sam.ask("/bays/1")).form(OUT)
    sam.is_signed_out()
    gone = await sam.ask(OUT, {**form, "reason": REASON})
    assert gone.status == 303
    assert urlsplit(gone.onward).path == "/login"
    assert "pins" not in gone.onward, "what somebody types is in no address"
    said = await sam.ask(gone.onward)
    assert 'id="kept"' in said.text
    assert "you had been signed out" in said.text
    onward = await sam.sign_in(parse_qs(urlsplit(gone.onward).query)["next"][0])
    assert urlsplit(onward).path == "/bays/1"
    await sam.ask(onward)
    back = await sam.ask(onward)  # read again, as pages that live are
    assert 'id="typed"' in back.text
    assert back.form(OUT)["reason"] == REASON
    assert await site.marked() == {}, "nothing is done by itself"
    assert (await sam.ask(OUT, back.form(OUT))).status == 303
    assert (await site.marked())[1].reason == REASON
    assert 'id="typed"' not in (await sam.ask(onward)).text, "that is over"


async def test_a_form_of_an_earlier_session_is_refused_and_what_was_typed_is_kept(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    form = (await sam.ask("/bays/1")).form(OUT)
    await sam.sign_in()
    refused = await sam.ask(OUT, {**form, "reason": REASON})
    assert refused.status == 403
    assert await site.marked() == {}
    assert "Nothing was changed" in refused.text
    way = re.search(r'<a href="([^"]+)"[^>]*id="back"', refused.text)
    assert way is not None
    assert (await sam.ask(html.unescape(way[1]))).form(OUT)["reason"] == REASON


async def test_what_another_site_sends_is_not_kept(site: Site) -> None:
    sam = site.user("sam")
    answer = await sam.ask(OUT, {"reason": REASON}, origin="https://evil.example")
    assert (answer.status, answer.onward) == (303, "/login")
    assert sam.jar == {}


async def test_what_is_kept_is_never_a_password_nor_anything_that_no_form_asks_for(site: Site) -> None:
    sam = site.user("sam")
    assert (await sam.ask(OUT, {"reason": "x", "password": PASSWORD})).onward == "/login"
    assert sam.jar == {}
    await sam.sign_in()
    mark = (await sam.ask("/bays/1")).form(OUT)["mark"]
    for value in (
        "",
        "e30",
        typed._sealed("/bays/1/x", mark, {"password": "x"}),
        typed._sealed("/bays/2/x", mark, {}),
        "%",
        "x" * 5000,
        "WzEsMl0",
        "W1tbW1tb" * 400,
    ):
        sam.jar["__Host-dockd-typed"] = value
        answer = await sam.ask("/bays/1?kept=1")
        assert answer.status == 200
        assert 'id="typed"' not in answer.text


async def test_nobody_else_is_shown_what_was_typed(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    form = (await sam.ask("/bays/1")).form(OUT)
    sam.is_signed_out()
    gone = await sam.ask(OUT, {**form, "reason": REASON})
    kim.jar = sam.jar
    answer = await kim.ask(await kim.sign_in(parse_qs(urlsplit(gone.onward).query)["next"][0]))
    assert 'id="typed"' not in answer.text
    assert "its pins" not in answer.text


async def test_signing_out_forgets_what_was_typed(site: Site) -> None:
    sam = site.user("sam")
    gone = await sam.ask(OUT, {"reason": REASON})
    assert "__Host-dockd-typed" in sam.jar
    await sam.sign_in(parse_qs(urlsplit(gone.onward).query)["next"][0])
    await sam.ask("/logout", (await sam.ask("/")).form("/logout"))
    assert sam.jar == {}


def test_more_than_a_browser_keeps_is_left_out_and_no_more_than_that() -> None:
    long = typed._sealed("/bays/1/out-of-use", "a mark", {"reason": "ö" * 300})
    assert len(long) < 3600
    found = typed._opened(long)
    assert found is not None
    assert found.words == "ö" * 300


async def test_whoever_has_not_seen_that_it_is_out_of_use_is_told_and_presses_once_more(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    await kim.sign_in()
    old = (await sam.ask("/bays/1")).form(OUT)
    assert (await kim.ask(OUT, {**(await kim.ask("/bays/1")).form(OUT), "reason": "it smells"})).status == 303
    told = await sam.ask(OUT, {**old, "reason": REASON})
    assert told.status == 409
    assert "k.jones has taken it out of use" in told.text
    assert "it smells" in told.text
    assert (await site.marked())[1].reason == "it smells"
    assert (await sam.ask(OUT, told.form(OUT))).status == 303
    assert (await site.marked())[1].reason == REASON
    back = "/bays/1/back-in-use"
    stale = (await kim.ask("/bays/1")).form(back)
    assert stale["was"] == REASON
    assert (await kim.ask(back, {**stale, "was": "it smells"})).status == 409
    assert (await kim.ask(back, stale)).status == 303
    assert await site.marked() == {}


async def test_two_who_issue_one_camera_hear_of_each_other(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    await kim.sign_in()
    await site.dock.listed(b"clip.mp4")
    issue, back = "/cameras/CAM/issue", "/cameras/CAM/return"
    old = (await sam.ask("/cameras/CAM")).form(issue)
    assert (await kim.ask(issue, {**(await kim.ask("/cameras/CAM")).form(issue), "officer": "PC jones"})).status == 303
    seen = (await kim.ask("/cameras/CAM")).form(back)
    told = await sam.ask(issue, {**old, "officer": "PC smith"})
    assert told.status == 409
    assert "k.jones has issued it to PC jones" in told.text
    assert told.form(issue)["officer"] == "PC smith"
    assert (await sam.ask(issue, told.form(issue))).status == 303
    assert (await kim.ask(back, seen)).status == 409, "he has not seen that another has it now"
    assert "PC smith" in (await kim.ask("/cameras/CAM")).text


async def test_whoever_mends_a_field_hears_who_issued_it_meanwhile(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    await kim.sign_in()
    await site.dock.listed(b"clip.mp4")
    issue = "/cameras/CAM/issue"
    told = await sam.ask("/cameras/CAM")
    old = told.form(issue)
    assert (await kim.ask(issue, {**(await kim.ask("/cameras/CAM")).form(issue), "officer": "PC jones"})).status == 303
    for officer, why in (
        ("PC \u200fsmith", "There are signs in it that nobody can read."),
        ("", "Say to whom it goes"),
    ):
        told = await sam.ask(issue, {**old, "officer": officer})
        assert told.status == 400
        assert why in told.text
        assert "officer:" not in told.text, "a program's name for the field is nobody's word"
        assert "Meanwhile k.jones has issued it to PC jones" in told.text, "what is sent next would undo that"
    same = await sam.ask(issue, {**old, "officer": "PC jones\u200f"})
    assert "Meanwhile k.jones" in same.text
    first = await sam.ask(issue, {**told.form(issue), "was": "", "officer": "PC smith"})
    assert first.status == 409
    assert (await sam.ask(issue, {**told.form(issue), "officer": "PC smith"})).status == 303, "it was said"


async def test_whoever_mends_a_reason_hears_who_marked_the_bay_meanwhile(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    await kim.sign_in()
    told = await sam.ask("/bays/1")
    old = told.form(OUT)
    assert (await kim.ask(OUT, {**(await kim.ask("/bays/1")).form(OUT), "reason": "it smells"})).status == 303
    for reason, why in (("x" * 301, "At most 300 characters."), ("", "Say why nobody is to use this bay.")):
        told = await sam.ask(OUT, {**old, "reason": reason})
        assert told.status == 400
        assert why in told.text
        assert "Meanwhile k.jones has taken it out of use" in told.text
        assert 'id="reason"' in told.text
    assert (await sam.ask(OUT, {**told.form(OUT), "reason": REASON})).status == 303


async def test_whoever_was_signed_out_hears_what_was_done_meanwhile(site: Site) -> None:
    sam, kim = site.user("sam"), site.user("k.jones")
    await sam.sign_in()
    await kim.sign_in()
    await site.dock.listed(b"clip.mp4")
    issue = "/cameras/CAM/issue"
    forms = {issue: (await sam.ask("/cameras/CAM")).form(issue), OUT: (await sam.ask("/bays/1")).form(OUT)}
    await kim.ask(issue, {**(await kim.ask("/cameras/CAM")).form(issue), "officer": "PC jones"})
    await kim.ask(OUT, {**(await kim.ask("/bays/1")).form(OUT), "reason": "it smells"})
    for action, name, by in (
        (issue, "officer", "has issued it to PC jones"),
        (OUT, "reason", "has taken it out of use"),
    ):
        sam.is_signed_out()
        gone = await sam.ask(action, {**forms[action], name: "other words"})
        back = await sam.ask(await sam.sign_in(parse_qs(urlsplit(gone.onward).query)["next"][0]))
        assert back.form(action)[name] == "other words"
        assert f"Meanwhile k.jones {by}" in back.text


@pytest.mark.parametrize(("path", "name", "most"), [("/bays/1", "reason", 300), ("/cameras/CAM", "officer", 100)])
async def test_a_field_takes_as_much_as_is_taken(site: Site, path: str, name: str, most: int) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.listed(b"clip.mp4")
    field = re.search(rf'<input[^>]*name="{name}"[^>]*>', (await sam.ask(path)).text)
    assert field is not None
    assert f'maxlength="{most}"' in field[0]
    action = {"reason": OUT, "officer": "/cameras/CAM/issue"}[name]
    form = (await sam.ask(path)).form(action)
    assert (await sam.ask(action, {**form, name: "x" * (most + 1)})).status == 400
    assert (await sam.ask(action, {**form, name: "x" * most})).status == 303


async def test_whoever_may_see_the_wall_alone_is_brought_there(site: Site) -> None:
    wally = site.user("wally", "wall")
    await wally.sign_in()
    answer = await wally.ask("/")
    assert (answer.status, answer.onward) == (303, "/wall")
    refused = await wally.ask("/problems")
    assert refused.status == 403
    assert "Your role does not allow this" in refused.text
    assert '<a href="/wall">' in refused.text
    assert '<a href="/">To the front' not in refused.text


def test_which_page_a_form_is_on() -> None:
    assert typed.page_of(f"/cameras/{quote('a/b', safe='')}/issue") == "/cameras/a%2Fb"


async def test_why_it_was_refused_is_a_sentence_on_the_page_without_commands(site: Site) -> None:
    sam = site.user("sam")
    assert '<p class="lead">The token in this address' in (await sam.ask("/wall?token=dockd_wrong")).text
    assert "This screen may not come in" in (await sam.ask("/wall?token=dockd_wrong")).text
    await sam.sign_in()
    told = await sam.ask(OUT, {**(await sam.ask("/bays/1")).form(OUT), "reason": "x" * 301})
    assert told.status == 400
    assert "At most 300 characters." in told.text
    assert "reason:" not in told.text
    assert 'http-equiv="refresh"' not in told.text, "what was typed would go with it"
    assert 'http-equiv="refresh"' in (await sam.ask("/bays/1")).text
    assert "There is nothing at this address." in (await sam.ask("/nothing")).text


async def test_what_is_on_a_camera_alone_that_is_out_is_named_where_it_is_issued(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.listed(b"seen.mp4")
    await site.dock.copied(b"safe.mp4")
    assert 'id="alone"' not in (await sam.ask("/cameras/CAM")).text, "it is in a bay"
    site.rack.bays[1] = Bay(number=1, last_camera=folder_camera(b"CAM"))
    text = (await sam.ask("/cameras/CAM")).text
    panel = text.partition('id="alone"')[2].partition("</form>")[0]
    assert "1 file is on this camera alone" in panel
    assert "seen.mp4" in panel
    assert "safe.mp4" not in panel
    assert "Newest footage" not in text, "all of it stands above"


async def test_what_was_closed_and_is_still_so_is_not_all_well(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.listed(b"a.mp4")
    await site.dock.listed(b"b.mp4")
    site.rack.bays[1] = Bay(number=1, last_camera=folder_camera(b"CAM"), left_early=2)
    page = (await sam.ask("/problems")).text
    way = re.search(r'action="(/problems/removed_early[^"]*/close)"', page)
    assert way is not None
    form = (await sam.ask("/problems")).form(way[1])
    assert (await sam.ask(way[1], {**form, "reason": "it was run over"})).status == 303
    page = (await sam.ask("/problems")).text
    assert "Nothing is wrong" not in page
    assert "Nothing needs anybody now; 1 that was closed is still so." in page
    row = page.partition('id="still"')[2].partition("</section>")[0]
    assert "2 segments not yet in the store. All of them are on the camera alone." in row
    assert "it was run over" in row
    assert '<a class="id" href="/cameras/CAM">CAM</a>' in row
    assert page.count("it was run over") == 1, "and once alone"


@pytest.mark.parametrize(("why", "needs"), [("its pins are bent", "1 of them needs somebody now."), ("", "None of them needs somebody now.")])  # fmt: skip
async def test_a_problem_looks_the_same_wherever_it_stands_and_it_is_said_how_many_need_somebody(
    site: Site, why: str, needs: str
) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    site.found.store_state = lambda: StoreState(word="down", message="no connection in 10 s")
    site.rack.bays[1] = Bay(number=1, occupied="fault" if why else "", why=why)
    front, page = (await sam.ask("/")).text, (await sam.ask("/problems")).text
    for name in ("store_down", *(["bay_fault-1"] if why else [])):
        assert f'class="panel bad yellow" id="problem-{name}"' in page
        section = page.partition(f'id="problem-{name}"')[2].partition("</section>")[0]
        assert 'href="#triangle"' in section.partition("</h2>")[0]
    assert re.search(r'<li class="yellow rack"><svg class="shape"[^>]*><use href="#triangle"/>', front)
    assert f'id="count" class="count"{">1<" if why else " hidden>0<"}' in page, "the store goes on by itself"
    assert needs in page
    assert "ask ops" not in page, "it is ops who read that"


async def test_a_bay_that_waits_for_its_camera_leads_to_it_and_to_the_problem(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.copied(b"1.mp4")
    await site.dock.confirmed(b"2.mp4")
    await site.dock.copied(b"3.mp4")
    await site.dock.listed(b"4.mp4")
    site.rack.bays[1] = Bay(number=1, docking=site.dock.docking, last_camera=folder_camera(b"CAM"), left_early=3)
    issue = "/cameras/CAM/issue"
    await sam.ask(issue, {**(await sam.ask("/cameras/CAM")).form(issue), "officer": "PC smith"})
    page = (await sam.ask("/bays/1")).text
    rows = re.findall(r'<th scope="row" class="id"><a href="[^"]*">([^<]*)</a>', page)
    assert rows == ["4.mp4", "1.mp4", "3.mp4", "2.mp4"], "what is on the camera alone is first"
    facts = page.partition('id="facts"')[2].partition("</dl>")[0]
    assert '<a href="/cameras/CAM">CAM</a>' in facts
    assert "PC smith" in facts
    way = re.search(r'<a href="/problems#([^"]+)">A camera was taken out too early</a>', facts)
    assert way is not None, facts
    assert f'id="{way[1]}"' in (await sam.ask("/problems")).text
    assert "closed there" in facts


async def test_one_that_is_issued_and_lies_in_its_bay_is_with_nobody(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.listed(b"seen.mp4")
    issue = "/cameras/CAM/issue"
    await sam.ask(issue, {**(await sam.ask("/cameras/CAM")).form(issue), "officer": "PC smith"})
    text = (await sam.ask("/cameras/CAM")).text
    assert "has it now" not in text
    assert "not over: it is in bay 1" in text
    assert "To go to PC smith" in (await sam.ask("/cameras")).text


async def test_where_nothing_is_left_to_do_no_heading_says_so(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    segment = await site.dock.confirmed()
    assert "What you can do" in (await sam.ask(f"/footage/{segment}")).text
    mark = f"/footage/{segment}/evidential"
    assert (await sam.ask(mark, (await sam.ask(f"/footage/{segment}")).form(mark))).status == 303
    assert "What you can do" not in (await sam.ask(f"/footage/{segment}")).text


async def test_one_camera_is_one(site: Site) -> None:
    sam = site.user("sam")
    await sam.sign_in()
    await site.dock.listed(b"clip.mp4")
    text = (await sam.ask("/cameras?q=CAM")).text
    assert ">1 camera<" in text
    assert "1 cameras" not in text


@pytest.mark.parametrize(("path", "example"), [("/bays/1/out-of-use", "in_use, reason, was"), ("/cameras/CAM/issue", "officer, was")])  # fmt: skip
async def test_a_program_that_sends_no_object_is_told_the_names_of_this_address(
    site: Site, path: str, example: str
) -> None:
    async with site.client.post(f"{site.url}/api/v1{path}", json=["x"]) as answer:
        said = await answer.json(content_type=None)
    assert answer.status == 400
    assert said["detail"] == f"what was sent is no JSON object; its names here are {example}"


async def test_a_program_may_say_what_it_has_seen(site: Site) -> None:
    await site.dock.listed(b"clip.mp4")

    async def asked(path: str, **wanted: object) -> int:
        async with site.client.post(f"{site.url}/api/v1{path}", json=wanted) as answer:
            return answer.status

    out = "/bays/1/out-of-use"
    assert await asked(out, reason="it smells", was="") == 200
    assert await asked(out, reason="its pins are bent", was="") == 409
    assert await asked(out, reason="it smells", was="") == 200, "that is so already"
    assert await asked(out, in_use=True, was="its pins are bent") == 409
    assert await asked(out, reason="its pins are bent", was="it smells") == 200
    assert await asked(out, was="its pins are bent") == 400
    assert await asked(out, in_use=True) == 200, "without it, as it is told"
    assert await asked("/cameras/CAM/issue", officer="PC jones", was="") == 200
    assert await asked("/cameras/CAM/issue", officer="PC smith", was="") == 409
    assert await asked("/cameras/CAM/issue", officer="", was="PC smith") == 409
    assert await asked("/cameras/CAM/issue", officer="PC smith", was="PC jones") == 200
    assert await asked("/cameras/CAM/issue", officer="PC doe") == 200
