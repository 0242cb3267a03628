"""A dock that has users: one of each role, tokens of each, and browsers that sign in from loopback addresses of their own."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from dockd.access import ROLES, Role
from dockd.access.book import Book
from dockd.access.hashing import Cost, Hashing
from dockd.access.known import new_token
from tests.agent import Running

PASSWORD = "four words that nobody guesses"
SESSION = "__Host-dockd"
WALL = "__Host-dockd-wall"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; `headers` by their names in small letters, the last where there are several."""

    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    text: str

    @property
    def where(self) -> str:
        """Where it sends the browser."""
        return self.headers.get("location", "")


@dataclass(kw_only=True)
class Caller:
    """One who asks, from a loopback address of their own, with nothing but what is said here. Follows nothing, keeps the cookies that it is given."""

    url: str
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def ask(self, path: str, **headers: str) -> Answer:
        """A GET of the path as it is written here, character by character; an empty header is left out."""
        return self.send(path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, path: str, body: bytes | None, headers: Mapping[str, str], *, method: str = "") -> Answer:
        """One request: a POST where there is a body."""
        sent = {"Host": urlsplit(self.url).netloc, **self.headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent |= headers
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=20.0, source_address=(self.address, 0)
        )
        try:
            connection.putrequest(
                method or ("GET" if body is None else "POST"), path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            endless = answer.headers.get("Content-Type", "").startswith("text/event-stream")
            text = "" if endless else answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        cookies = {}
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                cookies[name] = morsel.value
                self.cookies[name] = morsel.value
                if not morsel.value:
                    self.cookies.pop(name)
        return Answer(
            status=answer.status, headers={n.lower(): v for n, v in answer.headers.items()}, cookies=cookies, text=text
        )

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        """A form of this page, unless `headers` say otherwise (an empty one is left out)."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.url, "Accept": "text/html"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.send(path, urlencode(form).encode(), sent)

    def post_json(self, path: str, document: object, **headers: str) -> Answer:
        """A document of the API, with what a page's script sends along, unless `headers` say otherwise."""
        sent = {"Content-Type": "application/json", "Origin": self.url, "X-CSRF-Token": self.csrf} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.send(path, json.dumps(document).encode(), sent)

    def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> Answer:
        """By the form; then `csrf` is what forms carry."""
        answer = self.post("/login", {"name": name, "password": password, "next": "/"}, **headers)
        if answer.status == 303:
            found = _CSRF.search(self.ask("/system").text)
            self.csrf = found[1] if found else ""
        return answer


@dataclass(kw_only=True)
class Guarded:
    """`agent`, once it has users; `tokens` by role."""

    agent: Running
    tokens: dict[Role, str]
    book: Book

    def caller(self, address: str = "127.0.0.1") -> Caller:
        """Nobody in particular."""
        return Caller(url=self.agent.url, address=address)

    def signed_in(self, name: str, address: str = "127.0.0.1") -> Caller:
        """A browser in which somebody has signed in."""
        found = self.caller(address)
        answer = found.sign_in(name)
        assert answer.status == 303, answer.text
        assert SESSION in found.cookies
        return found

    def bearer(self, role: Role) -> Caller:
        """A program with a token."""
        return Caller(url=self.agent.url, headers={"Authorization": f"Bearer {self.tokens[role]}"})

    def token(self, role: Role, *, lasts: float = 3600.0, name: str) -> str:
        """Another token, as `dockd token create` makes it."""
        shown = new_token()
        self.book.add_token(shown, name=name, role=role, lasts=lasts, by="a test")
        return shown


def guard(agent: Running, *, more: tuple[str, ...] = ()) -> Guarded:
    """Give a dock users, named as their roles are and as `more` says (viewers), with hashes that cost little."""
    state = agent.state or agent.folder / "state"
    Path(state).mkdir(parents=True, exist_ok=True, mode=0o700)
    book = Book(Path(state) / "access.db")
    hashed = Hashing(Cost(passes=1, memory=8)).make(PASSWORD)
    for name in (*ROLES, *more):
        role: Role = name if name in ROLES else "viewer"
        book.add_user(name, role=role, password=hashed, by="a test")
    found = Guarded(agent=agent, tokens={}, book=book)
    for role in ROLES:
        found.tokens[role] = found.token(role, name=f"{role}-of-a-test")
    return found
