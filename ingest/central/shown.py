"""The client certificates that callers show: whose they are. That they are signed by an authority that is believed here, TLS has seen to.

Rules: a name in a certificate counts only for who signed it: what a dock of this store may be called, only this store's own authority says, seen by its signature and by the book of
docks; what other authorities sign is known by issuer and subject together.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ingest.central.authority import Authority
from ingest.central.refusals import Refusal
from ingest.clock import Clock

_MOST = 1024  # certificates that are remembered


@dataclass(frozen=True, kw_only=True)
class Shown:
    """`digest`: SHA-256 (hex) of the certificate; `ours`: this store's authority signed it; `name`: for people; `owner`: the same for its renewals."""

    digest: str
    ours: bool
    name: str
    owner: bytes
    starts: float
    ends: float


class Certificates:
    """Reads what callers show, each certificate once."""

    def __init__(self, *, authority: Authority, secret: bytes, clock: Clock) -> None:
        self._authority = authority
        self._secret = secret
        self._clock = clock
        self._read: OrderedDict[str, Shown] = OrderedDict()

    def understand(self, der: bytes) -> Shown:
        """Raises Refusal 401 where it is over by now (a connection may last), or says nothing that can be read."""
        digest = hashlib.sha256(der).hexdigest()
        found = self._read.get(digest)
        if found is None:
            try:
                found = self._look(x509.load_der_x509_certificate(der), digest)
            except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as wrong:
                raise Refusal(401, "certificate", "the client certificate cannot be read") from wrong
            self._read[digest] = found
            if len(self._read) > _MOST:
                self._read.popitem(last=False)
        if self._clock.now() > found.ends:
            raise Refusal(
                401,
                "certificate-over",
                "the client certificate is over: renew it, or ask the store's operator for an invitation",
            )
        return found

    def _look(self, certificate: x509.Certificate, digest: str) -> Shown:
        owner = certificate.issuer.public_bytes() + certificate.subject.public_bytes()
        return Shown(
            digest=digest, ours=self._authority.signed(certificate), name=_called(certificate.subject),
            owner=hmac.digest(self._secret, b"certificate " + owner, "sha256"), starts=certificate.not_valid_before_utc.timestamp(),
            ends=certificate.not_valid_after_utc.timestamp(),
        )  # fmt: skip


def _called(subject: x509.Name) -> str:
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(names[-1].value) if names else subject.rfc4514_string()
    return "".join(c if c.isprintable() else "?" for c in text)[:100] or "a certificate without a name"
