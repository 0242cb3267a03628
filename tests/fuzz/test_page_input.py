"""Raw requests to the page's server: none changes anything but the count of those who were refused, none is answered with 500, and only names of this machine are served."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import strategies as st
from prometheus_client import generate_latest

from dockd.page.server import address_of, page, take_address
from dockd.page.view import View
from dockd.settings import ListenAddress
from ingest.ledger import Ledger, cameras, segments
from ingest.model import Listed, folder_camera
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged
from tests.unit.dockd.page.test_view import sources

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
SILENT = 3.0
ADDRESSES = (
    "/", "/wall", "/bays", "/bays/1", "/problems", "/footage", "/cameras", "/cameras/CAM", "/handover", "/activity", "/system", "/help", "/login",
    "/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/bays", "/api/v1/bays/1", "/api/v1/cameras?after=&limit=5", "/api/v1/cameras/CAM",
    "/api/v1/segments?after=&limit=10", "/api/v1/segments?camera=CAM&held=1&after=x", "/api/v1/segments/SEGMENT", "/api/v1/segments/SEGMENT/custody?after=0&limit=3",
    "/api/v1/problems", "/api/v1/activity?after=5&limit=2", "/api/v1/openapi.json", "/static/dockd.css", "/static/../../etc/passwd",
)  # fmt: skip


def request(address: str, *, method: str = "GET", host: str = "127.0.0.1") -> bytes:
    lines = [
        f"{method} {address} HTTP/1.1", f"Host: {host}", "Accept: application/json", 'If-None-Match: "x"', "Origin: http://127.0.0.1",
        "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


async def _metrics() -> tuple[bytes, str]:
    return generate_latest(), "text/plain"


def test_requests_that_are_none(budget: Budget, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async def begin() -> tuple[Ledger, str]:
        ledger = await Ledger.open(tmp_path / "ledger.db", keys=tmp_path / "keys")
        camera = folder_camera(b"CAM")
        docking = await ledger.commit(lambda tx: cameras.docked(tx, camera, bay=1, source="test"))
        file = Listed(path=b"\xff<b>.mp4", size=5, mtime_ns=10**18, ctime_ns=1, dev=1, ino=1)
        segment = await ledger.commit(lambda tx: segments.listed(tx, camera="CAM", docking=docking, file=file))
        return ledger, segment

    async def ask(url: str, sent: bytes) -> bytes:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        answer = b""
        try:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(SILENT):
                answer = await reader.read(-1)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        return answer

    async def all_of_it() -> None:
        ledger, segment = await begin()
        told = sources(tmp_path, ledger)
        sock = take_address(ListenAddress(host="127.0.0.1", port=0))
        url = address_of(sock)
        before = ledger.head.seq
        async with page(sources=told, view=View(told), sock=sock, metrics=_metrics):
            asking = asyncio.get_running_loop()

            def actions(connection: sqlite3.Connection) -> list[str]:
                return [
                    action for (action,) in connection.execute("SELECT action FROM custody WHERE seq > ?", (before,))
                ]

            def hold(spoil: st.DataObject, numbers: list[int], method: str) -> None:
                whole = [
                    request(ADDRESSES[n % len(ADDRESSES)].replace("SEGMENT", segment), method=method) for n in numbers
                ]
                sent = b"".join(spoil.draw(damaged(one, most=3)) for one in whole)
                answer = asyncio.run_coroutine_threadsafe(ask(url, sent), asking).result(30)
                statuses = [line[9:12] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
                assert b"500" not in statuses, answer[:2000]
                assert b"Traceback" not in answer
                assert b"root:" not in answer
                recorded = asyncio.run_coroutine_threadsafe(ledger.read(actions), asking).result(30)
                assert set(recorded) <= {"user.refused"}, recorded
                assert not [record for record in caplog.records if record.exc_info], caplog.text

            methods = st.sampled_from(("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "DELETE", "G\u00e9T"))
            await asyncio.to_thread(
                budget.spend, hold, st.data(), st.lists(st.integers(0, 200), min_size=1, max_size=3), methods, shares=2
            )
            for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1", "127.0.0.1:99999999"):
                answer = await ask(url, request("/api/v1/status", host=host))
                assert b'"ready"' not in answer, host
        await ledger.close()

    asyncio.run(all_of_it())
