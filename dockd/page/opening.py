"""Where the page may be opened, and as whom: the address that is listened on, users, TLS.

Rules kept here: beyond this machine nobody is answered without having said who they are, and nothing goes over a line in clear unless the site has said so
(`page.plain_http`), which is then said on every page; a certificate that is renewed is read again with the configuration, and a wrong one
leaves the one of before in use.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from dockd.access.book import Book, Damaged, Unwritten
from dockd.page.language import said
from dockd.settings import Settings
from ingest import pem
from ingest.errors import DockdError

UNREADABLE = said(
    "The list of those who may come in (access.db) cannot be read, so nobody is let in. Footage is taken in, sent and proven as ever. On the dock itself, "
    "as root: `dockd user add NAME --role ops --begin-anew` keeps what is there under another name and begins a new list."
)


# Between what is wrong with page.listen and what is to be done about it.
WANTS = ": it wants "


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
    """Why the page may not be opened as the settings say, and after `WANTS` all that is missing; None: it may. Blocks."""
    page = settings.page
    if page.listen.loopback:
        return None
    why, wants = [], []
    if page.tls_cert_file is None and not page.plain_http:
        why.append("what people type would go over the line in clear")
        wants.append(
            "page.tls_cert_file and page.tls_key_file (or page.plain_http = true, if in clear is what you want)"
        )
    if not users(settings):
        why.append("there is no user yet")
        wants.append("a first user (`dockd user add NAME --role ops`)")
    if not why:
        return None
    reached = f"page.listen = {page.listen} can be reached from other machines"
    return f'{", and ".join((reached, *why))}{WANTS}{", and ".join(wants)}; or an address of this machine alone, such as "127.0.0.1:8080"'


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
        self.context, self._seen = _read(cert, key)

    def again(self, *, cert: Path, key: Path) -> bool:
        """Read them again; connections from now on are served with them. Returns whether they are others than before. Raises CertificateUnusable, and
        all stays as it was. Blocks.
        """
        before = self._seen
        self.context, self._seen = _read(cert, key)
        return self._seen != before


def _read(cert: Path, key: Path) -> tuple[ssl.SSLContext, bytes]:
    """A context of its own, and a digest of the files, to tell a renewed one. Each file is read once: one that is renewed meanwhile is whole, or is
    refused. Raises CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        pair = pem.read(cert), pem.read(key)
        pem.load(context, *pair, who="dockd")
    except (OSError, ValueError) as error:
        raise CertificateUnusable(
            f"the page's certificate {cert} with its key {key} cannot be used: {_why(error)}"
        ) from error
    return context, pem.digest(*pair)


def _why(error: OSError | ValueError) -> str:
    """For whoever has to mend it: what OpenSSL says of it names its own sources."""
    if isinstance(error, ssl.SSLError):
        other = "KEY_VALUES_MISMATCH" in str(error)
        return "the key is that of another certificate" if other else "one of them is no PEM of what belongs there"
    return pem.why(error)


def certificate(settings: Settings) -> Certificate | None:
    """The one that the settings name. Raises CertificateUnusable. Blocks."""
    page = settings.page
    if page.tls_cert_file is None or page.tls_key_file is None:
        return None
    return Certificate(cert=page.tls_cert_file, key=page.tls_key_file)
