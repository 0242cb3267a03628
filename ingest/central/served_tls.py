"""TLS of the store itself: the certificate that it shows, and whose client certificates it believes.

Rules: whoever shows a certificate shows one that an authority here has signed and that is not over, or there is no connection; who shows none may ask who the store is and enrol, and what
else is for the doorkeeper to say. A renewed file is taken up without a restart; one that cannot be used leaves the one of before in use. Sessions are not resumed, so that each
connection is looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from ingest.central.refusals import StoreUnusableError

_log = logging.getLogger(__name__)
_LARGEST = 1 << 20


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
                with _as_file(_bytes_of(self._client_ca)) as name:
                    context.load_verify_locations(cafile=name)
        except (OSError, ValueError) as wrong:
            raise StoreUnusableError(
                f"the store's certificate {self._cert} with its key {self._key}"
                + (f" and the authorities {self._client_ca}" if self._client_ca else "")
                + f" cannot be used: {_why(wrong)}"
            ) from wrong

    def believe(self, authorities: str) -> None:
        """Client certificates that these (PEM) have signed are believed, too."""
        self.context.load_verify_locations(cadata=authorities)

    def look(self) -> tuple[bytes, bytes] | None:
        """A renewed certificate with its key, tried; None where there is none. Blocks, and touches nothing. Raises StoreUnusableError."""
        try:
            cert, key = self._read()
            if _digest(cert, key) == self._seen:
                return None
            _load(
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key
            )  # on trial: a context is left broken by a wrong pair
        except (OSError, ValueError) as wrong:
            raise StoreUnusableError(
                f"the renewed certificate {self._cert} with its key {self._key} cannot be used: {_why(wrong)}"
            ) from wrong
        return cert, key

    def take(self, cert: bytes, key: bytes) -> None:
        """Take it up, on the loop that makes the connections. Raises OSError, ValueError."""
        _load(self.context, cert, key)
        self._seen = _digest(cert, key)
        self.shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_first(cert))).hexdigest()

    def _read(self) -> tuple[bytes, bytes]:
        return _bytes_of(self._cert), _bytes_of(self._key)


def _load(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    with _as_file(cert) as cert_name, _as_file(key) as key_name:
        context.load_cert_chain(cert_name, key_name, password=_no_password)


def _first(cert: bytes) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = cert.decode("utf-8", "replace")
    if begin not in text or end not in text:
        raise ValueError("there is no PEM certificate in it")
    return begin + text.split(begin, 1)[1].split(end, 1)[0] + end


def _digest(cert: bytes, key: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(cert).digest() + hashlib.sha256(key).digest()).digest()


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        found = opened.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError(f"{file} has more than {_LARGEST} bytes")
    return found


@contextlib.contextmanager
def _as_file(found: bytes) -> Iterator[str]:
    """A name by which OpenSSL reads these bytes; they are in memory alone."""
    fd = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(fd, found)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _why(wrong: Exception) -> str:
    return wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and the store has nobody to ask for its password")
