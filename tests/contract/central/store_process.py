"""`dockd store serve` as a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

COMMAND = [sys.executable, "-c", "from dockd.cli.store import store; store()"]
REPOSITORY = Path(__file__).parents[3]


class StoreProcess:
    """`url` and `store_id` are what its first line says."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.url = self.store_id = ""

    async def start(self) -> StoreProcess:
        self._process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "serve",
            *self._arguments,
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), 20)).decode()
        said = re.fullmatch(r"dockd central store at (\S+) \(store id (\S+)\)\n", line)
        if said is None:
            _, err = await self._process.communicate()
            raise AssertionError(f"the store said {line!r} and {err.decode()!r}")
        self.url, self.store_id = said[1], said[2]
        return self

    async def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        await self._process.communicate()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int | None, str]:
        """Ask it to end; its exit code and what it said on standard error. Within 10 s, as promised."""
        self._process.send_signal(number)
        out, err = await asyncio.wait_for(self._process.communicate(), 10)
        assert out == b""
        return self._process.returncode, err.decode()


async def store_command(*arguments: str) -> tuple[int | None, str, str]:
    """Run `dockd store ...` to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()
