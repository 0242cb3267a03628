"""Where the page may be opened, and what of that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockd.page.opening import WANTS, Certificate, CertificateUnusable, certificate, has_users, in_clear, why_not
from dockd.settings import ListenAddress, Settings, defaults
from tests.simulators.authority import Authority

TLS = {"tls_cert_file": Path("/page.pem"), "tls_key_file": Path("/page.key")}


def settings(host: str, **page: Any) -> Settings:
    found = defaults()
    return replace(found, page=replace(found.page, listen=ListenAddress(host, 8080), **page))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_on_this_machine_nothing_is_needed(host: str) -> None:
    assert why_not(settings(host), users=lambda _: False) is None
    assert in_clear(settings(host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@pytest.mark.parametrize(
    ("page", "users", "why"),
    [
        ({}, False, "in clear"), ({}, True, "in clear"), (TLS, False, "no user"), ({"plain_http": True}, False, "no user"),
        (TLS, True, None), ({"plain_http": True}, True, None),
    ],
)  # fmt: skip
def test_beyond_it_users_and_tls_are(host: str, page: dict[str, Any], users: bool, why: str | None) -> None:
    found = why_not(settings(host, **page), users=lambda _: users)
    assert found is None if why is None else found is not None and why in found
    assert (in_clear(settings(host, **page)) is None) is ("tls_cert_file" in page)


@pytest.mark.parametrize(
    ("page", "users", "tls", "user"), [({}, False, True, True), ({}, True, True, False), (TLS, False, False, True)]
)  # fmt: skip
def test_all_that_is_needed_is_said_at_once(page: dict[str, Any], users: bool, tls: bool, user: bool) -> None:
    """Whoever does what it says is not told the next thing afterwards."""
    found = why_not(settings("0.0.0.0", **page), users=lambda _: users)
    assert found is not None
    for name in ("page.tls_cert_file and page.tls_key_file", "page.plain_http = true"):
        assert (name in found) is tls
    assert ("`dockd user add NAME --role ops`" in found) is user
    assert '"127.0.0.1:8080"' in found
    assert found.count(WANTS) == 1, "check-config says what is expected apart"


def test_a_list_that_cannot_be_read_had_users(tmp_path: Path) -> None:
    found = settings("0.0.0.0")
    found = replace(found, ledger=replace(found.ledger, path=tmp_path / "ledger.db"))
    assert not has_users(found)
    (tmp_path / "access.db").write_bytes(b"no list")
    assert has_users(found), "it is opened, and lets nobody in"


def test_a_certificate_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    cert = tmp_path / "page.pem"
    cert.write_text("no certificate\n")
    for page in (
        {"tls_cert_file": cert, "tls_key_file": cert},
        {"tls_cert_file": tmp_path / "none", "tls_key_file": cert},
    ):
        with pytest.raises(CertificateUnusable, match="page.pem|none"):
            certificate(settings("0.0.0.0", **page))
    assert certificate(settings("0.0.0.0")) is None


def test_a_renewed_certificate_is_another_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    first, second = (authority.issue(name).read_bytes() for name in ("first", "second"))
    cert, key = tmp_path / "page.pem", tmp_path / "page.key"
    for file in (cert, key):
        file.write_bytes(first)
    found = Certificate(cert=cert, key=key)
    assert not found.again(cert=cert, key=key)
    cert.write_bytes(second)
    with pytest.raises(CertificateUnusable):
        found.again(cert=cert, key=key)
    key.write_bytes(second)
    assert found.again(cert=cert, key=key)
    assert not found.again(cert=cert, key=key)
