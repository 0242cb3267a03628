"""The store is killed after every single step that changes its disk. What it said before must still be so.

The oracle is the disk, independent hashing, and HTTP: nothing of the store's own code is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingest.central import CentralStore
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import TusClient, announced
from tests.recovery.central_steps import CONTENT

REPOSITORY = Path(__file__).parents[2]


async def killed_everywhere(folder: Path) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.recovery.central_steps",
        str(folder),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


async def check(root: Path, told: dict[str, Any], session: aiohttp.ClientSession) -> None:
    """Start again, finish what the client would, and see that everything that was said holds."""
    async with CentralStore(root, settings=SMALL) as store:
        client = TusClient(store.url, session)
        path = told.get("path")
        if path is not None:
            offset = await client.offset(path)
            assert offset >= max(told["offsets"], default=0)
            part = root / "uploads" / f"{path[7:]}.part"
            if offset < len(CONTENT):
                assert part.read_bytes()[:offset] == CONTENT[:offset]
        again = await client.create(len(CONTENT), announced(CONTENT))
        if path is not None:
            assert again.headers["Location"] == path
        path = again.headers["Location"]
        if again.offset < len(CONTENT):
            assert told.get("receipt") is None
            assert (await client.patch(path, again.offset, CONTENT[again.offset :])).offset == len(CONTENT)
        assert hashlib.sha256((await client.ask("GET", path)).body).digest() == hashlib.sha256(CONTENT).digest()
        listed = (await client.ask("GET", "/api/v1/segments")).json()["segments"]
        assert [segment["id"] for segment in listed] == [path[7:]]
        assert (await client.receipt(path, seq=3, head="a" * 64)).status == 200
        if told.get("receipt") == 200:
            assert (await client.receipt(path, seq=2, head="a" * 64)).status == 409
        if told.get("evidential") == 200:
            assert listed[0]["evidential"] is True
    names = {str(p.relative_to(root / "objects")) for p in (root / "objects").rglob("*") if p.is_file()}
    shelf, id = path[7:9], path[7:]
    assert names == {f"{shelf}/{id}", f"{shelf}/{id}.json"}
    assert not os.listdir(root / "uploads")


@pytest.mark.timeout(120)
async def test_killed_after_every_step(tmp_path: Path) -> None:
    runs = await killed_everywhere(tmp_path)
    assert len(runs) > 40
    assert not runs[-1]["killed"]
    assert runs[-1]["receipt"] == runs[-1]["evidential"] == 200
    assert {run["offsets"][-1] for run in runs if run["offsets"]} == {150_001, len(CONTENT)}
    async with aiohttp.ClientSession() as session:
        for run in runs:
            await check(tmp_path / str(run["steps"]), run, session)
