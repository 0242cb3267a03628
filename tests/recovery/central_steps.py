"""Run one upload from announcement to receipt again and again, each time killed after one more step on the disk.

A program of its own, because it forks: `python -m tests.recovery.central_steps FOLDER` makes FOLDER/1, FOLDER/2 ... and
prints, for each, one line of JSON with what the client was told before the kill. The last run is not killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from ingest.central import CentralStore
from ingest.central.disk import Disk
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, announced

CONTENT = bytes(range(251)) * 1500  # 376,500 bytes: five windows and a ragged end
FIRST = 150_001


class KilledDisk(Disk):
    """Takes `steps` steps, and then the process is gone: SIGKILL, in the middle of everything else."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def _stepped(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self, path: Path) -> None:
        super().create(path)
        self._stepped()

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._stepped()

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        super().write(fd, view[: len(view) // 2], at=at)  # torn
        self._stepped()
        super().write(fd, view[len(view) // 2 :], at=at + len(view) // 2)
        self._stepped()

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self._stepped()

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self._stepped()

    def move(self, source: Path, target: Path) -> None:
        super().move(source, target)
        self._stepped()

    def remove(self, paths: Sequence[Path]) -> None:
        for path in paths:
            super().remove([path])
            self._stepped()

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self._stepped()


async def scenario(root: Path, *, steps: int, tell: int) -> None:
    def told(**what: Any) -> None:
        os.write(tell, json.dumps(what).encode() + b"\n")

    async with (
        CentralStore(root, settings=SMALL, disk=KilledDisk(steps)) as store,
        aiohttp.ClientSession() as session,
    ):
        client = TusClient(store.url, session)
        path = await client.created(len(CONTENT), announced(CONTENT))
        told(path=path)
        told(offset=(await client.patch(path, 0, CONTENT[:FIRST])).offset)
        told(offset=await client.offset(path))
        answer = await client.patch(path, FIRST, CONTENT[FIRST:])
        told(offset=answer.offset)
        told(receipt=(await client.receipt(path, seq=3, head="a" * 64)).status)
        told(evidential=(await client.ask("POST", f"/api/v1/segments/{path[7:]}/evidential")).status)


def run(folder: Path, *, steps: int) -> dict[str, Any]:
    """One run in a child; what the client was told, and whether the child was killed."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        asyncio.run(scenario(folder / str(steps), steps=steps, tell=theirs))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as told:
        lines = [json.loads(line) for line in told]
    _, status = os.waitpid(child, 0)
    found: dict[str, Any] = {"steps": steps, "killed": os.WIFSIGNALED(status), "offsets": []}
    for line in lines:
        if "offset" in line:
            found["offsets"].append(line["offset"])
        else:
            found |= line
    return found


def main(folder: Path) -> None:
    steps = 1
    while True:
        found = run(folder, steps=steps)
        print(json.dumps(found), flush=True)
        if not found["killed"]:
            return
        steps += 1


if __name__ == "__main__":
    assert hashlib.sha256(CONTENT).hexdigest()
    main(Path(sys.argv[1]))
