"""What the settings say of the line to the store reaches the adapter: proxy, its password, authorities and certificates."""

from __future__ import annotations

import base64
import contextlib
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from dockd.settings import defaults
from dockd.settings.schema import StoreSettings
from dockd.store_kinds import Misconfigured, Needs, client_tls, store_of
from ingest.errors import Refused, StoreDown
from ingest.store.line import Patience
from ingest.store.tls import CertificateUnusable, ClientTls
from tests.simulators.authority import Authority
from tests.simulators.proxy import ForwardProxy
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running
from tests.simulators.stores.s3 import HonestS3
from tests.simulators.stores.s3_running import RunningS3


async def _founded() -> bool:
    return True


NEEDS = Needs(founds=_founded, observe=lambda _method, _seconds: None, patience=Patience(stall=5, answer=5, settle=5))


def settings(url: str, **more: object) -> StoreSettings:
    return replace(defaults().store, url=url, **more)  # type: ignore[arg-type]


async def test_the_proxy_of_the_settings_is_used_with_what_its_file_says_now(tmp_path: Path) -> None:
    secret = tmp_path / "proxy.auth"
    secret.write_text("station:an old one\n")
    with Running(HonestStore()) as running, ForwardProxy(auth="station:p#ss word") as proxy:
        store = store_of(settings(running.url, proxy=proxy.url, proxy_auth_file=secret), needs=NEEDS)
        secret.write_text("station:p#ss word\nwhat follows is not for it\n")  # it was changed: no restart is needed
        await store.identify()
        await store.close()
    assert base64.b64encode(b"station:p#ss word") in proxy.heads[-1]


async def test_the_token_is_sent_whole_as_its_file_says_now(tmp_path: Path) -> None:
    seen: list[str | None] = []

    class Notes(HonestStore):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            seen.append(request.headers.get("Authorization"))
            return await super().answer(request)

    secret = tmp_path / "store.token"
    with Running(Notes()) as running:
        store = store_of(settings(running.url, token_file=secret), needs=NEEDS)
        for text in ("an-old-one\n", "# the store's\n#an-old-one\nab#cd#  # since May\n"):
            secret.write_text(text)
            await store.identify()
        await store.close()
    assert list(dict.fromkeys(seen)) == ["Bearer an-old-one", "Bearer ab#cd#"]


@pytest.mark.parametrize("kind", ["tus", "s3"])
async def test_each_kind_goes_through_it(tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key"
    key.write_text("AKIA0 secret\n")
    with ForwardProxy() as proxy:
        proxy.refuses = 503
        named = settings("https://127.0.0.1:9/bucket", kind=kind, proxy=proxy.url, token_file=key)
        store = store_of(named, needs=NEEDS)
        with pytest.raises(StoreDown, match="the proxy .* answered 503"):
            await store.identify()
        await store.close()
    assert all(head.startswith(b"CONNECT 127.0.0.1:9 ") for head in proxy.heads)


def test_authorities_and_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "nonsense").write_text("nonsense")
    for named, said in (
        ({"ca_file": tmp_path / "nonsense"}, "store.ca_file: .*nonsense holds no PEM certificates"),
        ({"ca_file": tmp_path / "absent"}, "store.ca_file: .*absent"),
        (
            {"client_cert_file": authority.certificate, "client_key_file": tmp_path / "nonsense"},
            "store.client_cert_file and",
        ),
    ):
        with pytest.raises(Misconfigured, match=said):
            store_of(settings("https://127.0.0.1:9", **named), needs=NEEDS)


def demanding(authority: Authority) -> ssl.SSLContext:
    """A server that speaks to nobody without a certificate of this authority."""
    context = authority.served("store")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    return context


@pytest.mark.parametrize("kind", ["tus", "s3"])
async def test_a_server_that_wants_a_client_certificate_is_shown_the_docks(tmp_path: Path, kind: str) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    tls = demanding(authority)
    with Running(HonestStore(), tls=tls) as tus, RunningS3(HonestS3(), tls=tls) as s3:
        key = tmp_path / "key"
        key.write_text(s3.far.vault.credentials() or "")
        url = tus.url if kind == "tus" else s3.bucket_url

        async def asked(certificate: Path | None) -> str:
            more: dict[str, object] = {
                "ca_file": authority.certificate,
                "client_cert_file": certificate,
                "client_key_file": certificate,
            }
            store = store_of(
                settings(url, kind=kind, **more, **({"token_file": key} if kind == "s3" else {})), needs=NEEDS
            )
            try:
                return (await store.identify()).id
            finally:
                await store.close()

        assert await asked(authority.issue("dock", for_="DNS:dock"))
        for wrong in (None, other.issue("dock", for_="DNS:dock"), authority.issue("old", for_="DNS:dock", days=-1)):
            with pytest.raises((StoreDown, Refused)):
                await asked(wrong)


async def test_what_the_store_shows_is_known_once_it_is_believed(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    with Running(HonestStore(), tls=authority.served("store")) as running:
        for believed in (authority, other):
            named = settings(running.url, ca_file=believed.certificate)
            tls = client_tls(named)
            assert tls is not None
            store = store_of(named, needs=replace(NEEDS, tls=tls))
            with contextlib.suppress(StoreDown):
                await store.identify()
            await store.close()
            assert (tls.shown is not None) == (believed is authority)


def test_a_renewed_pair_is_tried_before_it_is_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "a")
    mine = tmp_path / "dock.pem"
    mine.write_bytes(authority.issue("dock").read_bytes())
    tls = ClientTls(ca=authority.certificate, cert=mine)
    assert not tls.take(tls.look())
    mixed = (
        authority.issue("one").read_text().partition("-----BEGIN CERT")[0]
        + "-----BEGIN CERT"
        + authority.issue("two").read_text().partition("-----BEGIN CERT")[2]
    )
    for wrong in (mixed.encode(), b"", b"nonsense", mine.read_bytes()[:300]):
        mine.write_bytes(wrong)
        with pytest.raises(CertificateUnusable, match="no pair that can be read"):
            tls.look()
    mine.write_bytes(authority.issue("again").read_bytes())
    assert tls.take(tls.look())
    assert not tls.take(tls.look())
