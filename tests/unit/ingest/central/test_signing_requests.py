"""A certificate request from a dock: its key is taken, nothing else of it, and only a key that is worth it."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from ingest.central.refusals import Refusal
from ingest.central.signing_requests import LARGEST, digest_of, understand

KEY = ec.generate_private_key(ec.SECP256R1())
NAMED = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rack-9")])


def request(key: CertificateIssuerPrivateKeyTypes = KEY, *, by: hashes.HashAlgorithm | None = None) -> str:
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else by or hashes.SHA256()
    built = x509.CertificateSigningRequestBuilder(subject_name=NAMED).sign(key, algorithm)  # type: ignore[arg-type]
    return built.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "drawn", [lambda: KEY, lambda: ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)]
)  # fmt: skip
def test_keys_that_are_taken(drawn: Callable[[], CertificateIssuerPrivateKeyTypes]) -> None:
    key = drawn()
    found = understand(request(key))
    assert found.digest == digest_of(found.key)
    assert found.key == key.public_key()


@pytest.mark.parametrize(
    ("drawn", "by"),
    [
        (lambda: ec.generate_private_key(ec.SECP224R1()), None),
        (lambda: ec.generate_private_key(ec.SECP521R1()), None),
        (lambda: rsa.generate_private_key(65537, 1024), None),
        (lambda: rsa.generate_private_key(3, 2048), None),
        (lambda: KEY, hashes.SHA224()),
    ],
)
def test_keys_and_signatures_that_are_not(
    drawn: Callable[[], CertificateIssuerPrivateKeyTypes], by: hashes.HashAlgorithm | None
) -> None:
    key = drawn()
    with pytest.raises(Refusal) as refused:
        understand(request(key, by=by))
    assert (refused.value.status, refused.value.slug) == (400, "certificate-request")


def test_a_request_that_another_key_has_signed() -> None:
    """Whoever asks has to have the key: a request is put together of one's words and another's signature."""
    mine, other = (
        x509.load_pem_x509_csr(request().encode()),
        x509.load_pem_x509_csr(request(ec.generate_private_key(ec.SECP256R1())).encode()),
    )
    raw = bytearray(mine.public_bytes(serialization.Encoding.DER))
    at = raw.index(
        mine.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    swapped = other.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    raw[at : at + len(swapped)] = swapped
    text = x509.load_der_x509_csr(bytes(raw)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(Refusal, match="not signed"):
        understand(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        request() * 2,
        "x" * (LARGEST + 1),
        request().replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        "\ud800",
    ],
)
def test_what_is_no_request(text: str) -> None:
    with pytest.raises(Refusal):
        understand(text)


def test_damaged_requests_are_refused_and_nothing_else() -> None:
    chance, good = random.Random(40), request()
    found: list[int | bool] = []
    for _ in range(300):
        raw = bytearray(good.encode())
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice(b"ABCDEFGHabcdefgh0123456789+/=\n-\x00\xff")
        found.append(outcome(raw.decode("latin-1"), understand(good).digest))
    assert set(found) <= {400, True}
    assert found.count(True) < 30  # such as a letter that stands outside of the block


def outcome(text: str, digest: str) -> int | bool:
    try:
        return understand(text).digest == digest
    except Refusal as refused:
        return refused.status


def test_a_request_of_another_version_is_refused_as_every_other() -> None:
    raw = bytearray(x509.load_pem_x509_csr(request().encode()).public_bytes(serialization.Encoding.DER))
    raw[raw.index(b"\x02\x01\x00") + 2] = 5
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(bytes(raw)).decode()}-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(Refusal, match="no certificate request"):
        understand(text)
