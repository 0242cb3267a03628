"""`dockd run` and a real provider: who signs in there is somebody here, and whoever comes back with something wrong is nobody."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.agent import Running, running
from tests.guarded import guard
from tests.oidc.conftest import configured
from tests.oidc.provider import Provider, provider
from tests.plain_browser import Answer, Browser, query_of, with_query
from tests.program import store_at
from tests.simulators.authority import Authority

SERGEANT = {"name": "k.jones", "password": "a sergeant's words"}
VIEWER = {"name": "v.iewer", "password": "a viewer's words"}
OPS = {"name": "o.ps", "password": "an engineer's words"}
NOBODY = {"name": "n.obody", "password": "nobody's words"}
ANGRY = {"name": '"><script>alert(1)</script>', "password": "evil words"}
SESSION, ELSEWHERE = "__Host-dockd", "__Host-dockd-elsewhere"


class Tags(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def there(dock: Running, browser: Browser, *, next: str | None = None) -> str:
    """Where dockd sends the browser."""
    asked = "" if next is None else f"?next={quote(next, safe='')}"
    return browser.ask(f"{dock.url}/login/elsewhere{asked}").onward


def back(dock: Running, browser: Browser, who: dict[str, str], *, next: str | None = None) -> str:
    """Where the provider sends the browser back to."""
    return browser.at_the_provider(there(dock, browser, next=next), **who)


def is_in(dock: Running, browser: Browser) -> bool:
    """Whether this browser may read."""
    return browser.ask(dock.url + "/api/v1/status").status == 200


def is_refused(dock: Running, browser: Browser, answer: Answer, status: int) -> None:
    """Nobody has been let in, and it is said."""
    assert answer.status == status, answer.text
    assert "You are not signed in" in answer.text
    assert not answer.cookie(SESSION)
    assert SESSION not in browser.jar[urlsplit(dock.url).netloc]
    assert not is_in(dock, browser)


def goes_to(answer: Answer) -> str:
    """Where the page that somebody came back to goes on to by itself."""
    content = [
        attributes["content"]
        for tag, attributes in Tags(answer.text).found
        if tag == "meta" and attributes.get("http-equiv") == "refresh"
    ]
    assert len(content) == 1
    return re.fullmatch(r"0; url=(.*)", content[0] or "")[1]  # type: ignore[index]


def test_a_sergeant_signs_in(dock: Running) -> None:
    browser = Browser()
    assert not is_in(dock, browser), "a provider is configured: nobody reads without a name"
    start = browser.ask(dock.url + "/login/elsewhere?next=%2Fbays%2F3")
    kept = start.cookie(ELSEWHERE)
    assert all(word in kept for word in ("samesite=lax", "secure", "httponly", "path=/", "max-age=600"))
    asked = query_of(start.onward)
    assert asked["redirect_uri"] == dock.url + "/login/elsewhere/back"
    assert (asked["code_challenge_method"], asked["prompt"]) == ("S256", "login")
    answer = browser.ask(browser.at_the_provider(start.onward, **SERGEANT))
    assert answer.status == 200
    assert "Signed in as k.jones" in answer.text
    assert goes_to(answer) == "/bays/3"
    session = answer.cookie(SESSION)
    assert all(word in session for word in ("samesite=strict", "secure", "httponly", "path=/"))
    assert "max-age=0" in answer.cookie(ELSEWHERE)
    assert answer.header("referrer-policy") == "no-referrer"
    assert is_in(dock, browser)
    form = re.search(r'action="/logout".*?name="csrf" value="([^"]+)"', answer.text, re.DOTALL)
    assert form is not None
    line = dock.until_logged("user.signed_in")
    assert "oidc:k.jones" in line["message"]
    assert re.search(r"oidc-[0-9a-f]{8} k\.jones", json.dumps(line)), "custody says who vouched, and by which subject"
    out = browser.ask(dock.url + "/logout", {"csrf": form[1]}, Origin=dock.url)
    assert out.onward == dock.url + "/login"
    assert not is_in(dock, browser)


@pytest.mark.parametrize(("who", "role"), [(VIEWER, "viewer"), (OPS, "ops")])
def test_others_get_their_own_role(dock: Running, who: dict[str, str], role: str) -> None:
    browser = Browser()
    answer = browser.ask(back(dock, browser, who))
    assert answer.status == 200
    assert re.search(rf"\b{role}\b", answer.text)
    assert is_in(dock, browser)


def test_who_has_no_role_here_is_told_so(dock: Running) -> None:
    browser = Browser()
    answer = browser.ask(back(dock, browser, NOBODY))
    is_refused(dock, browser, answer, 403)
    assert "nothing that it says of you lets you in here" in answer.text.replace("&#39;", "'")


def test_who_has_no_account_there_is_told_so(dock: Running) -> None:
    browser = Browser()
    answer = browser.ask(back(dock, browser, {"name": "k.jones", "password": "guessed"}))
    is_refused(dock, browser, answer, 403)


def test_a_name_does_not_act(dock: Running) -> None:
    browser = Browser()
    for answer in (browser.ask(back(dock, browser, ANGRY)), browser.ask(dock.url + "/")):
        assert "alert(1)" in answer.text
        scripts = [attributes for tag, attributes in Tags(answer.text).found if tag == "script"]
        assert all(str(attributes.get("src", "")).startswith("/static/") for attributes in scripts)
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("wrong", [{"state": "another"}, {"state": ""}, {"state": None}])
def test_a_state_that_this_browser_has_not_begun(dock: Running, wrong: dict[str, str | None]) -> None:
    browser = Browser()
    is_refused(dock, browser, browser.ask(with_query(back(dock, browser, SERGEANT), **wrong)), 400)


def test_an_answer_that_another_browser_has_begun(dock: Running) -> None:
    """Sign-in by another's hand: the answer to what an attacker began is opened in the victim's browser."""
    attacker, victim = Browser(), Browser()
    stolen = back(dock, attacker, VIEWER)
    is_refused(dock, victim, victim.ask(stolen), 400)
    there(dock, victim)  # they have begun one of their own
    is_refused(dock, victim, victim.ask(stolen), 400)


def test_a_code_that_was_stolen(dock: Running) -> None:
    """An attacker who has seen the victim's answer brings its code to a sign-in of their own: PKCE."""
    victim, attacker = Browser(), Browser()
    code = query_of(back(dock, victim, SERGEANT))["code"]
    mine = back(dock, attacker, NOBODY)
    is_refused(dock, attacker, attacker.ask(with_query(mine, code=code)), 403)


