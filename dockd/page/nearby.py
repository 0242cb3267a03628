"""Where a request comes from: the other end of the connection, and whether whoever asks sits at this very machine.

Rules kept here: the peer is what the kernel says, never what a header claims; a loopback peer may be a server that speaks for others, so that who is to be
taken for this machine itself asks by a loopback name, in HTTP/1.1, and with no header that those add who speak for others. What of them adds none, and
asks so, cannot be told from a program here.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from aiohttp import HttpVersion11, web

from dockd.page.language import said
from dockd.settings.addresses import is_loopback

# What proxies, balancers and delivery networks add: those names, and all that begin so.
_FORWARDED = (
    "forwarded", "via", "x-real-ip", "client-ip", "true-client-ip", "cdn-loop", "max-forwards", "proxy-connection",
)  # fmt: skip
_FORWARDED_SO = (
    "x-forwarded", "x-original", "x-proxy", "x-client", "x-cluster", "x-envoy", "x-amzn", "x-arr-", "x-varnish", "cf-", "fastly-",
)  # fmt: skip


def why_not_itself(request: web.Request) -> str | None:
    """Why whoever asks is not taken for this machine itself, in words; None: they are."""
    if not is_here(request):
        return said("as long as there is no user, this is for whoever is at this machine alone")
    if any(_is_a_forwarders(name.lower()) for name in request.headers) or request.version < HttpVersion11:
        return said(
            "this came through another server: as long as there is no user, it is for this machine itself, in HTTP/1.1"
        )
    if not is_loopback(host_of(request) or ""):  # a server that hands the name on that it was asked for
        return said(
            "ask for this machine as localhost or 127.0.0.1: as long as there is no user, this is for this machine itself"
        )
    return None


def is_here(request: web.Request) -> bool:
    """Whether the other end of this connection is on this machine."""
    return is_loopback(address_of_peer(request))


def is_itself(request: web.Request) -> bool:
    """Whether whoever asks is taken for this machine itself."""
    return why_not_itself(request) is None


def _is_a_forwarders(name: str) -> bool:
    return name in _FORWARDED or name.startswith(_FORWARDED_SO)


def address_of_peer(request: web.Request) -> str:
    """The other end of this connection, as the kernel has it and no header says; empty where it has none."""
    peer: Any = request.transport.get_extra_info("peername") if request.transport is not None else None
    try:
        return str(ip_address(peer[0]))
    except (TypeError, IndexError, ValueError):
        return ""


def host_of(request: web.Request) -> str | None:
    """The name or address that was asked for, no port, no brackets; None where it is neither."""
    return _without_port(request.headers.get("Host", ""))


def _without_port(host: str) -> str | None:
    if host.startswith("["):
        address, bracket, rest = host[1:].partition("]")
        return address if bracket and (not rest or _is_port(rest)) else None
    name, colon, port = host.partition(":")
    return name if name and (not colon or _is_port(f":{port}")) else None


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()
