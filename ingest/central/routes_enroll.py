"""/enroll: how a dock that was invited gets what it comes in with, and how it renews that.

    GET  /enroll?nonce=…    what there is to be had, signed by the store's key: who asks sees before it says anything that it speaks to that store, and over what certificate
    POST /enroll            Authorization: Bearer INVITATION, and {"certificate_request": PEM} or {"token_sha256": HEX}: 200 with what it gets, 202 while a person looks at it
    POST /enroll/renew      the same by what the dock has now
    GET  /enroll/self       as whom the caller is known

Rules: bodies are small and come at once; whoever guesses is slowed down before the disk is asked; which name a dock has its invitation says, never the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from typing import Any

from aiohttp import web

from ingest.central.answers import caller_of
from ingest.central.authority import Authority
from ingest.central.enrolled import Enrolled
from ingest.central.enrolment import Way
from ingest.central.keys import KeyRing
from ingest.central.redeeming import Given, Half, Redeeming
from ingest.central.refusals import Refusal, bad_request, busy
from ingest.central.signing_requests import understand
from ingest.central.threads import Threads
from ingest.clock import Clock, rfc3339

OFFER = "dockd-enroll+jwt"
_LARGEST = 24 << 10
_WITHIN = 10.0  # seconds for a small body
_NONCE = re.compile(r"[A-Za-z0-9._~-]{16,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_INVITATION = re.compile(r"[0-9a-f]{12}\.[A-Za-z0-9_-]{43}")
_MINUTE = 60.0
_OF_ONE, _OF_ALL = 10, 60  # wrong invitations a minute
_REMEMBERED = 5000  # wrong ones, of whatever address
_ASK_AGAIN = 10  # seconds, while a person looks at it


class Wrong:
    """How often somebody was wrong within the last minute, by address and in all. What is under way counts, so that nobody guesses many times at once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._when: deque[tuple[float, str]] = deque(maxlen=_REMEMBERED)
        self._under_way: Counter[str] = Counter()

    @contextlib.contextmanager
    def counted(self, remote: str | None) -> Iterator[None]:
        """One try: wrong where a Refusal but 409, 429 or 503 leaves the block. Raises Refusal 429 for whoever has been wrong too often.

        Where all together were, each address has one left: those who guess keep out nobody who has not.
        """
        who = _source(remote)
        while self._when and self._now() - self._when[0][0] > _MINUTE:
            self._when.popleft()
        own = sum(one == who for _at, one in self._when) + self._under_way[who]
        in_all = len(self._when) + self._under_way.total()
        if own >= (_OF_ONE if in_all < _OF_ALL else 1):
            raise busy("too many wrong invitations: come back in a minute", after=int(_MINUTE), status=429)
        self._under_way[who] += 1
        try:
            yield
        except Refusal as refusal:
            if refusal.status not in (409, 429, 503):
                self._when.append((self._now(), who))
            raise
        finally:
            self._under_way[who] -= 1
            if not self._under_way[who]:
                del self._under_way[who]


def _source(remote: str | None) -> str:
    """An address, or the network of 64 bits that an IPv6 address is from: whoever has one has all of it."""
    try:
        found = ip_address((remote or "").partition("%")[0])
    except ValueError:
        return remote or "somewhere"
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False))


