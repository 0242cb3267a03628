"""An announcement makes something at the store: where its answer does not come, nobody may ask for it a second time by himself."""

from __future__ import annotations

import asyncio

import pytest

from ingest.errors import StoreDown
from ingest.store.tus import TusStore
from tests.contract.store.exam import described


async def test_an_announcement_whose_answer_is_cut_is_not_made_twice() -> None:
    asked: list[bytes] = []

    async def takes_it_and_hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ", 1)[0])
        writer.close()

    server = await asyncio.start_server(takes_it_and_hangs_up, "127.0.0.1", 0)
    store = TusStore(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/files/")
    try:
        with pytest.raises(StoreDown):
            await store.announce(described(b"footage"))
        assert asked == [b"POST"]
        with pytest.raises(StoreDown):
            await store.offset(f"{store.url}one", size=7)
        assert asked.count(b"HEAD") > 1, "a question does no harm, asked again"
    finally:
        await store.close()
        server.close()
