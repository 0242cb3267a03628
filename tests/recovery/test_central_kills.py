"""The real command, SIGKILLed at moments that nobody chose, while bytes are coming in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.contract.central.store_process import StoreProcess
from tests.contract.central.tus_client import Answer, TusClient, announced

CONTENT = random.Random(7).randbytes(6_000_000)
PIECE = 50_000


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def send(client: TusClient, path: str, at: int) -> Answer:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(at, len(CONTENT), PIECE):
            yield CONTENT[start : start + PIECE]

    return await client.patch(path, at, pieces())


async def kill_after(store: StoreProcess, seconds: float) -> None:
    await asyncio.sleep(seconds)  # the very point: a moment that no event tells
    await store.kill()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_in_the_middle_of_uploads_it_goes_on_from_what_it_said(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    arguments = ("--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0")
    paths: list[str] = []
    reported = [0, 0, 0]
    store = StoreProcess(*arguments)
    for round in range(7):
        store = await StoreProcess(*arguments).start()
        async with aiohttp.ClientSession() as session:
            client = TusClient(store.url, session)
            for n in range(3):
                answer = await client.create(len(CONTENT), announced(CONTENT, segment=f"seg-{n}"))
                if round == 0:
                    paths.append(answer.headers["Location"])
                assert answer.headers["Location"] == paths[n]
                assert await client.offset(paths[n]) == answer.offset >= reported[n]
                reported[n] = answer.offset
            todo = [n for n in range(3) if reported[n] < len(CONTENT)]
            if round == 6:
                for n in todo:
                    assert (await send(client, paths[n], reported[n])).offset == len(CONTENT)
                break
            # A small whole PATCH first, so that there is an offset that was said and must not be taken back.
            for n in todo:
                few = CONTENT[reported[n] : reported[n] + dice.randrange(1, 300_000)]
                got = await client.patch(paths[n], reported[n], few)
                reported[n] = got.offset
            todo = [n for n in todo if reported[n] < len(CONTENT)]
            sending = [asyncio.create_task(send(client, paths[n], reported[n])) for n in todo]
            await kill_after(store, dice.uniform(0, 0.06))
            for n, got_or_cut in zip(todo, await asyncio.gather(*sending, return_exceptions=True), strict=True):
                if isinstance(got_or_cut, Answer):
                    reported[n] = got_or_cut.offset
                else:
                    assert isinstance(got_or_cut, aiohttp.ClientError)
    async with aiohttp.ClientSession() as session:
        client = TusClient(store.url, session)
        for path in paths:
            assert (await client.ask("GET", path)).body == CONTENT
            assert (await client.receipt(path)).status == 200
        listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert {f"/files/{segment['id']}" for segment in listed} == set(paths)
        assert len(listed) == 3
    code, _ = await store.end()
    assert code == 0


async def test_a_lost_index_is_rebuilt_and_a_damaged_one_put_aside(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    root = tmp_path / "root"
    arguments = ("--root", str(root), "--listen", "127.0.0.1:0")
    store = await StoreProcess(*arguments).start()
    client = TusClient(store.url, session)
    paths = [await client.stored(bytes([n]) * 1000, announced(bytes([n]) * 1000, segment=f"s{n}")) for n in range(5)]
    await client.ask("POST", f"/api/v1/segments/{paths[2][7:]}/evidential")
    last = (await client.ask("GET", "/api/v1/segments?limit=4")).json()["next"]
    await store.kill()
    for damage in ("lost", "damaged"):
        for name in ("index.db", "index.db-wal", "index.db-shm"):
            (root / name).unlink(missing_ok=True)
        if damage == "damaged":
            (root / "index.db").write_bytes(b"not a database" * 1000)
        store = await StoreProcess(*arguments).start()
        client = TusClient(store.url, session)
        listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert {f"/files/{segment['id']}" for segment in listed} == set(paths)
        assert [s["id"] for s in listed if s["evidential"]] == [paths[2][7:]]
        # Whoever had read up to some place reads everything again, and misses nothing.
        assert len((await client.ask("GET", f"/api/v1/segments?after={last}")).json()["segments"]) == 5
        for n, path in enumerate(paths):
            assert (await client.receipt(path)).status == 200
            again = await client.create(1000, announced(bytes([n]) * 1000, segment=f"s{n}"))
            assert again.headers["Location"] == path
        await store.kill()
    assert list(root.glob("index.db.damaged-*"))


async def test_lost_records_are_not_invented(tmp_path: Path) -> None:
    root = tmp_path / "root"
    arguments = ("--root", str(root), "--listen", "127.0.0.1:0")
    store = await StoreProcess(*arguments).start()
    await store.end()
    (root / "records.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(AssertionError, match="kept for good and cannot be rebuilt"):
        await StoreProcess(*arguments).start()
