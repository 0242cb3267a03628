"""What strangers send to enrol, and what stores answer: requests, chains, bodies, invitations, offers. A refusal or an error of ours, soon, and never another key than was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import strategies as st

from dockd.enrolling import keys
from dockd.enrolling.files import NotTaken
from dockd.enrolling.getting import invitation
from ingest.central.authority import Authority
from ingest.central.disk import Disk
from ingest.central.layout import Layout
from ingest.central.refusals import Refusal
from ingest.central.signing_requests import digest_of, understand
from ingest.clock import Clock
from ingest.errors import DockdError
from ingest.store.enrolling import Desk, Half, _document
from ingest.store.line import Answer
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged, spoiled

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
KEY = keys.drawn()
SECONDS = 5.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    layout = Layout(tmp_path_factory.mktemp("authority"))
    layout.keys.mkdir()
    made = Authority(layout, disk=Disk(), store_id="0123456789", clock=Clock(), lifetime=86400.0)
    made.load()
    return made


def test_requests(budget: Budget) -> None:
    good = keys.request(KEY, name="rack-1").encode()
    digest = keys.fingerprint(KEY)

    def hold(raw: bytes) -> None:
        began = time.monotonic()
        with contextlib.suppress(Refusal):
            found = understand(raw.decode("utf-8", "surrogateescape"))
            assert found.digest == digest_of(found.key) == digest  # nobody else's signature is in it
        assert time.monotonic() - began < SECONDS

    budget.spend(hold, damaged(good), shares=0.5)


def test_chains(budget: Budget, authority: Authority) -> None:
    good = authority.issue("rack-1", understand(keys.request(KEY, name="x")).key).pem.encode()
    mark = keys.fingerprint(KEY)

    def hold(raw: bytes) -> None:
        began = time.monotonic()
        with contextlib.suppress(NotTaken):
            found = keys.fitting(KEY, raw.decode("utf-8", "surrogateescape"), now=Clock().now())
            assert keys.fingerprint(keys.key_in(found.pem)) == mark
            assert found.subject.isprintable()
        assert time.monotonic() - began < SECONDS

    budget.spend(hold, damaged(good), shares=0.5)


def test_invitations(budget: Budget) -> None:
    good = f"dockd1.{'p' * 43}.{'0' * 12}.{'s' * 43}".encode()

    def hold(raw: bytes) -> None:
        with contextlib.suppress(NotTaken):
            found = invitation(raw.decode("utf-8", "surrogateescape"))
            assert (len(found.pin), len(found.word)) == (43, 56)
            assert found.word.isascii()
            assert found.word.isprintable()

    budget.spend(hold, damaged(good), shares=0.25)


def test_answers(budget: Budget) -> None:
    good = {
        "dock": "rack-1",
        "way": "certificate",
        "at": "2026-01-01T00:00:00Z",
        "certificate": "-----BEGIN",
        "type": "urn:dockd:store:used",
        "detail": "words",
    }

    class Answering(Desk):
        """A line on which one answer came."""

        def __init__(self, status: int, body: bytes) -> None:
            super().__init__("http://127.0.0.1:9", tls=None)
            self.given = Answer(status=status, headers={"Retry-After": "1"}, body=body)
            self._line = self  # type: ignore[assignment]

        async def ask(self, *_words: Any, **_more: Any) -> Answer:
            return self.given

    async def all_of(status: int, body: bytes) -> None:
        desk = Answering(status, body)
        for asked in (
            desk.renew(Half(way="certificate", text="x")),
            desk.renew(Half(way="token", text="x")),
            desk.whoami(),
        ):
            try:
                found = await asked
            except DockdError as error:
                assert error.message.isprintable()  # noqa: PT017
            else:
                assert (found if isinstance(found, str) else found.dock) == "rack-1" or status in (200, 202)

    def hold(status: int, said: Any, raw: bytes) -> None:
        for body in (json.dumps(said).encode(), raw):
            asyncio.run(all_of(status, body))
            with contextlib.suppress(DockdError):
                assert isinstance(_document(Answer(status=status, headers={}, body=body), doing="it"), dict)

    statuses = st.sampled_from((200, 202, 204, 302, 400, 401, 403, 409, 413, 429, 500, 503))
    budget.spend(hold, statuses, spoiled(good), damaged(json.dumps(good).encode()), shares=0.75)
