"""Progress of a one-shot on a terminal's standard error; nothing where that is no terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ingest.ledger import views

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from dockd.app import Agent


@contextlib.asynccontextmanager
async def progress(agent: Agent) -> AsyncIterator[None]:
    """Bars for pulling, proving and wiping while the body runs."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Bars(*columns, console=console, refresh_per_second=8) as bars:
        tasks = {name: bars.add_task(name, total=None, now="") for name in _names(agent)}
        drawing = asyncio.create_task(_draw(agent, bars, tasks), name="progress")
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
            with contextlib.suppress(Exception):
                await _update(agent, bars, tasks, agent.clock.now())


def _names(agent: Agent) -> list[str]:
    return ["copied", "proven", *(["wiped"] if agent.wipes else [])]


async def _draw(agent: Agent, bars: Progress, tasks: dict[str, TaskID]) -> None:
    began = agent.clock.now() - 5.0
    while True:
        await _update(agent, bars, tasks, began)
        await asyncio.sleep(0.2)


async def _update(agent: Agent, bars: Progress, tasks: dict[str, TaskID], began: float) -> None:
    sums = await agent.ledger.read(lambda db: views.bytes_since(db.execute, began))
    copied = sums.copied + sum(
        doing.done for doing in agent.activity.cameras.values() if doing.phase == "copying" and doing.done < doing.total
    )
    proven = sums.confirmed + sum(done for done, _size in agent.activity.uploads.values())
    now = {
        "copied": _reading(agent),
        "proven": "" if agent.delivery.state.word == "connected" else f"the store is {agent.delivery.state.word}",
    }
    for name, done in (("copied", copied), ("proven", proven), ("wiped", sums.wiped)):
        if name in tasks:
            bars.update(tasks[name], total=sums.listed, completed=min(done, sums.listed), now=now.get(name, ""))


def _reading(agent: Agent) -> str:
    from ingest.model import legible

    return next(
        (
            legible(doing.path)[-40:]
            for doing in agent.activity.cameras.values()
            if doing.phase == "copying" and doing.path
        ),
        "",
    )
