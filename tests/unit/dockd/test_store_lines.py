"""What the settings say of the line to the store reaches the adapter: proxy, its password, authorities and certificates."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from dockd.settings import defaults
from dockd.settings.schema import StoreSettings
from dockd.store_kinds import Misconfigured, Needs, store_of
from ingest.errors import StoreDown
from ingest.store.line import Patience
from tests.simulators.authority import Authority
from tests.simulators.proxy import ForwardProxy
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running


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
