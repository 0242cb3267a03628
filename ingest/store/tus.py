"""Any tus 1.0 server, and the embedded store (which adds signed receipts).

The kind of proof follows from what the store announces: signed receipts where it has /.well-known/dockd-store; Repr-Digest where its
OPTIONS answer says so (Want-Repr-Digest, RFC 9530); else the bytes are read back and hashed here.
Source: https://tus.io/protocols/resumable-upload (1.0.0), RFC 9530.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from joserfc.jwk import OKPKey
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ingest.errors import DockdError, Garbled, NeverStorable, ObjectGone, StoreDishonest, StoreDown, Unproven
from ingest.model import Claim, Head, ProofMethod, SegmentDescription, StoreIdentity
from ingest.store import receipts
from ingest.store.answers import error_of, history_conflict, retry_after
from ingest.store.base import Slices

T = TypeVar("T")
WELL_KNOWN = "/.well-known/dockd-store"
_TUS = {"Tus-Resumable": "1.0.0"}
_LARGEST_ANSWER = 256 << 10
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


class TusStore:
    """One tus server at `url`. `token` goes into Authorization, `stall` is how long (s) nothing may move before the line counts as cut."""

    def __init__(
        self, url: str, *, token: Callable[[], str | None] = lambda: None, stall: float = 60.0, answer_within: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.url = url
        self._token = token
        self._stall = stall
        self._answer_within = answer_within
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._upload_url = url
        self._identity: StoreIdentity | None = None
        self._keys: dict[str, OKPKey] = {}
        self._history: list[str] = []

    # -- who it is -----------------------------------------------------------------------------------------------------

    async def identify(self) -> StoreIdentity:
        """Read the well-known document; a store without one is a plain tus server."""
        status, headers, body = await self._control("GET", urljoin(self.url, WELL_KNOWN), doing="a look at who it is")
        if status == 200 and "json" in headers.get("Content-Type", ""):
            self._identity = self._of_well_known(body)
        elif status in (200, 204, 400, 403, 404, 405, 410, 501):
            self._identity = await self._plain()
        else:
            raise self._error(status, headers, "a look at who it is")
        return self._identity

    def _of_well_known(self, body: bytes) -> StoreIdentity:
        try:
            said = json.loads(body)
            store, upload, protocol = said["store_id"], said["upload"], said["protocol"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Garbled(f"the store's {WELL_KNOWN} is malformed") from error
        if not isinstance(store, str) or not 0 < len(store) < 256 or not isinstance(upload, str) or protocol != 1:
            raise Garbled(f"the store's {WELL_KNOWN} is of another protocol, or malformed")
        address = urljoin(self.url, upload)
        if _origin(address) != _origin(self.url):
            raise Unproven(
                f"the store's {WELL_KNOWN} leads to another server, {_origin(address)}: that is not followed"
            )
        self._upload_url = address
        self._keys = receipts.keys_of(said.get("jwks"))
        history = said.get("key_history", [])
        self._history = [item for item in history if isinstance(item, str)] if isinstance(history, list) else []
        return StoreIdentity(id=store, url=self.url, method="receipt", durable=True, keys=tuple(self._keys))

    async def _plain(self) -> StoreIdentity:
        status, headers, _body = await self._control("OPTIONS", self.url, doing="a look at what it can do")
        if status not in (200, 204):
            raise self._error(status, headers, "a look at what it can do")
        if "1.0.0" not in headers.get("Tus-Version", headers.get("Tus-Resumable", "")):
            raise StoreDown(f"{self.url} does not speak tus 1.0: is store.url the address of its upload folder?")
        wanted = headers.get("Want-Repr-Digest", "")
        method: ProofMethod = "digest" if "sha-256" in wanted.lower() else "read-back"
        self._upload_url = self.url
        return StoreIdentity(id=f"tus:{self.url}", url=self.url, method=method, durable=False)

    async def vouches(self, key: str, pinned: tuple[str, ...]) -> bool:
        """Follow the store's line of statements "this key is followed by that one", each signed by the key before."""
        trusted, grew = {k: v for k, v in self._keys.items() if k in pinned}, True
        known = {**self._keys}
        while grew:
            grew = False
            for statement in self._history:
                try:
                    said, _signer = receipts.verified(statement, trusted)
                    new = receipts.keys_of({"keys": [said.get("new_key")]})
                except Garbled:
                    continue
                for thumbprint, material in new.items():
                    if thumbprint not in trusted and thumbprint in known:
                        trusted[thumbprint], grew = material, True
        return key in trusted

    # -- transfer ------------------------------------------------------------------------------------------------------

    async def announce(self, segment: SegmentDescription) -> str:
        """POST: creation."""
        headers = {"Upload-Length": str(segment.digest.size), "Upload-Metadata": metadata(segment), **_TUS}
        status, answer, body = await self._control(
            "POST", self._upload_url, headers=headers, doing="a new upload", again=False
        )
        if status not in (200, 201):
            raise self._error(status, answer, "a new upload", body)
        location: str = answer.get("Location", "")
        if not location:
            raise Garbled("the store made an upload and does not say where it is")
        address = urljoin(self._upload_url, location)
        if _origin(address) != _origin(self.url):
            raise StoreDown(
                f"the store wants the upload sent to another server, {_origin(address)}: that is not followed"
            )
        return address

    async def offset(self, upload: str, *, size: int) -> int:
        """HEAD: how much is there."""
        status, headers, _body = await self._control("HEAD", upload, headers=_TUS, doing="a look at an upload")
        if status not in (200, 204):
            raise self._error(status, headers, "a look at an upload")
        found, length = _number(headers.get("Upload-Offset")), headers.get("Upload-Length")
        if length is not None and _number(length) != size:
            raise Unproven(f"the store's upload is of {length} bytes, {size} were announced")
        if found > size:
            raise Unproven(f"the store says that it has {found} bytes of {size}")
        return found

    async def send(self, upload: str, *, offset: int, length: int, size: int, slices: Slices) -> int:
        """PATCH from `offset` on. Raises StoreDown when nothing moves for `stall` seconds."""
        headers = {
            "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", "Content-Length": str(length),
            **_TUS, **self._authorization(),
        }  # fmt: skip
        session = self._http()
        try:
            async with asyncio.timeout(self._stall) as watch:
                body = _watched(slices(offset), length=length, watch=watch, stall=self._stall)
                async with session.patch(upload, data=body, headers=headers, allow_redirects=False) as answer:
                    if answer.status != 204:
                        answer.close()  # it may have stopped listening in the middle of the body
                        raise self._error(answer.status, answer.headers, "bytes of a segment", await _some(answer))
                    return _number(answer.headers.get("Upload-Offset"))
        except TimeoutError as error:
            raise StoreDown(f"nothing moved on the line to the store for {self._stall:.0f} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise StoreDown(f"the line to the store was cut: {_plainly(error)}") from error

    # -- proof ---------------------------------------------------------------------------------------------------------

    async def claim(
        self, upload: str, segment: SegmentDescription, *, nonce: str, head: Head | None, dock: str
    ) -> Claim:
        """By the kind of proof that the store announced when it was identified."""
        identity = self._identity or await self.identify()
        if identity.method == "receipt":
            return await self._receipt(upload, nonce=nonce, head=head, dock=dock)
        if identity.method == "digest":
            return await self._repr_digest(upload, segment, store=identity.id)
        return await self._read_back(upload, segment, store=identity.id)

    async def _receipt(self, upload: str, *, nonce: str, head: Head | None, dock: str) -> Claim:
        query = {"nonce": nonce, "dock": dock}
        if head is not None:
            query |= {"head": head.hash, "seq": str(head.seq)}
        status, headers, body = await self._control(
            "GET", f"{upload}/receipt", query=query, doing="a receipt", largest=receipts.LARGEST_RECEIPT
        )
        if status == 409:
            raise history_conflict(body)
        if status != 200:
            raise self._error(status, headers, "a receipt", body)
        try:
            text = body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise Garbled("what the store calls a receipt is garbage") from error
        return receipts.claim_of(text, self._keys)

    async def _repr_digest(self, upload: str, segment: SegmentDescription, *, store: str) -> Claim:
        headers = {"Want-Repr-Digest": "sha-256=10", **_TUS}
        status, answer, _body = await self._control("HEAD", upload, headers=headers, doing="a digest")
        if status not in (200, 204):
            raise self._error(status, answer, "a digest")
        match = _DIGEST.search(answer.get("Repr-Digest", ""))
        if match is None:
            raise Garbled("the store announces digests and gives none")
        found = base64.b64decode(match.group(1)).hex()
        return Claim(
            method="digest", store=store, object=upload, size=_number(answer.get("Upload-Length")), sha256=found,
            raw=answer.get("Repr-Digest", ""),
        )  # fmt: skip

    async def _read_back(self, upload: str, segment: SegmentDescription, *, store: str) -> Claim:
        """GET the whole object and hash it here, never more than one byte beyond what was sent."""
        hasher, size = hashlib.sha256(), 0
        session = self._http()
        try:
            async with asyncio.timeout(self._stall) as watch:
                headers = {"Accept-Encoding": "identity", **_TUS, **self._authorization()}
                async with session.get(upload, headers=headers, allow_redirects=False) as answer:
                    if answer.status != 200:
                        raise self._error(answer.status, answer.headers, "the bytes of a segment", await _some(answer))
                    async for block in answer.content.iter_chunked(1 << 20):
                        watch.reschedule(asyncio.get_running_loop().time() + self._stall)
                        size += len(block)
                        if size > segment.digest.size:
                            answer.close()
                            raise Unproven(f"the store has more than the {segment.digest.size} bytes that were sent")
                        await asyncio.to_thread(hasher.update, block)
        except TimeoutError as error:
            raise StoreDown(f"the store gave no more bytes for {self._stall:.0f} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise StoreDown(f"the line to the store was cut: {_plainly(error)}") from error
        found = hasher.hexdigest()
        return Claim(
            method="read-back", store=store, object=upload, size=size, sha256=found, raw=f"{upload} {size} {found}"
        )

    async def tempt(self, segment: SegmentDescription, body: bytes) -> None:
        """Send `body`, whose SHA-256 is not the announced one. An honest store ends that with an error, and gives no proof."""
        try:
            upload = await self.announce(segment)
            await self.send(upload, offset=0, length=len(body), size=len(body), slices=lambda _offset: _once(body))
            nonce = hashlib.sha256(body).hexdigest()[:32]
            claim = await self.claim(upload, segment, nonce=nonce, head=None, dock="")
        except (Unproven, NeverStorable, ObjectGone):
            return  # refused, as it must be; any other error says nothing of its honesty and goes to the caller
        if claim.sha256 == segment.digest.sha256 or claim.method == "receipt":
            raise StoreDishonest(
                "it vouched for bytes under a digest that is not theirs: what it says of others proves nothing"
            )

    # -- requests ------------------------------------------------------------------------------------------------------

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=None),
                connector=aiohttp.TCPConnector(ssl=self._tls or True), auto_decompress=False,
                headers={"User-Agent": "dockd"},
            )  # fmt: skip
        return self._session

    def _authorization(self) -> dict[str, str]:
        token = self._token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def _control(
        self, method: str, url: str, *, doing: str, headers: dict[str, str] | None = None, query: dict[str, str] | None = None,
        largest: int = _LARGEST_ANSWER, again: bool = True,
    ) -> tuple[int, Any, bytes]:  # fmt: skip
        """A small request and its whole answer; asked up to three times where that is harmless and the line was cut."""

        async def ask() -> tuple[int, Any, bytes]:
            try:
                async with (
                    asyncio.timeout(self._answer_within),
                    self._http().request(
                        method,
                        url,
                        headers={**(headers or {}), **self._authorization()},
                        params=query,
                        allow_redirects=False,
                    ) as answer,
                ):
                    return answer.status, answer.headers, await _bounded(answer, largest, doing)
            except TimeoutError as error:
                raise StoreDown(f"the store gave no answer to {doing} in {self._answer_within:.0f} s") from error
            except (aiohttp.ClientError, ConnectionError, ValueError) as error:
                raise StoreDown(f"the store cannot be reached for {doing}: {_plainly(error)}") from error

        return await _persistently(ask) if again else await ask()

    def _error(self, status: int, headers: Any, doing: str, body: bytes = b"") -> DockdError:
        after = retry_after(headers.get("Retry-After"), now=time.time())
        return error_of(status, doing=doing, after=after, detail=_detail(body))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def metadata(segment: SegmentDescription) -> str:
    """The Upload-Metadata header: what the store is told of a segment."""
    values = {
        "filename": segment.path.rsplit(b"/", 1)[-1], "sha256": segment.digest.sha256.encode(), "camera": segment.camera.encode(),
        "segment": segment.id.encode(), "station": segment.station.encode(), "captured_at": segment.captured_at.encode(),
        "evidential": b"true" if segment.evidential else b"false", "path": segment.path, "filetype": b"application/octet-stream",
    }  # fmt: skip
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in values.items() if value)


