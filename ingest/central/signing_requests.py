"""A certificate request (PKCS#10) as a dock sends it: of it only the public key is taken.

Rules: everything in it comes from outside; it is bounded before it is parsed, and its key before its signature is checked. Who the certificate is for is
never the request's to say: its subject, its names and its extensions are not even looked at. The signature shows that whoever asks has the key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ingest.central.refusals import Refusal, bad_request

LARGEST = 16 << 10
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
_BEGIN = b"-----BEGIN "
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_RSA_BITS = (2048, 4096)
_RSA_EXPONENT = 65537
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True, kw_only=True)
class SigningRequest:
    """What is taken from a request. `digest`: SHA-256 (hex) of the key as SubjectPublicKeyInfo, by which people compare keys."""

    key: PublicKey
    digest: str


def understand(text: str) -> SigningRequest:
    """One PEM block. Raises Refusal 400 with what is expected. Blocks for as long as one signature takes to check."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > LARGEST:
        raise _refused(f"the certificate request is larger than {LARGEST} bytes")
    if raw.count(_BEGIN) != 1:
        raise _refused("the certificate request is to be one PEM block")
    try:
        request = x509.load_pem_x509_csr(raw)
        key = request.public_key()
    except _UNREADABLE as wrong:
        raise _refused("it is no certificate request (PKCS#10, PEM) with a key that is taken here") from wrong
    taken = _taken(key)
    try:
        fits = isinstance(request.signature_hash_algorithm, (*_HASHES, type(None))) and request.is_signature_valid
    except _UNREADABLE as wrong:
        raise _refused("the certificate request is signed in a way that is not taken here") from wrong
    if not fits:
        raise _refused("the certificate request is not signed (SHA-256 or better) by the key that it names")
    return SigningRequest(key=taken, digest=digest_of(taken))


def digest_of(key: PublicKey) -> str:
    """SHA-256 (hex) of the key as SubjectPublicKeyInfo."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(*form)).hexdigest()


def _taken(key: object) -> PublicKey:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, rsa.RSAPublicKey) and _fits(key):
        return key
    raise _refused("its key is to be EC (P-256, P-384), Ed25519, or RSA of 2048 to 4096 bits with exponent 65537")


def _fits(key: rsa.RSAPublicKey) -> bool:
    return _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1] and key.public_numbers().e == _RSA_EXPONENT


def _refused(why: str) -> Refusal:
    return bad_request("certificate-request", why)
