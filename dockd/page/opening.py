"""Where the page may be opened, and as whom: the address that is listened on, users, TLS.

Rules kept here: beyond this machine nobody is answered without having said who they are, and nothing goes over a line in clear unless the site has said so
(`page.plain_http`), which is then said on every page; a certificate that is renewed is read again with the configuration, and a wrong one
leaves the one of before in use.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from dockd.access.book import Book, Damaged, Unwritten
from dockd.page.language import said
from dockd.settings import Settings
from ingest.errors import DockdError

UNREADABLE = said(
    "The list of those who may come in (access.db) cannot be read, so nobody is let in. Footage is taken in, sent and proven as ever. On the dock itself, "
    "as root: `dockd user add NAME --role ops --begin-anew` keeps what is there under another name and begins a new list."
)


class CertificateUnusable(DockdError):
    """The page's certificate or key cannot be used; the message says why."""


def access_file(settings: Settings) -> Path:
    """Where users and tokens are kept: beside the ledger, and apart from it."""
    return settings.ledger.path.with_name("access.db")


def has_users(settings: Settings) -> bool:
    """Whether anybody can say who they are. A list that cannot be read had users: nobody is let in by it. Blocks."""
    book = Book(access_file(settings))
    try:
        return settings.oidc.issuer is not None or bool(book.known().users)
    except (Damaged, Unwritten):
        return True
    finally:
        book.close()


def why_not(settings: Settings, *, users: Callable[[Settings], bool] = has_users) -> str | None:
    """Why the page may not be opened as the settings say; None: it may. Blocks."""
    page = settings.page
    if page.listen.loopback:
        return None
    reached = f"page.listen = {page.listen} can be reached from other machines, and"
    if page.tls_cert_file is None and not page.plain_http:
        return f"{reached} there is neither page.tls_cert_file nor page.plain_http = true: what people type would go over the line in clear"
    if not users(settings):
        return f'{reached} there is no user yet: `dockd user add NAME --role ops` first, or listen on this machine alone, such as "127.0.0.1:8080"'
    return None


def in_clear(settings: Settings) -> str | None:
    """What is said for as long as the page goes over a line in clear; None: it does not."""
    page = settings.page
    if page.listen.loopback or page.tls_cert_file is not None:
        return None
    return said(
        "The page goes over the station's network in clear: whoever is on it can read what is shown, and passwords."
    )


class Certificate:
    """As whom the page is served: the certificate and key of the settings, read when it is made and with `again`."""

    def __init__(self, *, cert: Path, key: Path) -> None:
        """Raises CertificateUnusable. Blocks."""
        self._files = (cert, key)
        self.context = self._read()
        self._seen = self._contents()

    def again(self, *, cert: Path, key: Path) -> bool:
        """Read them again; connections from now on are served with them. Returns whether they are others than before. Raises CertificateUnusable, and
        all stays as it was. Blocks.
        """
        self._files = (cert, key)
        self._read()
        self.context.load_cert_chain(cert, key, password=_no_password)
        before, self._seen = self._seen, self._contents()
        return self._seen != before

    def _contents(self) -> bytes:
        """A digest of the files, to tell a renewed one. A key is not kept beside the one that TLS has."""
        try:
            return sha256(b"".join(sha256(file.read_bytes()).digest() for file in self._files)).digest()
        except OSError as error:
            raise CertificateUnusable(
                f"the page's certificate {self._files[0]} cannot be read: {error.strerror}"
            ) from error

    def _read(self) -> ssl.SSLContext:
        cert, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(cert, key, password=_no_password)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise CertificateUnusable(
                f"the page's certificate {cert} with its key {key} cannot be used: {why}"
            ) from error
        return context


def certificate(settings: Settings) -> Certificate | None:
    """The one that the settings name. Raises CertificateUnusable. Blocks."""
    page = settings.page
    if page.tls_cert_file is None or page.tls_key_file is None:
        return None
    return Certificate(cert=page.tls_cert_file, key=page.tls_key_file)


def _no_password() -> str:
    """A key that wants a password is refused, not waited for on a terminal."""
    raise ValueError("it is encrypted, and dockd has nobody to ask for its password")
