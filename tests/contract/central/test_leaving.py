"""A client that leaves in the middle of an answer: nothing is wrong with the store, and its log does not say so."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import pytest

from tests.contract.central.tus_client import TusClient


async def test_nobody_is_blamed_for_a_client_that_left(client: TusClient, caplog: pytest.LogCaptureFixture) -> None:
    path = await client.stored(b"footage" * 1000)
    where = urlsplit(client.url)
    for _ in range(20):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: store\r\n\r\n".encode() * 3)
        writer.write_eof()  # it takes the store's end for the line's: what is written then fails
        await reader.read()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert (await client.ask("GET", path)).status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
