"""Where dockd listens and where the store is, read strictly.

Rules kept here: what is listened on is an address, never a name that a resolver may change; a URL never carries a
user, a password or a query, so that none can end up in a log; what stands in a refused URL is not repeated for the
same reason.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from dockd.settings.mistakes import WrongValue, shown

AN_ADDRESS = 'ADDRESS:PORT such as "127.0.0.1:8080" or "[::1]:8080"'
A_URL = 'a URL such as "https://store.example.org"'
A_BUCKET = 'a bucket\'s address such as "https://s3.example.org/footage"'
A_STORE = (
    'a URL such as "https://store.example.org", a bucket\'s such as "s3+https://s3.example.org/footage", '
    "or the absolute path of a directory"
)
StoreKind = Literal["tus", "s3", "directory"]
A_PROXY = 'a proxy\'s URL such as "http://proxy.example.org:3128"'
AN_ISSUER = 'the provider\'s issuer such as "https://login.example.org/tenant"'
A_HOST = 'a host name or address without port, such as "dock-3.example.org"'

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.%A-Za-z0-9]+)\]|([^\[\]:]+)):([0-9]{1,5})")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address to bind: `host` without brackets, `port` 0 to 65535 (0: any free one)."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, no brackets) is this machine itself."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def parse_listen(text: str) -> ListenAddress:
    """ "127.0.0.1:8080", "localhost:0" or "[::1]:8080" as an address to bind. Raises WrongValue."""
    found = _LISTEN.fullmatch(text)
    if found is None:
        raise WrongValue(f"{shown(text)} is not an address to listen on", AN_ADDRESS)
    host, port = found[1] or found[2], int(found[3])
    if port > 65535:
        raise WrongValue(f"{port} is no port", "a port from 0 to 65535 (0: any free one)")
    if host == "localhost":
        return ListenAddress("localhost", port)
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        raise WrongValue(f"{shown(text)} is not an address to listen on", AN_ADDRESS) from None
    if (version == 6) is not bool(found[1]):
        raise WrongValue(f"{shown(text)} is not an address to listen on", AN_ADDRESS)
    return ListenAddress(host, port)


def parse_url(text: str, *, expected: str = A_URL, secret: str = "token_file") -> str:
    """An http or https URL as it was written, found well formed. Raises WrongValue.

    `expected` says in words what is right here; `secret` names the key whose file holds what may not stand in the URL.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise WrongValue("is not a URL (spaces or special characters in it)", expected)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WrongValue("is not a URL (its host or port cannot be read)", expected) from None
    if parts.scheme not in ("http", "https") or not text.lower().startswith(("http://", "https://")):
        raise WrongValue("is not a URL that begins with https:// or http://", expected)
    if "@" in parts.netloc:
        raise WrongValue("has a user or password in it", f"{expected}, and the secret in {secret}")
    if not host:
        raise WrongValue("is a URL without a host", expected)
    if port == 0:
        raise WrongValue("0 is no port to connect to", f"{expected}, with a port from 1 to 65535 or none")
    if "?" in text or "#" in text:
        raise WrongValue("has a query or fragment (? or #) in it", expected)
    return text


def parse_bucket(text: str) -> str:
    """A bucket's address, path style or virtual host, without `s3+`. Raises WrongValue, also where there surely is no bucket in it."""
    parts = urlsplit(parse_url(text, expected=A_BUCKET))
    if not parts.path.strip("/") and not _may_name_a_bucket(parts.hostname or ""):
        raise WrongValue("names no bucket", A_BUCKET)
    return text


def _may_name_a_bucket(host: str) -> bool:
    """Whether the first label of a host may be a bucket: by its form alone, BUCKET.HOST cannot be told from a host."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not is_loopback(host)
    return False


def parse_store(text: str) -> tuple[StoreKind, str]:
    """A store as a command line names it: kind and address. Raises WrongValue.

    >>> parse_store("s3+https://s3.example.org/bucket"), parse_store("/srv/share")
    (('s3', 'https://s3.example.org/bucket'), ('directory', '/srv/share'))
    """
    if text.startswith(("/", "file:///")):
        path = text.removeprefix("file://")
        if not path.isprintable():
            raise WrongValue("is no plain path", "the absolute path of a directory store")
        return "directory", path
    if text.startswith("s3+"):
        return "s3", parse_bucket(text.removeprefix("s3+"))
    return "tus", parse_url(text, expected=A_STORE)


def parse_proxy(text: str) -> str:
    """The URL of an HTTP proxy, without a path. Raises WrongValue."""
    if urlsplit(parse_url(text, expected=A_PROXY, secret="proxy_auth_file")).path not in ("", "/"):
        raise WrongValue("has a path in it", A_PROXY)
    return text


def parse_issuer(text: str) -> str:
    """An OpenID Connect provider, as it was written: https, or on this machine http. Raises WrongValue."""
    parse_url(text, expected=AN_ISSUER, secret="client_secret_file")
    if not is_private_way(text):
        raise WrongValue("would be asked over the network in clear", AN_ISSUER)
    return text


def is_private_way(url: str) -> bool:
    """Whether nobody on a network can read or change what goes over this URL: https, or this machine alone."""
    return url.lower().startswith("https://") or is_loopback(url_host(url))


def url_host(url: str) -> str:
    """The host of a URL that `parse_url` has taken, without brackets."""
    return urlsplit(url).hostname or ""


def parse_host(text: str) -> str:
    """A name or address that a browser may put into `Host`, in lower case, no port. Raises WrongValue."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if bare is not text or _HOST.fullmatch(text) is None:
            raise WrongValue(f"{shown(text)} is not a host name", A_HOST) from None
    return bare.lower()
