"""The line to one HTTP store: every request is bounded in size and in time, and goes to that store's own address alone.

Rules: no redirect is followed; nothing, and above all no token, is sent to another scheme, host or port than `url` names; an answer is read
up to its bound and no further; whoever is silent for `Patience` is cut. A body that cannot be read on our own side is not the store's
fault: what its source raised is raised again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from yarl import URL

from ingest.clock import rfc3339
from ingest.errors import DockdError, Garbled, ObjectGone, Refused, StoreDown
from ingest.store.answers import error_of, retry_after
from ingest.store.outgoing import Outgoing
from ingest.store.patience import Patience
from ingest.store.proxy import Proxy
from ingest.store.sockets import Sockets

__all__ = ["Answer", "Line", "Patience", "Proxy"]
T = TypeVar("T")
LARGEST_ANSWER = 256 << 10
_SLOWEST_HASH = 20 << 20  # bytes per second: a store may read an object again before it answers
_NO_ISSUER = (
    2,
    18,
    19,
    20,
    21,
)  # OpenSSL's X509_V_ERR_…: issuer not found, self-signed (also in the chain), no local issuer, unverifiable leaf
_WRONG_NAME = (62, 63, 64)  # … hostname, e-mail, IP address mismatch
WHOSE_AUTHORITY = "Is store.ca_file the authority that signed it?"
_NOT_NOW = (9, 10)  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED
_OF_CLIENT = re.compile(
    r"ALERT (?:CERTIFICATE REQUIRED|BAD CERTIFICATE|UNSUPPORTED CERTIFICATE|CERTIFICATE REVOKED|CERTIFICATE EXPIRED|CERTIFICATE UNKNOWN|UNKNOWN CA|ACCESS DENIED)"
)
_CUT = "the line to the store was cut: "
_THE_END = (
    4 << 20
)  # bytes: so much of a body a store may well let wait, and answer late, when it has begun to make it safe
_MARGIN = 10.0  # seconds: whoever waits here is told first, and the kernel gives up after that
_SLOWEST_BODY = 1 << 10  # bytes per second: less is no body


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. `body` is whole for small requests, the beginning for refused ones."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def error(self, doing: str) -> DockdError:
        """The error that this answer stands for."""
        after = retry_after(self.headers.get("Retry-After"), now=time.time())
        return error_of(self.status, doing=doing, after=after, detail=_detail(self.body))


class Line:
    """Requests to the store at `url`, through `proxy` where there is one. `token` is read anew for each request.

    `exact`: addresses go over the line letter for letter as they are given (a signature covers them).
    """

    def __init__(
        self, url: str, *, token: Callable[[], str | None], patience: Patience, tls: ssl.SSLContext | None,
        observe: Callable[[str, float], None] = lambda _method, _seconds: None, proxy: Proxy | None = None,
        outgoing: Outgoing | None = None, exact: bool = False,
    ) -> None:  # fmt: skip
        self.url = url
        self._exact = exact
        self._proxy = proxy
        self._outgoing = outgoing
        self._observe = observe
        self._token = token
        self._patience = patience
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._once: aiohttp.ClientSession | None = None
        self._sockets = Sockets(given_up=max(patience.stall, patience.settle) + _MARGIN, stall=patience.stall)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        made = self._sockets.made(address)
        if self._outgoing is not None:
            self._outgoing.opened(made)
        return made

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._made()
        return self._session

    def _unrepeated(self) -> aiohttp.ClientSession:
        """Connections of their own, over which a PUT goes once: elsewhere aiohttp sends it again by itself when the line is cut."""
        if self._once is None:
            self._once = self._made()
            self._once._retry_connection = False
        return self._once

    def _made(self) -> aiohttp.ClientSession:
        counting = [] if self._outgoing is None else [self._outgoing.trace()]
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._patience.connect, sock_read=None),
            connector=aiohttp.TCPConnector(ssl=self._tls or True, socket_factory=self._socket), auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "dockd"}, trace_configs=[_timed(self._observe), *counting],
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def _over(self, *, fresh: bool) -> AsyncIterator[aiohttp.ClientSession]:
        """What requests go over: the connections that are kept, or one of its own."""
        if not fresh:
            yield self._http()
            return
        async with self._made() as alone:
            yield alone

    async def close(self) -> None:
        """Close the connections, whatever is still on its way through them."""
        for session in filter(None, (self._session, self._once)):
            await session.close()
        self._session = self._once = None
        self._sockets.close()
        await asyncio.sleep(0)  # connections are told of their end in the loop's next turns
        await asyncio.sleep(0)

    def ours(self, url: str) -> bool:
        """Whether `url` is at the store's own address."""
        return origin(url) == origin(self.url)

    def _headers(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        if not self.ours(url):
            raise ObjectGone(
                f"its address is at another server ({shown_origin(url)}) than the store's ({shown_origin(self.url)}): "
                "nothing is asked of that one"
            )
        token = self._token()
        return {**headers, "Authorization": f"Bearer {token}"} if token else dict(headers)

    @contextlib.asynccontextmanager
    async def _request(
        self, session: aiohttp.ClientSession, method: str, url: str, *, headers: Mapping[str, str], **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request over a line that is watched."""
        data = more.get("data")
        with self._sockets.watched(data.still if isinstance(data, _Source) else None):
            async with self._through_proxy(session, method, url, headers=headers, **more) as answer:
                yield answer

    def _through_proxy(
        self, session: aiohttp.ClientSession, method: str, url: str, *, headers: Mapping[str, str], **more: Any
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        proxy, target = self._proxy, URL(url, encoded=True) if self._exact else url
        if proxy is None:
            return session.request(method, target, headers=headers, allow_redirects=False, **more)
        own = proxy.headers()
        if not url.startswith("https:"):  # then the proxy reads the request itself
            headers, own = {**headers, **own}, {}
        return session.request(
            method, target, headers=headers, allow_redirects=False, proxy=proxy.url, proxy_headers=own, **more
        )

    def _see_whose(self, answer: aiohttp.ClientResponse, *, doing: str) -> None:
        """Raises what an answer stands for that is the proxy's own, and not the store's."""
        if self._proxy is not None and answer.url.scheme != "https":
            own = self._proxy.answered(answer.status, answer.headers, doing=doing)
            if own is not None:
                answer.close()
                raise own

    def _failure(self, error: Exception, *, doing: str, text: str) -> DockdError:
        """What a request stands for that got no answer of the store's; `text`: what is said where no proxy is the reason."""
        if self._proxy is not None:
            if isinstance(error, aiohttp.ClientHttpProxyError):
                return self._proxy.refused(error.status, error.headers or {}, doing=doing)
            if isinstance(error, aiohttp.ClientProxyConnectionError):
                return self._proxy.unreachable(doing=doing, why=_plainly(error.os_error))
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                return self._proxy.unreachable(doing=doing, why=f"no connection in {self._patience.connect:.0f} s")
        if self._sockets.just_ended():
            text = f"nothing at all came back over the line to the store for {self._sockets.deaf:.0f} s ({doing})"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            text = f"the store cannot be reached for {doing}: no connection in {self._patience.connect:.0f} s"
        return Refused(text) if _alert_of(error) else StoreDown(text)

    async def ask(
        self, method: str, url: str, *, doing: str, headers: Mapping[str, str] | None = None, query: dict[str, str] | None = None,
        largest: int = LARGEST_ANSWER, size: int = 0, again: bool = True, body: bytes | None = None,
    ) -> Answer:  # fmt: skip
        """A small request and its whole answer, up to `largest` bytes. `size`: bytes that the store may have to read before it answers.

        Asked up to three times where that is harmless (`again`) and the line was cut. Raises StoreDown, Garbled, ObjectGone (another server's).
        """
        within = self._patience.answer + size / _SLOWEST_HASH

        async def once() -> Answer:
            sent = self._headers(url, headers or {})
            session = self._http() if again or method == "POST" else self._unrepeated()
            try:
                async with (
                    asyncio.timeout(within),
                    self._request(session, method, url, headers=sent, params=query, data=body) as answer,
                ):
                    self._see_whose(answer, doing=doing)
                    found = await _bounded(answer, largest, doing)
                    return Answer(status=answer.status, headers=answer.headers, body=found)
            except TimeoutError as error:
                text = f"the store gave no answer to {doing} in {within:.0f} s"
                raise self._failure(error, doing=doing, text=text) from error
            except (aiohttp.ClientError, ConnectionError, ValueError) as error:
                text = f"the store cannot be reached for {doing}: {_plainly(error)}"
                raise self._failure(error, doing=doing, text=text) from error

        return await _persistently(once) if again else await once()

    async def give(
        self, method: str, url: str, *, headers: Mapping[str, str], body: AsyncIterator[bytes], length: int, doing: str
    ) -> Answer:
        """Send `length` bytes. An answer that comes before the end of the body ends the sending.

        Raises StoreDown when nothing moves for too long or the line is cut; what `body` raises.
        """
        sent = {**self._headers(url, headers), "Content-Length": str(length)}
        source: _Source | None = None
        try:
            async with asyncio.timeout(self._patience.stall) as watch:
                source = _Source(body, length=length, watch=watch, patience=self._patience)
                async with self._request(self._http(), method, url, data=source, headers=sent) as answer:
                    self._see_whose(answer, doing=doing)
                    found = Answer(status=answer.status, headers=answer.headers, body=await _some(answer))
                    if not source.done:
                        answer.close()  # it stopped listening in the middle of the body: nothing more goes over this line
                    return found
        except TimeoutError as error:
            text = f"nothing moved on the line to the store for {self._patience.stall:.0f} s ({doing})"
            raise self._failure(error, doing=doing, text=text) from error
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            if source is not None and source.failed is not None:
                raise source.failed from None
            raise self._failure(error, doing=doing, text=_CUT + _plainly(error)) from error
        finally:
            if source is not None:
                await source.close()

    @contextlib.asynccontextmanager
    async def take(
        self, url: str, *, headers: Mapping[str, str], doing: str, fresh: bool = False
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """GET: the answer, and its body in blocks of at most 1 MiB. `fresh`: over a connection of its own.

        Raises StoreDown when no more comes for too long.
        """
        sent = self._headers(url, headers)
        stall = self._patience.stall
        try:
            async with (
                asyncio.timeout(stall) as watch,
                self._over(fresh=fresh) as session,
                self._request(session, "GET", url, headers=sent) as answer,
            ):
                self._see_whose(answer, doing=doing)
                refused = await _some(answer) if answer.status >= 300 else b""
                yield (
                    Answer(status=answer.status, headers=answer.headers, body=refused),
                    _blocks(answer, watch, stall),
                )
                if not answer.content.at_eof():
                    answer.close()
        except TimeoutError as error:
            text = f"the store gave no more of {doing} for {stall:.0f} s"
            raise self._failure(error, doing=doing, text=text) from error
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            raise self._failure(error, doing=doing, text=_CUT + _plainly(error)) from error


def _timed(observe: Callable[[str, float], None]) -> aiohttp.TraceConfig:
    """Tells how long each request took, from its start to the answer's head (or to its end without one)."""
    trace = aiohttp.TraceConfig()

    async def began(
        _session: aiohttp.ClientSession, moment: SimpleNamespace, _what: aiohttp.TraceRequestStartParams
    ) -> None:
        moment.began = time.monotonic()

    async def ended(
        _session: aiohttp.ClientSession, moment: SimpleNamespace, what: aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams
    ) -> None:  # fmt: skip
        observe(what.method, time.monotonic() - moment.began)

    trace.on_request_start.append(began)
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(ended)
    return trace


class _Source:
    """The body of one request: counted, and watched. Waiting for our own side (disk, bandwidth) costs the store no patience."""

    def __init__(self, body: AsyncIterator[bytes], *, length: int, watch: asyncio.Timeout, patience: Patience) -> None:
        self._body = body
        self._length = length
        self._watch = watch
        self._patience = patience
        self._sent = 0
        self._turn = asyncio.Lock()
        self._for: float | None = None  # seconds that are waited for the other end now
        self.done = length == 0
        self.failed: Exception | None = None

    def __aiter__(self) -> _Source:
        return self

    async def __anext__(self) -> bytes:
        """The next slice for the socket, which has taken the one before."""
        async with self._turn:
            self._patient_until(None)
            try:
                block = await anext(self._body, b"")
                self._sent += len(block)
                if self._sent > self._length or (not block and self._sent < self._length):
                    raise EOFError(f"{self._sent} bytes came where {self._length} were announced")
            except Exception as error:
                self.failed = error
                raise
            if not block:
                self.done = True
                self._patient_until(max(self._patience.stall, self._patience.settle))
                self._for = None  # all of it may have arrived: that others move says nothing of the answer
                raise StopAsyncIteration
            ends = self._length - self._sent < _THE_END
            self._patient_until(max(self._patience.stall, self._patience.settle if ends else 0.0))
            return block

    def still(self, seconds: float) -> None:
        """In the middle of a body the kernel has some of it: while every socket's moves, so does ours. The stillest stood still for `seconds`."""
        before = self._watch.when()
        if self._for is not None and before is not None:
            until = asyncio.get_running_loop().time() + self._for - seconds
            with contextlib.suppress(RuntimeError):
                self._watch.reschedule(max(before, until))

    def _patient_until(self, seconds: float | None) -> None:
        self._for = seconds
        with contextlib.suppress(RuntimeError):  # the request is over already
            self._watch.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    async def close(self) -> None:
        """Let go of the file behind it."""
        async with self._turn:
            if isinstance(self._body, AsyncGenerator):
                await self._body.aclose()


async def _persistently(ask: Callable[[], Awaitable[T]]) -> T:
    async for attempt in AsyncRetrying(
        stop=stop_after_attempt(3), wait=wait_random_exponential(multiplier=0.05, max=1.0), reraise=True,
        retry=retry_if_exception(_was_cut),
    ):  # fmt: skip
        with attempt:
            return await ask()
    raise AssertionError("tenacity ends with a result or an exception")


def _was_cut(error: BaseException) -> bool:
    """A line that was cut is worth another try at once; a silence has been waited for long enough."""
    if isinstance(error.__cause__, aiohttp.ClientHttpProxyError):
        return False
    return (
        isinstance(error, StoreDown) and error.__cause__ is not None and not isinstance(error.__cause__, TimeoutError)
    )


async def _blocks(answer: aiohttp.ClientResponse, watch: asyncio.Timeout, stall: float) -> AsyncIterator[bytes]:
    """A body in blocks of at most 1 MiB. What drips by the byte is no answer either: it would be waited for for ever."""
    loop = asyncio.get_running_loop()
    waited, came, since = 0.0, 0, loop.time()
    async for block in answer.content.iter_chunked(1 << 20):
        watch.reschedule(None)  # what is done with a block costs the store no patience
        waited, came = waited + loop.time() - since, came + len(block)
        if waited > stall and came < waited * _SLOWEST_BODY:
            raise TimeoutError
        yield block
        since = loop.time()
        watch.reschedule(since + stall)


async def _bounded(answer: aiohttp.ClientResponse, largest: int, doing: str) -> bytes:
    found = bytearray()
    async for block in answer.content.iter_chunked(16 << 10):
        found += block
        if len(found) > largest:
            answer.close()
            raise Garbled(f"the store's answer to {doing} does not end: more than {largest} bytes of it were not read")
    return bytes(found)


async def _some(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of a body, if it comes at once."""
    found = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(1.0):
            while len(found) < 2048 and (block := await answer.content.read(2048)):
                found += block
    return bytes(found[:2048])


def _detail(body: bytes) -> str:
    """What a problem document says, made harmless for a log line."""
    try:
        said = json.loads(body)
        text = str(said.get("detail") or said.get("title") or "") if isinstance(said, dict) else ""
    except (ValueError, RecursionError):
        return ""
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _plainly(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _of_its_certificate(error.certificate_error)
    if alert := _alert_of(error):
        return f"it does not take this dock's credentials ({alert}); check store.client_cert_file"
    if isinstance(error, aiohttp.ClientOSError) and error.errno is None:
        return "it took no more bytes"
    return (str(error) or type(error).__name__).replace(" ssl:default", "")[:300]


def _alert_of(error: BaseException | None) -> str:
    """The TLS alert by which the store's end says that it does not take a client's certificate, or misses one; empty where it is something else."""
    seen = 0
    while error is not None and seen < 5:
        found = _OF_CLIENT.search(f"{getattr(error, 'reason', '')} {error}".replace("_", " ").upper())
        if found is not None and isinstance(error, ssl.SSLError | aiohttp.ClientError):
            return found.group().lower()
        error, seen = error.__cause__, seen + 1
    return ""


def _of_its_certificate(error: Exception) -> str:
    """Why it is not taken; whether a certificate is good now is for a clock to say, and the clock may be what is wrong."""
    why = getattr(error, "verify_message", "") or str(error)
    text = f"its certificate is not taken: {why}"
    code = getattr(error, "verify_code", 0)
    if code in _NO_ISSUER:
        text += f". {WHOSE_AUTHORITY}"
    if code in _WRONG_NAME:
        text += ". Is store.url the store's own name?"
    if code in _NOT_NOW:
        text += f". This station's clock says {rfc3339(time.time())}: if that is wrong, certificates cannot be checked; set the clock"
    return text[:300]


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: what a request must share with the store's own address."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)


def shown_origin(url: str) -> str:
    """For a person."""
    scheme, host, port = origin(url)
    return f"{scheme}://{host}:{port}"