def test_an_answer_that_comes_twice(dock: Running) -> None:
    browser = Browser()
    where = back(dock, browser, SERGEANT)
    kept = dict(browser.jar[urlsplit(dock.url).netloc])
    assert browser.ask(where).status == 200
    again = Browser(jar={urlsplit(dock.url).netloc: kept})
    is_refused(dock, again, again.ask(where), 400)


def test_a_parameter_that_comes_twice(dock: Running) -> None:
    browser = Browser()
    where = back(dock, browser, SERGEANT)
    is_refused(dock, browser, browser.ask(f"{where}&state={query_of(where)['state']}"), 400)


def test_the_answer_to_another_nonce(dock: Running) -> None:
    """A token that was made for another sign-in of the same dock."""
    browser = Browser()
    url = with_query(there(dock, browser), nonce="another")
    is_refused(dock, browser, browser.ask(browser.at_the_provider(url, **SERGEANT)), 502)


def test_a_code_for_another_client(dock: Running) -> None:
    browser = Browser()
    url = with_query(there(dock, browser), client_id="another")
    is_refused(dock, browser, browser.ask(browser.at_the_provider(url, **SERGEANT)), 403)


def test_a_weaker_challenge_is_no_way_round(dock: Running) -> None:
    """Who strips PKCE off on the way there gets no code at all, or one that is refused."""
    browser = Browser()
    url = with_query(there(dock, browser), code_challenge=None, code_challenge_method=None)
    is_refused(dock, browser, browser.ask(browser.at_the_provider(url, **SERGEANT)), 403)


@pytest.mark.parametrize("issuer", ["https://login.example.org", "", None])
def test_the_answer_of_another_provider(dock: Running, issuer: str | None) -> None:
    """Mix-up: this provider says in its answers who it is."""
    browser = Browser()
    is_refused(dock, browser, browser.ask(with_query(back(dock, browser, SERGEANT), iss=issuer)), 502)


