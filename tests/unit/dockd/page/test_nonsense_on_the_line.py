"""Whoever can reach the page can send it nonsense; the log stays for what concerns somebody."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dockd.page.server import address_of, page, take_address
from dockd.page.view import View
from dockd.settings import ListenAddress
from ingest.ledger import Ledger
from tests.unit.dockd.page.test_view import sources


async def no_metrics() -> tuple[bytes, str]:
    return b"", "text/plain"


@pytest.mark.parametrize(
    "sent",
    [b"GET / H\r\n\r\n", b"GET / HTTP/1.1\r\nHo\nst: x\r\n\r\n", b"GET / HTTP/1.1\r\nOrigin* x\r\n\r\n"],
    ids=str,
)
async def test_nonsense_leaves_no_traceback(sent: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
    try:
        told = sources(tmp_path, ledger)
        sock = take_address(ListenAddress(host="127.0.0.1", port=0))
        where = urlsplit(address_of(sock))
        async with page(sources=told, view=View(told), sock=sock, metrics=no_metrics):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(sent)
            assert b" 400 " in (await reader.read()).splitlines()[0]
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    finally:
        await ledger.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
