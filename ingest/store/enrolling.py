"""The desk at which a store enrols docks (CONTRACT.md section 6): what it offers, what it gives for an invitation, and how that is renewed.

Rules: before anything that is secret is said, the store has signed a fresh nonce with the key that it is to be known by, and, where it shows a certificate of its own, which one that is: whoever only
passes things on is seen. Nothing secret of the dock's own ever leaves it: a request for a certificate, or the SHA-256 of a token, is all that is sent beside the invitation. Every answer is
bounded and understood whole, or not taken.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urljoin

from ingest.errors import DockdError, Garbled, StoreBusy, StoreDown, WrongStore
from ingest.store import receipts
from ingest.store.answers import retry_after
from ingest.store.identity import WELL_KNOWN, Announced, understand
from ingest.store.line import Answer, Line, Patience
from ingest.store.proxy import Proxy
from ingest.store.tls import ClientTls

Way = Literal["certificate", "token"]
OFFER = "dockd-enroll+jwt"
NOT_HERE = "not-here"  # no slug of a store's: it has no such desk
_WAYS = ("certificate", "token")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LARGEST_CHAIN = 64 << 10
_LONGEST = 300


class NotEnrolled(DockdError):
    """The store does not give what was asked for; the message says why and what to do. `slug` is its own word for that, `status` its answer."""

    def __init__(self, message: str, *, slug: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.slug = slug
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a store says of itself before it is told anything. `relayed`: it shows another certificate than the one that came over the line. `signer`: thumbprint."""

    store: Announced
    gives: tuple[Way, ...]
    signer: str
    at: str
    relayed: bool

    def known_by(self, pin: str) -> bool:
        """Whether each key that it shows, and the one that has signed, is the pinned one or vouched for by it."""
        return all(self.store.vouches(key, (pin,)) for key in (*self.store.keys, self.signer))


@dataclass(frozen=True, kw_only=True)
class Given:
    """What it gave. `certificate`: a PEM chain, None for a token and while it `waits` for a person; `after`: seconds until it may be asked again."""

    dock: str
    way: Way
    at: str
    certificate: str | None = None
    waits: bool = False
    after: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Half:
    """The public half of what a dock has drawn: a certificate request (PEM), or its token's SHA-256 (hex)."""

    way: Way
    text: str

    def body(self) -> bytes:
        """As it is sent."""
        key = "certificate_request" if self.way == "certificate" else "token_sha256"
        return json.dumps({key: self.text}).encode("ascii")


