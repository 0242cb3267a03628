"""Whoever asks the page as a browser does: keeps cookies, says where a form comes from; and whoever does it wrongly, on purpose."""

from __future__ import annotations

import http.client
import re
import ssl
import subprocess
import time
import urllib.parse
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message

from dockd.access import Role
from dockd.access.book import Book
from dockd.access.hashing import Cost, Hashing
from dockd.access.known import new_token
from tests.agent import Answer, Running
from tests.program import DOCKD, Ended, environment

PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}
_CHEAP = Hashing(Cost(passes=1, memory=64))
_CSRF = re.compile(rb'name="csrf" value="([^"]+)"')


@dataclass
class Browser:
    """One browser before one dock; `host` other than the address that is connected to, where a name is asked for."""

    url: str
    tls: ssl.SSLContext | None = None
    host: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookie: list[str] = field(default_factory=list)

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request; no redirect is followed."""
        where = urllib.parse.urlsplit(self.url)
        netloc = where.netloc.replace("0.0.0.0", "127.0.0.1")
        line = (
            http.client.HTTPSConnection(netloc, timeout=30, context=self.tls)
            if where.scheme == "https"
            else http.client.HTTPConnection(netloc, timeout=30)
        )
        sent = {"Host": self.host or netloc, **(headers or {})}
        if self.cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            line.request(method, path, body=body, headers={name: value for name, value in sent.items() if value})
            answer = line.getresponse()
            self._keep(answer.headers)
            return Answer(status=answer.status, headers=answer.headers, body=answer.read())
        finally:
            line.close()

    def _keep(self, headers: Message) -> None:
        self.set_cookie = headers.get_all("Set-Cookie") or []
        for one in self.set_cookie:
            name, _, value = one.split(";")[0].partition("=")
            if value and value != '""':
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)

    @property
    def origin(self) -> str:
        where = urllib.parse.urlsplit(self.url)
        return f"{where.scheme}://{self.host or where.netloc.replace('0.0.0.0', '127.0.0.1')}"

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """A form of this origin, unless `headers` say otherwise (an empty one is left out)."""
        sent = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body=urllib.parse.urlencode(fields).encode(), headers=sent)

    def post_json(self, path: str, body: bytes, **headers: str) -> Answer:
        """As a script of this origin."""
        sent = {**JSON, "Origin": self.origin}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body=body, headers=sent)

    def sign_in(self, name: str, password: str = PASSWORD, *, onward: str = "/") -> Answer:
        return self.post("/login", {"name": name, "password": password, "next": onward})

    def csrf(self, path: str = "/") -> str:
        """What the forms of a page carry."""
        found = _CSRF.search(self.get(path).body)
        assert found is not None, path
        return found.group(1).decode()


def dockd(agent: Running, *words: str, said: str = PASSWORD) -> Ended:
    """A command on this agent's state."""
    where = [str(agent.config)] if words == ("check-config",) else ["--config", str(agent.config)]
    command = [*DOCKD, *words, *where]
    done = subprocess.run(
        command, input=f"{said}\n", capture_output=True, text=True, timeout=30, check=False, env=environment()
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def book(agent: Running) -> Book:
    """The list of this agent's users, as the commands change it."""
    return Book(agent.folder / "state" / "access.db")


def add_user(agent: Running, name: str, role: Role) -> None:
    """As `dockd user add` does, with a hash that costs nothing."""
    with closing(book(agent)) as found:
        found.add_user(name, role=role, password=_CHEAP.make(PASSWORD), by="os:test")


def token(agent: Running, role: Role, *, name: str | None = None, lasts: float = 3600.0, made: float = 0.0) -> str:
    """As `dockd token create` does, `made` seconds from now."""
    shown = new_token()
    with closing(Book(agent.folder / "state" / "access.db", clock=lambda: time.time() + made)) as found:
        found.add_token(shown, name=name, role=role, lasts=lasts, by="os:test")
    return shown


def bearer(shown: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown}"}
