"""Another store in the place of the dock's own, behind client certificates: it ends the line before it says a word, and a person hears all the same what is wrong."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ingest.errors import DockdError, Refused, StoreDown, WrongStore
from ingest.store.line import Patience
from ingest.store.tls import ClientTls
from ingest.store.tus import TusStore
from ingest.store.unshown import Unshown
from tests.simulators.authority import Authority
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running

PATIENT = Patience(connect=5, stall=5, answer=5, settle=5)


class Listening(HonestStore):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[bool, str | None]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
        self.shown.append((tls is not None and bool(tls.getpeercert(True)), request.headers.get("Authorization")))
        return await super().answer(request)

    @property
    def pin(self) -> tuple[str, ...]:
        return tuple(key.thumbprint() for key in self.shelf.keys)


class Turned(Listening):
    """It changes while it is looked at."""

    def document(self) -> dict[str, object]:
        self.shelf.store_id += "x"
        return super().document()


class Scene:
    """A force with an authority for servers, and the authorities of two stores for their docks."""

    def __init__(self, folder: Path) -> None:
        self.servers, self.own, self.others = (Authority(folder / name) for name in ("servers", "own", "others"))
        self.cert = self.own.issue("rack-1", for_="DNS:rack-1")

    def tls(self, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """Of a store that takes the certificates of the other's docks alone."""
        context = self.servers.served("store")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.others.certificate)
        context.maximum_version = newest
        return context

    @asynccontextmanager
    async def store(self, url: str, pin: tuple[str, ...]) -> AsyncIterator[TusStore]:
        async def pinned() -> tuple[str, ...]:
            return pin

        unshown = Unshown(url=url, tls=lambda: ClientTls(ca=self.servers.certificate).context, pinned=pinned)
        tls = ClientTls(ca=self.servers.certificate, cert=self.cert).context
        store = TusStore(url, token=lambda: "secret", patience=PATIENT, tls=tls, unshown=unshown)
        try:
            yield store
        finally:
            await store.close()

    async def error(self, url: str, pin: tuple[str, ...]) -> DockdError:
        async with self.store(url, pin) as store:
            with pytest.raises(DockdError) as raised:
                await store.identify()
            return raised.value


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("force"))


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("which", ["another", "the pinned one"])
async def test_it_is_said_which_store_ends_the_line_and_it_is_told_nothing(
    scene: Scene, newest: ssl.TLSVersion, which: str
) -> None:
    there, own = Listening(), Listening()
    with Running(there, tls=scene.tls(newest=newest)) as running:
        error = await scene.error(running.url, there.pin if which == "the pinned one" else own.pin)
    assert type(error) is (Refused if which == "the pinned one" else WrongStore)
    assert ("client_cert_file" if which == "the pinned one" else there.shelf.store_id) in error.message
    assert there.shelf.asked == ["GET /.well-known/dockd-store"] * 2
    assert there.shown == [(False, None)] * 2


@pytest.mark.parametrize("make", [Turned, lambda: HonestStore(kind="digests")], ids=["another at each look", "no keys"])
async def test_what_is_not_found_twice_or_has_no_keys_is_not_said(
    scene: Scene, make: Callable[[], HonestStore]
) -> None:
    with Running(make(), tls=scene.tls()) as running:
        assert type(await scene.error(running.url, ("k" * 43,))) in (Refused, StoreDown)


async def test_before_one_is_pinned_nobody_is_asked(scene: Scene) -> None:
    there = Listening()
    with Running(there, tls=scene.tls()) as running:
        assert type(await scene.error(running.url, ())) in (Refused, StoreDown)
    assert there.shelf.asked == []


@pytest.fixture
def nobody() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"https://127.0.0.1:{taken.getsockname()[1]}/files/"


async def test_where_nobody_answers_or_is_believed_it_is_down_as_before(scene: Scene, nobody: str) -> None:
    assert "was replaced" not in (await scene.error(nobody, ("k" * 43,))).message
    there = Listening()
    with Running(there, tls=scene.others.served("store")) as running:
        error = await scene.error(running.url, ("k" * 43,))
    assert type(error) is StoreDown
    assert "certificate is not taken" in error.message
    assert there.shelf.asked == []


async def test_a_store_that_takes_it_is_asked_once(scene: Scene) -> None:
    there = Listening()
    context = scene.tls()
    context.load_verify_locations(scene.own.certificate)
    with Running(there, tls=context) as running:
        async with scene.store(running.url, there.pin) as store:
            assert (await store.identify()).id == there.shelf.store_id
    assert there.shown == [(True, "Bearer secret")]
