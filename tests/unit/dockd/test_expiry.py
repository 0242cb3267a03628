"""Which certificates end, when, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dockd import expiry
from dockd.expiry import Certificate, Unread, Which
from dockd.page.expiring import told
from dockd.page.language import LANGUAGES, Said, Spoken
from dockd.settings import defaults
from ingest.clock import Clock
from tests.simulators.authority import Authority

DAY = 86400.0
NOW = 1_800_000_000.0
TINY = b"""-----BEGIN CERTIFICATE-----
MIHDMHegAwIBAgIBBTAFBgMrZXAwDDEKMAgGA1UEAwwBczAeFw0yNjAxMDEwMDAw
MDBaFw0zNjAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAXMwKjAFBgMrZXADIQCq38sN
SaMA5TzChgPz+5gOnxzFL0i+Y5Kl6896K/hUrzAFBgMrZXADQQDbSQtHcH16zPwc
QiiPZfIbPC5PLZvlXznFe5In3QDvN8SbuDwKtzxaEWritCTlyrHbTpJDBmzHaqE2
s7yjHAoD
-----END CERTIFICATE-----
"""


def lasting(days: float, *, left: float, which: Which = "client") -> Certificate:
    ends = NOW + left * DAY
    return Certificate(which=which, where="/c.pem", subject="CN=x", starts=ends - days * DAY, ends=ends)


@pytest.mark.parametrize(
    ("days", "left", "stage"),
    [
        (365, 31, 0), (365, 30, 1), (365, 14.1, 1), (365, 14, 2), (365, 3, 3), (365, 0.01, 3), (365, 0, 4), (365, -9, 4), (90, 31, 0), (90, 30, 1),
        (90, 14, 2), (90, 3, 3), (7, 6, 0), (7, 2, 1), (7, 1, 2), (7, 0.2, 3), (1, 0.5, 0),
    ],
)  # fmt: skip
def test_how_near_the_end_is(days: float, left: float, stage: int) -> None:
    assert lasting(days, left=left).stage(NOW) == stage


def test_one_that_is_not_good_yet_is_as_bad_as_one_that_is_over() -> None:
    assert lasting(10, left=20).stage(NOW) == 4


def test_what_is_said_and_of_what() -> None:
    found: list[Certificate | Unread] = [
        lasting(365, left=10, which="page"),
        lasting(365, left=1.5, which="store"),
        lasting(365, left=300, which="client"),
    ]
    over: list[Certificate | Unread] = [
        lasting(365, left=-2, which="store_ca"),
        Unread(which="client", where="/c", error="no"),
    ]
    problems = told([*found, *over], now=NOW)
    assert problems["certificate_ends"].startswith("The certificate of these pages ends in 10 days, on ")
    assert "The central store's own certificate ends in 1 day, on " in problems["certificate_ends"]
    assert "vouches for the central store ended on " in problems["certificate_ended"]
    assert "knows this dock cannot be read" in problems["certificate_ended"]
    assert "not good yet" in told([lasting(10, left=20)], now=NOW)["certificate_ended"]
    assert told(found[2:], now=NOW) == {}
    for text in problems.values():
        assert isinstance(text, Spoken | Said)
        assert {text.in_language(language) for language in LANGUAGES}.__len__() == len(LANGUAGES)


def test_each_that_the_settings_name_is_read(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    shown = x509.load_pem_x509_certificate(authority.issue("store").read_bytes())
    both = tmp_path / "both.pem"
    both.write_bytes(other.certificate.read_bytes() + authority.certificate.read_bytes())
    settings = defaults()
    settings = replace(
        settings,
        store=replace(settings.store, url="https://s", ca_file=both, client_cert_file=authority.issue("dock", days=20)),
        page=replace(settings.page, tls_cert_file=tmp_path / "absent.pem"),
    )
    found = {one.which: one for one in expiry.of(settings, shown=shown.public_bytes(Encoding.DER))}
    assert set(found) == set(expiry.WHICH)
    assert isinstance(found["page"], Unread)
    ends = expiry.soonest(found.values())
    assert set(ends) == {"client", "store", "store_ca"}
    assert ends["client"] == pytest.approx(Clock().now() + 20 * DAY, abs=120)
    signer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    assert ends["store_ca"] == signer.not_valid_after_utc.timestamp()
    assert expiry.of(defaults(), shown=None) == []


def test_nonsense_is_said_to_be_unread(tmp_path: Path) -> None:
    for content in (b"", b"nonsense", b"\xff" * (2 << 20)):
        (tmp_path / "c.pem").write_bytes(content)
        assert expiry.certificates_in(tmp_path / "c.pem") == []
    settings = replace(defaults(), store=replace(defaults().store, url="https://s"))
    (found,) = expiry.of(settings, shown=b"nonsense")
    assert isinstance(found, Unread)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # a serial number below zero
def test_no_byte_of_a_certificate_makes_it_more_than_unread() -> None:
    """What a store shows comes from outside, and its parts are parsed when they are asked for: each is there, or is said to be unread."""
    settings = replace(defaults(), store=replace(defaults().store, url="https://s"))
    der = x509.load_pem_x509_certificate(TINY).public_bytes(Encoding.DER)
    unread = 0
    for at in range(len(der)):
        for value in (0x00, 0xFF, der[at] ^ 0x20):
            (found,) = expiry.of(settings, shown=der[:at] + bytes([value]) + der[at + 1 :])
            unread += isinstance(found, Unread)
    assert 0 < unread < len(der) * 3
