"""The staged rack as a process of its own, so that what it costs is not what a browser or a test costs: lines in, lines out.

The first line on standard output is the page's address. Each line on standard input is a command and is answered by one line:
`stir SECONDS` (every bay changes each so many seconds; 0: no more), `turns N` (every bay changes N times, as fast as it is looked at), `stirred` (when
each turn was, seconds since the epoch, as JSON), `leave BAY`, `store WORD MESSAGE`, `end`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.page.cast import cast
from tests.page.staged import Stage, staged


async def _stirring(stage: Stage, every: float) -> None:
    loop = asyncio.get_running_loop()
    at = loop.time()
    while True:
        stage.stir()
        at += every
        await asyncio.sleep(max(0.0, at - loop.time()))


class Prompter:
    """Does what it is told, one line after another."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._stirring: asyncio.Task[None] | None = None

    async def do(self, line: str) -> str:
        word, _, rest = line.strip().partition(" ")
        match word:
            case "stir":
                await self._stir(float(rest))
            case "turns":
                for _ in range(int(rest)):
                    self._stage.stir()
                    await asyncio.sleep(0.25)
            case "stirred":
                return json.dumps(self._stage.stirred)
            case "leave":
                self._stage.leave(int(rest))
            case "store":
                said, _, message = rest.partition(" ")
                self._stage.store(said, message)
            case _:
                return f"unknown: {word}"
        return "ok"

    async def _stir(self, every: float) -> None:
        if self._stirring is not None:
            self._stirring.cancel()
            await asyncio.wait({self._stirring})
            self._stirring = None
        if every:
            self._stirring = asyncio.create_task(_stirring(self._stage, every))


async def _main(chosen: argparse.Namespace) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    more = Path(chosen.more).read_text(encoding="utf-8") if chosen.more else ""
    with contextlib.ExitStack() as stack:
        folder = (
            chosen.folder.absolute()
            if chosen.folder
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dockd-stage-")))
        )
        listen = f"127.0.0.1:{chosen.port}"
        async with staged(
            folder,
            parts=cast(bays=chosen.bays, only=chosen.only),
            listen=listen,
            frozen=chosen.frozen,
            more=more,
            evening=not chosen.only,
        ) as stage:
            print(stage.url, flush=True)
            answering = asyncio.create_task(_answer(lines, Prompter(stage), over))
            await over.wait()
            answering.cancel()
            await asyncio.wait({answering})


async def _answer(lines: asyncio.StreamReader, prompter: Prompter, over: asyncio.Event) -> None:
    while line := (await lines.readline()).decode():
        if line.strip() == "end":
            over.set()
            return
        print(await prompter.do(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.page.stage_process", description=__doc__)
    parser.add_argument("--bays", type=int, default=64)
    parser.add_argument("--only", help="every bay in this state, and nothing foretold")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--frozen", action="store_true", help="the rack's clock stands still")
    parser.add_argument("--folder", type=Path, help="where its state is (default: a folder that is removed at the end)")
    parser.add_argument("--more", help="a file with further lines of configuration")
    chosen = parser.parse_args()
    os.environ.setdefault("TZ", "UTC")
    asyncio.run(_main(chosen))


if __name__ == "__main__":
    main()
