"""The pipe between agent and worker, with a liar at either end.

A worker may have been taken over by what is on a card: the agent makes a worker's end of whatever it says, and nothing else. What an agent
asks is believed, but nothing is deleted that was not read, proven and permitted by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from ingest.camera.unlock import Conversation, Unlocked
from ingest.errors import DockdError, Hold, Retry
from ingest.model import CameraId, Digest, Listed, PermittedSegment, Skipped, Vitals, WipePermit
from ingest.worker import frames
from ingest.worker.child import Child
from ingest.worker.pool import Worker
from tests.fuzz.budget import Budget
from tests.fuzz.damage import damaged, spoiled

pytestmark = [pytest.mark.soak, pytest.mark.soak_short, pytest.mark.timeout(0)]
FILE = Listed(path=b"DCIM/a.mp4", size=700, mtime_ns=1, ctime_ns=2, dev=3, ino=4)
PERMIT = WipePermit(id=1, camera="CAM", device="1:2", segments=(), deadline_ns=1, boot_id="b")
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
SEGMENT = "0123456789abcdef" * 2


def _nothing(_what: str, _done: int) -> None:
    pass


# What each question is answered with, the question, and of what type its result has to be.
TALKS: dict[str, tuple[Sequence[frames.Frame], Callable[[Worker], Awaitable[Any]], Callable[[Any], bool]]] = {
    "list": (
        (
            {"files": [frames.of_listed(FILE)], "skipped": [frames.of_skipped(Skipped(path=b"x", kind="link", message="m"))]},
            {"ok": {"change_times": True}},
        ),
        lambda worker: worker.listing(),
        lambda found: all(isinstance(one, Listed) for one in found[0]) and all(isinstance(one, Skipped) for one in found[1]),
    ),
    "pull": (
        (
            {"progress": "copied", "bytes": 5},
            {"ok": {"size": 700, "sha256": "ab" * 32, "xxh3_128": "cd" * 16, "second_read": "direct"}},
        ),
        lambda worker: worker.pull(
            FILE, segment=SEGMENT, camera=CameraId(profile="folder", serial="CAM"), captured_at=1.0, spool=Path("/nowhere"), progress=_nothing,
        ),
        lambda found: (type(found[0]), type(found[0].size), type(found[1])) == (Digest, int, str),
    ),
    "prove": (
        ({"progress": "proven", "bytes": 5}, {"ok": {"sha256": "ab" * 32}}),
        lambda worker: worker.prove(FILE, segment=SEGMENT, progress=_nothing),
        lambda found: isinstance(found, str),
    ),
    "wipe": (
        ({"ok": {"gone": [{"segment": SEGMENT, "seen": "s"}], "kept": [{"segment": "x", "error": "SourceUnstable", "message": "m"}]}},),
        lambda worker: worker.wipe(PERMIT),
        lambda found: all(isinstance(one, str) for one in found[0]) and all(isinstance(one, DockdError) for one in found[1].values()),
    ),
    "open": (({"ok": {"device": "1:2"}},), lambda worker: worker.open(b"/nowhere"), lambda found: found is None),
    "refused": (
        ({"error": "Unreadable", "message": "a bad sector"},), lambda worker: worker.compare(FILE), lambda found: isinstance(found, str)
    ),
    "vitals": (
        ({"ok": {"battery_percent": 50, "clock_offset_seconds": 1.5}},),
        lambda worker: worker.vitals(),
        lambda found: isinstance(found, Vitals),
    ),
    "unlock": (
        ({"ok": {"device_id": "x", "vitals": {"battery_percent": None, "clock_offset_seconds": None}, "clock_set": True}},),
        lambda worker: worker.unlock(Conversation(ask_id="ID?"), bus=1, device=2),
        lambda found: isinstance(found, Unlocked),
    ),
}  # fmt: skip


def _encoded(frame: Any) -> bytes:
    try:
        return frames.encode(frame)
    except (ValueError, RecursionError):
        return b"\0\0\0\2{}"


@st.composite
def _answers(draw: st.DrawFn) -> tuple[str, bytes]:
    talk = draw(st.sampled_from(sorted(TALKS)))
    said = [draw(spoiled(frame)) for frame in TALKS[talk][0]]
    return talk, draw(damaged(b"".join(map(_encoded, said)), most=draw(st.sampled_from((0, 0, 2)))))


def test_a_worker_that_lies(budget: Budget) -> None:
    with tempfile.NamedTemporaryFile() as file, asyncio.Runner() as runner:

        async def ask(talk: str) -> None:
            _frames, question, right = TALKS[talk]
            process = await asyncio.create_subprocess_exec(
                "cat", file.name, stdin=PIPE, stdout=PIPE, limit=frames.LARGEST + 4
            )
            try:
                async with asyncio.timeout(10):
                    with contextlib.suppress(Retry, Hold):  # and no other: a Stop would end more than this camera
                        assert right(await question(Worker(process, silence=5.0)))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

        def hold(answer: tuple[str, bytes]) -> None:
            talk, said = answer
            file.seek(0)
            file.truncate()
            file.write(said)
            file.flush()
            runner.run(ask(talk))

        budget.spend(hold, _answers(), shares=2)


def test_what_a_worker_is_asked(budget: Budget, tmp_path: Path) -> None:
    """A file is deleted only where it was proven, and the permit names its bytes, this device and this boot, and has not run out."""
    contents = {b"a.mp4": b"footage" * 100, b"b.mp4": b"other" * 100}
    camera, spool = tmp_path / "CAM", tmp_path / "spool"
    camera.mkdir()
    spool.mkdir()
    numbers = itertools.count()

    def hold(change: Any, proven: bool) -> None:
        for name, content in contents.items():
            (camera / os.fsdecode(name)).write_bytes(content)
        said: list[frames.Frame] = []
        child = Child(said.append)
        child.answer({"op": "open", "root": os.fsencode(camera).hex()})
        device = said[-1]["ok"]["device"]
        child.answer({"op": "list"})
        listed = next(one for one in said[-2]["files"] if bytes.fromhex(one["path"]) == b"a.mp4")
        true = hashlib.sha256(contents[b"a.mp4"]).hexdigest()
        if proven:
            child.answer({"op": "prove", "file": listed, "segment": SEGMENT})
        named = PermittedSegment(segment=SEGMENT, path=b"a.mp4", size=len(contents[b"a.mp4"]), sha256=true)
        soon = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 60 * 10**9
        whole = WipePermit(
            id=next(numbers), camera="CAM", device=device, segments=(named,), deadline_ns=soon, boot_id=BOOT
        )
        asked: dict[str, Any] = {"op": "wipe", "permit": frames.of_permit(whole)} | (
            change if isinstance(change, dict) else {}
        )
        if isinstance(change, dict) and "permit" in change and isinstance(change["permit"], dict):
            asked["permit"] = frames.of_permit(whole) | change["permit"]
        with contextlib.suppress(frames.Nonsense, KeyError, TypeError, ValueError):
            child.answer(asked)
        child.answer({"op": "close"})
        assert (camera / "b.mp4").read_bytes() == contents[b"b.mp4"]
        if not (camera / "a.mp4").exists():
            used = frames.to_permit(asked["permit"])
            assert proven
            assert (used.device, used.boot_id) == (device, BOOT)
            assert used.deadline_ns >= time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 10 * 10**9
            assert named in used.segments
        assert not any(spool.iterdir())

    part = {
        "device": "1:2",
        "segments": [{"segment": SEGMENT, "path": b"b.mp4".hex(), "size": 500, "sha256": "00" * 32}],
        "deadline_ns": 5,
        "boot_id": "",
    }
    budget.spend(hold, st.just({}) | spoiled({"permit": part, "only": [SEGMENT]}), st.booleans())
