"""A certificate is taken for this dock's own key alone, while it is good, for a client, with a chain in order; and its files are its own."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dockd.enrolling import keys
from dockd.enrolling.files import Files, NotTaken, first_of, text_of
from dockd.enrolling.getting import Getting, invitation
from ingest.clock import Clock

NOW = 1_800_000_000.0
DAY = 86400.0
ROOT = ec.generate_private_key(ec.SECP256R1())


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def at(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def signed(
    key: str | None, *, starts: float = NOW - 60, ends: float = NOW + 90 * DAY, by: ec.EllipticCurvePrivateKey = ROOT,
    for_: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH, ca: bool = False,
) -> str:  # fmt: skip
    """A certificate for the dock's key (None: for the authority's)."""
    own = ROOT if key is None else serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    public = own.public_key()
    builder = x509.CertificateBuilder(
        issuer_name=named("root"), subject_name=named("root" if key is None else "rack-1"), public_key=public
    )
    builder = builder.serial_number(5).not_valid_before(at(starts)).not_valid_after(at(ends))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if for_ is not None and key is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([for_]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


KEY = keys.drawn()
AUTHORITY = signed(None, ca=True)


def test_what_fits_is_kept_with_its_key_and_chain_in_one() -> None:
    found = keys.fitting(KEY, signed(KEY) + AUTHORITY, now=NOW)
    assert (found.subject, found.issuer, found.ends) == ("CN=rack-1", "CN=root", NOW + 90 * DAY)
    assert keys.key_in(found.pem) == KEY
    assert found.pem.count("BEGIN CERTIFICATE") == 2
    keys.fitting(KEY, signed(KEY, for_=None), now=NOW)  # says nothing of what it is for


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        (lambda: signed(keys.drawn()), "another key"),
        (lambda: AUTHORITY + signed(KEY), "another key"),
        (lambda: signed(KEY, starts=NOW + DAY), "begins to be good at .* this dock's clock says"),
        (lambda: signed(KEY, ends=NOW - 1), "was good until .* this dock's clock says"),
        (lambda: signed(KEY, for_=ExtendedKeyUsageOID.SERVER_AUTH), "not for clients"),
        (lambda: signed(KEY, ca=True), "an authority's certificate"),
        (lambda: signed(KEY, by=ec.generate_private_key(ec.SECP256R1())) + AUTHORITY, "out of order"),
        (lambda: signed(KEY) + AUTHORITY * 9, "at most 8"),
        (lambda: "", "is none"),
        (lambda: "nonsense", "is none"),
        (lambda: signed(KEY)[:200], "is none"),
        (lambda: "\ud800", "is none"),
    ],
)
def test_what_does_not_fit(chain: Callable[[], str], why: str) -> None:
    with pytest.raises(NotTaken, match=why):
        keys.fitting(KEY, chain(), now=NOW)


@pytest.mark.parametrize("name", ["North 1", "x" * 200, "\x00\n", "", "CN=a,O=b", "Pŵllheli"])
def test_a_request_is_one_whatever_the_station_is_called(name: str) -> None:
    request = x509.load_pem_x509_csr(keys.request(KEY, name=name).encode())
    assert request.is_signature_valid
    assert len(request.subject) == 1


def getting(folder: Path) -> Getting:
    return Getting(files=Files(folder=folder), name="North 1", clock=Clock(), say=lambda _text: None)


def test_a_key_is_drawn_once_and_is_the_agents_own(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = getting(folder).half("certificate")
    mark = getting(folder).fingerprint()
    token = getting(folder).half("token")
    assert getting(folder).half("certificate") != first  # signed anew ...
    assert getting(folder).fingerprint() == mark  # ... by the same key
    assert getting(folder).half("token") == token
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not [file.name for file in folder.iterdir() if file.name.endswith(".part")]


def test_of_two_that_draw_at_once_one_has_drawn(tmp_path: Path) -> None:
    said: list[str] = []
    threads = [threading.Thread(target=lambda n=n: said.append(first_of(tmp_path / "key", f"{n}"))) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(said) == {text_of(tmp_path / "key")}


def test_a_secret_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    file.chmod(0o640)
    with pytest.raises(NotTaken, match="may be read by others"):
        text_of(file)
    (tmp_path / "link").symlink_to(file)
    with pytest.raises(OSError, match="symbolic"):
        text_of(tmp_path / "link")
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(NotTaken, match="no file"):
        text_of(tmp_path / "fifo")


def test_a_certificate_without_a_request_here_is_not_taken_in(tmp_path: Path) -> None:
    with pytest.raises(NotTaken, match="make the request first"):
        getting(tmp_path).take_in(AUTHORITY)


def test_one_at_a_time(tmp_path: Path) -> None:
    files = Files(folder=tmp_path / "keys")
    with files.locked(), pytest.raises(NotTaken, match="under way"), Files(folder=tmp_path / "keys").locked():
        pass
    with files.locked():
        pass


def test_what_is_being_got_takes_its_place_as_a_whole(tmp_path: Path) -> None:
    mine = getting(tmp_path / "keys")
    mine.half("certificate")
    key = text_of(mine.files.next_key)
    now = Clock().now()
    mine.take_in(signed(key, starts=now - 60, ends=now + DAY))
    assert not mine.files.certificate.exists()
    assert mine.settle("certificate") == mine.files.certificate
    assert keys.key_in(text_of(mine.files.certificate)) == key
    assert sorted(file.name for file in mine.files.folder.iterdir()) == ["store-client.pem"]


PIN, ID, SECRET = "p" * 43, "0" * 12, "s" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dockd1",
        f"dockd1.{PIN}.{ID}",
        f"dockd2.{PIN}.{ID}.{SECRET}",
        f"dockd1.{PIN[1:]}.{ID}.{SECRET}",
        f"dockd1.{PIN}.{ID}.{SECRET}x",
        "a\nb",
    ],
)
def test_what_is_no_invitation_is_not_repeated(text: str) -> None:
    with pytest.raises(NotTaken) as refused:
        invitation(text)
    assert SECRET not in refused.value.message
    found = invitation(f"  dockd1.{PIN}.{ID}.{SECRET}\n")
    assert (found.pin, found.word) == (PIN, f"{ID}.{SECRET}")
