"""Tokens: who is let in, who owns what, and where the store may listen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ingest.central import CentralStore, StoreUnusableError
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TUS, TusClient, announced, until

CONTENT = os.urandom(10_000)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# racks\n\nalpha-token-0001 # rack 1\nbeta#token-0002\n")
    return path


@pytest.fixture
async def guarded(tmp_path: Path, token_file: Path) -> AsyncIterator[CentralStore]:
    async with CentralStore(tmp_path / "root", listen=("0.0.0.0", 0), token_file=token_file, settings=SMALL) as store:
        yield store


def as_(token: str | None, guarded: CentralStore, session: aiohttp.ClientSession) -> TusClient:
    return TusClient(guarded.url.replace("0.0.0.0", "127.0.0.1"), session, token=token)


@pytest.mark.parametrize(
    "token", [None, "", "gamma", "beta", "alpha-token-000", "alpha-token-00011", "rack 1", "#", "ключ"]
)
async def test_without_a_known_token_nothing_is_told(
    guarded: CentralStore, session: aiohttp.ClientSession, token: str | None
) -> None:
    stranger = as_(token, guarded, session)
    for method, path in (
        ("POST", "/files/"),
        ("HEAD", "/files/" + "0" * 32),
        ("GET", "/files/" + "0" * 32),
        ("GET", "/files/" + "0" * 32 + "/receipt"),
        ("GET", "/api/v1/segments"),
        ("POST", "/api/v1/segments/" + "0" * 32 + "/evidential"),
        ("GET", "/anything"),
    ):
        answer = await stranger.ask(method, path, headers={**TUS, "Upload-Length": "5"})
        assert answer.status == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await stranger.ask("GET", "/.well-known/dockd-store")).status == 200
    assert (await stranger.ask("OPTIONS", "/files/")).status == 204


async def test_other_schemes_do_not_count(guarded: CentralStore, session: aiohttp.ClientSession) -> None:
    url = guarded.url.replace("0.0.0.0", "127.0.0.1")
    for value in ("Basic alpha-token-0001", "alpha-token-0001", "Bearer"):
        async with session.get(f"{url}/api/v1/segments", headers={"Authorization": value}) as got:
            assert got.status == 401


async def test_what_one_token_made_another_may_not_change(
    guarded: CentralStore, session: aiohttp.ClientSession
) -> None:
    alpha, beta = as_("alpha-token-0001", guarded, session), as_("beta#token-0002", guarded, session)
    path = await alpha.created(len(CONTENT), announced(CONTENT))
    assert (await beta.ask("DELETE", path, headers=TUS)).status == 403
    assert (await beta.patch(path, 0, b"poison")).status == 403
    assert (await beta.created(len(CONTENT), announced(CONTENT))) != path
    assert (await alpha.patch(path, 0, CONTENT)).status == 204
    assert (await beta.receipt(path)).status == 200
    assert (await beta.create(len(CONTENT), announced(CONTENT, segment="other"))).headers["Location"] != path


async def test_the_log_names_the_token_and_never_shows_it(
    guarded: CentralStore, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    alpha, beta = as_("alpha-token-0001", guarded, session), as_("beta#token-0002", guarded, session)
    path = await alpha.stored(CONTENT)
    await alpha.ask("GET", path)
    await beta.ask("GET", path)
    assert [e.who for e in await guarded.records.entries(object=path[7:])] == ["rack 1", "token on line 4"]
    everything = b"".join(p.read_bytes() for p in (tmp_path / "root").rglob("*") if p.is_file())
    assert b"alpha-token-0001" not in everything


async def test_the_file_is_read_again_when_it_changes(
    guarded: CentralStore, session: aiohttp.ClientSession, token_file: Path
) -> None:
    alpha, gamma = as_("alpha-token-0001", guarded, session), as_("gamma-token-0003", guarded, session)
    path = await alpha.created(10)
    token_file.write_text("alpha-token-0001\ngamma-token-0003\n")
    await until(lambda: gamma.head(path), lambda answer: answer.status == 200)
    assert (await alpha.patch(path, 0, b"x")).status == 204  # its name changed, its uploads are still its own
    token_file.write_text("gamma-token-0003\n")
    await until(lambda: alpha.head(path), lambda answer: answer.status == 401)
    token_file.unlink()
    await until(lambda: gamma.head(path), lambda answer: answer.status == 401)


async def test_without_a_token_file_only_loopback(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7"):
        with pytest.raises(StoreUnusableError, match="--token-file"):
            async with CentralStore(tmp_path / "root", listen=(host, 0)):
                pass
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("content", ["", "# only a comment\n", "two words here\n", "\xff" * 3])
async def test_token_files_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StoreUnusableError, match="tokens cannot be used"):
        async with CentralStore(tmp_path / "root", token_file=path):
            pass
