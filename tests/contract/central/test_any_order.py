"""Any order of pieces, cuts, wrong checksums, wrong offsets and restarts ends with the same bytes, or with none.

The model knows one number, the offset; the oracle is the disk under the store.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.central import CentralStore
from tests.contract.central.conftest import SMALL
from tests.contract.central.tus_client import Answer, TusClient, announced, patch_head, until

CONTENT = hashlib.shake_256(b"any order").digest(60_000)
TINY = replace(SMALL, sync_window=8192, buffer=8192)


@dataclass(frozen=True)
class Step:
    kind: str
    size: int


STEPS = st.builds(
    Step,
    st.sampled_from(["piece", "checked", "wrong checksum", "wrong offset", "cut", "restart", "too long"]),
    st.one_of(st.integers(0, 70_000), st.sampled_from([1, 4095, 4096, 4097, 8191, 8192, 8193, 16_384])),
)


def checksum(data: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(data).digest()).decode()}"}


class Run:
    """One store, one upload."""

    def __init__(self, root: Path, session: aiohttp.ClientSession) -> None:
        self.root = root
        self.session = session
        self.at = 0
        self.path = ""

    async def open(self) -> None:
        self.store = await CentralStore(self.root, settings=TINY).__aenter__()
        self.client = TusClient(self.store.url, self.session)

    async def close(self) -> None:
        await self.store.__aexit__()

    async def step(self, step: Step) -> None:
        piece = CONTENT[self.at : self.at + step.size]
        if step.kind == "restart":
            await self.close()
            await self.open()
        elif step.kind == "cut":
            await self._cut(piece)
        elif step.kind == "wrong offset":
            if step.size != self.at:
                assert (await self.client.patch(self.path, step.size, b"x")).status == 409
        elif step.kind == "wrong checksum":
            if self.at < len(CONTENT) and piece:
                got = await self.client.patch(self.path, self.at, piece[:-1] + b"\0", **checksum(piece + b"x"))
                assert got.status == 460
        elif step.kind == "too long":
            got = await self.client.patch(self.path, self.at, CONTENT[self.at :] + b"!")
            assert got.status == 413
        else:
            more = checksum(piece) if step.kind == "checked" else {}
            got = await self.client.patch(self.path, self.at, piece, **more)
            assert (got.status, got.offset) == (204, self.at + len(piece))
            self.at = got.offset
        await self.compare()

    async def _cut(self, piece: bytes) -> None:
        if not piece or self.at + len(piece) >= len(CONTENT):
            return
        await self.client.raw(patch_head(self.path, at=self.at, length=len(piece) + 1) + piece, cut=True)
        # A checksum that cannot be right: refused with 460 once nobody else writes, and so it changes nothing.
        await until(self._probe, lambda answer: answer.status != 423)
        offset = await self.client.offset(self.path)
        assert self.at <= offset <= self.at + len(piece)
        self.at = offset

    async def _probe(self) -> Answer:
        return await self.client.patch(self.path, await self.client.offset(self.path), b"", **checksum(b"x"))

    async def compare(self) -> None:
        assert await self.client.offset(self.path) == self.at
        if self.at < len(CONTENT):
            part = self.root / "uploads" / f"{self.path[7:]}.part"
            assert part.read_bytes() == CONTENT[: self.at]


async def run(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with aiohttp.ClientSession() as session:
            run = Run(Path(folder) / "root", session)
            await run.open()
            try:
                run.path = await run.client.created(len(CONTENT), announced(CONTENT))
                for step in steps:
                    await run.step(step)
                if run.at < len(CONTENT):
                    assert (await run.client.patch(run.path, run.at, CONTENT[run.at :])).status == 204
                assert (await run.client.ask("GET", run.path)).body == CONTENT
                assert (await run.client.receipt(run.path)).status == 200
            finally:
                await run.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=8))
def test_any_order_of_what_may_happen(steps: list[Step]) -> None:
    asyncio.run(run(steps))
