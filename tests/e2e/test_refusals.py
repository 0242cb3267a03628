"""What a dock with users refuses, asked from outside as one asks who is up to no good: `dockd run`, and bytes on a socket."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from tests.addresses import Address, addresses, asked_for
from tests.agent import Running
from tests.guarded import PASSWORD, SESSION, WALL, Caller, Guarded, guard
from tests.program import StoreProcess

CAMERA = "CAM-OF-NOBODYS-BUSINESS"
TRIED = [f"tried-{number}" for number in range(5)]


@pytest.fixture(scope="module")
def dock(store: StoreProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    agent = Running(folder=tmp_path_factory.mktemp("refusals"), store=store.url)
    agent.configure()
    found = guard(agent, more=(*TRIED, "leaver", "changed", "victim"))
    agent.dock(CAMERA, {"a.mp4": b"a" * 1000})
    agent.start()
    try:
        viewer = found.bearer("viewer")
        deadline = time.monotonic() + 40
        while '"ready"' not in viewer.ask("/api/v1/bays").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield found
    finally:
        agent.kill()


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> list[Address]:
    return asyncio.run(addresses(tmp_path_factory.mktemp("ways")))


@pytest.fixture(scope="module")
def real(dock: Guarded) -> dict[str, str]:
    """A value for each parameter that there really is."""
    segment = dock.bearer("viewer").ask("/api/v1/segments").text.split('"id":"', 1)[1].split('"', 1)[0]
    return {"n": "1", "id": segment, "name": "page.css"}


# Scrapers and probes on this machine need no token; there is no name and no footage in what they get.
FOR_PROBES = {f"{base}{path}" for base in ("", "/api/v1") for path in ("/readyz", "/metrics")}


def is_refused(dock: Guarded, way: Address, caller: Caller, path: str) -> None:
    """This caller gets nothing there, whatever they send, and learns nothing."""
    if way.method == "GET":
        answer = caller.ask(path)
    else:
        answer = caller.post_json(path, {}) if path.startswith("/api/") else caller.post(path, {})
    assert answer.status in (303, 401, 403), (way, answer.status, answer.text[:200])
    assert answer.status != 303 or answer.where.startswith("/login"), (way, answer.where)
    assert CAMERA not in answer.text, way
    assert "a.mp4" not in answer.text, way


# -- who asks -----------------------------------------------------------------------------------------------------------


def test_every_address_says_what_it_demands(ways: list[Address]) -> None:
    assert len(ways) > 50
    assert [way for way in ways if not way.said] == []
    for way in ways:
        if way.method != "GET" and way.path not in ("/login", "/logout", "/live/here"):
            assert way.right in ("change", "operate"), way
    assert {way.path for way in ways if way.right == "wall"} == {"/wall", "/wall/live", "/wall/live/now"}
    assert {way.path for way in ways if way.right == "open"} == {
        "/login", "/logout", "/static/{name}", "/favicon.ico", "/healthz", "/api/v1/healthz"
    }  # fmt: skip


def test_a_wall_token_opens_the_wall_alone(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    shown = dock.tokens["wall"]
    screen = dock.caller()
    assert screen.ask(f"/wall?token={shown}").where == "/wall"
    assert screen.cookies[WALL] == shown
    assert screen.ask("/wall").status == 200
    bearer = dock.bearer("wall")
    assert bearer.ask("/wall").status == 200
    in_the_address = dock.caller()
    for way in ways:
        if way.right in ("open", "wall") or way.path in FOR_PROBES:
            continue
        path = way.at(real | ({"id": CAMERA} if "cameras" in way.path else {}))
        for caller, asked in ((screen, path), (bearer, path), (in_the_address, f"{path}?token={shown}")):
            is_refused(dock, way, caller, asked)
    assert SESSION not in in_the_address.cookies
    wall = screen.ask("/wall").text + screen.ask("/wall/live/now").text
    assert CAMERA not in wall, "no names on the wall"
    assert "a.mp4" not in wall


def test_nobody_gets_anywhere(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    for way in ways:
        if way.path in FOR_PROBES:
            text = dock.caller().ask(way.path).text
            assert CAMERA not in text
            assert "a.mp4" not in text
        elif way.right != "open":
            is_refused(dock, way, dock.caller(), way.at(real))


def test_each_role_does_no_more_than_it_may(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    viewer, sergeant = dock.bearer("viewer"), dock.bearer("sergeant")
    for way in ways:
        if way.right in ("change", "operate") and way.path.startswith("/api/"):
            assert viewer.post_json(way.at(real), {}).status == 403, way
        if way.right == "operate" and way.path.startswith("/api/"):
            assert sergeant.post_json(way.at(real), {}).status == 403, way


@pytest.mark.parametrize("kind", ["expired", "revoked", "made up", "empty", "cut", "another scheme", "twice"])
def test_a_token_that_opens_nothing(dock: Guarded, kind: str) -> None:
    shown = dock.token("ops", name=f"no-{kind.replace(' ', '-')}", lasts=-1.0 if kind == "expired" else 3600.0)
    caller = Caller(url=dock.agent.url, headers={"Authorization": f"Bearer {shown}"})
    if kind == "revoked":
        assert caller.ask("/api/v1/status").status == 200
        dock.book.revoke_token("no-revoked", by="a test")
    elif kind != "expired":
        caller.headers["Authorization"] = {
            "made up": "Bearer dockd_" + "A" * 43, "empty": "Bearer", "cut": f"Bearer {shown[:-1]}", "another scheme": f"Basic {shown}",
            "twice": f"Bearer {shown} {shown}",
        }[kind]  # fmt: skip
    answer = caller.ask("/api/v1/status")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    caller.cookies = dict(dock.signed_in("viewer").cookies)
    assert caller.ask("/api/v1/status").status == 401, (
        "what is shown and does not hold is not helped by what else is shown"
    )


def test_a_stream_ends_when_its_token_is_revoked(dock: Guarded) -> None:
    shown = dock.token("viewer", name="a-stream")
    parts = urlsplit(dock.agent.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as line:
        line.sendall(
            f"GET /api/v1/events HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {shown}\r\n\r\n".encode()
        )
        assert b" 200 " in line.recv(1000)
        dock.book.revoke_token("a-stream", by="a test")
        began = time.monotonic()
        while line.recv(65536):
            assert time.monotonic() - began < 25
    assert time.monotonic() - began < 25


def test_sessions_end_with_those_whose_they_are(dock: Guarded) -> None:
    leaver, changed, other = dock.signed_in("leaver"), dock.signed_in("changed"), dock.signed_in("viewer")
    dock.book.remove_user("leaver", by="a test")
    dock.book.change_user("changed", by="a test", role="sergeant")
    assert leaver.ask("/api/v1/status").status == 401
    assert changed.ask("/api/v1/status").status == 401
    assert other.ask("/api/v1/status").status == 200
    kept = dict(other.cookies)
    assert other.post("/logout", {"csrf": other.csrf}).status == 303
    assert Caller(url=dock.agent.url, cookies=kept).ask("/api/v1/status").status == 401, "signed out is signed out"


def test_a_session_that_somebody_else_has_laid_down(dock: Guarded) -> None:
    """Fixation: what the browser brought along when its user signed in is worth nothing afterwards."""
    laid = "A" * 43
    attacker = dock.signed_in("viewer")
    for brought in (laid, attacker.cookies[SESSION]):
        victim = dock.caller()
        victim.cookies[SESSION] = brought
        answer = victim.sign_in("victim")
        assert answer.status == 303
        assert answer.cookies[SESSION] not in ("", brought)
        assert Caller(url=dock.agent.url, cookies={SESSION: brought}).ask("/api/v1/status").status == 401
        assert "victim" in victim.ask("/system").text


def test_no_other_spelling_of_an_address_gets_round(dock: Guarded) -> None:
    """What lets in is said where the handler is, not by the path: no spelling leads to one without it."""
    spelt = [
        "//api/v1/status", "/api//v1/status", "/api/v1/./status", "/api/v1/x/../status", "/static/../api/v1/status", "/static/%2e%2e/api/v1/status", "/healthz/../api/v1/status",
        "/API/v1/status", "/api/v1/status/", "/api/v1/status%00", "/api/v1/status%20", "/api/v1/status;a=b", "/api/v1/status.json", "/%61pi/v1/status", "/api%2fv1%2fstatus", "/wall/../bays", "/login/../bays",
        "/static/page.css/../../bays", "/bays%3f", "/bays%23", "/live/now", "/wall/live/now", "/.", "/..",
    ]  # fmt: skip
    for caller in (dock.caller(), Caller(url=dock.agent.url, cookies={WALL: dock.tokens["wall"]})):
        for path in spelt:
            answer = caller.ask(path, Accept="application/json")
            if (caller.cookies, path) != ({WALL: dock.tokens["wall"]}, "/wall/live/now"):
                assert answer.status != 200, path
            assert CAMERA not in answer.text, path


def test_no_other_method_does_anything(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    paths = sorted({way.at(real) for way in ways})
    known = {(way.at(real), way.method) for way in ways}
    ops = dock.bearer("ops")
    for method, path in itertools.product(
        ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "POST"), paths[::2]
    ):
        if (path, method) in known:
            continue
        for caller in (dock.caller(), ops):
            answer = caller.send(path, b"{}" if method == "POST" else None, {}, method=method)
            assert answer.status in (303, 401, 403, 404, 405), (method, path, answer.status)
            assert "access-control-allow-origin" not in answer.headers


# -- from where ---------------------------------------------------------------------------------------------------------

FORWARDED = [
    {"X_Forwarded_For": "127.0.0.1"}, {"X_Real_IP": "::1"}, {"Forwarded": 'for="[::1]";host=localhost;proto=https'}, {"X_Forwarded_Host": "localhost"},
    {"X_Forwarded_Proto": "https"}, {"Client_IP": "127.0.0.1"}, {"X_Remote_User": "ops"}, {"Remote_User": "ops"}, {"X_Forwarded_User": "ops"},
    {"X_Original_URL": "/api/v1/healthz"}, {"X_HTTP_Method_Override": "GET"},
]  # fmt: skip


def test_what_is_claimed_of_where_it_comes_from_opens_nothing(dock: Guarded) -> None:
    nobody = dock.caller("127.0.0.65")
    for claimed in FORWARDED:
        assert nobody.ask("/api/v1/status", **claimed).status == 401, claimed
        assert nobody.ask("/", **claimed).where == "/login", claimed
    everything = {name: value for claimed in FORWARDED for name, value in claimed.items()}
    assert nobody.sign_in("viewer", "a guess that is wrong", **everything).status == 401


def test_twenty_wrong_passwords_whatever_is_claimed(dock: Guarded) -> None:
    """Per account and per address, by the address that the kernel has; and nobody is kept out for good, or elsewhere."""
    attacker = dock.caller("127.0.0.66")
    first = attacker.sign_in(TRIED[0], "a guess that is wrong")
    statuses = [first.status]
    claims = itertools.count(1)
    for number in range(19):
        claim = f"198.51.100.{next(claims)}"
        answer = attacker.sign_in(
            TRIED[(number + 1) // 5],
            f"a guess that is wrong, number {number}",
            X_Forwarded_For=claim,
            Forwarded=f"for={claim}",
            X_Real_IP=claim,
        )
        statuses.append(answer.status)
    assert statuses == [401] * 20
    wait = 2.0
    while not kept_out(dock, attacker, wait=wait):
        wait *= 2
    deadline = time.monotonic() + wait + 30
    while (status := attacker.sign_in("ops").status) == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status == 303, "and it is over by itself"


def kept_out(dock: Guarded, attacker: Caller, *, wait: float) -> bool:
    """One mistake more, and nobody comes in by what was tried for `wait` seconds. False where this machine is too slow to ask for all in that time: each
    further mistake makes the wait twice as long.
    """
    while attacker.sign_in(TRIED[3], "a guess that is wrong, once more").status == 429:
        time.sleep(0.1)
    over = time.monotonic() + wait / 2
    elsewhere = dock.caller("127.0.0.67")
    for caller, name in ((attacker, TRIED[3]), (attacker, TRIED[4]), (attacker, "ops"), (elsewhere, TRIED[3])):
        if time.monotonic() > over:
            return False
        answer = caller.sign_in(name, X_Forwarded_For="203.0.113.9")
        assert answer.status == 429, (
            "even with the right password, and another address claimed; an account that was tried waits everywhere"
        )
        assert 1 <= int(answer.headers["retry-after"]) <= 300
        assert SESSION not in answer.cookies
    assert elsewhere.sign_in("ops").status == 303, "others, elsewhere, come in meanwhile"
    return True


def test_what_is_wrong_is_not_said(dock: Guarded) -> None:
    """A name that nobody bears and a wrong password get the same answer."""
    one, other = (
        dock.caller("127.0.0.68").sign_in(name, "wrong").text.replace(name, "")
        for name in ("viewer", "never-was-a-user")
    )
    assert one == other


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.org", "evil.example.org:{port}", "127.0.0.1.evil.example.org:{port}", "localhost.evil.example.org", "127.0.0.1:{port}@evil.example.org",
        "evil.example.org@127.0.0.1:{port}", "127.0.0.1:{port}, evil.example.org", "[::ffff:203.0.113.1]:{port}", "0.0.0.0:{port}", "2130706433:{port}.", "127.0.0.1:x", "[::1",
    ],
)  # fmt: skip
def test_another_name_is_not_answered(dock: Guarded, host: str) -> None:
    """DNS rebinding: a page elsewhere that has its own name point here; also for those who have signed in."""
    port = str(urlsplit(dock.agent.url).port)
    for caller in (dock.caller(), dock.bearer("viewer")):
        answer = caller.ask("/api/v1/status", Host=host.format(port=port))
        assert answer.status in (400, 421)
        assert "oldest_unconfirmed" not in answer.text
        assert caller.ask("/login", Host=host.format(port=port)).status in (400, 421)


@pytest.mark.parametrize(
    "lines",
    [
        "GET /api/v1/status HTTP/1.0\r\n", "GET /api/v1/status HTTP/1.1\r\n", "GET /api/v1/status HTTP/1.1\r\nHost: {here}\r\nHost: evil.example.org\r\n",
        "GET /api/v1/status HTTP/1.1\r\nHost: evil.example.org\r\nHost: {here}\r\n", "GET http://evil.example.org/api/v1/status HTTP/1.1\r\nHost: evil.example.org\r\n",
        "GET //evil.example.org/api/v1/status HTTP/1.1\r\nHost: {here}\r\n", "GET /api/v1/status HTTP/1.1\r\nHost : {here}\r\n",
        "GET /api/v1/status HTTP/1.1\r\nHost: {here}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
)  # fmt: skip
def test_a_request_that_is_two_things_at_once(dock: Guarded, lines: str) -> None:
    parts = urlsplit(dock.agent.url)
    sent = (
        lines.format(here=parts.netloc) + f"Authorization: Bearer {dock.tokens['viewer']}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as line:
        line.sendall(sent.encode())
        said = b""
        while more := line.recv(65536):
            said += more
    assert int(said.split()[1]) in (400, 404, 421), said[:200]


# -- from which page ----------------------------------------------------------------------------------------------------

ELSEWHERE = [
    {"Origin": "https://evil.example.org"}, {"Origin": "null"}, {"Origin": "{here}.evil.example.org"}, {"Origin": "https://{netloc}"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": ""},
]  # fmt: skip


@pytest.mark.parametrize("claimed", ELSEWHERE, ids=str)
def test_a_page_elsewhere_changes_nothing(dock: Guarded, claimed: dict[str, str]) -> None:
    """With a session and even its CSRF token: a form, a document of the API, signing in, signing out."""
    netloc = urlsplit(dock.agent.url).netloc
    sent = {name: value.format(here=dock.agent.url, netloc=netloc) for name, value in claimed.items()}
    ops = dock.signed_in("ops")
    form = {"csrf": ops.csrf, "reason": "out", "rate": "1 Mbit/s", "for": "1 h"}
    assert ops.post("/bays/1/out-of-use", {"csrf": form["csrf"], "reason": "out"}, **sent).status == 403
    assert ops.post_json("/api/v1/bandwidth/override", {"rate": "1 Mbit/s", "for": "1 h"}, **sent).status == 403
    assert ops.post_json("/api/v1/bays/1/out-of-use", {"reason": "out"}, **sent).status == 403
    assert ops.post("/logout", {"csrf": ops.csrf}, **sent).status == 403
    assert dock.caller().sign_in("victim", **sent).status == 403, "nobody is signed in by another's page"
    assert '"state":"out_of_use"' not in ops.ask("/api/v1/bays").text
    assert ops.ask("/api/v1/status").status == 200


def test_a_change_without_its_token(dock: Guarded) -> None:
    ops, other = dock.signed_in("ops"), dock.signed_in("sergeant")
    assert ops.csrf
    assert ops.csrf != other.csrf
    for wrong in ("", "A" * 86, ops.csrf[:-2], other.csrf, ops.cookies[SESSION]):
        for path in (
            "/bays/1/out-of-use",
            "/cameras/x/issue",
            "/system/bandwidth/lift",
            "/problems/x/close",
            "/logout",
        ):
            assert ops.post(path, {"csrf": wrong} if wrong else {}).status == 403, (path, wrong)
        for path in ("/api/v1/bays/1/out-of-use", "/api/v1/bandwidth/override"):
            assert ops.post_json(path, {}, X_CSRF_Token=wrong).status == 403
    for way in (f"/bays/1/out-of-use?csrf={ops.csrf}", f"/logout?csrf={ops.csrf}"):
        assert ops.post(way, {}).status == 403, "in the address it is none"
    assert ops.post("/bays/1/out-of-use", {"csrf": ops.csrf, "reason": "x"}, Content_Type="text/plain").status == 415
    assert ops.ask(f"/bays/1/out-of-use?csrf={ops.csrf}&reason=x").where == "/bays/1", "and a GET changes nothing"
    assert '"state":"out_of_use"' not in ops.ask("/api/v1/bays").text


# -- paths --------------------------------------------------------------------------------------------------------------

TRAVERSALS = [
    "../../../../../../etc/passwd", "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd",
    "..%5c..%5cetc%5cpasswd", "..\\..\\etc\\passwd", "%2fetc%2fpasswd", "/etc/passwd", "....//....//etc/passwd", "%c0%ae%c0%ae/etc/passwd", "%00", "page.css%00", "page.css/..",
    "..;/..;/etc/passwd", "%uff0e%uff0e/etc/passwd", "file:%2f%2f%2fetc%2fpasswd", ".", "..", "%2e", "../server.py", "..%2fserver.py", "%ff%fe", "-1", "0", "9" * 400, "'%20OR%20'1'='1", "*", "%25",
]  # fmt: skip


def is_nothing(answer_text: str, status: int, where: str) -> None:
    """No file of this machine, and no mistake of dockd's."""
    assert status < 500, (where, status, answer_text[:200])
    for line in ("root:x:", "import annotations", "sqlite3", "Traceback"):
        assert line not in answer_text, where