class Desk:
    """The desk of the store at `url`. `tls`: by what a dock is known that renews, and whom it believes."""

    def __init__(
        self, url: str, *, tls: ClientTls | None, proxy: Proxy | None = None, patience: Patience | None = None, token: Callable[[], str | None] = lambda: None
    ) -> None:  # fmt: skip
        self._url = url
        self._tls = tls
        self._token = token
        self._invitation: str | None = None
        self._known = False  # whether whoever answers may be told what the dock has
        context = tls.context if tls is not None else None
        self._line = Line(url, token=self._said, patience=patience or Patience(), tls=context, proxy=proxy)

    def _said(self) -> str | None:
        """Nothing, before it is known who listens."""
        return self._invitation or (self._token() if self._known else None)

    def agreed(self) -> None:
        """Whoever answers is who is meant: from now on it is told what the dock has."""
        self._known = True

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def offer(self) -> Offer:
        """Ask who it is and what it gives. Raises NotEnrolled, Garbled, Unproven, StoreDown."""
        doing = "a look at who it is"
        answer = await self._line.ask("GET", urljoin(self._url, WELL_KNOWN), doing=doing)
        if answer.status != 200 or "json" not in answer.headers.get("Content-Type", ""):
            if answer.status in (429, 500, 502, 503, 504):
                raise answer.error(doing)
            raise NotEnrolled(_NOT_HERE, slug=NOT_HERE, status=answer.status)
        announced = understand(answer.body, url=self._url)
        nonce = secrets.token_urlsafe(24)
        answer = await self._line.ask(
            "GET", urljoin(self._url, "/enroll"), query={"nonce": nonce}, doing="what it gives to docks"
        )
        if answer.status in (404, 405):
            raise NotEnrolled(_NOT_HERE, slug=NOT_HERE, status=answer.status)
        if answer.status != 200:
            raise answer.error("what it gives to docks")
        return self._understood(answer, announced, nonce=nonce)

    def _understood(self, answer: Answer, announced: Announced, *, nonce: str) -> Offer:
        try:
            text = answer.body.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise Garbled("what the store offers is garbage") from error
        said, signer = receipts.statement(text, announced.keys, typ=OFFER)
        if said.get("nonce") != nonce or said.get("iss") != announced.store:
            raise WrongStore(
                "what the store offers was signed for somebody else, or earlier: who answers is not who has the store's key"
            )
        listed, at = said.get("gives"), said.get("at")
        gives = tuple(cast(Way, one) for one in _WAYS if isinstance(listed, list) and one in listed)
        if not gives or not isinstance(at, str) or len(at) > 40 or not at.isprintable():
            raise Garbled("what the store offers is malformed")
        shown = said.get("tls_certificate_sha256")
        return Offer(
            store=announced, gives=gives, signer=signer, at=at, relayed=shown is not None and shown != self._seen()
        )

    def _seen(self) -> str | None:
        der = self._tls.shown if self._tls is not None else None
        return None if der is None else hashlib.sha256(der).hexdigest()

    async def enroll(self, invitation: str, half: Half) -> Given:
        """By an invitation `ID.SECRET`; asked again with the same half it gives the same. Raises NotEnrolled, StoreBusy, Garbled, StoreDown."""
        self._invitation = invitation
        try:
            return await self._asked("/enroll", half, doing="the invitation")
        finally:
            self._invitation = None

    async def renew(self, half: Half) -> Given:
        """By what the dock has now. Raises as `enroll` does."""
        return await self._asked("/enroll/renew", half, doing="the renewal")

    async def whoami(self) -> str:
        """As which dock the store knows whoever asks. Raises NotEnrolled, StoreBusy, Garbled, StoreDown."""
        answer = await self._line.ask("GET", urljoin(self._url, "/enroll/self"), doing="who this dock is to it")
        return _dock_in(_document(answer, doing="who this dock is to it"))

    async def _asked(self, path: str, half: Half, *, doing: str) -> Given:
        headers = {"Content-Type": "application/json"}
        answer = await self._line.ask("POST", urljoin(self._url, path), headers=headers, body=half.body(), doing=doing)
        said = _document(answer, doing=doing)
        certificate, at = said.get("certificate"), said.get("at")
        if said.get("way") != half.way or not isinstance(at, str) or len(at) > 40 or not at.isprintable():
            raise Garbled(f"the store's answer to {doing} is malformed")
        waits = answer.status == 202
        if (
            half.way == "certificate"
            and not waits
            and not (isinstance(certificate, str) and len(certificate) <= _LARGEST_CHAIN)
        ):
            raise Garbled(f"the store's answer to {doing} has no certificate in it")
        after = retry_after(answer.headers.get("Retry-After"), now=time.time())
        return Given(
            dock=_dock_in(said), way=half.way, at=at, certificate=certificate if half.way == "certificate" and not waits else None, waits=waits, after=after,
        )  # fmt: skip


_NOT_HERE = (
    "this store enrols no docks: its operator begins with `dockd store invite` (dockd's own store), or gives a token; a certificate of another authority "
    "is asked for with --request-only, and taken in with --certificate FILE"
)


def _dock_in(said: dict[str, Any]) -> str:
    dock = said.get("dock")
    if dock is None:
        raise NotEnrolled("the store lets this one in, and not as a dock that was enrolled there", slug="not-enrolled")
    if not isinstance(dock, str) or not _NAME.fullmatch(dock):
        raise Garbled("the store calls this dock by what is no name")
    return dock


def _document(answer: Answer, *, doing: str) -> dict[str, Any]:
    said: Any = None
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    found = said if isinstance(said, dict) else {}
    if answer.status in (200, 202):
        if not found:
            raise Garbled(f"the store's answer to {doing} is malformed")
        return found
    if answer.status in (429, 503):
        after = retry_after(answer.headers.get("Retry-After"), now=time.time())
        raise StoreBusy(
            f"the store answered {answer.status} to {doing}: {_words(found.get('detail')) or 'it is busy'}", after=after
        )
    if answer.status >= 500 or 300 <= answer.status < 400:
        raise StoreDown(
            f"the store answered {answer.status} to {doing}: {_words(found.get('detail')) or 'that is no answer'}"
        )
    slug = _words(found.get("type")).rpartition(":")[2]
    raise NotEnrolled(
        f"the store answered {answer.status} to {doing}: {_words(found.get('detail')) or 'it says no more'}",
        slug=slug,
        status=answer.status,
    )


def _words(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST]