def test_nobody_signs_in_elsewhere_over_a_line_in_clear(dock: Running) -> None:
    """A name that is not this machine's own, and no TLS: the answer would go over the line with all that is in it."""
    browser = Browser()
    answer = browser.ask(dock.url + "/login/elsewhere", Host="dock.example")
    assert answer.status == 403
    assert not answer.cookie(ELSEWHERE)
    where = back(dock, browser, SERGEANT)
    again = browser.ask(where, Host="dock.example")
    assert again.status == 403
    assert not again.cookie(SESSION)
    assert not again.cookie("dockd-in-clear")


LIES = [
    "alg none", "the public key as a secret", "expired", "another audience", "another party", "another issuer", "another nonce", "no nonce",
    "another access token", "another key", "another key that is not published", "more roles, unsigned",
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold(dock: Running, far: Provider, lie: str) -> None:
    browser = Browser()
    where = back(dock, browser, SERGEANT)
    far.lies(lie)
    is_refused(dock, browser, browser.ask(where), 502)
    far.lies(None)
    assert browser.ask(back(dock, browser, SERGEANT)).status == 200, "the next honest one is let in"


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example.org", "https://evil.example.org/", "/\\evil.example.org", "\\\\evil.example.org", "/%2f/evil.example.org\n", "javascript:alert(1)", "evil.example.org",
        "/\t/evil.example.org", "/login/elsewhere", "/logout", "/" + "a" * 5000, "/é",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(dock: Running, next: str) -> None:
    browser = Browser()
    answer = browser.ask(back(dock, browser, VIEWER, next=next))
    assert answer.status == 200
    assert goes_to(answer) == "/"


def test_a_path_of_the_page_is_gone_to_as_it_is(dock: Running) -> None:
    browser = Browser()
    for way in ("/footage?camera=a%22&after=", '/footage?camera="><script>alert(1)</script>', "/bays/3?lang=cy"):
        answer = browser.ask(back(dock, browser, VIEWER, next=way))
        assert goes_to(answer) == way
        assert "<script>alert" not in answer.text


def test_the_way_in_is_on_the_page_where_people_sign_in(dock: Running) -> None:
    answer = Browser().ask(dock.url + "/login?next=%2Fbays")
    links = [str(attributes.get("href")) for tag, attributes in Tags(answer.text).found if tag == "a"]
    assert "/login/elsewhere?next=%2Fbays" in links


def test_a_provider_that_is_away(far: Provider, tmp_path: Path) -> None:
    """It is said, at once; and dockd's own users still sign in."""
    before = Running(folder=tmp_path / "dock", store="", more=configured(tmp_path, "http://127.0.0.1:9"))
    before.configure()
    users = guard(before)
    with store_at(tmp_path / "central") as store, running(before.folder, store.url, more=before.more) as dock:
        browser = Browser()
        answer = browser.ask(dock.url + "/login/elsewhere")
        is_refused(dock, browser, answer, 503)
        assert "cannot be asked just now" in answer.text
        line = dock.until_logged("user.refused_elsewhere")
        assert "127.0.0.1:9" in line["message"]
        users.agent = dock
        assert users.signed_in("sergeant").ask("/api/v1/status").status == 200


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_provider_with_a_certificate_of_the_forces_own(tmp_path: Path, known: bool) -> None:
    authority = Authority(tmp_path / "authority")
    with (
        provider(tmp_path / "log", pem=authority.issue("login")) as far,
        store_at(tmp_path / "central") as store,
    ):
        more = configured(tmp_path, far.issuer) + (f'ca_file = "{authority.certificate}"\n' if known else "")
        with running(tmp_path / "dock", store.url, more=more) as dock:
            browser = Browser(trusts=authority.trusted())
            if known:
                assert browser.ask(back(dock, browser, SERGEANT)).status == 200
                assert is_in(dock, browser)
            else:
                is_refused(dock, browser, browser.ask(dock.url + "/login/elsewhere"), 503)
                assert "CERTIFICATE_VERIFY_FAILED" in dock.until_logged("user.refused_elsewhere")["message"]
