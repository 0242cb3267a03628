"""A proxy on the way: what it is shown, and that its word is never taken for the store's."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.errors import ObjectGone, Refused, StoreDown
from ingest.store.line import Line, Patience, Proxy
from ingest.store.tus import TusStore
from tests.contract.store.exam import claimed, delivered
from tests.contract.store.test_exam_s3 import adapter
from tests.simulators.authority import Authority
from tests.simulators.proxy import ForwardProxy
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_running import RunningS3
from tests.simulators.stores.s3_vault import Vault

PATIENT = Patience(connect=5, stall=5, answer=5, settle=5)
CONTENT = b"footage" * 40_000
PASSWORD, TOKEN = "station:s3cret: of a proxy", "token-of-the-store"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["http", "https"])
def running(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Running]:
    tls = authority.served("store") if request.param == "https" else None
    with Running(HonestStore(), tls=tls) as running:
        yield running


def store_of(running: Running, authority: Authority, proxy: Proxy) -> TusStore:
    tls = authority.trusted() if running.url.startswith("https") else None
    return TusStore(running.url, patience=PATIENT, token=lambda: TOKEN, tls=tls, proxy=proxy)


async def test_footage_goes_through_it_and_each_secret_to_its_own(running: Running, authority: Authority) -> None:
    with ForwardProxy(auth=PASSWORD) as proxy:
        store = store_of(running, authority, Proxy(url=proxy.url, auth=lambda: PASSWORD + "\n"))
        await store.identify()
        upload, segment = await delivered(store, CONTENT)
        claim = await store.claim(upload, segment, nonce="n" * 32, head=None, dock="d" * 43)
        assert claim.sha256 == segment.digest.sha256
        await store.close()
    assert proxy.heads
    for head in proxy.heads:
        assert b"Proxy-Authorization: Basic " in head
        if running.url.startswith("https"):
            assert head.startswith(b"CONNECT ")
            assert TOKEN.encode() not in head
            assert b"\r\nAuthorization:" not in head
        else:
            assert re.match(rb"[A-Z]+ http://127\.0\.0\.1:\d+/", head)


async def test_without_its_password_it_is_said_which_file_to_look_at(running: Running, authority: Authority) -> None:
    with ForwardProxy(auth=PASSWORD) as proxy:
        store = store_of(running, authority, Proxy(url=proxy.url, auth=lambda: "station:wrong"))
        with pytest.raises(
            Refused, match=r"the proxy 127\.0\.0\.1:\d+ answered 407 .* store\.proxy_auth_file"
        ) as found:
            await store.identify()
        assert "wrong" not in found.value.message
        await store.close()


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_it_answers_says_nothing_of_the_store(running: Running, authority: Authority, status: int) -> None:
    with ForwardProxy() as proxy:
        store = store_of(running, authority, Proxy(url=proxy.url))
        await store.identify()
        upload, segment = await delivered(store, CONTENT)
        await store.close()  # or a tunnel that is there would be used again
        proxy.refuses = status
        for question in (
            lambda: store.offset(upload, size=len(CONTENT)),
            lambda: store.claim(upload, segment, nonce="n" * 32, head=None, dock="d" * 43),
            lambda: store.part(upload, offset=0, length=10, size=len(CONTENT)),
            lambda: store.announce(segment),
            store.identify,
        ):
            with pytest.raises(StoreDown, match=rf"the proxy 127\.0\.0\.1:\d+ answered {status} to "):
                await question()
        proxy.refuses = None
        assert await store.offset(upload, size=len(CONTENT)) == len(CONTENT)
        await store.close()


async def test_what_the_store_answers_through_it_is_the_stores_word(running: Running, authority: Authority) -> None:
    with ForwardProxy() as proxy:
        store = store_of(running, authority, Proxy(url=proxy.url))
        await store.identify()
        upload, _segment = await delivered(store, CONTENT)
        running.store.shelf.things.clear()
        with pytest.raises(ObjectGone, match="the store answered 404"):
            await store.offset(upload, size=len(CONTENT))
        await store.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_s3_store_behind_it(authority: Authority, scheme: str) -> None:
    tls = authority.served("store") if scheme == "https" else None
    with RunningS3(HonestS3(Vault()), tls=tls) as far, ForwardProxy(auth=PASSWORD) as proxy:
        store = adapter(
            far.bucket_url, far.far.vault, patience=PATIENT, proxy=Proxy(url=proxy.url, auth=lambda: PASSWORD),
            tls=authority.trusted() if tls else None,
        )  # fmt: skip
        await store.identify()
        upload, segment = await delivered(store, CONTENT)
        assert (await claimed(store, upload, segment)).size == len(CONTENT)
        proxy.refuses = 403
        await store.close()
        with pytest.raises(StoreDown, match="the proxy .* answered 403"):
            await store.part(upload, offset=0, length=10, size=len(CONTENT))
        await store.close()
    assert proxy.heads


async def test_one_that_is_not_there(running: Running, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    store = store_of(running, authority, Proxy(url=f"http://127.0.0.1:{port}"))
    with pytest.raises(StoreDown, match=rf"the proxy 127\.0\.0\.1:{port} cannot be reached .*check store\.proxy"):
        await store.identify()
    await store.close()
    assert running.store.shelf.asked == []


async def test_a_proxy_that_is_spoken_to_over_tls(authority: Authority) -> None:
    with Running(HonestStore()) as running, ForwardProxy(tls=authority.served("proxy"), auth=PASSWORD) as proxy:
        store = TusStore(
            running.url, patience=PATIENT, tls=authority.trusted(), proxy=Proxy(url=proxy.url, auth=lambda: PASSWORD)
        )
        await store.identify()
        await delivered(store, CONTENT)
        await store.close()


async def test_no_environment_names_one(tmp_path: Path) -> None:
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    before = {name: os.environ.get(name) for name in names}
    with Running(HonestStore()) as running, ForwardProxy() as proxy:
        os.environ.update(dict.fromkeys(names, proxy.url))
        try:
            store = TusStore(running.url, patience=PATIENT)
            await store.identify()
            await store.close()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    assert proxy.heads == []


def test_a_password_is_nobodys_to_see() -> None:
    proxy = Proxy(url="http://proxy.example.org:3128", auth=lambda: PASSWORD)
    assert proxy.shown == "proxy.example.org:3128"
    assert PASSWORD not in repr(proxy)
    assert Proxy(url="http://[::1]:3128").shown == "[::1]:3128"


async def test_nothing_but_silence_behind_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never says a word
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patience = Patience(connect=0.2, stall=0.2, answer=0.2, settle=0.2)
        line = Line("https://127.0.0.1:9", token=lambda: None, patience=patience, tls=None, proxy=Proxy(url=url))
        with pytest.raises(StoreDown, match="gave no answer"):
            await line.ask("GET", "https://127.0.0.1:9/", doing="a question")
        await line.close()
