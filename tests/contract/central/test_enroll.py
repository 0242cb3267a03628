"""Enrolment as a dock and an attacker see it: over TLS, before the real store."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import os
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from dockd.enrolling import keys
from ingest.central import CentralStore, StoreUnusableError
from ingest.central.app import thumbprint
from ingest.central.enrolment import WAYS, Enrolment, Way
from ingest.central.enrolment_file import EnrolmentFile
from ingest.clock import Clock
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TUS, Answer, TusClient, announced, until
from tests.simulators.authority import Authority

CONTENT = os.urandom(20_000)
NONCE = "nonce-0123456789"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("server")
    return made


class Scene:
    """A store over TLS, its operator, and whoever comes."""

    def __init__(self, root: Path, store: CentralStore, authority: Authority) -> None:
        self.root, self.store, self.authority = root, store, authority
        self.operator = operator(root)

    def invite(
        self, dock: str = "rack-1", *, approval: bool = False, again: bool = False, ways: tuple[Way, ...] = WAYS
    ) -> str:
        made = self.operator.invite(dock, who="os:ann", lasts=3600, ways=ways, approval=approval, again=again)
        return f"{made.id}.{made.secret}"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        pem: str | Path | None = None,
        token: str | None = None,
        **more: Any,
    ) -> Answer:
        """One request over a connection of its own, with a client certificate or without."""
        context = self.authority.trusted()
        if pem is not None:
            context.load_cert_chain(self.file(pem))
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, self.store.url + path, headers=headers, **more) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.read())

    def session(self, pem: str | None) -> aiohttp.ClientSession:
        """Requests of one client over connections that are kept."""
        context = self.authority.trusted()
        if pem is not None:
            context.load_cert_chain(self.file(pem))
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def brought(self, content: bytes, *, pem: str) -> str:
        """A finished object; its path."""
        headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": announced(content), "Content-Type": "application/offset+octet-stream"}  # fmt: skip
        made = await self.ask("POST", "/files/", pem=pem, headers=headers, data=io.BytesIO(content))
        assert made.status == 201, made.body
        return str(made.headers["Location"]).removeprefix(self.store.url)

    async def begun(self, session: aiohttp.ClientSession) -> str:
        """An upload of CONTENT of which nothing is there yet."""
        headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": announced(CONTENT)}
        async with session.post(f"{self.store.url}/files/", headers=headers) as made:
            return urljoin(self.store.url, made.headers["Location"])

    def file(self, pem: str | Path) -> Path:
        if isinstance(pem, Path):
            return pem
        made = self.root.parent / f"{hashlib.sha256(pem.encode()).hexdigest()[:8]}.pem"
        made.write_text(pem)
        return made

    async def enroll(self, invitation: str, key: str, **more: Any) -> Answer:
        body = {"certificate_request": keys.request(key, name="O=evil,CN=rack-99")}
        return await self.ask("POST", "/enroll", token=invitation, json=body, **more)

    async def enrolled(self, dock: str = "rack-1", key: str | None = None) -> str:
        """Key and chain of a dock that has just enrolled."""
        key = key or keys.drawn()
        answer = await self.enroll(self.invite(dock), key)
        assert answer.status == 200, answer.body
        return key + str(answer.json()["certificate"])


def operator(root: Path) -> Enrolment:
    return Enrolment(EnrolmentFile(root / "docks.db"), clock=Clock())


@pytest.fixture
async def scene(tmp_path: Path, authority: Authority) -> AsyncIterator[Scene]:
    server = authority.issue("server")
    settings = replace(SMALL, idle_timeout=30, sync_window=8 << 20, buffer=1 << 20, tls_cert_file=server, tls_key_file=server)  # fmt: skip
    async with CentralStore(tmp_path / "root", settings=settings) as store:
        yield Scene(tmp_path / "root", store, authority)


async def test_a_dock_enrols_and_brings_footage_by_its_certificate(scene: Scene) -> None:
    key = keys.drawn()
    answer = await scene.enroll(scene.invite(), key)
    said = answer.json()
    assert (answer.status, said["dock"], said["way"], said["store_id"]) == (
        200,
        "rack-1",
        "certificate",
        scene.store.store_id,
    )
    found = keys.fitting(key, said["certificate"], now=Clock().now())
    assert found.subject == "CN=rack-1"  # whatever the request says
    pem = found.pem
    assert (await scene.ask("GET", "/enroll/self", pem=pem)).json()["dock"] == "rack-1"
    context = scene.authority.trusted()
    context.load_cert_chain(scene.file(pem))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        client = TusClient(scene.store.url, session)
        created = await client.ask(
            "POST",
            "/files/",
            headers={**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": announced(CONTENT)},
        )
        assert created.status == 201
        upload = created.headers["Location"]
        path = upload.removeprefix(scene.store.url)
        bytes_: dict[str, Any] = {
            "headers": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
            "data": CONTENT,
        }
        for other, status in ((None, 401), (await scene.enrolled("rack-2"), 404)):
            assert (await scene.ask("PATCH", path, pem=other, **bytes_)).status == status
        token = secrets.token_urlsafe(32)
        half = {"token_sha256": hashlib.sha256(token.encode()).hexdigest()}
        assert (await scene.ask("POST", "/enroll/renew", pem=pem, json=half)).status == 200
        # The same dock, whatever it shows: it goes on with what it began.
        assert (await scene.ask("PATCH", path, token=token, **bytes_)).status == 204


async def test_a_dock_is_given_what_it_brought_and_no_other_racks_footage(tmp_path: Path, authority: Authority) -> None:
    server = authority.issue("server")
    tokens = tmp_path / "tokens"
    tokens.write_text("alpha-token-0001 # auditor\n")
    settings = replace(SMALL, tls_cert_file=server, tls_key_file=server)
    async with CentralStore(tmp_path / "root", token_file=tokens, settings=settings) as store:
        scene = Scene(tmp_path / "root", store, authority)
        own, other = await scene.enrolled("rack-1"), await scene.enrolled("rack-2")
        headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": announced(CONTENT), "Content-Type": "application/offset+octet-stream"}  # fmt: skip
        created = await scene.ask("POST", "/files/", pem=own, headers=headers, data=CONTENT)
        path = created.headers["Location"].removeprefix(store.url)
        id = path.rpartition("/")[2]
        refused = await scene.ask("GET", path, pem=other)
        assert (refused.status, refused.problem["type"]) == (403, "urn:dockd:store:owner")
        assert CONTENT not in refused.body
        for more in ({"pem": own}, {"token": "alpha-token-0001"}):
            assert (await scene.ask("GET", path, **more)).body == CONTENT
            listed = (await scene.ask("GET", "/api/v1/segments", **more)).json()
            assert [one["id"] for one in listed["segments"]] == [id]
        assert (await scene.ask("GET", "/api/v1/segments?limit=1", pem=other)).json() == {"segments": [], "next": None}
        # What keeps footage, and what a dock asks to find its own again, is refused to nobody.
        assert (await scene.ask("POST", f"/api/v1/segments/{id}/evidential", pem=other)).status == 200
        again = await scene.ask(
            "POST", "/files/", pem=other, headers=headers | {"Content-Length": "0", "Content-Type": ""}
        )
        assert again.headers["Location"].removeprefix(store.url) == path


async def test_what_is_revoked_opens_nothing_from_the_next_moment_on(scene: Scene) -> None:
    pem = await scene.enrolled()
    context = scene.authority.trusted()
    context.load_cert_chain(scene.file(pem))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        client = TusClient(scene.store.url, session)
        assert (await client.ask("GET", "/enroll/self")).status == 200
        scene.operator.revoke("rack-1", who="os:ann", reason="")

        answer = await until(lambda: client.ask("GET", "/enroll/self"), lambda one: one.status != 200)
        assert (answer.status, answer.problem["type"]) == (403, "urn:dockd:store:revoked")
    answer = await scene.ask(
        "POST", "/enroll/renew", pem=pem, json={"certificate_request": keys.request(keys.drawn(), name="x")}
    )
    assert answer.status == 403


@pytest.mark.parametrize("how", ["revoked", "replaced"])
async def test_what_is_taken_back_ends_in_the_middle_of_a_request_and_nobody_elses_does(scene: Scene, how: str) -> None:
    """A stolen dock brings, and takes, no more; what it brought is kept, and the others go on."""
    content, half = os.urandom(12 << 20), 10_000
    token, key = secrets.token_urlsafe(32), await scene.enrolled("rack-1")
    renewed = {"token_sha256": hashlib.sha256(token.encode()).hexdigest()}
    assert (await scene.ask("POST", "/enroll/renew", pem=key, json=renewed)).status == 200
    path = await scene.brought(content, pem=key)
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[:half]
        begun.release()
        await go_on.wait()
        yield CONTENT[half:]

    async with contextlib.AsyncExitStack() as ends:
        own, by_token, other = [
            await ends.enter_async_context(scene.session(pem)) for pem in (key, None, await scene.enrolled("rack-2"))
        ]
        shown = {"Authorization": f"Bearer {token}"}
        reading = await ends.enter_async_context(by_token.get(scene.store.url + path, headers=shown))
        uploads = [await scene.begun(session) for session in (own, other)]
        sending = [
            asyncio.create_task(_sent(session, upload, body()))
            for session, upload in zip((own, other), uploads, strict=True)
        ]
        for _ in sending:
            await begun.acquire()
        assert len(await reading.content.readexactly(1000)) == 1000
        assert (await scene.ask("GET", "/enroll/self", pem=key)).status == 200
        if how == "revoked":
            scene.operator.revoke("rack-1", who="os:ann", reason="stolen")
            new = None
        else:
            new = keys.drawn()
            answered = await scene.enroll(scene.invite(again=True), new)
            new += answered.json()["certificate"]
        async with asyncio.timeout(20):
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await sending[0]
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await reading.content.read()
            go_on.set()
            assert await sending[1] == 204
    pem = new or await scene.enrolled("rack-1")
    left = await scene.ask("HEAD", uploads[0].removeprefix(scene.store.url), pem=pem, headers=TUS)
    assert int(left.headers["Upload-Offset"]) == half


async def _sent(session: aiohttp.ClientSession, upload: str, body: AsyncIterator[bytes]) -> int:
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Content-Length": str(len(CONTENT))}  # fmt: skip
    async with session.patch(upload, headers=headers, data=body, expect100=True) as done:  # sent once it is let in
        return done.status


async def test_what_another_authority_signs_is_no_dock_and_is_not_even_let_in(scene: Scene, tmp_path: Path) -> None:
    await scene.enrolled()
    forged = Authority(tmp_path / "forger").issue("rack-1", for_="URI:urn:dockd:dock:rack-1")
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await scene.ask("GET", "/enroll/self", pem=forged)


async def test_where_certificates_are_wanted_nobody_comes_without_one(tmp_path: Path, authority: Authority) -> None:
    server = authority.issue("server")
    settings = replace(SMALL, tls_cert_file=server, tls_key_file=server, client_ca_file=authority.certificate)
    tokens = tmp_path / "tokens"
    tokens.write_text("alpha-token-0001 # auditor\n")
    async with CentralStore(tmp_path / "root", listen=("0.0.0.0", 0), settings=settings) as store:
        store.url = store.url.replace("0.0.0.0", "127.0.0.1")
        scene = Scene(tmp_path / "root", store, authority)
        outsider = authority.issue("auditor", for_="DNS:auditor")
        assert (await scene.ask("GET", "/.well-known/dockd-store")).status == 200
        for path in ("/api/v1/segments", "/files/" + "0" * 32, "/enroll/self"):
            answer = await scene.ask("GET", path)
            assert (answer.status, answer.problem["type"]) == (401, "urn:dockd:store:certificate")
        assert (await scene.ask("GET", "/api/v1/segments", pem=outsider)).status == 200
        assert (await scene.ask("GET", "/enroll/self", pem=outsider)).json()["dock"] is None
        # Its name in another authority's certificate makes nobody a dock, and a token alone is not enough.
        pem = await scene.enrolled("rack-1")
        namesake = authority.issue("rack-1", for_="DNS:rack-1")
        assert (await scene.ask("GET", "/enroll/self", pem=namesake)).json()["dock"] is None
        assert (await scene.ask("POST", "/enroll/renew", pem=namesake, json={})).status == 403
        assert (await scene.ask("GET", "/enroll/self", pem=pem)).json()["dock"] == "rack-1"
        refused = await scene.ask("POST", "/enroll", token=scene.invite("rack-2"), json={"token_sha256": "0" * 64})
        assert (refused.status, refused.problem["type"]) == (409, "urn:dockd:store:certificate-wanted")
    async with CentralStore(tmp_path / "root", token_file=tokens, settings=settings) as store:
        scene = Scene(tmp_path / "root", store, authority)
        for pem_, token, status in (
            (outsider, None, 401),
            (None, "alpha-token-0001", 401),
            (outsider, "alpha-token-0001", 200),
            (scene.file(pem), None, 200),
        ):
            assert (await scene.ask("GET", "/api/v1/segments", pem=pem_, token=token)).status == status


async def test_the_offer_is_signed_for_who_asks_and_for_this_line(scene: Scene) -> None:
    assert (await scene.ask("GET", f"/enroll?nonce={NONCE}")).status == 404  # nobody was invited yet
    assert "enroll" not in (await scene.ask("GET", "/.well-known/dockd-store")).json()["capabilities"]
    scene.invite()
    await asyncio.sleep(0.25)
    assert "enroll" in (await scene.ask("GET", "/.well-known/dockd-store")).json()["capabilities"]
    answer = await scene.ask("GET", f"/enroll?nonce={NONCE}")
    head, body, _ = (part + b"==" for part in answer.body.split(b"."))
    said = json.loads(base64.urlsafe_b64decode(body))
    assert json.loads(base64.urlsafe_b64decode(head))["typ"] == "dockd-enroll+jwt"
    assert json.loads(base64.urlsafe_b64decode(head))["kid"] == thumbprint(scene.root)
    shown = x509.load_pem_x509_certificate(scene.authority.issue("server").read_bytes()).fingerprint(hashes.SHA256())
    assert (said["nonce"], said["gives"]) == (NONCE, ["certificate", "token"])
    assert said["tls_certificate_sha256"] == shown.hex()
    for nonce in ("", "short", "x" * 200, "white%20space-0123456"):
        assert (await scene.ask("GET", f"/enroll?nonce={nonce}")).status == 400


async def test_bodies_that_say_nothing(scene: Scene) -> None:
    bodies = [
        b"", b"nonsense", b"[]", b"{}", b"[" * 20_000, b'{"token_sha256": "x"}', b'{"certificate_request": 5}', b'{"certificate_request": "x"}',
        b'{"certificate_request": "x", "token_sha256": "%s"}' % (b"0" * 64),
    ]  # fmt: skip
    invitation = scene.invite()
    for body in bodies:
        answer = await scene.ask("POST", "/enroll", token=invitation, data=body)
        assert (answer.status, answer.problem["status"]) == (400, 400), body[:20]
    assert (await scene.ask("POST", "/enroll", token=invitation, data=b" " * 30_000)).status == 413


async def test_who_guesses_is_slowed_down_before_anything_is_looked_up(scene: Scene) -> None:
    scene.invite()
    wrong = [
        await scene.ask("POST", "/enroll", token=f"{'0' * 12}.{'x' * 43}", json={"token_sha256": "0" * 64})
        for _ in range(12)
    ]
    assert [one.status for one in wrong] == [401] * 10 + [429] * 2
    assert int(wrong[-1].headers["Retry-After"]) > 0
    for bad in ("", "Basic x", "Bearer", "Bearer no.invitation"):
        assert (await scene.ask("POST", "/enroll", headers={"Authorization": bad}, json={})).status == 429


async def test_without_tls_there_are_tokens_and_no_certificates(root: Path) -> None:
    async with CentralStore(root, settings=SMALL) as store, aiohttp.ClientSession() as session:
        client = TusClient(store.url, session)
        assert (await client.ask("GET", "/api/v1/segments")).status == 200  # open to anyone on this machine ...
        made = operator(root).invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)

        await until(
            lambda: client.ask("GET", "/api/v1/segments"), lambda one: one.status == 401
        )  # ... until the first one is invited
        desk = TusClient(store.url, session, token=f"{made.id}.{made.secret}")
        request = json.dumps({"certificate_request": keys.request(keys.drawn(), name="x")}).encode()
        assert (await desk.ask("POST", "/enroll", data=request)).problem["type"] == "urn:dockd:store:without-tls"
        token = secrets.token_urlsafe(32)
        half = json.dumps({"token_sha256": hashlib.sha256(token.encode()).hexdigest()}).encode()
        assert (await desk.ask("POST", "/enroll", data=half)).status == 200
        assert (await TusClient(store.url, session, token=token).ask("GET", "/api/v1/segments")).status == 200


async def test_a_store_for_docks_alone_may_be_reached_from_elsewhere(root: Path) -> None:
    with pytest.raises(StoreUnusableError, match="loopback only"):
        async with CentralStore(root, listen=("0.0.0.0", 0), settings=SMALL):
            pass
    root.mkdir(exist_ok=True)
    operator(root).invite("rack-1", who="os:ann", lasts=3600, ways=WAYS, approval=False, again=False)
    async with CentralStore(root, listen=("0.0.0.0", 0), settings=SMALL) as store, aiohttp.ClientSession() as session:
        assert (
            await TusClient(store.url.replace("0.0.0.0", "127.0.0.1"), session).ask("GET", "/api/v1/segments")
        ).status == 401


async def test_a_book_that_is_damaged_lets_no_dock_in(scene: Scene) -> None:
    pem = await scene.enrolled()
    assert (await scene.ask("GET", "/enroll/self", pem=pem)).status == 200
    (scene.root / "docks.db").write_bytes(b"nonsense" * 500)
    await until(lambda: scene.ask("GET", "/enroll/self", pem=pem), lambda one: one.status == 403)
    assert (await scene.ask("GET", "/api/v1/segments")).status == 401


async def test_a_renewed_certificate_of_the_store_is_taken_up_and_a_wrong_one_is_not(
    tmp_path: Path, authority: Authority
) -> None:
    shown = tmp_path / "server.pem"
    shown.write_bytes(authority.issue("server").read_bytes())
    settings = replace(SMALL, tls_cert_file=shown, tls_key_file=shown, look_at_certificate=0.05)
    async with CentralStore(tmp_path / "root", settings=settings) as store:

        async def now() -> bytes:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", int(store.url.rsplit(":", 1)[1]), ssl=authority.trusted()
            )
            tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
            found = tls.getpeercert(binary_form=True)
            writer.close()
            await writer.wait_closed()
            return found or b""

        before = await now()
        shown.write_bytes(authority.issue("server").read_bytes()[:300])
        await asyncio.sleep(0.2)
        assert await now() == before
        shown.write_bytes(authority.issue("server-again").read_bytes())

        async with asyncio.timeout(10):
            while await now() == before:  # noqa: ASYNC110 (nobody tells a client of it)
                await asyncio.sleep(0.05)