def test_no_path_leads_out_of_the_page(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    """Every parameter of every address, written in every way."""
    ops = dock.signed_in("ops")
    for way in ways:
        for name in way.parameters:
            for value in TRAVERSALS if way.method == "GET" else TRAVERSALS[::6]:
                path = way.at(real | {name: value})
                answer = ops.ask(path) if way.method == "GET" else ops.post(path, {"csrf": ops.csrf})
                is_nothing(answer.text, answer.status, path)
                if name == "name":
                    assert answer.status in (303, 400, 404), path


def test_no_question_leads_out_of_the_page(dock: Guarded, ways: list[Address], real: dict[str, str]) -> None:
    """Every parameter that any page looks for behind the question mark, at once and written in every way."""
    names = sorted(asked_for() - {"token"})
    assert {"after", "limit", "lang", "next", "camera", "q"} <= set(names)
    ops = dock.signed_in("ops")
    for way in ways:
        if way.method != "GET" or way.goes_on:
            continue
        for value in TRAVERSALS[1::6]:
            path = way.at(real) + "?" + "&".join(f"{name}={quote(value, safe='%/.')}" for name in names)
            answer = ops.ask(path)
            is_nothing(answer.text, answer.status, path)
            assert answer.status != 303 or re.match(r"/(?![/\\])", answer.where), (path, answer.where)


def test_nothing_of_all_that_is_in_the_log(dock: Guarded) -> None:
    """No password, no token, no session, no traceback: last, after all of the above."""
    said = dock.agent.said
    for secret in (PASSWORD, "a guess that is wrong", *dock.tokens.values(), "Traceback"):
        assert secret not in said
    assert not [line for line in dock.agent.log() if line["log.level"] == "error"]
