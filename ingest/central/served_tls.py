"""TLS of the store itself: the certificate that it shows, and whose client certificates it believes.

Rules: whoever shows a certificate shows one that an authority here has signed and that is not over, or there is no connection; who shows none may ask who the store is and enrol, and what
else is for the doorkeeper to say. A renewed file is taken up without a restart; one that cannot be used leaves the one of before in use. Sessions are not resumed, so that each
connection is looked at.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from pathlib import Path

from ingest import pem
from ingest.central.refusals import StoreUnusableError

_log = logging.getLogger(__name__)


class ServedTls:
    """`context` serves connections. `authorities` (PEM): further ones whose client certificates are believed, beside those of `client_ca`."""

    def __init__(self, *, cert: Path, key: Path, client_ca: Path | None) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._seen = b""
        self.shown = ""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def load(self) -> None:
        """Read everything at start. Blocks. Raises StoreUnusableError."""
        context = self.context
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            self.take(*self._read())
            if self._client_ca is not None:
                with pem.as_file(pem.read(self._client_ca)) as name:
                    context.load_verify_locations(cafile=name)
        except (OSError, ValueError) as wrong:
            raise StoreUnusableError(
                f"the store's certificate {self._cert} with its key {self._key}"
                + (f" and the authorities {self._client_ca}" if self._client_ca else "")
                + f" cannot be used: {pem.why(wrong)}"
            ) from wrong

    def believe(self, authorities: str) -> None:
        """Client certificates that these (PEM) have signed are believed, too."""
        self.context.load_verify_locations(cadata=authorities)

    def look(self) -> tuple[bytes, bytes] | None:
        """A renewed certificate with its key, tried; None where there is none. Blocks, and touches nothing. Raises StoreUnusableError."""
        try:
            cert, key = self._read()
            if pem.digest(cert, key) == self._seen:
                return None
            # On trial: a context is left broken by a wrong pair.
            pem.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key, who="the store")
        except (OSError, ValueError) as wrong:
            raise StoreUnusableError(
                f"the renewed certificate {self._cert} with its key {self._key} cannot be used: {pem.why(wrong)}"
            ) from wrong
        return cert, key

    def take(self, cert: bytes, key: bytes) -> None:
        """Take it up, on the loop that makes the connections. Raises OSError, ValueError."""
        pem.load(self.context, cert, key, who="the store")
        self._seen = pem.digest(cert, key)
        self.shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_first(cert))).hexdigest()

    def _read(self) -> tuple[bytes, bytes]:
        return pem.read(self._cert), pem.read(self._key)


def _first(cert: bytes) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = cert.decode("utf-8", "replace")
    if begin not in text or end not in text:
        raise ValueError("there is no PEM certificate in it")
    return begin + text.split(begin, 1)[1].split(end, 1)[0] + end
