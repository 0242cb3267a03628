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
StoreKind = Literal["tus", "s3", "directory"]
A_PROXY = 'a proxy\'s URL such as "http://proxy.example.org:3128"'
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


def parse_url(text: str) -> str:
    """An http or https URL as it was written, found well formed. Raises WrongValue."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise WrongValue("is not a URL (spaces or special characters in it)", A_URL)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WrongValue("is not a URL (its host or port cannot be read)", A_URL) from None
    if parts.scheme not in ("http", "https") or not text.lower().startswith(("http://", "https://")):
        raise WrongValue("is not a URL that begins with https:// or http://", A_URL)
    if "@" in parts.netloc:
        raise WrongValue("has a user or password in it", A_URL + ", and the secret in token_file")
    if not host:
        raise WrongValue("is a URL without a host", A_URL)
    if port == 0:
        raise WrongValue("0 is no port to connect to", A_URL + ", with a port from 1 to 65535 or none")
    if "?" in text or "#" in text:
        raise WrongValue("has a query or fragment (? or #) in it", A_URL)
    return text


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
        return "s3", parse_url(text.removeprefix("s3+"))
    return "tus", parse_url(text)


def parse_proxy(text: str) -> str:
    """The URL of an HTTP proxy, without a path. Raises WrongValue."""
    if urlsplit(parse_url(text)).path not in ("", "/"):
        raise WrongValue("has a path in it", A_PROXY)
    return text


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
