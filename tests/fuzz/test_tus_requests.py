"""Raw requests to the embedded store: it answers each or lets the line go, never with 500, and what it says that it has is whole on its disk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from hypothesis import strategies as st

from ingest.central import CentralStore
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, announced
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
CONTENT = b"footage" * 30
STORED = b"stored before" * 30
CHECKSUM = f"sha256 {base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}"
SILENT = 3.0


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [
        f"{line} HTTP/1.1",
        "Host: 127.0.0.1",
        "Tus-Resumable: 1.0.0",
        *headers,
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def requests(upload: str, object: str) -> list[bytes]:
    """One of each kind; `upload` has no byte yet, `object` is whole."""
    said = f"Upload-Metadata: {announced(CONTENT, filename='DCIM/a.mp4', captured_at='2026-11-20T08:00:00Z', evidential='true')}"
    octets = "Content-Type: application/offset+octet-stream"
    return [
        request("POST /files/", f"Upload-Length: {len(CONTENT)}", said),
        request("POST /files/", f"Upload-Length: {len(CONTENT)}", said, octets, body=CONTENT),
        request("POST /files/", "Upload-Defer-Length: 1", said),
        request(f"PATCH {upload}", "Upload-Offset: 0", octets, body=CONTENT[:50]),
        request(f"PATCH {upload}", "Upload-Offset: 50", octets, f"Upload-Checksum: {CHECKSUM}", body=CONTENT[50:]),
        request(f"PATCH {upload}", "Upload-Offset: 0", octets, f"Upload-Checksum: {CHECKSUM}", body=CONTENT),
        request(f"PATCH {object}", "Upload-Offset: 0", octets, body=b"over it"),
        request(f"HEAD {upload}"), request(f"HEAD {object}", "Want-Repr-Digest: sha-256=10"),
        request(f"GET {object}", "Range: bytes=5-20"), request(f"GET {object}", "Range: bytes=-5,1-2"),
        request(f"GET {object}/receipt?nonce=0123456789abcdef&head={'ab' * 32}&seq=5&dock=d"),
        request(f"DELETE {upload}"), request(f"DELETE {object}"), request("OPTIONS /files/"),
        request("GET /api/v1/segments?after=&limit=5"), request("POST /api/v1/segments/x/evidential"),
        request("GET /.well-known/dockd-store"), request("GET /files/../../../../etc/passwd"), request("GET /files/%2e%2e%2fkeys%2fring.json"),
    ]  # fmt: skip


class Attack:
    """One store for all examples; each sends several requests, one behind the other on one line, in pieces."""

    def __init__(self, root: Path, session: aiohttp.ClientSession, store: CentralStore) -> None:
        self.root, self.client = root, TusClient(store.url, session)
        self.where = urlsplit(store.url)
        self.kept: dict[str, str] = {}
        self.object = ""

    async def sent(self, pieces: list[bytes]) -> list[int]:
        """The statuses of what came back until the line was silent or gone."""
        reader, writer = await asyncio.open_connection(self.where.hostname, self.where.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(SILENT):
                answer = await reader.read(-1)
        except (ConnectionError, TimeoutError):
            answer = b""
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        return [
            int(line[9:12]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ") and line[9:12].isdigit()
        ]

    async def whole(self) -> None:
        """All that the store says that it has, is on its disk as it says; and what it had, it has."""
        said: dict[str, Any] = (await self.client.ask("GET", "/api/v1/segments?limit=1000")).json()
        for one in said["segments"]:
            file = self.root / "objects" / one["id"][:2] / one["id"]
            assert hashlib.sha256(file.read_bytes()).hexdigest() == one["sha256"], one
            assert file.stat().st_size == one["size"]
        now = {one["id"]: one["sha256"] for one in said["segments"]}
        assert now | self.kept == now, "an object is gone, or another"
        self.kept = now


def test_requests_that_are_none(budget: Budget, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with asyncio.Runner() as runner:

        async def begin() -> tuple[CentralStore, aiohttp.ClientSession, Attack]:
            store = await CentralStore(tmp_path / "root", settings=SMALL).__aenter__()
            session = aiohttp.ClientSession()
            attack = Attack(tmp_path / "root", session, store)
            attack.object = await attack.client.stored(STORED)
            return store, session, attack

        async def one(attack: Attack, spoil: st.DataObject, chosen: list[int], size: int) -> None:
            upload = await attack.client.created(len(CONTENT), announced(CONTENT, segment=str(len(attack.kept))))
            kinds = requests(upload, attack.object)
            sent = b"".join(spoil.draw(damaged(kinds[number % len(kinds)], most=3)) for number in chosen)
            statuses = await attack.sent([sent[start : start + size] for start in range(0, len(sent), size)])
            assert not {500, 502, 505} & set(statuses), statuses
            await attack.whole()
            assert not [record for record in caplog.records if record.exc_info], caplog.text

        store, session, attack = runner.run(begin())
        outside = sorted(tmp_path.iterdir())
        try:

            def hold(spoil: st.DataObject, chosen: list[int], size: int) -> None:
                runner.run(one(attack, spoil, chosen, size))
                assert sorted(tmp_path.iterdir()) == outside

            budget.spend(
                hold, st.data(), st.lists(st.integers(0, 100), min_size=1, max_size=4), st.sampled_from((1 << 20, 1 << 20, 100, 7)), shares=4
            )  # fmt: skip
        finally:
            runner.run(session.close())
            runner.run(store.__aexit__())
    assert json.loads((tmp_path / "root" / "keys" / "ring.json").read_text())["history"] == []
