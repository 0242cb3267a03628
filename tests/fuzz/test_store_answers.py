"""Whole HTTP answers of a store, damaged: dockd has an answer's meaning or an error of its own, soon, and a proof only with 32 bytes of hash."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from ingest.errors import DockdError
from ingest.model import Claim, StoreIdentity, is_sha256
from ingest.store.line import Patience
from ingest.store.tus import TusStore
from tests.contract.store.exam import HEAD, described, slices_of
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged
from tests.simulators.stores.honest import HonestStore, Shelf, signature

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
CONTENT = b"footage" * 40
NONCE = "n" * 24
SHELF = Shelf()
SEGMENT = described(CONTENT)
CLAIMS = {
    "iss": SHELF.store_id, "sub": "x", "size": len(CONTENT), "sha256": SEGMENT.digest.sha256, "durable": True, "nonce": NONCE,
    "stored_at": "2026-11-20T10:54:00Z", "attested_at": "2026-11-20T10:54:00Z", "segment": SEGMENT.id, "camera": SEGMENT.camera,
    "seq": HEAD.seq, "head": HEAD.hash,
}  # fmt: skip
DIGEST = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
PATIENCE = Patience(stall=0.4, answer=0.4, settle=0.4)
LONGEST = 12.0  # three tries, each within its patience, on a machine that does other things too


def answered(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


WELL_KNOWN = json.dumps(HonestStore(SHELF).document()).encode()
# By kind of request, then by what the store announces.
WHOLE: dict[str, list[bytes]] = {
    "GET /.well-known": [answered("200 OK", "Content-Type: application/json", body=WELL_KNOWN), answered("404 Not Found")],
    "OPTIONS": [answered("204 No Content", "Tus-Resumable: 1.0.0", "Tus-Version: 1.0.0", "Want-Repr-Digest: sha-256=10")],
    "POST": [answered("201 Created", "Tus-Resumable: 1.0.0", "Location: /files/x"), answered("507 Insufficient Storage")],
    "HEAD": [
        f"HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {len(CONTENT)}\r\nUpload-Length: {len(CONTENT)}\r\n"
        f"Repr-Digest: sha-256=:{DIGEST}:\r\n\r\n".encode()
    ],
    "PATCH": [
        answered("204 No Content", "Tus-Resumable: 1.0.0", f"Upload-Offset: {len(CONTENT)}"),
        answered("429 Too Many Requests", "Retry-After: Fri, 20 Nov 2026 10:00:00 GMT"),
        answered("409 Conflict", "Content-Type: application/problem+json", body=b'{"title": "x", "detail": "y", "status": 409}'),
    ],
    "GET receipt": [
        answered("200 OK", "Content-Type: application/jwt", body=signature(CLAIMS, SHELF.keys[-1]).encode()),
        answered("409 Conflict", "Content-Type: application/json", body=json.dumps({"seq": 9, "head": "cd" * 32}).encode()),
    ],
    "GET": [answered("200 OK", body=CONTENT), answered("206 Partial Content", f"Content-Range: bytes 0-9/{len(CONTENT)}", body=CONTENT[:10])],
}  # fmt: skip
QUESTIONS: dict[str, Callable[[TusStore, str], Awaitable[Any]]] = {
    "identify": lambda store, _upload: store.identify(),
    "announce": lambda store, _upload: store.announce(SEGMENT),
    "offset": lambda store, upload: store.offset(upload, size=len(CONTENT)),
    "send": lambda store, upload: store.send(upload, offset=0, length=len(CONTENT), size=len(CONTENT), slices=slices_of(CONTENT)),
    "claim": lambda store, upload: store.claim(upload, SEGMENT, nonce=NONCE, head=HEAD, dock="dock"),
    "part": lambda store, upload: store.part(upload, offset=0, length=10, size=len(CONTENT)),
    "withdraw": lambda store, upload: store.withdraw(upload),
    "tempt": lambda store, _upload: store.tempt(SEGMENT, slices_of(b"x" + CONTENT[1:]), nonce=NONCE, head=HEAD, dock="dock"),
}  # fmt: skip


def right(question: str, found: Any) -> bool:
    """Whether an answer is of the kind that was asked for."""
    match question:
        case "identify":
            return isinstance(found, StoreIdentity) and bool(found.id)
        case "announce":
            return isinstance(found, str) and found.startswith("http://127.0.0.1:") and found.isprintable()
        case "offset" | "send":
            return isinstance(found, int) and 0 <= found <= len(CONTENT)
        case "claim":
            return isinstance(found, Claim) and is_sha256(found.sha256) and 0 <= found.size < 1 << 63
        case "part":
            return found is None or (isinstance(found, bytes) and len(found) == 10)
        case _:
            return found is None


class RawStore:
    """Answers each kind of request with the bytes that it was given, and lets the line go."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            writer.write(self.answers[kind_of(head)])
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def kind_of(head: bytes) -> str:
    method, path = head.split(b" ", 2)[:2]
    if path.startswith(b"/.well-known"):
        return "GET /.well-known"
    if b"/receipt" in path:
        return "GET receipt"
    return method.decode() if method.decode() in WHOLE else "POST"


@st.composite
def _scenes(draw: st.DrawFn) -> tuple[str, dict[str, bytes]]:
    answers = {kind: draw(st.sampled_from(whole)) for kind, whole in WHOLE.items()}
    for kind in draw(st.lists(st.sampled_from(sorted(WHOLE)), min_size=1, max_size=2)):
        answers[kind] = draw(damaged(answers[kind]))
    return draw(st.sampled_from(sorted(QUESTIONS))), answers


def test_answers_that_are_none(budget: Budget, caplog: pytest.LogCaptureFixture) -> None:
    raw = RawStore()

    async def ask(question: str) -> None:
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        store = TusStore(f"{url}/files/", patience=PATIENCE)
        try:
            with contextlib.suppress(DockdError):
                if question != "identify":
                    await store.identify()
                assert right(question, await QUESTIONS[question](store, f"{url}/files/x"))
        finally:
            await store.close()
            server.close()
            await server.wait_closed()

    with asyncio.Runner() as runner:

        def hold(scene: tuple[str, dict[str, bytes]]) -> None:
            question, raw.answers = scene
            began = time.monotonic()
            runner.run(ask(question))
            assert time.monotonic() - began < LONGEST
            assert not [one for one in caplog.records if one.exc_info], caplog.text

        budget.spend(hold, _scenes(), shares=3)
