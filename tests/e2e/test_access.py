"""Who is let in, by the real program: users, sessions, tokens, and those who try without."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from contextlib import closing

import pytest

from dockd.access import Role
from tests.agent import Running, running
from tests.browsing import PASSWORD, Browser, add_user, bearer, book, dockd, token
from tests.program import StoreProcess

STATUS = "/api/v1/status"
OVERRIDE = "/api/v1/bandwidth/override"
LIFT = b'{"rate": null}'
ROLES: dict[str, Role] = {"vera": "viewer", "sam": "sergeant", "olga": "ops"}


@pytest.fixture(scope="module")
def agent(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It runs before there are users: they are added while it does."""
    with running(tmp_path_factory.mktemp("access"), store.url, page='allowed_hosts = ["dock.example"]') as found:
        assert found.ask(STATUS).status == 200
        assert Browser(found.url).get("/").status == 200
        done = dockd(found, "user", "add", "olga", "--role", "ops")
        assert (done.code, done.out) == (0, "olga may sign in (ops)\n")
        for name, role in ROLES.items():
            if name != "olga":
                add_user(found, name, role)
        yield found


def signed_in(agent: Running, name: str) -> Browser:
    browser = Browser(agent.url)
    answer = browser.sign_in(name)
    assert answer.status == 303, answer.body
    return browser


def test_once_there_is_a_user_everybody_says_who_they_are(agent: Running) -> None:
    stranger = Browser(agent.url)
    for path in ("/", "/bays/1?lang=cy", "/problems", "/wall", "/no/such/page"):
        answer = stranger.get(path)
        assert answer.status == 303, path
        way = urllib.parse.urlsplit(answer.headers["Location"])
        assert way.path == "/login"
        assert urllib.parse.parse_qs(way.query).get("next", ["/"]) == [path]
    for path in (
        STATUS,
        "/api/v1/bays",
        "/api/v1/events",
        "/api/v1/openapi.json",
        "/api/v1/nothing",
        "/live",
        "/parts",
    ):
        answer = stranger.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json"), path
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="dockd"'
    for path in ("/healthz", "/readyz", "/metrics", "/static/page.css", "/login"):
        assert stranger.get(path).status == 200, path
    assert stranger.get("/metrics", Host="dock.example").status == 401, (
        "asked for by a name, it may have come through another server"
    )
    for headers in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-User": "olga"},
        {"Remote-User": "olga"},
        {"X-Real-IP": "::1"},
    ):
        assert stranger.ask("GET", STATUS, headers=headers).status == 401
    assert stranger.post_json(OVERRIDE, LIFT).status == 401
    assert stranger.post("/logout", {}).status == 303


def test_each_role_may_what_it_may(agent: Running) -> None:
    for name, role in ROLES.items():
        browser = signed_in(agent, name)
        page = browser.get("/")
        assert page.status == 200
        assert f"Signed in as {name} ({role})".encode() in page.body
        assert browser.get(STATUS).status == 200
        changed = browser.post_json(OVERRIDE, LIFT, X_CSRF_Token=browser.csrf())
        assert changed.status == (200 if role == "ops" else 403), (name, changed.body)
        assert browser.get("/no/such/page").status == 404


