"""The desk of a store, as a dock sees it: nothing is told to who has not shown the key, and no answer is taken that is not whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from ingest.central.keys import _REGISTRY
from ingest.errors import DockdError, Garbled, StoreBusy, StoreDown, WrongStore
from ingest.store.enrolling import OFFER, Desk, Half, NotEnrolled, _dock_in, _document
from ingest.store.line import Answer, Patience

HALF = Half(way="token", text="0" * 64)
INVITATION = f"{'0' * 12}.{'s' * 43}"


class Liar:
    """A store's desk that says what it is told to. `heard`: every request, with what was shown."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519")
        self.store = "the store"
        self.offer: dict[str, Any] = {}
        self.signer: OKPKey | None = None
        self.typ = OFFER
        self.raw: bytes | None = None
        self.answer: tuple[int, bytes, dict[str, str]] = (200, b"{}", {})
        self.heard: list[tuple[str, str | None]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        runner = web.ServerRunner(web.Server(self._respond), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        self.heard.append((request.path, request.headers.get("Authorization")))
        if request.path == "/.well-known/dockd-store":
            public = {**self.key.as_dict(private=False), "kid": self.key.thumbprint()}
            return web.json_response(
                {
                    "store_id": self.store,
                    "protocol": 1,
                    "upload": "/files/",
                    "jwks": {"keys": [public]},
                    "capabilities": [],
                }
            )
        if request.path == "/enroll" and request.method == "GET":
            if self.raw is not None:
                return web.Response(body=self.raw)
            said = {
                "iss": self.store,
                "nonce": request.query["nonce"],
                "gives": ["token"],
                "at": "2026-01-01T00:00:00Z",
                **self.offer,
            }
            signer = self.signer or self.key
            head = {"alg": "EdDSA", "kid": signer.thumbprint(), "typ": self.typ}
            return web.Response(text=jws.serialize_compact(head, json.dumps(said), signer, registry=_REGISTRY))
        status, body, headers = self.answer
        return web.Response(status=status, body=body, headers=headers)


@pytest.fixture
def liar() -> Iterator[Liar]:
    with Liar() as made:
        yield made


Opened = Callable[..., Desk]


@pytest.fixture
async def desk(liar: Liar) -> AsyncIterator[Opened]:
    """Opens desks, and closes them whatever becomes of a test."""
    opened: list[Desk] = []

    def open_(token: str | None = None) -> Desk:
        patience = Patience(connect=5, answer=5, stall=5, settle=5)
        opened.append(Desk(liar.url, tls=None, patience=patience, token=lambda: token))
        return opened[-1]

    yield open_
    for one in opened:
        await one.close()


async def test_who_it_is_is_asked_without_saying_anything(liar: Liar, desk: Opened) -> None:
    mine = desk(token="secret")
    offer = await mine.offer()
    assert offer.known_by(liar.key.thumbprint())
    assert not offer.known_by("x" * 43)
    assert (offer.gives, offer.relayed) == (("token",), False)
    assert [said for _path, said in liar.heard] == [None, None]
    mine.agreed()
    liar.answer = (200, b'{"dock": "rack-1"}', {})
    assert await mine.whoami() == "rack-1"
    assert liar.heard[-1][1] == "Bearer secret"


async def test_an_invitation_goes_with_its_one_request(liar: Liar, desk: Opened) -> None:
    mine = desk()
    liar.answer = (200, b'{"dock": "rack-1", "way": "token", "at": "2026-01-01T00:00:00Z"}', {})
    assert (await mine.enroll(INVITATION, HALF)).dock == "rack-1"
    await mine.renew(HALF)
    assert liar.heard == [("/enroll", f"Bearer {INVITATION}"), ("/enroll/renew", None)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"offer": {"nonce": "another one, of yesterday"}}, WrongStore),
        ({"offer": {"iss": "another store"}}, WrongStore),
        ({"offer": {"gives": []}}, Garbled),
        ({"offer": {"gives": ["everything"]}}, Garbled),
        ({"offer": {"gives": "token"}}, Garbled),
        ({"offer": {"at": 5}}, Garbled),
        ({"signer": OKPKey.generate_key("Ed25519")}, Garbled),
        ({"typ": "JWT"}, Garbled),
        ({"typ": "dockd-key+jwt"}, Garbled),
        ({"raw": b""}, Garbled),
        ({"raw": b"a.b.c"}, Garbled),
        ({"raw": "ключ".encode()}, Garbled),
        ({"raw": b"x" * (300 << 10)}, Garbled),
    ],
)
async def test_an_offer_that_is_not_the_stores_or_not_for_this_question(
    liar: Liar, desk: Opened, change: dict[str, Any], error: type[Exception]
) -> None:
    for name, value in change.items():
        setattr(liar, name, value)
    mine = desk()
    with pytest.raises(error):
        await mine.offer()


