"""What every answer of the store has in common: problem documents, the caller, limits on what comes in.

Rules: whatever goes wrong is an RFC 9457 document; a fault of the store's own says nothing of its inside; a request
whose body was not read ends its connection, for what is left of the body must not be taken for the next request.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import StreamReader, web

from ingest.central.access import Access, Caller
from ingest.central.bringing import Bringing
from ingest.central.receiving import LineCutError, LineSilentError
from ingest.central.refusals import Refusal, busy
from ingest.central.tus import VERSION

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_CALLER = web.RequestKey("caller", Caller)
OPEN_TO_ALL = frozenset({"/.well-known/dockd-store", "/enroll"})  # the second wants an invitation
_LOOK = 0.5  # seconds: so often is asked whether those inside may be there still
_LEAST_PROGRESS = 1024  # bytes within the idle timeout: less is as good as nothing


def problem_response(refusal: Refusal) -> web.Response:
    """The refusal as an answer."""
    return web.Response(
        status=refusal.status,
        reason=_REASONS.get(refusal.status),
        headers={"Tus-Resumable": VERSION, "Cache-Control": "no-store", **refusal.headers},
        body=json.dumps(refusal.problem()).encode("ascii"),
        content_type="application/problem+json",
    )


_REASONS = {460: "Checksum Mismatch"}


def _of_http(error: web.HTTPException) -> Refusal:
    if error.status == 405:
        allowed = error.headers.get("Allow", "")
        return Refusal(405, "method", f"this address answers to {allowed}", headers={"Allow": allowed})
    if error.status == 404:
        return Refusal(404, "unknown", "there is nothing at this address")
    return Refusal(error.status, "http", error.reason or "refused")


class Doorkeeper:
    """The middleware: lets in who may come in, and turns everything else into problem documents."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._closing = False
        self._inside: dict[int, web.Request] = {}

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """See the class."""
        self._inside[id(request)] = request
        try:
            response = await self._handle(request, handler)
        except Refusal as refusal:
            response = problem_response(refusal)
        except web.HTTPException as error:
            response = problem_response(_of_http(error))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 (logged whole; the client learns nothing of the inside)
            _log.exception("%s %s failed", request.method, request.rel_url.raw_path[:200])
            response = problem_response(Refusal(500, "fault", "the store has made a mistake; its log says which"))
        finally:
            self._inside.pop(id(request), None)
        if not response.prepared and not request.content.at_eof():
            response.force_close()
        return response

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._closing:
            raise busy("the store is closing: come back", after=5)
        if request.path not in OPEN_TO_ALL and request.method != "OPTIONS":
            said = request.headers.get("Authorization")
            request[_CALLER] = await self._access.caller(said, shown=shown_by(request))
        return await handler(request)

    async def watch(self) -> None:
        """Until cancelled: end the requests of docks that are taken back while they are under way. What came is kept."""
        while True:
            await asyncio.sleep(_LOOK)
            inside = {request[_CALLER] for request in self._inside.values() if _CALLER in request}
            if not any(caller.credential for caller in inside):
                continue
            out = await self._access.taken_back(inside)
            for request in list(self._inside.values()) if out else ():
                if request.get(_CALLER) in out and request.transport is not None:
                    _log.warning("%s was taken back: its request is cut", request[_CALLER].name)
                    request.transport.abort()

    def close(self) -> None:
        """Take no more requests, and cut those that are still bringing data: what came is kept."""
        self._closing = True
        for request in list(self._inside.values()):
            if request.transport is not None and not request.content.at_eof():
                request.transport.close()


def shown_by(request: web.Request) -> bytes | None:
    """The client certificate (DER) that came with the connection; TLS has seen who signed it."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    shown: bytes | None = tls.getpeercert(binary_form=True) if tls is not None else None
    return shown


def caller_of(request: web.Request) -> Caller:
    """Who the doorkeeper let in."""
    caller: Caller = request[_CALLER]
    return caller


def bringing_of(request: web.Request) -> Bringing:
    """This request as one that brings bytes."""
    transport = request.transport
    return Bringing(transport.abort if transport is not None else lambda: None)


async def no_expectation(request: web.Request) -> None:
    """100 Continue is said by `body_of`, once it is known that the body is wanted."""


async def _wanted(request: web.Request) -> None:
    """Say so to who waits for it. Raises Refusal 415, 417."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "content-encoding", "the body is to be sent as it is, without Content-Encoding")
    expected = request.headers.get("Expect")
    if expected is not None:
        if expected.lower() != "100-continue":
            raise Refusal(417, "expect", "Expect may only say 100-continue")
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _left_behind(content: StreamReader) -> bytes:
    """What had come before the line was cut and was not read yet: aiohttp tells of the cut first, and would forget it."""
    content._exception = None
    return content.read_nowait()


async def body_of(request: web.Request, *, idle: float, bringing: Bringing) -> AsyncIterator[bytes]:
    """The request's body as it comes; `bringing` is told when it does. Raises LineCutError, LineSilentError, Refusal 400."""
    await _wanted(request)
    loop = asyncio.get_running_loop()
    deadline, progress = loop.time() + idle, 0
    while True:
        bringing.waits()
        try:
            async with asyncio.timeout_at(deadline):
                chunk, _ = await request.content.readchunk()
        except TimeoutError:
            raise LineSilentError from None
        except (OSError, web.RequestPayloadError, RuntimeError) as cut:
            if left := _left_behind(request.content):
                yield left
            raise LineCutError from cut
        bringing.heard()
        if not chunk:
            if request.content.at_eof():
                return
            continue
        progress += len(chunk)
        if progress >= _LEAST_PROGRESS:
            deadline, progress = loop.time() + idle, 0
        yield chunk
