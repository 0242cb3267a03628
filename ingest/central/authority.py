"""The store's own small authority: certificates by which enrolled docks show who they are. Nobody else's.

Rules: its key lies beside the store's signing key (0600 in a 0700 folder) and signs nothing but docks' certificates; who one is for the store decides; each is short, for
clients alone, and never outlives the authority: well before its end another authority is made, and both are believed until the old one ends. A clock that was ahead for a while leaves
behind an authority that begins in years: it waits, and the newest that is good now signs. No authority's file is ever written over.
"""

from __future__ import annotations

import datetime
import logging
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.refusals import Refusal, StoreUnusableError
from ingest.central.signing_requests import PublicKey
from ingest.clock import Clock

_log = logging.getLogger(__name__)
_LIFE = datetime.timedelta(days=3650)
_EARLIER = datetime.timedelta(hours=1)  # so far may a dock's clock be behind the store's
_AHEAD = 4  # an authority signs as long as it has so many times a certificate's life before it


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A dock's certificate. `pem`: it, and the authority's that signed it; times in seconds since the epoch."""

    pem: str
    fingerprint: str
    serial: str
    starts: float
    ends: float


@dataclass(frozen=True)
class _One:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Authority:
    """`load()` first. `lifetime`: seconds that a dock's certificate is good for; `as_is`: the clock is right, whatever the kernel says of it."""

    def __init__(
        self, layout: Layout, *, disk: Disk, store_id: str, clock: Clock, lifetime: float, as_is: bool = False
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._store_id = store_id
        self._clock = clock
        self._lifetime = datetime.timedelta(seconds=lifetime)
        self._as_is = as_is
        self._all: list[_One] = []

    def load(self) -> None:
        """Read what there is, or make the first one. Blocks. Raises StoreUnusableError, OSError."""
        self._all = [_read(path) for path in sorted(self._layout.keys.glob("docks-ca-*.pem"), key=_place)]
        try:
            self._present(self._now())
        except Refusal as behind:
            _log.error("no dock gets a certificate: %s", behind.detail)

    @property
    def trusted(self) -> str:
        """Every authority's certificate (PEM): for whoever checks what docks show."""
        return "".join(_pem(one.certificate) for one in self._all)

    def signed(self, certificate: x509.Certificate) -> bool:
        """Whether one of them has signed it: by its signature, whatever names stand in it."""
        return any(_is_of(certificate, one.certificate) for one in self._all)

    def issue(self, dock: str, key: PublicKey) -> Issued:
        """A certificate for this dock and this key. Blocks. Raises Refusal 503 where the clock cannot be right, OSError."""
        now = self._now()
        by = self._present(now)
        starts = max(now - _EARLIER, by.certificate.not_valid_before_utc)
        certificate = _leaf(dock, key, by=by, starts=starts, ends=now + self._lifetime)
        return Issued(
            pem=_pem(certificate) + _pem(by.certificate), fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            serial=f"{certificate.serial_number:x}", starts=starts.timestamp(), ends=certificate.not_valid_after_utc.timestamp(),
        )  # fmt: skip

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(int(self._clock.now()), datetime.UTC)

    def _present(self, now: datetime.datetime) -> _One:
        """The newest that is good now, and for long enough; made where there is none. Raises Refusal 503, OSError."""
        for one in reversed(self._all):
            starts, ends = one.certificate.not_valid_before_utc, one.certificate.not_valid_after_utc
            if starts <= now and ends - now > self._lifetime * _AHEAD:
                return one
        self._see_clock(now)
        return self._made(now)

    def _see_clock(self, now: datetime.datetime) -> None:
        """Raises Refusal 503 where an authority begins later, and nobody says that the clock was ahead then and is not behind now."""
        later = [
            one.certificate.not_valid_before_utc for one in self._all if now < one.certificate.not_valid_before_utc
        ]
        if not later or self._as_is or self._clock.synchronised() is True:
            return
        raise Refusal(
            503, "clock",
            f"the store's clock is behind its own authority ({now:%Y-%m-%d}, and {min(later):%Y-%m-%d}): its operator has to set it, or, where it is right, to have it synchronised",
            headers={"Retry-After": "600"},
        )  # fmt: skip

    def _made(self, now: datetime.datetime) -> _One:
        taken = [_place(path)[0] for path in self._layout.keys.glob("docks-ca-*.pem")]
        number = max(taken, default=0) + 1
        made = _made(f"dockd docks of {self._store_id[:8]} {number}", now=now, lifetime=self._lifetime)
        path = self._layout.keys / f"docks-ca-{number:04d}.pem"
        self._disk.save(path, _private(made.key) + _pem(made.certificate).encode("ascii"))
        self._disk.sync_folder(self._layout.keys)
        self._all.append(made)
        _log.info(
            "the store has a new authority for its docks' certificates, until %s", made.certificate.not_valid_after_utc
        )
        return made


def _place(path: Path) -> tuple[int, str]:
    """In which order they were made."""
    number = path.stem.removeprefix("docks-ca-")
    return int(number) if number.isascii() and number.isdigit() else 0, path.name


def _read(path: Path) -> _One:
    try:
        raw = path.read_bytes()
        key = serialization.load_pem_private_key(raw, password=None)
        certificate = x509.load_pem_x509_certificate(raw)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise ValueError("the key is not the certificate's")
    except (OSError, ValueError, TypeError) as damaged:
        raise StoreUnusableError(
            f"the authority {path} cannot be read ({damaged}): put it back from a backup; or move it away, and invite every dock anew"
        ) from damaged
    return _One(key, certificate)


def _made(name: str, *, now: datetime.datetime, lifetime: datetime.timedelta) -> _One:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(
        subject, by=subject, key=key.public_key(), starts=now - _EARLIER, ends=now + max(_LIFE, lifetime * 2 * _AHEAD)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _One(key, builder.sign(key, hashes.SHA256()))


def _leaf(
    dock: str, key: PublicKey, *, by: _One, starts: datetime.datetime, ends: datetime.datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dock)])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:dockd:dock:{dock}")])
    of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    builder = _builder(subject, by=by.certificate.subject, key=key, starts=starts, ends=ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.add_extension(of_authority, critical=False).sign(by.key, hashes.SHA256())


def _builder(
    subject: x509.Name, *, by: x509.Name, key: PublicKey, starts: datetime.datetime, ends: datetime.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=by, public_key=key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(starts).not_valid_after(ends)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _is_of(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except Exception:  # noqa: BLE001 (names that differ, a key of another kind, a wrong signature: each says no)
        return False
    return True


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form)
