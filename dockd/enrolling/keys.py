"""The dock's own key, the request that is made of it, and whether a certificate is one for it. No disk, no network.

Rules: the key is drawn here and leaves the dock in no form; a certificate is taken only for that very key, while it is good by this dock's clock, for a client, with a chain in which
each has signed the one before.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dockd.enrolling.files import NotTaken

_LONGEST_CHAIN = 8
UNREADABLE = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
_LONGEST_NAME = 64
_T = TypeVar("_T", bound=x509.ExtensionType)


@dataclass(frozen=True, kw_only=True)
class Certified:
    """A certificate that fits the key. `pem`: key and chain, as they are kept; times in seconds since the epoch."""

    pem: str
    subject: str
    issuer: str
    starts: float
    ends: float


def drawn() -> str:
    """A fresh private key (EC P-256, PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode("ascii")


def request(key: str, *, name: str) -> str:
    """A certificate request (PKCS#10, PEM) for the key. `name` is a suggestion: who signs decides. Raises NotTaken where it is no key."""
    shown = "".join(c for c in name if c.isprintable())[:_LONGEST_NAME].strip() or "dockd"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown)])
    signed = x509.CertificateSigningRequestBuilder(subject_name=subject).sign(_private(key), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")


def fingerprint(key: str) -> str:
    """By which people compare keys: SHA-256 (hex) of the public one as SubjectPublicKeyInfo. Raises NotTaken."""
    return hashlib.sha256(_public_bytes(_private(key).public_key())).hexdigest()


def fitting(key: str, chain: str, *, now: float) -> Certified:
    """What was signed for the key, beginning with its own certificate. Raises NotTaken with what is wrong with it."""
    try:
        found = x509.load_pem_x509_certificates(chain.encode("utf-8", "replace"))
        leaf_key = found[0].public_key()
        subject, issuer = _shown(found[0].subject), _shown(found[0].issuer)
    except UNREADABLE as error:
        raise NotTaken("what was to be a certificate is none (PEM, the dock's own first)") from error
    if len(found) > _LONGEST_CHAIN:
        raise NotTaken(f"the certificate comes with a chain of {len(found)}: at most {_LONGEST_CHAIN} are taken")
    if not isinstance(leaf_key, ec.EllipticCurvePublicKey) or not _same(leaf_key, _private(key).public_key()):
        raise NotTaken(
            "the certificate is for another key than the one that waits for it here: it has to be first in its file, and made of the newest request"
        )
    leaf = found[0]
    _see_dates(leaf, now=now)
    _see_purpose(leaf)
    _see_chain(found)
    pem = key + "".join(one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in found)
    return Certified(
        pem=pem, subject=subject, issuer=issuer, starts=leaf.not_valid_before_utc.timestamp(),
        ends=leaf.not_valid_after_utc.timestamp(),
    )  # fmt: skip


def key_in(pem: str) -> str:
    """The private key of what is kept in one file (PEM). Raises NotTaken."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return _private(pem).private_bytes(*form).decode("ascii")


def _private(key: str) -> ec.EllipticCurvePrivateKey:
    try:
        found = serialization.load_pem_private_key(key.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotTaken("the dock's key for its store cannot be read: take its file away, and begin anew") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise NotTaken(
            "the dock's key for its store is of another kind than dockd draws: take its file away, and begin anew"
        )
    return found


def _public_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _same(one: ec.EllipticCurvePublicKey, other: ec.EllipticCurvePublicKey) -> bool:
    return _public_bytes(one) == _public_bytes(other)


def _see_dates(leaf: x509.Certificate, *, now: float) -> None:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    clock = f"this dock's clock says {moment:%Y-%m-%d %H:%M} UTC: if that is wrong, set it, and run this again"
    if moment < leaf.not_valid_before_utc:
        raise NotTaken(
            f"the certificate begins to be good at {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC, and {clock}"
        )
    if moment >= leaf.not_valid_after_utc:
        raise NotTaken(f"the certificate was good until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and {clock}")


def _see_purpose(leaf: x509.Certificate) -> None:
    try:
        basic = _extension(leaf, x509.BasicConstraints)
        purposes = _extension(leaf, x509.ExtendedKeyUsage)
    except UNREADABLE as error:  # an extension that cannot be read, or that is there twice
        raise NotTaken(f"the certificate cannot be used: {error}") from error
    if basic is not None and basic.ca:
        raise NotTaken("that is an authority's certificate: the dock's own has to be first in its file")
    if purposes is not None and not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(
        purposes
    ):
        raise NotTaken(
            "the certificate is not for clients (extendedKeyUsage clientAuth): ask its authority for one that is"
        )


def _extension(leaf: x509.Certificate, kind: type[_T]) -> _T | None:
    try:
        return leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _see_chain(found: list[x509.Certificate]) -> None:
    for one, by in itertools.pairwise(found):
        try:
            one.verify_directly_issued_by(by)
        except (*UNREADABLE, InvalidSignature) as error:
            raise NotTaken(
                f"the chain is out of order: {_shown(by.subject)} has not signed {_shown(one.subject)}"
            ) from error


def _shown(name: x509.Name) -> str:
    text = name.rfc4514_string()
    return "".join(c if c.isprintable() else "?" for c in text)[:200]
