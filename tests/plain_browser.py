"""A browser without a screen: it keeps cookies as browsers do, follows nothing by itself, and does what a person at the provider's page does."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `headers`: (name in small letters, value)."""

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    text: str

    def header(self, name: str) -> str:
        """The header of this name, or nothing."""
        return next((value for one, value in self.headers if one == name), "")

    @property
    def onward(self) -> str:
        """Where it sends the browser."""
        assert self.status in (302, 303), (self.status, self.text)
        return urljoin(self.url, self.header("location"))

    def cookie(self, name: str) -> str:
        """How this cookie is set, in small letters; empty where it is not."""
        found = [v for one, v in self.headers if one == "set-cookie" and v.startswith(f"{name}=")]
        return found[-1].lower() if found else ""


@dataclass(kw_only=True)
class Browser:
    """`jar`: cookies by host and port (a real one leaves the port out; here the provider and dockd are two machines)."""

    jar: dict[str, dict[str, str]] = field(default_factory=dict)
    trusts: ssl.SSLContext | None = None

    def ask(self, url: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """GET, or POST of a form."""
        parts = urlsplit(url)
        kept = self.jar.setdefault(parts.netloc, {})
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if kept:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in kept.items()))
        body = None
        connection: http.client.HTTPConnection
        if form is not None:
            sent["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form)
        host = parts.hostname or ""
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, parts.port, timeout=20, context=self.trusts)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=20)
        try:
            way = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET" if form is None else "POST", way, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        found = tuple((name.lower(), value) for name, value in answer.getheaders())
        for name, value in found:
            if name == "set-cookie":
                self._keep(kept, value)
        return Answer(url=url, status=answer.status, headers=found, text=text)

    def _keep(self, kept: dict[str, str], value: str) -> None:
        for name, morsel in SimpleCookie(value).items():
            if morsel["max-age"] == "0" or not morsel.value:
                kept.pop(name, None)
            else:
                kept[name] = morsel.value

    def at_the_provider(self, url: str, *, name: str, password: str) -> str:
        """Sign in there; where the browser is sent back to."""
        issuer = urlsplit(url).netloc
        answer = self.ask(url)
        while urlsplit(answer.onward).netloc == issuer:
            where = answer.onward
            shown = self.ask(where)
            answer = self.ask(where, {"name": name, "password": password}) if shown.status == 200 else shown
        return answer.onward


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **changed: str | None) -> str:
    """The same address with some parameters changed; None takes one out."""
    parts = urlsplit(url)
    wanted = {name: value for name, value in (query_of(url) | changed).items() if value is not None}
    return urlunsplit(parts._replace(query=urlencode(wanted)))
