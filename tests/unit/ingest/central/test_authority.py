"""The store's own authority: who a certificate is for it decides, for how long too, and it never ends before them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ingest.central.authority import Authority
from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.refusals import Refusal, StoreUnusableError
from tests.unit.ingest.central.set_clock import SetClock

DAY = 86400.0
KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def authority(tmp_path: Path, clock: SetClock, *, days: float = 90, as_is: bool = False) -> Authority:
    layout = Layout(tmp_path)
    layout.keys.mkdir(exist_ok=True)
    made = Authority(layout, disk=Disk(), store_id="0123456789", clock=clock, lifetime=days * DAY, as_is=as_is)
    made.load()
    return made


def test_a_certificate_says_what_the_store_says(tmp_path: Path, clock: SetClock) -> None:
    made = authority(tmp_path, clock)
    issued = made.issue("rack-1", KEY)
    leaf, by = x509.load_pem_x509_certificates(issued.pem.encode())
    assert leaf.subject.rfc4514_string() == "CN=rack-1"
    assert leaf.public_key() == KEY
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in names] == ["urn:dockd:dock:rack-1"]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert by.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )
    assert leaf.not_valid_after_utc.timestamp() == pytest.approx(clock.now() + 90 * DAY, abs=2)
    assert (
        datetime.timedelta(hours=1)
        <= datetime.datetime.fromtimestamp(clock.now(), datetime.UTC) - leaf.not_valid_before_utc
    )
    leaf.verify_directly_issued_by(by)
    assert made.signed(leaf)


def test_its_key_is_its_own_and_stays_the_same(tmp_path: Path, clock: SetClock) -> None:
    first = authority(tmp_path, clock)
    again = authority(tmp_path, clock)
    assert first.trusted == again.trusted
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_is_followed_by_another_before_it_ends_and_both_are_believed(tmp_path: Path, clock: SetClock) -> None:
    made = authority(tmp_path, clock)
    old = x509.load_pem_x509_certificates(made.issue("rack-1", KEY).pem.encode())
    clock.seconds += 3500 * DAY
    issued = made.issue("rack-1", KEY)
    new = x509.load_pem_x509_certificates(issued.pem.encode())
    assert new[1] != old[1]
    assert new[0].not_valid_after_utc < new[1].not_valid_after_utc
    assert made.signed(old[0])
    assert made.signed(new[0])
    assert len(x509.load_pem_x509_certificates(made.trusted.encode())) == 2
    assert authority(tmp_path, clock).trusted == made.trusted


@pytest.mark.parametrize("in_step", [False, None])
def test_nothing_is_signed_by_a_clock_that_may_be_behind(tmp_path: Path, clock: SetClock, in_step: bool | None) -> None:
    made = authority(tmp_path, clock)
    clock.seconds -= 30 * DAY
    clock.in_step = in_step
    with pytest.raises(Refusal, match="clock is behind") as refused:
        made.issue("rack-1", KEY)
    assert refused.value.status == 503
    with pytest.raises(Refusal, match="clock is behind"):
        authority(tmp_path, clock).issue("rack-1", KEY)
    assert len(list((tmp_path / "keys").iterdir())) == 1


@pytest.mark.parametrize("as_is", [False, True])
def test_a_store_that_first_started_with_its_clock_ahead_gives_certificates_once_it_is_right(
    tmp_path: Path, clock: SetClock, as_is: bool
) -> None:
    """An appliance's clock before it was set for the first time: years off."""
    right = clock.seconds
    clock.seconds += 2000 * DAY
    ahead = authority(tmp_path, clock)
    old = x509.load_pem_x509_certificates(ahead.issue("rack-1", KEY).pem.encode())
    clock.seconds, clock.in_step = right, None if as_is else True
    for made in (authority(tmp_path, clock, as_is=as_is), ahead if not as_is else authority(tmp_path, clock)):
        leaf, by = x509.load_pem_x509_certificates(made.issue("rack-1", KEY).pem.encode())
        assert by.subject != old[1].subject
        assert (leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()) == pytest.approx((right - 3600, right + 90 * DAY), abs=2)  # fmt: skip
        assert made.signed(leaf)
        assert made.signed(old[0])


def test_a_clock_that_was_ahead_for_a_while_leaves_the_authority_of_now_in_use(tmp_path: Path, clock: SetClock) -> None:
    made = authority(tmp_path, clock)
    now = x509.load_pem_x509_certificates(made.issue("rack-1", KEY).pem.encode())[1]
    clock.seconds += 3500 * DAY
    later = x509.load_pem_x509_certificates(made.issue("rack-1", KEY).pem.encode())[1]
    assert later != now
    clock.seconds -= 3500 * DAY
    clock.in_step = None
    for one in (made, authority(tmp_path, clock)):
        assert x509.load_pem_x509_certificates(one.issue("rack-1", KEY).pem.encode())[1] == now
    clock.seconds += 3500 * DAY
    assert x509.load_pem_x509_certificates(made.issue("rack-1", KEY).pem.encode())[1] == later


def test_none_is_ever_written_over_another(tmp_path: Path, clock: SetClock) -> None:
    made = authority(tmp_path, clock)
    clock.seconds += 3500 * DAY
    made.issue("rack-1", KEY)
    first, second = sorted((tmp_path / "keys").iterdir())
    first.unlink()  # its operator has put away what is over
    kept = second.read_bytes()
    clock.seconds += 3500 * DAY
    issued = authority(tmp_path, clock).issue("rack-1", KEY)
    assert second.read_bytes() == kept
    assert [one.name for one in sorted((tmp_path / "keys").iterdir())] == ["docks-ca-0002.pem", "docks-ca-0003.pem"]
    by = x509.load_pem_x509_certificates(issued.pem.encode())[1]
    assert by.subject.rfc4514_string() == "CN=dockd docks of 01234567 3"


def test_another_with_the_same_name_has_signed_nothing(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    mine, other = authority(tmp_path / "a", clock), authority(tmp_path / "b", clock)
    forged = x509.load_pem_x509_certificates(other.issue("rack-1", KEY).pem.encode())[0]
    assert other.signed(forged)
    assert not mine.signed(forged)


def test_one_that_is_damaged_is_not_drawn_anew(tmp_path: Path, clock: SetClock) -> None:
    authority(tmp_path, clock)
    (file,) = (tmp_path / "keys").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(StoreUnusableError, match="put it back from a backup"):
        authority(tmp_path, clock)
