"""Who is let in where, and what a change must bring along: the doorkeeper before a few addresses of a test's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, ClientSession, HttpVersion10, UnixConnector, web

from dockd.access import Right
from dockd.access.book import Book
from dockd.access.desk import Access
from dockd.access.hashing import Cost, Hashing
from dockd.access.known import new_token
from dockd.page.asked import asked_by_form, asked_by_json, csrf_of
from dockd.page.callers import Callers
from dockd.page.doorkeeper import Doorkeeper, Problem, problem_response
from dockd.page.faces import faces
from dockd.page.live import Live
from dockd.page.pages import Parts
from dockd.page.rendering import Rendering
from dockd.page.rights import needed, needs, says, who
from dockd.page.server import access_of, application
from dockd.page.view import View
from ingest import events
from ingest.ledger import Ledger
from tests.unit.dockd.page.test_nonsense_on_the_line import no_metrics
from tests.unit.dockd.page.test_view import sources
from tests.unit.ingest.ledger.dock import SetClock

HASHING = Hashing(Cost(passes=1, memory=64))
PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


ENTERED = web.AppKey("entered", asyncio.Event)


def reading(right: Right) -> Any:
    @needs(right)
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(
            {"by": who(request).by, "role": who(request).role, "csrf": csrf_of(request), "csrf_too": csrf_of(request)}
        )

    return handler


@needs("change")
async def by_form(request: web.Request) -> web.Response:
    request.app[ENTERED].set()
    me, fields = await asked_by_form(request, known={"reason"})
    return web.json_response({"by": me.by, "fields": dict(fields)})


@needs("change")
async def by_json(request: web.Request) -> web.Response:
    request.app[ENTERED].set()
    me, wanted = await asked_by_json(request, known={"reason"})
    return web.json_response({"by": me.by, "wanted": dict(wanted)})


async def nothing_said(_request: web.Request) -> web.Response:
    return web.Response(text="for ops alone")


@needs("read")
async def on_and_on(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"still here\n")
        await asyncio.sleep(0.02)


@dataclass
class Door:
    url: str
    client: ClientSession
    access: Access
    book: Book
    clock: SetClock
    entered: asyncio.Event

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: bytes | AsyncIterator[bytes] | None = None,
    ) -> ClientResponse:
        async with self.client.request(
            method, self.url + path, headers=headers, data=data, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer

    async def signed_in(self, name: str) -> dict[str, str]:
        shown = await self.access.sign_in(name, PASSWORD, address="192.0.2.1")
        return {"Cookie": f"__Host-dockd={shown}"}

    async def csrf(self, headers: dict[str, str]) -> str:
        return str((await (await self.ask("GET", "/read", headers=headers)).json())["csrf"])

    def user(self, name: str, role: Any) -> None:
        self.book.add_user(name, role=role, password=HASHING.make(PASSWORD), by="os:test")

    def token(self, role: Any) -> dict[str, str]:
        shown = new_token()
        self.book.add_token(shown, name=None, role=role, lasts=60.0, by="os:test")
        return {"Authorization": f"Bearer {shown}"}


async def shown(_request: web.Request, problem: Problem) -> web.Response:
    return problem_response(problem)


@contextlib.asynccontextmanager
async def behind_a_door(access: Access, *, body: float = 10.0) -> AsyncIterator[web.AppRunner]:
    """The addresses of this test, not listened for yet."""
    keeper = Doorkeeper(frozenset({"dock.example"}), Callers(access), shown, held=0.05, body=body)
    app = web.Application(middlewares=[keeper.middleware])
    app[ENTERED] = asyncio.Event()
    for right in ("open", "wall", "read", "change", "operate"):
        app.router.add_get(f"/{right}", reading(right))
        app.router.add_get(f"/api/v1/{right}", reading(right))
    app.router.add_post("/form", by_form)
    app.router.add_post("/api/v1/json", by_json)
    app.router.add_get("/unsaid", nothing_said)
    app.router.add_get("/stream", on_and_on)
    app.router.add_get("/metrics", reading("read"))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    yield runner
    await runner.cleanup()


async def listening(runner: web.AppRunner) -> str:
    """Where."""
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


@pytest.fixture
async def door(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async def record(_event: events.Event) -> None:
        return

    clock = SetClock()
    book = Book(tmp_path / "access.db", clock=clock.now)
    access = Access(
        book.path, clock=clock, idle=lambda: 900.0, record=record, tell=lambda _event: None, hashing=HASHING
    )
    async with behind_a_door(access, body=getattr(request, "param", 10.0)) as runner, ClientSession() as client:
        yield Door(await listening(runner), client, access, book, clock, runner.app[ENTERED])
    await access.close()
    book.close()


ALLOWED = {
    "wall": {"open", "wall"}, "viewer": {"open", "wall", "read"}, "sergeant": {"open", "wall", "read", "change"},
    "ops": {"open", "wall", "read", "change", "operate"},
}  # fmt: skip


@pytest.mark.parametrize("role", ALLOWED)
async def test_each_role_is_let_in_where_it_may(door: Door, role: str) -> None:
    door.user("ann", role)
    cookie, bearer = await door.signed_in("ann"), door.token(role)
    for right in ("open", "wall", "read", "change", "operate"):
        for path in (f"/{right}", f"/api/v1/{right}"):
            for headers in (cookie, bearer):
                answer = await door.ask("GET", path, headers=headers)
                assert answer.status == (200 if right in ALLOWED[role] else 403), (path, headers)
    unsaid = await door.ask("GET", "/unsaid", headers=cookie)
    assert unsaid.status == (200 if role == "ops" else 403), "an address that says nothing of itself is for ops alone"


async def test_a_stranger_is_let_in_nowhere_once_there_is_a_user(door: Door) -> None:
    assert (await (await door.ask("GET", "/operate")).json())["by"] == "local"
    door.user("ann", "wall")
    for right in ("wall", "read", "change", "operate"):
        assert (await door.ask("GET", f"/{right}")).status == 303
        assert (await door.ask("GET", f"/api/v1/{right}")).status == 401
    assert (await door.ask("GET", "/open")).status == 200
    assert (await door.ask("GET", "/metrics")).status == 200
    assert (await door.ask("GET", "/metrics", headers={"Host": "dock.example"})).status == 401
    for headers in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1;by=ann"},
        {"X-Forwarded-User": "ann"},
    ):
        assert (await door.ask("GET", "/api/v1/read", headers=headers)).status == 401
    assert (await door.ask("POST", "/api/v1/json", headers=JSON, data=b"{}")).status == 401


async def test_a_form_wants_the_token_of_its_session_and_this_origin(door: Door) -> None:
    door.user("ann", "sergeant")
    mine, other = await door.signed_in("ann"), await door.signed_in("ann")
    token, others = await door.csrf(mine), await door.csrf(other)
    right = {**mine, **FORM, "Origin": door.url}
    answer = await door.ask("POST", "/form", headers=right, data=f"csrf={token}&reason=+it+is%0D%0Aso+".encode())
    assert (answer.status, await answer.json()) == (200, {"by": "user:ann", "fields": {"reason": "it is\nso"}})
    for what, headers, data in (
        ("no token", right, "reason=x"), ("another session's", right, f"csrf={others}"), ("twice", right, f"csrf={token}&csrf={token}"),
        ("another field", right, f"csrf={token}&wipe=1"), ("another origin", {**right, "Origin": "https://evil.example"}, f"csrf={token}"),
        ("no origin", {**mine, **FORM}, f"csrf={token}"), ("nowhere", {**right, "Origin": "null"}, f"csrf={token}"),
        ("another site", {**right, "Sec-Fetch-Site": "cross-site"}, f"csrf={token}"), ("JSON", {**right, **JSON}, "{}"),
        ("a NUL", right, f"csrf={token}&reason=%00"), ("no UTF-8", right, f"csrf={token}&reason=%ff"), ("too much", right, f"csrf={token}&reason=" + "x" * 20_000),
    ):  # fmt: skip
        assert (await door.ask("POST", "/form", headers=headers, data=data.encode())).status in (400, 403, 413, 415), (
            what
        )
    assert (await door.ask("POST", "/form", headers={**FORM, **door.token("sergeant")}, data=b"reason=x")).status == 403


async def test_json_by_a_session_wants_the_same_and_by_a_bearer_nothing(door: Door) -> None:
    door.user("ann", "sergeant")
    mine, other = await door.signed_in("ann"), await door.signed_in("ann")
    right = {**mine, **JSON, "Origin": door.url, "X-CSRF-Token": await door.csrf(mine)}
    assert (await door.ask("POST", "/api/v1/json", headers=right, data=b'{"reason": "so"}')).status == 200
    for wrong in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": await door.csrf(other)},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert (await door.ask("POST", "/api/v1/json", headers={**right, **wrong}, data=b"{}")).status == 403, wrong
    assert (
        await door.ask(
            "POST", "/api/v1/json", headers={**mine, **JSON, "X-CSRF-Token": right["X-CSRF-Token"]}, data=b"{}"
        )
    ).status == 403
    answer = await door.ask(
        "POST", "/api/v1/json", headers={**JSON, **door.token("sergeant")}, data=b'{"reason": "so"}'
    )
    assert (answer.status, (await answer.json())["by"]) == (200, "token:sergeant-1")
    assert (await door.ask("POST", "/api/v1/json", headers={**JSON, **door.token("viewer")}, data=b"{}")).status == 403


async def test_while_there_are_no_users_a_form_of_this_page_may(door: Door) -> None:
    token = await door.csrf({})
    right = {**FORM, "Origin": door.url}
    answer = await door.ask("POST", "/form", headers=right, data=f"csrf={token}&reason=x".encode())
    assert (answer.status, (await answer.json())["by"]) == (200, "local")
    assert (await door.ask("POST", "/form", headers=right, data=b"reason=x")).status == 403
    assert (await door.ask("POST", "/form", headers=FORM, data=f"csrf={token}".encode())).status == 403
    assert (
        await door.ask("POST", "/form", headers={**right, "Via": "1.1 x"}, data=f"csrf={token}".encode())
    ).status == 403
    host = {"Host": "dock.example", "Origin": "http://dock.example"}
    assert (await door.ask("POST", "/form", headers={**right, **host}, data=f"csrf={token}".encode())).status == 403


async def test_the_token_of_a_form_is_other_text_in_each_answer(door: Door) -> None:
    door.user("ann", "viewer")
    mine = await door.signed_in("ann")
    assert len({await door.csrf(mine) for _ in range(5)}) == 5


async def test_a_walls_cookie_opens_the_wall_alone(door: Door) -> None:
    door.user("ann", "ops")
    wall, ops = door.token("wall")["Authorization"].split()[1], door.token("ops")["Authorization"].split()[1]
    answer = await door.ask("GET", f"/wall?token={wall}")
    assert (answer.status, answer.headers["Location"]) == (303, "/wall")
    kept = {"Cookie": f"__Host-dockd-wall={wall}"}
    assert (await door.ask("GET", "/wall", headers=kept)).status == 200
    assert (await door.ask("GET", "/read", headers=kept)).status == 303
    assert (await door.ask("GET", "/api/v1/read", headers=kept)).status == 403
    assert (await door.ask("POST", "/api/v1/json", headers={**kept, **JSON}, data=b"{}")).status == 403
    assert (await door.ask("GET", f"/wall?token={ops}")).status == 403, (
        "what opens more does not belong into an address"
    )
    assert (await door.ask("GET", "/api/v1/read", headers={"Cookie": f"__Host-dockd-wall={ops}"})).status == 401
    assert (await door.ask("GET", "/api/v1/read", headers={"Cookie": f"__Host-dockd={ops}"})).status == 401, (
        "a token is no session"
    )
    assert (await door.ask("GET", f"/read?token={wall}")).status == 303


async def test_what_shows_a_wrong_token_is_not_let_in_by_what_is_beside_it(door: Door) -> None:
    wrong = {"Authorization": "Bearer dockd_wrong"}
    assert (await door.ask("GET", "/api/v1/read", headers=wrong)).status == 401, "though there are no users"
    door.user("ann", "ops")
    assert (await door.ask("GET", "/api/v1/read", headers={**wrong, **await door.signed_in("ann")})).status == 401


@pytest.mark.parametrize(
    ("headers", "keeps"),
    [
        ({}, True), ({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"}, True), ({"Sec-Fetch-Mode": "navigate"}, False),
        ({"Sec-Fetch-Mode": "cors"}, False),
    ],
)  # fmt: skip
async def test_only_what_a_person_does_keeps_a_session_alive(door: Door, headers: dict[str, str], keeps: bool) -> None:
    door.user("ann", "ops")
    mine = await door.signed_in("ann")
    door.clock.boot += 600 * 10**9
    assert (await door.ask("GET", "/read", headers={**mine, **headers})).status == 200
    assert (await door.ask("GET", "/api/v1/read", headers=mine)).status == 200, "a program's reading is nobody's doing"
    door.clock.boot += 600 * 10**9
    assert (await door.ask("GET", "/api/v1/read", headers=mine)).status == (200 if keeps else 401)


@pytest.mark.parametrize("how", ["nobody", "session", "token"])
async def test_a_reading_that_goes_on_ends_with_the_right_to_it(door: Door, how: str) -> None:
    if how != "nobody":
        door.user("ann", "ops")
    headers = {"nobody": dict, "token": lambda: door.token("ops")}.get(how, dict)()
    if how == "session":
        headers = await door.signed_in("ann")
    async with door.client.get(f"{door.url}/stream", headers=headers) as answer:
        assert answer.status == 200
        await answer.content.readline()
        if how == "nobody":
            door.user("ann", "ops")
        elif how == "session":
            door.book.change_user("ann", by="os:test", role="viewer")
        else:
            door.book.revoke_token("ops-1", by="os:test")
        async with asyncio.timeout(15):
            with pytest.raises(ClientError):  # cut, and not ended as one that is whole
                await answer.content.read()


async def test_every_address_of_the_page_says_what_it_demands(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    found = sources(tmp_path, ledger)
    view = View(found)
    rendering, access = Rendering(view=view), access_of(found)
    parts = Parts(sources=found, view=view, rendering=rendering, access=access)
    app = application(parts, live=Live(view, faces(view, rendering)), metrics=no_metrics)
    unsaid = [
        f"{route.method} {route.resource.canonical if route.resource is not None else route}"
        for route in app.router.routes()
        if not says(route.handler)
    ]
    open_to_all = {
        f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource is not None and needed(route.handler) == "open"
    }  # fmt: skip
    changing = {needed(route.handler) for route in app.router.routes() if route.method not in ("GET", "HEAD")}
    await access.close()
    await ledger.close()
    assert unsaid == []
    assert changing <= {"open", "read", "change", "operate"}
    assert {one for one in open_to_all if not one.startswith("HEAD")} <= {
        "GET /healthz", "GET /api/v1/healthz", "GET /static/{name}", "GET /favicon.ico", "GET /login", "POST /login", "POST /logout",
        "GET /login/elsewhere", "POST /login/elsewhere", "GET /login/elsewhere/back", "POST /login/elsewhere/back",
    }, open_to_all  # fmt: skip


async def test_where_nobody_can_be_looked_up_nobody_is_let_in(door: Door) -> None:
    door.user("ann", "ops")
    mine, bearer = await door.signed_in("ann"), door.token("ops")
    door.book.path.write_bytes(b"no list")
    for headers in ({}, mine, bearer):
        assert (await door.ask("GET", "/api/v1/read", headers=headers)).status == 503
        assert (await door.ask("GET", "/operate", headers=headers)).status in (303, 503)
        assert (await door.ask("POST", "/api/v1/json", headers={**headers, **JSON}, data=b"{}")).status in (303, 503)
    assert (await door.ask("GET", "/open")).status == 200
    assert (await door.ask("GET", "/metrics")).status == 200


FORWARDED = ({"X-Forwarded-For": "203.0.113.9"}, {"Via": "1.1 front"}, {"Host": "dock.example"})


async def test_another_server_on_this_machine_opens_nothing_to_whoever_reaches_it(door: Door) -> None:
    """A loopback peer is no proof of who asks: what speaks for others is told so, for reading as for changing."""
    for path in ("/read", "/wall", "/operate", "/api/v1/read"):
        assert (await door.ask("GET", path)).status == 200
        for headers in FORWARDED:
            assert (await door.ask("GET", path, headers=headers)).status == 403, (path, headers)
        async with door.client.get(door.url + path, headers={"Connection": "close"}) as answer:
            assert answer.status == 200
    async with ClientSession(version=HttpVersion10) as old, old.get(f"{door.url}/api/v1/read") as answer:
        assert answer.status == 403
    door.user("ann", "ops")
    assert (await door.ask("GET", "/metrics")).status == 200
    for headers in FORWARDED:
        assert (await door.ask("GET", "/metrics", headers=headers)).status == 401, headers


async def test_who_is_not_at_this_machine_is_a_stranger_though_there_are_no_users(door: Door, tmp_path: Path) -> None:
    """By a socket that has no address: whoever is not known to be here is not."""
    async with behind_a_door(door.access) as runner:
        await web.UnixSite(runner, tmp_path / "s").start()
        async with ClientSession(connector=UnixConnector(str(tmp_path / "s"))) as client:
            for right in ("wall", "read", "change", "operate"):
                async with client.get(f"http://localhost/api/v1/{right}") as answer:
                    assert answer.status == 401, right
            async with client.post("http://localhost/api/v1/json", headers=JSON, data=b"{}") as answer:
                assert answer.status == 401
            async with client.get("http://localhost/open") as answer:
                assert answer.status == 200


async def test_the_token_of_a_form_without_users_is_that_of_this_run(door: Door) -> None:
    async with behind_a_door(door.access) as runner:
        url = await listening(runner)
        async with door.client.get(f"{url}/read") as answer:
            token = (await answer.json())["csrf"]
        for at, status in ((url, 200), (door.url, 403)):
            headers = {**FORM, "Origin": at}
            async with door.client.post(f"{at}/form", headers=headers, data=f"csrf={token}".encode()) as answer:
                assert answer.status == status


@pytest.mark.parametrize("how", ["nobody", "session", "token"])
async def test_who_may_no_more_changes_nothing_by_what_was_begun_before(door: Door, how: str) -> None:
    """The headers came while they might; what is to be done comes afterwards."""
    if how != "nobody":
        door.user("ann", "ops")
    headers = {"nobody": dict, "token": lambda: door.token("ops")}.get(how, dict)()
    if how == "session":
        headers = await door.signed_in("ann")
    token = "" if how == "token" else await door.csrf(headers)
    path, kind = ("/api/v1/json", JSON) if how == "token" else ("/form", {**FORM, "Origin": door.url})
    over = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"{" if how == "token" else b"csrf="
        await over.wait()
        yield b"}" if how == "token" else token.encode()

    asking = asyncio.create_task(door.ask("POST", path, headers={**headers, **kind}, data=body()))
    async with asyncio.timeout(15):
        await door.entered.wait()
    if how == "nobody":
        door.user("ann", "ops")
    elif how == "session":
        door.book.remove_user("ann", by="os:test")
    else:
        door.book.revoke_token("ops-1", by="os:test")
    over.set()
    answer = await asking
    assert answer.status == (401 if how == "token" else 403)
    assert "any more" in (await answer.text()) or how == "token"


@pytest.mark.parametrize("door", [0.1], indirect=True)
async def test_what_does_not_come_is_not_waited_for(door: Door) -> None:
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with asyncio.timeout(15), door.client.post(f"{door.url}/api/v1/json", headers=JSON, data=body()) as answer:
        assert answer.status == 408
        assert "in time" in await answer.text()


async def test_a_token_that_was_mistyped_into_an_address_goes_into_no_other(door: Door) -> None:
    door.user("ann", "ops")
    wall = door.token("wall")["Authorization"].split()[1]
    for path in (
        f"/wall/?token={wall}",
        f"//wall?token={wall}",
        f"/wall?Token={wall}",
        f"/wall/{wall}",
        "/read?token=x",
    ):
        answer = await door.ask("GET", path)
        assert (answer.status, answer.headers["Location"]) == (303, "/login"), path
    assert (await door.ask("GET", "/read?x=1")).headers["Location"] == "/login?next=%2Fread%3Fx%3D1"