async def _persistently(ask: Callable[[], Awaitable[T]]) -> T:
    async for attempt in AsyncRetrying(
        stop=stop_after_attempt(3), wait=wait_random_exponential(multiplier=0.05, max=1.0), reraise=True,
        retry=retry_if_exception_type(StoreDown),
    ):  # fmt: skip
        with attempt:
            return await ask()
    raise AssertionError("tenacity ends with a result or an exception")


async def _watched(
    source: AsyncIterator[bytes], *, length: int, watch: asyncio.Timeout, stall: float
) -> AsyncIterator[bytes]:
    """Count the bytes, and put the end of patience off with each slice that the socket has taken."""
    loop, sent = asyncio.get_running_loop(), 0
    async for block in source:
        if sent + len(block) > length:
            raise ValueError("more bytes than were declared")
        watch.reschedule(loop.time() + stall)
        yield block
        sent += len(block)
    watch.reschedule(loop.time() + max(stall, 300.0))  # the store may hash all of it before it answers
    if sent != length:
        raise EOFError(f"{sent} bytes of {length}")


async def _once(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 128 << 10):
        yield body[start : start + (128 << 10)]


async def _bounded(answer: aiohttp.ClientResponse, largest: int, doing: str) -> bytes:
    found = bytearray()
    async for block in answer.content.iter_chunked(16 << 10):
        found += block
        if len(found) > largest:
            answer.close()
            raise Garbled(f"the store's answer to {doing} does not end: more than {largest} bytes of it were not read")
    return bytes(found)


async def _some(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error's body, if it comes at once."""
    try:
        async with asyncio.timeout(1.0):
            return await answer.content.read(2048)
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


def _detail(body: bytes) -> str:
    """What a problem document says, made harmless for a log line."""
    try:
        said = json.loads(body)
        text = str(said.get("detail") or said.get("title") or "") if isinstance(said, dict) else ""
    except (ValueError, RecursionError):
        return ""
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _plainly(error: Exception) -> str:
    return (str(error) or type(error).__name__).replace(" ssl:default", "")


def _number(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Garbled("the store gives no offset, or one that is no number")
    return int(text)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)
