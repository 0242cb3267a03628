"""Who answers at a store's address to somebody who shows nothing: words for a line that ends before there is any answer.

Why: another store in the place of the dock's own does not take the dock's certificate, and ends the line with that. All that is heard is a line that was cut, and a
person looks for a cable. Rules: the question has neither certificate nor token in it, for who is asked is unproven; it is asked of an end whose own certificate
is believed alone, and only where a connection came about. What it answers is good for words and nothing else: there is an error
in any case, so that nothing is sent for it and nothing deleted. It has to be found twice in a row.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp

from ingest.errors import DockdError, Refused, StoreDown, WrongStore
from ingest.store.identity import WELL_KNOWN, understand
from ingest.store.line import Answer, Line
from ingest.store.patience import Patience
from ingest.store.proxy import Proxy
from ingest.store.tls import CertificateUnusable

_PATIENT = Patience(connect=5.0, stall=10.0, answer=10.0, settle=10.0)
_APART = 0.5  # seconds between the two looks
_NO_LINE = (
    aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorDNSError, aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError, TimeoutError,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Unshown:
    """The store at `url`. `tls` makes what its own certificate is checked with, and has no certificate of the dock's in it (blocks; raises CertificateUnusable);
    `pinned`: thumbprints of the pinned store's keys, empty where none is."""

    url: str
    tls: Callable[[], ssl.SSLContext]
    pinned: Callable[[], Awaitable[tuple[str, ...]]]
    proxy: Proxy | None = None

    async def told(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to `ask`, which shows the dock's certificate. Raises what it raises; WrongStore, Refused where that can be said of it."""
        try:
            return await ask()
        except (StoreDown, Refused) as error:
            first = await self._who(error)
            if first is None:
                raise
        await asyncio.sleep(_APART)
        try:
            return await ask()
        except (StoreDown, Refused) as error:
            found = await self._who(error)
            if found is None or found != first:
                raise
            raise self._error(found, error) from error

    async def _who(self, error: DockdError) -> tuple[str, bool] | None:
        """The id of the store that answers there, and whether it is the pinned one; None where nobody is to be asked, or nobody says."""
        pinned = await self.pinned() if _cut(error.__cause__) else ()
        if not pinned:
            return None
        try:
            tls = await asyncio.to_thread(self.tls)
            line = Line(self.url, token=lambda: None, patience=_PATIENT, tls=tls, proxy=self.proxy)
            try:
                answer = await line.ask("GET", urljoin(self.url, WELL_KNOWN), doing="a look at who it is")
            finally:
                await line.close()
            if answer.status != 200 or "json" not in answer.headers.get("Content-Type", ""):
                return None
            found = understand(answer.body, url=self.url)
        except (DockdError, CertificateUnusable):
            return None
        ours = all(found.vouches(key, pinned) for key in found.keys)
        return (found.store, ours) if found.keys else None

    def _error(self, found: tuple[str, bool], error: DockdError) -> DockdError:
        store, ours = found
        if ours:
            return Refused(
                f"the pinned store answers whoever shows it no certificate, and ends the line when this dock shows its own: it does not take "
                f"store.client_cert_file (dockd enroll --anew, with an invitation of its operator, gets another). {error.message}"
            )
        return WrongStore(
            f"the store at {self.url} is {store}, which is not the pinned one, and it does not take this dock's certificate: is the address right, or was "
            "the store replaced? Nothing is sent to it and nothing is deleted"
        )


def _cut(cause: BaseException | None) -> bool:
    """Whether there was a connection to an end that was believed, and it ended without an answer."""
    if isinstance(cause, _NO_LINE):
        return False
    if isinstance(cause, aiohttp.ClientConnectorError):  # in the middle of the handshake, or there never was one
        ended = isinstance(cause.os_error, ConnectionResetError | ConnectionAbortedError)
        return ended or isinstance(cause, aiohttp.ClientConnectorSSLError)
    return isinstance(cause, aiohttp.ClientConnectionError | ConnectionError)
