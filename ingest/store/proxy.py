"""An HTTP proxy on the way to a store: what it is told, and what is its word and not the store's.

Rules: only a proxy that the settings name is used, whatever the environment says; its secret goes to it alone (over TLS to the store, in the
CONNECT and nowhere else), and the store's token never stands in a CONNECT; what a proxy answers says nothing of any segment or object.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ingest.errors import DockdError, Refused, StoreDown
from ingest.store.answers import retry_after

_HEADER = "Proxy-Authorization"
_ITS_OWN = ("Proxy-Status", "Proxy-Authenticate", "X-Squid-Error")
_A_STORES = ("Tus-Resumable", "x-amz-request-id")  # each answer of a tus server has the first, of an S3 one the second
_CREDENTIALS = 407


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy at `url` (http or https, no path). `auth` gives USER:PASSWORD or None, and is asked anew for each request."""

    url: str
    auth: Callable[[], str | None] = lambda: None

    @property
    def shown(self) -> str:
        """For a person: where it is, and nothing that might be secret."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port}" if parts.port else f"{host}"

    def headers(self) -> dict[str, str]:
        """What is for the proxy alone."""
        said = (self.auth() or "").strip("\r\n")
        return {_HEADER: "Basic " + base64.b64encode(said.encode()).decode("ascii")} if said else {}

    def answered(self, status: int, headers: Mapping[str, str], *, doing: str) -> DockdError | None:
        """What an answer through this proxy, without TLS to the store, stands for where it is the proxy's own; None where it is the store's."""
        if status == _CREDENTIALS or (status >= 400 and _is_its_own(headers)):
            return self.refused(status, headers, doing=doing)
        return None

    def refused(self, status: int, headers: Mapping[str, str], *, doing: str) -> DockdError:
        """What its own answer stands for: never a word about what the store has."""
        after = retry_after(headers.get("Retry-After"), now=time.time())
        text = f"the proxy {self.shown} answered {status} to {doing}"
        if status == _CREDENTIALS:
            return Refused(
                f"{text}: it does not take this dock's user and password; check store.proxy_auth_file", after=after
            )
        if status in (401, 403):
            return StoreDown(
                f"{text}: it does not let this dock through to the store; ask whoever runs it, or check store.proxy", after=after
            )  # fmt: skip
        return StoreDown(f"{text}: that is the proxy's word, it may not reach the store", after=after)

    def unreachable(self, *, doing: str, why: str) -> StoreDown:
        """It could not be reached at all."""
        return StoreDown(f"the proxy {self.shown} cannot be reached for {doing}: {why}; check store.proxy")


def _is_its_own(headers: Mapping[str, str]) -> bool:
    """Whether a refusal is the proxy's: it says so, or it is a page for people and nothing of a store's is in it."""
    if any(name in headers for name in _ITS_OWN):
        return True
    page = headers.get("Content-Type", "").strip().lower().startswith(("text/html", "application/xhtml"))
    return page and not any(name in headers for name in _A_STORES)
