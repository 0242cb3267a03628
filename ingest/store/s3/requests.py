"""Signed requests to one bucket, over `ingest.store.line.Line` and by all of its rules.

Rules: the secret's file is read for each request; each request's signature covers its body's SHA-256; keys and queries go over the line letter for
letter as they were signed; nothing goes to another address than the bucket's.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote, urlsplit

from ingest.store.line import LARGEST_ANSWER, Answer, Line
from ingest.store.s3.credentials import keys_of
from ingest.store.s3.signing import EMPTY, signed

Query = Mapping[str, str]


class Requests:
    """`url` is the bucket's address; `credentials()` gives the secret file's text."""

    def __init__(self, line: Line, *, url: str, credentials: Callable[[], str | None], region: str) -> None:
        self.url = url
        self._line = line
        self._credentials = credentials
        self._region = region

    async def ask(
        self, method: str, key: str, *, doing: str, query: Query | None = None, headers: Mapping[str, str] | None = None,
        body: bytes | None = None, largest: int = LARGEST_ANSWER, size: int = 0, again: bool = True,
    ) -> Answer:  # fmt: skip
        """A small request and its whole answer; `key` may be empty (the bucket itself). The rest as `Line.ask`. Raises Refused, StoreDown, Garbled."""
        digest = EMPTY if body is None else hashlib.sha256(body).hexdigest()
        url, sent = self._signed(method, key, query, headers, digest)
        return await self._line.ask(
            method, url, doing=doing, headers=sent, largest=largest, size=size, again=again, body=body
        )

    async def give(
        self, key: str, *, doing: str, body: AsyncIterator[bytes], length: int, sha256: str, query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """PUT `length` bytes whose SHA-256 is `sha256`. As `Line.give`."""
        url, sent = self._signed("PUT", key, query, headers, sha256)
        return await self._line.give("PUT", url, headers=sent, body=body, length=length, doing=doing)

    def take(
        self, key: str, *, doing: str, headers: Mapping[str, str] | None = None, fresh: bool = False, query: Query | None = None,
    ) -> AbstractAsyncContextManager[tuple[Answer, AsyncIterator[bytes]]]:  # fmt: skip
        """GET an object. As `Line.take`."""
        url, sent = self._signed("GET", key, query, {"Accept-Encoding": "identity", **(headers or {})}, EMPTY)
        return self._line.take(url, headers=sent, doing=doing, fresh=fresh)

    def _signed(
        self, method: str, key: str, query: Query | None, headers: Mapping[str, str] | None, digest: str
    ) -> tuple[str, dict[str, str]]:
        url = address(self.url, key, query)
        if method in (
            "PUT",
            "POST",
        ):  # Ceph takes no request whose Content-Type is not signed, and the line would add one
            headers = {"Content-Type": "application/octet-stream", **(headers or {})}
        keys = keys_of(self._credentials())
        return url, signed(method, url, headers or {}, body_sha256=digest, keys=keys, region=self._region)


def address(bucket: str, key: str, query: Query | None) -> str:
    """The URL of a request, its query sorted and in the one encoding that is signed."""
    path = quote(key, safe="/-_.~")
    whole = f"{bucket}/{path}" if path or not urlsplit(bucket).path.strip("/") else bucket
    said = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted((query or {}).items()))  # fmt: skip
    return f"{whole}?{said}" if said else whole
