"""What goes over the line smaller than it is: documents, pages, styles and scripts, for those who can read gzip.

Rules kept here: an answer that is compressed has a weak ETag, for it is another one than the plain answer and means the same; what many ask for is
compressed once; a stream is left as it is. What a session must keep secret is never in a body twice in the same form (the forms' tokens are masked),
so its length tells nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import ETag, hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_KINDS = frozenset({
    "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml", "application/json", "application/problem+json",
})  # fmt: skip
_WORTH = 1000
_LEVEL = 6
_KEPT = 64
_LARGE = 256 << 10  # of more than that the loop would notice


class Compression:
    """The middleware; the outermost, so that nothing but the line comes after it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """See the class."""
        response = await handler(request)
        if response.prepared or not isinstance(response, web.Response) or hdrs.CONTENT_ENCODING in response.headers:
            return response
        if response.content_type not in _KINDS and response.status != 304:
            return response
        vary = response.headers.get(hdrs.VARY)
        response.headers[hdrs.VARY] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        if not _reads_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            return response
        if isinstance(response.body, bytes) and len(response.body) >= _WORTH:
            response.body = await self._small(response.body)
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        elif response.status != 304:
            return response
        if response.etag is not None:
            response.etag = ETag(value=response.etag.value, is_weak=True)
        return response

    async def _small(self, body: bytes) -> bytes:
        key = hashlib.blake2b(body, digest_size=16).digest()
        small = self._kept.pop(key, None)
        if small is None:
            small = await asyncio.to_thread(_gzip, body) if len(body) > _LARGE else _gzip(body)
        self._kept[key] = small
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return small


def _gzip(body: bytes) -> bytes:
    small = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    return small.compress(body) + small.flush()


def _reads_gzip(accepts: str) -> bool:
    """
    >>> _reads_gzip("gzip, deflate, br"), _reads_gzip("gzip;q=0, br"), _reads_gzip("*"), _reads_gzip("")
    (True, False, True, False)
    """
    for one in accepts[:200].lower().split(","):
        name, _, rest = one.partition(";")
        if name.strip() in ("gzip", "*"):
            return rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