def test_the_session_is_a_new_one_each_time_and_no_other_gets_it(agent: Running) -> None:
    victim = Browser(agent.url, cookies={"__Host-dockd": "a" * 43})
    assert victim.sign_in("vera").status == 303
    assert victim.cookies["__Host-dockd"] != "a" * 43
    assert Browser(agent.url, cookies={"__Host-dockd": "a" * 43}).get(STATUS).status == 401
    attributes = {part.strip().lower() for part in victim.set_cookie[0].split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=strict", "path=/"}
    before = Browser(agent.url, cookies=dict(victim.cookies))
    assert before.get(STATUS).status == 200
    assert victim.sign_in("sam").status == 303
    assert before.get(STATUS).status == 401, "the session that the browser had before is over"
    assert victim.get(STATUS).status == 200
    after = Browser(agent.url, cookies=dict(victim.cookies))
    assert victim.post("/logout", {"csrf": victim.csrf()}).status == 303
    assert victim.cookies == {}
    assert after.get(STATUS).status == 401


@pytest.mark.parametrize("onward", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/login", "\t//evil", "/x\r\nSet-Cookie: a=b"])  # fmt: skip
def test_the_way_on_is_here(agent: Running, onward: str) -> None:
    browser = Browser(agent.url)
    answer = browser.sign_in("vera", onward=onward)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert browser.get(f"/login?next={urllib.parse.quote(onward)}").headers["Location"] == "/"


def test_the_way_on_is_where_they_wanted_to_go(agent: Running) -> None:
    assert Browser(agent.url).sign_in("vera", onward="/bays/3?lang=cy").headers["Location"] == "/bays/3?lang=cy"


def test_a_change_by_a_browser_wants_its_own_forms_token_from_this_origin(agent: Running) -> None:
    add_user(agent, "oskar", "ops")
    olga, other = signed_in(agent, "oskar"), signed_in(agent, "oskar")
    right = olga.csrf()
    assert right != olga.csrf(), "masked for each answer"
    assert olga.post_json(OVERRIDE, LIFT, X_CSRF_Token=right).status == 200
    assert olga.post_json(OVERRIDE, LIFT, X_CSRF_Token=right, Origin="", Sec_Fetch_Site="same-origin").status == 200
    wrong = {
        "none": {}, "empty": {"X_CSRF_Token": ""}, "nonsense": {"X_CSRF_Token": "x" * 86}, "another session's": {"X_CSRF_Token": other.csrf()},
        "cut": {"X_CSRF_Token": right[:-2]}, "another origin": {"X_CSRF_Token": right, "Origin": "http://evil.example"},
        "no origin": {"X_CSRF_Token": right, "Origin": ""}, "no page's": {"X_CSRF_Token": right, "Origin": "null"},
        "another scheme": {"X_CSRF_Token": right, "Origin": agent.url.replace("http:", "https:")},
        "another port": {"X_CSRF_Token": right, "Origin": "http://127.0.0.1:1"},
        "another site": {"X_CSRF_Token": right, "Sec_Fetch_Site": "cross-site"},
        "a neighbour's": {"X_CSRF_Token": right, "Sec_Fetch_Site": "same-site"},
    }  # fmt: skip
    for what, headers in wrong.items():
        assert olga.post_json(OVERRIDE, LIFT, **headers).status == 403, what
    for what, fields, headers in (
        ("no token", {}, {}), ("another session's", {"csrf": other.csrf()}, {}), ("another origin", {"csrf": right}, {"Origin": "http://evil.example"}),
        ("no origin", {"csrf": right}, {"Origin": ""}),
    ):  # fmt: skip
        assert olga.post("/logout", fields, **headers).status == 403, what
        assert olga.get(STATUS).status == 200
    assert (
        Browser(agent.url).post("/login", {"name": "vera", "password": PASSWORD}, Origin="http://evil.example").status
        == 403
    )
    assert Browser(agent.url).post("/login", {"name": "vera", "password": PASSWORD}, Origin="").status == 403
    elsewhere = Browser(agent.url).post(
        "/logout", {}, Origin="http://evil.example"
    )  # a browser sends no cookie with it
    assert (elsewhere.status, elsewhere.headers.get("Set-Cookie")) == (403, None)


def test_tokens_hold_until_they_expire_or_are_revoked(agent: Running) -> None:
    program = Browser(agent.url)
    shown = token(agent, "ops", name="script")
    assert program.ask("GET", STATUS, headers=bearer(shown)).status == 200
    assert (
        program.ask("POST", OVERRIDE, body=LIFT, headers={**bearer(shown), "Content-Type": "application/json"}).status
        == 200
    )
    reader = token(agent, "viewer")
    assert (
        program.ask("POST", OVERRIDE, body=LIFT, headers={**bearer(reader), "Content-Type": "application/json"}).status
        == 403
    )
    done = dockd(agent, "token", "revoke", "script")
    assert done.code == 0, done.said
    assert program.ask("GET", STATUS, headers=bearer(shown)).status == 401
    expired = token(agent, "ops", lasts=60.0, made=-100.0)
    browser = signed_in(agent, "sam")
    for wrong in (expired, shown, "dockd_" + "x" * 43, "", PASSWORD):
        answer = browser.ask("GET", STATUS, headers=bearer(wrong))
        assert (answer.status, "invalid_token" in answer.headers["WWW-Authenticate"]) == (401, True), (
            "whatever else is shown beside it"
        )
    assert browser.ask("GET", STATUS, headers={"Authorization": "Basic b2xnYTp4"}).status == 401


def test_a_walls_token_opens_the_wall_and_nothing_else(agent: Running) -> None:
    shown = token(agent, "wall", name="east")
    wall = Browser(agent.url)
    answer = wall.get(f"/wall?token={shown}")
    assert (answer.status, answer.headers["Location"]) == (303, "/wall")
    assert shown not in answer.headers["Location"]
    assert wall.get("/wall").status == 200
    assert wall.get("/wall/live/now").status == 200
    assert wall.get("/static/page.css").status == 200
    for path in (STATUS, "/api/v1/events", "/live", "/api/v1/nothing"):
        assert wall.get(path).status == 403, path
        assert Browser(agent.url).ask("GET", path, headers=bearer(shown)).status == 403, path
    for path in ("/", "/bays", "/problems", "/bays/1", "/handover"):
        assert wall.get(path).status == 303, "whoever stands before it may sign in"
        assert Browser(agent.url).ask("GET", path, headers=bearer(shown)).status == 403, path
    assert wall.post_json(OVERRIDE, LIFT).status == 403
    assert wall.get("/wall", Host="dock.example").status == 303, (
        "by a name that goes over a line in clear, what was kept in private is not shown"
    )
    for wrong in (token(agent, "ops"), "dockd_x", "", "x" * 5000):
        refused = Browser(agent.url)
        assert refused.get(f"/wall?token={wrong}").status == 403
        assert refused.cookies == {}
    assert Browser(agent.url, cookies={"__Host-dockd-wall": token(agent, "ops")}).get(STATUS).status == 401, (
        "a cookie is a wall's"
    )
    with closing(book(agent)) as found:
        found.revoke_token("east", by="os:test")
    assert wall.get("/wall").status == 303


def test_whoever_is_changed_or_removed_is_signed_out(agent: Running) -> None:
    add_user(agent, "paul", "viewer")
    with closing(book(agent)) as found:
        browser = signed_in(agent, "paul")
        found.change_user("paul", by="os:test", role="ops")
        assert browser.get(STATUS).status == 401
        browser = signed_in(agent, "paul")
        assert browser.get(STATUS).status == 200
        found.remove_user("paul", by="os:test")
        assert browser.get(STATUS).status == 401
    assert Browser(agent.url).sign_in("paul").status == 401


def test_twenty_bad_logins(agent: Running) -> None:
    add_user(agent, "tina", "viewer")
    answers = [Browser(agent.url).sign_in("tina", f"wrong {n}") for n in range(20)]
    assert [one.status for one in answers[:5]] == [401] * 5
    assert sum(one.status == 429 for one in answers) >= 10
    late = next(one for one in answers if one.status == 429)
    assert int(late.headers["Retry-After"]) >= 1
    assert b"Too many mistakes" in late.body
    assert b"name or the password is wrong" in answers[0].body
    unknown = Browser(agent.url).sign_in("a.password.by.mistake", "wrong 3")
    assert (unknown.status, b"name or the password is wrong" in unknown.body) == (401, True)
    assert Browser(agent.url).sign_in("vera").status == 303, "nobody else is kept out"
    for secret in ("wrong 3", "a.password.by.mistake"):
        assert secret not in agent.said


def test_what_happened_is_in_custody_and_no_secret_anywhere(agent: Running) -> None:
    shown = signed_in(agent, "vera").cookies["__Host-dockd"]
    left = signed_in(agent, "vera")
    assert left.post("/logout", {"csrf": left.csrf()}).status == 303
    assert Browser(agent.url).sign_in("vera", "not her password").status != 303
    for action in ("access.changed", "user.refused"):
        agent.until_logged(action)
    reader = token(agent, "viewer")
    answer = Browser(agent.url).ask("GET", "/api/v1/activity?limit=1000", headers=bearer(reader))
    actions = [one["action"] for one in answer.document["activity"]]
    assert {"user.signed_in", "user.signed_out", "user.refused", "access.changed"} <= set(actions)
    assert "user:vera signed in (viewer)" in [one["message"] for one in answer.document["activity"]]
    for place in (
        agent.said,
        answer.body.decode(),
        (agent.folder / "state" / "access.db").read_bytes().decode("latin-1"),
    ):
        for secret in (PASSWORD, shown, reader):
            assert secret not in place
    assert re.search(
        r"\$argon2id\$v=19\$m=65536,t=3,p=1\$", (agent.folder / "state" / "access.db").read_bytes().decode("latin-1")
    )


def test_a_list_that_cannot_be_read_lets_nobody_in_and_footage_goes_on(agent: Running) -> None:
    browser, shown = signed_in(agent, "sam"), token(agent, "ops")
    path = agent.folder / "state" / "access.db"
    whole = path.read_bytes()
    path.write_bytes(b"nothing of a list" * 600)
    try:
        for asking in (browser, Browser(agent.url)):
            assert asking.get(STATUS).status == 503
            assert asking.ask("GET", STATUS, headers=bearer(shown)).status == 503
            assert asking.get("/").status == 303
            assert asking.post_json(OVERRIDE, LIFT).status == 503
        page = browser.get("/login")
        assert page.status == 200
        assert b"--begin-anew" in page.body
        assert Browser(agent.url).sign_in("sam").status == 503
        assert Browser(agent.url).get("/healthz").status == 200
        agent.dock("AFTER", {"a.mp4": b"a" * 1000})
        agent.until_logged("segment.confirmed")
        assert dockd(agent, "user", "list").code == 3
        path.unlink()
        assert browser.get(STATUS).status == 503, "one that is gone is not one without users"
    finally:
        path.write_bytes(whole)
        path.chmod(0o600)
    assert browser.get(STATUS).status == 200
    problems = browser.get("/api/v1/problems").document["problems"]
    assert "access_unreadable" not in [one["problem"] for one in problems]
