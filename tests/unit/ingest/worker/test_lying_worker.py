"""A worker that was taken over by what is on a card, and says what no worker says: it is given up, and nothing but its camera is concerned."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingest.errors import CameraGone
from ingest.model import Listed
from ingest.worker import frames
from ingest.worker.pool import Worker, WorkerDied

FILE = Listed(path=b"a", size=1, mtime_ns=2, ctime_ns=3, dev=4, ino=5)
LISTED = frames.of_listed(FILE)
PERMIT = frames.to_permit({"id": 1, "camera": "C", "device": "1:2", "segments": [], "deadline_ns": 5, "boot_id": "b"})
Question = Callable[[Worker], Awaitable[Any]]


def listing(worker: Worker) -> Awaitable[Any]:
    return worker.listing()


def proof(worker: Worker) -> Awaitable[Any]:
    return worker.prove(FILE, segment="0" * 32, progress=lambda _what, _done: None)


async def told(*said: frames.Frame, ask: Question) -> Worker:
    """A worker that answers with these frames, after it was asked."""
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    process.stdin.write(
        b"".join(map(frames.encode, said))
    )  # what it is asked comes out behind it, and is not read any more
    worker = Worker(process, silence=5.0)
    try:
        await ask(worker)
    finally:
        worker.leave()
        await worker.gone()
    return worker


@pytest.mark.parametrize(
    ("said", "ask"),
    [
        ([{"ok": 1}], listing),
        ([{"ok": {}}], proof),
        ([{"ok": {"sha256": None}}], proof),
        ([{"ok": {"sha256": "not one"}}], proof),
        ([{"progress": "proven", "bytes": "x"}, {"ok": {"sha256": "00" * 32}}], proof),
        ([{"files": 5}, {"ok": {}}], listing),
        ([{"files": [{**LISTED, "size": -1}]}, {"ok": {}}], listing),
        ([{"files": [{**LISTED, "mtime_ns": 1 << 63}]}, {"ok": {}}], listing),
        ([{"files": [{**LISTED, "ino": float("inf")}]}, {"ok": {}}], listing),
        ([{"ok": {"gone": [], "kept": 1}}], lambda worker: worker.wipe(PERMIT)),
        ([{"ok": {"battery_percent": None, "clock_offset_seconds": float("nan")}}], lambda worker: worker.vitals()),
        ([{"ok": {"battery_percent": float("inf"), "clock_offset_seconds": 0}}], lambda worker: worker.vitals()),
        ([{"ok": {"device_id": "x", "vitals": [], "clock_set": True}}], lambda worker: worker.vitals()),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "asked",
)  # fmt: skip
async def test_what_has_no_meaning(said: list[frames.Frame], ask: Question) -> None:
    with pytest.raises(WorkerDied, match="has no meaning"):
        await told(*said, ask=ask)


@pytest.mark.parametrize("name", ["LedgerUnusable", "StoreDishonest", "DockdError", "Stop", "Any"])
async def test_it_cannot_make_all_stop(name: str) -> None:
    with pytest.raises(CameraGone):
        await told({"error": name, "message": "give up"}, ask=listing)
