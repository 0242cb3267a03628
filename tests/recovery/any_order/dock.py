"""One run of the real pipeline on given cameras: in this process, or in one of its own that is killed at a chosen moment.

A process of its own comes from a fork server that has imported everything, so that a kill costs little: at any event, at any ledger
commit (nothing of that transaction is written yet), or at any moment.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dockd.app import Agent, agent
from dockd.oneshot import Outcome, ingest
from dockd.pinning import pin
from dockd.settings import Settings, defaults
from ingest.clock import Clock
from ingest.events import Event
from ingest.model import folder_camera
from ingest.visit import Visit

NEVER = 1 << 30
PATIENCE = 40.0
_processes = multiprocessing.get_context("forkserver")


class Jumping(Clock):
    """The station's clock, some seconds off; `passed`: seconds that have gone by unseen, on the clock that never jumps.

    `boot`: another boot than this machine's, which began when this clock was made. No worker deletes anything for it: workers ask the kernel.
    """

    def __init__(self, offset: float = 0.0, *, passed: float = 0.0, boot: str = "") -> None:
        super().__init__()
        self.offset = offset
        self.passed = passed
        self._boot = boot
        self._booted = super().boottime_ns()

    def now(self) -> float:
        return max(0.0, super().now() + self.offset + self.passed)

    def boottime_ns(self) -> int:
        if self._boot:
            return super().boottime_ns() - self._booted
        return super().boottime_ns() + int(self.passed * 10**9)

    @property
    def boot_id(self) -> str:
        return self._boot or super().boot_id


class Deadly(Jumping):
    """Each transaction begins with a look at the clock: this one ends the process at the `commits`th of them."""

    def __init__(self, offset: float, *, passed: float, boot: str, commits: int) -> None:
        super().__init__(offset, passed=passed, boot=boot)
        self._left = commits

    def now(self) -> float:
        if threading.current_thread().name == "ledger-writer":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().now()


@dataclass(frozen=True, kw_only=True)
class Docked:
    """A camera in a bay."""

    serial: bytes
    card: str
    root: Path
    bay: int

    def visit(self) -> Visit:
        return Visit(camera=folder_camera(self.serial, card=self.card), root=os.fsencode(self.root), bay=self.bay)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run has to do, and under which settings. `clock`, `passed` and `boot` as `Jumping` has them, `wait` in seconds."""

    state: Path
    url: str
    cameras: tuple[Docked, ...]
    wipe: bool = True
    keep_free: int = 0
    keep_confirmed: float = 0.0
    pin: str | None = None
    clock: float = 0.0
    passed: float = 0.0
    boot: str = ""
    wait: float = 20.0

    @property
    def settings(self) -> Settings:
        base, state = defaults(), self.state
        return replace(
            base, store=replace(base.store, url=self.url, pin=self.pin), ledger=replace(base.ledger, path=state / "ledger.db"),
            spool=replace(base.spool, path=state / "spool", keep_free=self.keep_free, keep_confirmed=self.keep_confirmed),
            wipe=replace(base.wipe, enabled=self.wipe), upload=replace(base.upload, parallel=4, retry_max=0.5),
        )  # fmt: skip


Hear = Callable[[Event], None]


async def run(work: Run, *, hear: Hear, clock: Clock | None = None) -> Outcome | None:
    """To its end; None where it was cancelled, which only `hear` does."""
    task = asyncio.current_task()
    assert task is not None
    built: Agent
    try:
        async with agent(
            work.settings, version="test", rest=0.05, subscribers=(lambda event, _seq: hear(event),),
            clock=clock or Jumping(work.clock, passed=work.passed, boot=work.boot),
        ) as built:  # fmt: skip
            async with asyncio.timeout(PATIENCE):
                return await ingest(built, [one.visit() for one in work.cameras], wait=work.wait)
    except asyncio.CancelledError:
        task.uncancel()
        return None


async def pinned_anew(work: Run) -> None:
    """A person looks at who answers, and pins that."""
    async with agent(work.settings, version="test", clock=Jumping(work.clock, passed=work.passed)) as built:
        await pin(built, await built.store.identify())


Moment = Literal["event", "commit", "millisecond"]


async def killed(work: Run, *, at: Moment, count: int) -> None:
    """Run it in a process of its own, and kill that at the `count`th moment of a kind, if it comes to that."""
    process = _processes.Process(target=_die, args=(work, at, count), daemon=True)
    process.start()
    try:
        if at == "millisecond":
            await asyncio.to_thread(process.join, count / 1000)
            process.kill()
        await asyncio.to_thread(process.join, PATIENCE)
        assert process.exitcode in (0, -signal.SIGKILL), f"a run in a process of its own ended with {process.exitcode}"
    finally:
        process.kill()
        process.join()
        process.close()


def _die(work: Run, at: Moment, count: int) -> None:
    left = [count if at == "event" else NEVER]

    def hear(_event: Event) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = Deadly(work.clock, passed=work.passed, boot=work.boot, commits=count if at == "commit" else NEVER)
    asyncio.run(run(work, hear=hear, clock=clock))


def ready() -> None:
    """Let the fork server import what a run needs, once."""
    _processes.set_forkserver_preload([__name__])