@dataclass(frozen=True, kw_only=True)
class EnrollRoutes:
    """Handlers for /enroll. `authority`: None where the store serves without TLS, for nobody could show it a certificate then; `shown`: SHA-256 (hex) of the certificate
    that it shows; `believed` is told of the authorities (PEM) after each certificate that is given."""

    store_id: str
    keys: KeyRing
    redeeming: Redeeming
    enrolled: Enrolled
    authority: Authority | None
    shown: Callable[[], str | None]
    certificate_wanted: bool
    clock: Clock
    threads: Threads
    wrong: Wrong
    believed: Callable[[str], None]

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register them."""
        router.add_get("/enroll", self.offer)
        router.add_post("/enroll", self.enroll)
        router.add_post("/enroll/renew", self.renew)
        router.add_get("/enroll/self", self.whoami)

    @property
    def gives(self) -> list[Way]:
        """What can be had here, the better first."""
        if self.authority is None:
            return ["token"]
        return ["certificate"] if self.certificate_wanted else ["certificate", "token"]

    async def offer(self, request: web.Request) -> web.Response:
        """See the module. Whoever relays it cannot show the store's own certificate with it."""
        await self._there()
        nonce = request.query.get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise bad_request("nonce", "nonce is to be 16 to 128 URL-safe characters, new for each request")
        said: dict[str, Any] = {
            "iss": self.store_id,
            "nonce": nonce,
            "gives": self.gives,
            "at": rfc3339(self.clock.now()),
        }
        if (shown := self.shown()) is not None:
            said["tls_certificate_sha256"] = shown
        signed = self.keys.sign(said, typ=OFFER)
        return web.Response(text=signed, content_type="application/jwt", headers={"Cache-Control": "no-store"})

    async def enroll(self, request: web.Request) -> web.Response:
        """By an invitation."""
        await self._there()
        who = request.remote or "somewhere"
        with self.wrong.counted(request.remote):
            scheme, _, invitation = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not _INVITATION.fullmatch(invitation.strip()):
                raise Refusal(
                    401,
                    "invitation",
                    "send Authorization: Bearer with an invitation of this store (dockd store invite)",
                )
            half = await self._half(await _body(request))
            given = await self.threads.disk(lambda: self.redeeming.redeem(invitation.strip(), half, who=who))
        return self._answer(given)

    async def renew(self, request: web.Request) -> web.Response:
        """By what the dock has now."""
        caller = caller_of(request)
        dock, shown = caller.dock, caller.credential
        if dock is None or shown is None:
            raise Refusal(403, "not-enrolled", "only a dock that was enrolled here renews what it has")
        half = await self._half(await _body(request))
        return self._answer(await self.threads.disk(lambda: self.redeeming.renew(dock, half, shown=shown)))

    async def whoami(self, request: web.Request) -> web.Response:
        """What a dock asks to see that what it has opens the door."""
        caller = caller_of(request)
        ends = None if caller.ends_at is None else rfc3339(caller.ends_at)
        return web.json_response(
            {"dock": caller.dock, "name": caller.name, "ends_at": ends}, headers={"Cache-Control": "no-store"}
        )

    async def _there(self) -> None:
        if not self.enrolled.any:
            self.enrolled.look_again()
        await self.enrolled.fresh()
        if not self.enrolled.any:
            raise Refusal(404, "unknown", "this store has invited no dock: its operator begins with dockd store invite")

    async def _half(self, said: dict[str, Any]) -> Half:
        request, token = said.get("certificate_request"), said.get("token_sha256")
        if isinstance(request, str) and token is None:
            authority = self.authority
            if authority is None:
                raise Refusal(
                    409,
                    "without-tls",
                    "this store serves without TLS of its own, so that nobody can show it a certificate: ask for a token (dockd enroll --as token)",
                )
            found = await self.threads.disk(lambda: understand(request))
            return Half(way="certificate", digest=found.digest, issue=lambda dock: authority.issue(dock, found.key))
        if isinstance(token, str) and request is None and _DIGEST.fullmatch(token):
            if "token" not in self.gives:
                raise Refusal(
                    409,
                    "certificate-wanted",
                    "this store wants certificates: ask for one (dockd enroll --as certificate)",
                )
            return Half(way="token", digest=token)
        raise bad_request("body", 'the body is to be {"certificate_request": PEM} or {"token_sha256": 64 hex digits}')

    def _answer(self, given: Given) -> web.Response:
        self.enrolled.look_again()
        said = {"dock": given.dock, "way": given.way, "store_id": self.store_id, "at": rfc3339(self.clock.now())}
        headers = {"Cache-Control": "no-store"}
        if given.waits:
            return web.json_response(
                said | {"waits": "the store's operator looks at the key first (dockd store approve)"}, status=202, headers=headers | {"Retry-After": str(_ASK_AGAIN)},
            )  # fmt: skip
        if given.certificate is not None:
            said["certificate"] = given.certificate
            if self.authority is not None:
                self.believed(self.authority.trusted)
        return web.json_response(said, headers=headers)


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.content_length:
        raise bad_request("body", "the body is to be there, and to say its length")
    if request.content_length > _LARGEST:
        raise Refusal(413, "too-large", f"the body is to have at most {_LARGEST} bytes")
    try:
        async with asyncio.timeout(_WITHIN):
            said = json.loads(await request.content.readexactly(request.content_length))
    except (TimeoutError, asyncio.IncompleteReadError) as cut:
        raise Refusal(408, "idle", "the body did not come whole in time") from cut
    except (ValueError, RecursionError) as wrong:
        raise bad_request("body", "the body is to be JSON") from wrong
    if not isinstance(said, dict):
        raise bad_request("body", "the body is to be a JSON object")
    return said
