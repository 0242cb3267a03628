"""The page beyond this machine: with users and TLS, in clear only where that is wished for, and refused otherwise."""

from __future__ import annotations

import signal
import socket
import ssl
import urllib.parse
from pathlib import Path

from dockd.page.opening import Certificate
from tests.agent import Running, running
from tests.browsing import Browser, add_user, dockd
from tests.program import StoreProcess
from tests.simulators.authority import Authority

STATUS = "/api/v1/status"
EVERYWHERE = "0.0.0.0:0"


def shown_by(agent: Running, trusted: ssl.SSLContext) -> int:
    """The serial number of the certificate that a browser sees now."""
    where = urllib.parse.urlsplit(agent.url)
    with (
        socket.create_connection(("127.0.0.1", where.port or 0), timeout=30) as line,
        trusted.wrap_socket(line, server_hostname="127.0.0.1") as safe,
    ):
        found = safe.getpeercert()
    assert found is not None
    return int(str(found["serialNumber"]), 16)


def test_over_tls_with_a_certificate_that_is_renewed(store: StoreProcess, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    cert = tmp_path / "page.pem"
    cert.write_bytes(authority.issue("first").read_bytes())
    cert.chmod(0o600)
    page = f'tls_cert_file = "{cert}"\ntls_key_file = "{cert}"\nidle = "10 min"'
    agent = Running(folder=tmp_path, store=store.url, listen=EVERYWHERE, page=page)
    agent.configure()
    (tmp_path / "state").mkdir(mode=0o700)
    add_user(agent, "ann", "ops")
    with running(tmp_path, store.url, listen=EVERYWHERE, page=page) as agent:
        trusted = authority.trusted()
        browser = Browser(agent.url, tls=trusted)
        refused = browser.get(STATUS)
        assert (refused.status, refused.headers["Strict-Transport-Security"]) == (401, "max-age=31536000")
        assert browser.sign_in("ann").status == 303
        assert list(browser.cookies) == ["__Host-dockd"]
        front = browser.get("/")
        assert front.status == 200
        assert browser.get(STATUS, Host="evil.example").status == 421
        assert Certificate(cert=cert, key=cert).context.minimum_version == ssl.TLSVersion.TLSv1_2
        first = shown_by(agent, trusted)
        cert.write_bytes(authority.issue("second").read_bytes())
        agent.send(signal.SIGHUP)
        assert agent.until_logged("settings.reloaded")["dockd.certificate"] == "renewed"
        second = shown_by(agent, trusted)
        assert second != first
        cert.write_text("no certificate\n")
        agent.send(signal.SIGHUP)
        agent.until_logged("settings.refused")
        assert agent.until_logged("settings.reloaded", count=2)["dockd.certificate"] == "refused"
        assert shown_by(agent, trusted) == second, "a wrong one changes nothing"
        assert browser.get(STATUS).status == 200, "and nobody is signed out by that"


def test_in_clear_only_where_that_is_wished_for_and_then_it_is_said(store: StoreProcess, tmp_path: Path) -> None:
    page = 'plain_http = true\nallowed_hosts = ["dock.example"]'
    agent = Running(folder=tmp_path, store=store.url, listen=EVERYWHERE, page=page)
    ended = agent.fails()
    assert ended.code == 2, ended.said
    assert "no user yet" in ended.err
    add_user(agent, "ann", "ops")
    with running(tmp_path, store.url, listen=EVERYWHERE, page=page) as agent:
        browser = Browser(agent.url, host="dock.example")
        assert browser.get(STATUS).status == 401
        assert browser.sign_in("ann").status == 303
        assert list(browser.cookies) == ["dockd-in-clear"]
        assert "secure" not in browser.set_cookie[0].lower()
        assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in browser.set_cookie[0].split(";")}
        problems = browser.get("/api/v1/problems").document["problems"]
        assert "page_in_clear" in [one["problem"] for one in problems]
        private = Browser(agent.url, cookies={"__Host-dockd": browser.cookies["dockd-in-clear"]}, host="dock.example")
        assert private.get(STATUS).status == 401, "by a name that goes over the line only what was given there counts"


def test_what_would_be_refused_is_said_before(store: StoreProcess, tmp_path: Path) -> None:
    agent = Running(folder=tmp_path, store=store.url, listen=EVERYWHERE)
    ended = agent.fails()
    assert (ended.code, "tls_cert_file" in ended.err) == (2, True)
    agent.page = "plain_http = true"
    agent.configure()
    checked = dockd(agent, "check-config")
    assert checked.code == 2, checked.said
    assert "there is no user yet" in checked.out
    add_user(agent, "ann", "viewer")
    assert dockd(agent, "check-config").code == 0