async def test_a_store_that_shows_another_certificate_is_relayed(liar: Liar, desk: Opened) -> None:
    liar.offer = {"tls_certificate_sha256": "0" * 64}
    mine = desk()
    assert (await mine.offer()).relayed


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (401, b'{"type": "urn:dockd:store:invitation", "detail": "not taken\\u001b[2J"}', NotEnrolled, "not taken"),
        (403, b"<html>", NotEnrolled, "403"),
        (409, b'{"detail": 5}', NotEnrolled, "409"),
        (302, b"", StoreDown, "302"),
        (500, b"", StoreDown, "500"),
        (503, b'{"detail": "later"}', StoreBusy, "later"),
        (429, b"", StoreBusy, "429"),
        (200, b"", Garbled, "malformed"),
        (200, b"[]", Garbled, "malformed"),
        (200, b'{"dock": "rack-1", "way": "certificate", "at": "x", "certificate": "x"}', Garbled, "malformed"),
        (200, b'{"dock": "../etc", "way": "token", "at": "x"}', Garbled, "no name"),
        (200, b'{"dock": "rack-1", "way": "token"}', Garbled, "malformed"),
        (200, b"[" * 100_000, Garbled, "malformed"),
        (200, b"x" * (300 << 10), Garbled, "does not end"),
    ],
)
async def test_what_it_may_answer(
    liar: Liar, desk: Opened, status: int, body: bytes, error: type[DockdError], said: str
) -> None:
    liar.answer = (status, body, {"Retry-After": "7"})
    mine = desk()
    with pytest.raises(error, match=said) as found:
        await mine.enroll(INVITATION, HALF)
    assert "s" * 43 not in found.value.message
    assert found.value.message.isprintable()


async def test_a_certificate_that_is_missing_or_endless_is_none(liar: Liar, desk: Opened) -> None:
    mine = desk()
    for certificate in (None, 5, "x" * (65 << 10)):
        said = {"dock": "rack-1", "way": "certificate", "at": "x", "certificate": certificate}
        liar.answer = (200, json.dumps(said).encode(), {})
        with pytest.raises(Garbled, match="no certificate"):
            await mine.enroll(INVITATION, Half(way="certificate", text="x"))
    liar.answer = (202, b'{"dock": "rack-1", "way": "certificate", "at": "x"}', {"Retry-After": "7"})
    waits = await mine.enroll(INVITATION, Half(way="certificate", text="x"))
    assert (waits.waits, waits.after, waits.certificate) == (True, 7.0, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dock", "way", "at", "certificate", "type", "detail"]), inner, max_size=4), max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(status=st.sampled_from([200, 202, 400, 401, 403, 409, 429, 500, 503]), said=_JSON)
def test_whatever_it_answers_is_an_answer_or_an_error_of_ours(status: int, said: object) -> None:
    try:
        found = _document(Answer(status=status, headers={}, body=json.dumps(said).encode()), doing="it")
        assert isinstance(_dock_in(found), str)
    except DockdError as error:
        assert error.message.isprintable()  # noqa: PT017


def test_the_half_that_is_sent_tells_nothing_of_the_other() -> None:
    token = secrets.token_urlsafe(32)
    sent = Half(way="token", text=hashlib.sha256(token.encode()).hexdigest()).body()
    assert token.encode() not in sent
