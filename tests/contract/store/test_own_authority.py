"""A certificate authority of a force's own: the store that shows its certificate is spoken to, any other is told nothing at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ingest.errors import StoreDown
from ingest.store.line import Patience, Proxy
from ingest.store.tus import TusStore
from tests.contract.store.exam import delivered
from tests.simulators.authority import Authority
from tests.simulators.proxy import ForwardProxy
from tests.simulators.stores.honest import HonestStore
from tests.simulators.stores.running import Running

PATIENT = Patience(connect=5, stall=5, answer=5, settle=5)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    """The force's own, and somebody's."""
    folder = tmp_path_factory.mktemp("authorities")
    return Authority(folder / "own"), Authority(folder / "other")


@pytest.fixture(params=["straight", "proxy"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy | None]:
    if request.param == "straight":
        yield None
        return
    with ForwardProxy() as running:
        yield Proxy(url=running.url)


async def test_its_own_store_is_spoken_to(authorities: tuple[Authority, Authority], proxy: Proxy | None) -> None:
    own, _ = authorities
    with Running(HonestStore(), tls=own.served("store")) as running:
        store = TusStore(running.url, patience=PATIENT, tls=own.trusted(), proxy=proxy)
        await store.identify()
        await delivered(store, b"footage" * 10_000)
        await store.close()


@pytest.mark.parametrize(
    ("by", "for_", "days", "said"),
    [
        ("other", "IP:127.0.0.1", 2, r"its certificate is not taken: .*issuer.*store\.ca_file"),
        ("own", "IP:127.0.0.1", -1, r"its certificate is not taken: .*expired.*This station's clock says"),
        ("own", "DNS:store.example.org", 2, r"its certificate is not taken: .*127\.0\.0\.1.*store\.url"),
    ],
    ids=["somebody's", "expired", "another name"],
)
async def test_any_other_is_told_nothing(
    authorities: tuple[Authority, Authority], proxy: Proxy | None, by: str, for_: str, days: int, said: str
) -> None:
    own, other = authorities
    shown = (own if by == "own" else other).served(f"store{days}{for_[:3]}", for_=for_, days=days)
    with Running(HonestStore(), tls=shown) as running:
        store = TusStore(running.url, patience=PATIENT, tls=own.trusted(), token=lambda: "secret", proxy=proxy)
        with pytest.raises(StoreDown, match=said):
            await store.identify()
        await store.close()
        assert running.store.shelf.asked == []


async def test_where_none_is_named_the_operating_systems_are_believed(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    own, _ = authorities
    with Running(HonestStore(), tls=own.served("system")) as running:
        store = TusStore(running.url, patience=PATIENT)
        with pytest.raises(StoreDown, match=r"its certificate is not taken: .*store\.ca_file"):
            await store.identify()
        await store.close()
        assert running.store.shelf.asked == []


async def test_the_simulated_store_ends_though_the_other_end_says_no_farewell(
    authorities: tuple[Authority, Authority],
) -> None:
    """Else a line stays open behind it, and the warning of that fails whichever test is at work by then."""
    own, _ = authorities
    shown, believed = own.served("silent"), own.trusted()
    before = len(os.listdir("/proc/self/fd"))
    with Running(HonestStore(), tls=shown) as running:
        where = urlsplit(running.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port, ssl=believed)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline()
    writer.transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= before
