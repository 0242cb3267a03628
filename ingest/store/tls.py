"""TLS of a line to a store: whom to believe, by what to be known, and what the store has shown.

Rules: one context for every connection of a store. A renewed client certificate is taken into it as it is: connections from now on are made with it, those that are open go on with the one of before, so
that no upload ends. Files are read whole and tried in a context of their own first: a wrong pair changes nothing. What the store shows is looked at only after it was believed.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest import pem


class CertificateUnusable(Exception):
    """`file` cannot be used as what it is there for; the message says why."""

    def __init__(self, message: str, *, of: str) -> None:
        super().__init__(message)
        self.of = of  # "ca" or "client"


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """Files that are others than before: authorities, and client certificate with its key."""

    ca: bytes | None = field(default=None, repr=False)
    pair: tuple[bytes, bytes] | None = field(default=None, repr=False)


class ClientTls:
    """`ca`: PEM certificates that may vouch for the store (None: the system's); `cert` and `key`: by which the dock is known, None where by none.

    Raises CertificateUnusable. Blocks.
    """

    def __init__(self, *, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> None:
        self._ca, self._cert, self._key = ca, cert, key or cert
        self._seen = b""
        self._ca_seen = b""
        self.context = _context(self, ca)
        if ca is not None:
            self._believe(self._read_ca())
        if cert is not None:
            found = self._read()
            _load(self.context, *found, names=self._names)
            self._seen = pem.digest(*found)
        self.shown: bytes | None = None  # the store's certificate (DER), of the newest connection

    def look(self) -> Renewed:
        """What was renewed since: further authorities, another client certificate and key, tried. Blocks, and touches nothing. Raises CertificateUnusable."""
        ca = self._read_ca()
        pair = None
        if self._cert is not None:
            found = self._read()
            if pem.digest(*found) != self._seen:
                _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *found, names=self._names)
                pair = found
        return Renewed(ca=ca if ca != self._ca_seen else None, pair=pair)

    def take(self, found: Renewed) -> bool:
        """Take it up, on the loop that makes the connections, for none may be made meanwhile. Whether the client certificate is another one.

        Raises CertificateUnusable.
        """
        if found.ca is not None:
            self._believe(found.ca)
        if found.pair is None:
            return False
        _load(self.context, *found.pair, names=self._names)
        self._seen = pem.digest(*found.pair)
        return True

    def _believe(self, found: bytes) -> None:
        """What is no longer in the file stays believed until the end of the process: a context only learns."""
        try:
            with pem.as_file(found) as name:
                self.context.load_verify_locations(cafile=name)
        except OSError as error:
            raise self._no_authorities(error) from error
        self._ca_seen = found

    def _read_ca(self) -> bytes:
        try:
            return b"" if self._ca is None else pem.read(self._ca)
        except (OSError, ValueError) as error:
            raise self._no_authorities(error) from error

    def _no_authorities(self, error: Exception) -> CertificateUnusable:
        return CertificateUnusable(f"{self._ca} holds no PEM certificates that can be read: {pem.why(error)}", of="ca")

    @property
    def _names(self) -> str:
        return f"{self._cert} and {self._key}"

    def _read(self) -> tuple[bytes, bytes]:
        try:
            cert = pem.read(self._cert) if self._cert is not None else b""
            return cert, cert if self._key == self._cert or self._key is None else pem.read(self._key)
        except (OSError, ValueError) as error:
            raise CertificateUnusable(
                f"{self._names} are no pair that can be read: {pem.why(error)}", of="client"
            ) from error


def _context(seen_by: ClientTls, ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context() if ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    class Looking(ssl.SSLObject):
        """Says what the other end has shown, once it is believed."""

        def do_handshake(self) -> None:
            super().do_handshake()
            seen_by.shown = self.getpeercert(binary_form=True)

    looking: Any = Looking
    context.sslobject_class = looking
    return context


def _load(context: ssl.SSLContext, cert: bytes, key: bytes, *, names: str) -> None:
    try:
        pem.load(context, cert, key, who="dockd")
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{names} are no pair that can be read: {pem.why(error)}", of="client") from error
