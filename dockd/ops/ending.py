"""How a run is asked to end or to read its configuration again, and that an end is made within ten seconds whatever hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from dockd.ops.happenings import Ending
from dockd.ops.logs import Logs

_LAST = 9.0


@dataclass(kw_only=True)
class Wishes:
    """What signals ask for. `end()` and `reload()` for those that are no signals."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reloading: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    ending: Callable[[], None] = lambda: None  # told at once that the end has begun

    def end(self, why: str) -> None:
        """End, please. From here on nothing may take longer than nine seconds."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()
            self.ending()
            _end_for_sure()

    def reload(self) -> None:
        """Read the configuration again. Asked during a reload, it is read once more after that."""
        self.reloading.set()

    def keep_reloads(self) -> None:
        """Until `heard`: a SIGHUP of now is kept for then, and does not end the process."""
        signal.signal(signal.SIGHUP, lambda _number, _frame: self.reload())

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """SIGTERM and SIGINT end, SIGHUP reloads, while the body runs."""
        loop = asyncio.get_running_loop()
        wanted: list[tuple[signal.Signals, Callable[[], None]]] = [
            (signal.SIGTERM, lambda: self.end("SIGTERM")), (signal.SIGINT, lambda: self.end("SIGINT")), (signal.SIGHUP, self.reload),
        ]  # fmt: skip
        for number, act in wanted:
            loop.add_signal_handler(number, act)
        try:
            yield
        finally:
            for number, _act in wanted:
                loop.remove_signal_handler(number)


def _end_for_sure() -> None:
    """A thread that hangs in the kernel cannot be ended; the process can, and loses nothing by it."""

    def now() -> None:
        os.write(2, b"dockd: something did not end in time (a disk that hangs?); ended all the same, nothing is lost\n")
        os._exit(0)

    timer = threading.Timer(_LAST, now)
    timer.daemon = True
    timer.start()


@contextlib.asynccontextmanager
async def until_ended(wishes: Wishes, logs: Logs) -> AsyncIterator[None]:
    """Cancel the body when an end is wished for, and leave it quietly then; signals are heard meanwhile."""
    this = asyncio.current_task()

    def end(_done: object) -> None:
        if wishes.ended.is_set():
            logs.hear(Ending(signal=wishes.why), 0)
            if this is not None:
                this.cancel()

    with wishes.heard():
        waiting = asyncio.create_task(wishes.ended.wait(), name="until-ended")
        waiting.add_done_callback(end)
        try:
            yield
        except asyncio.CancelledError:
            if not wishes.ended.is_set() or this is None or this.uncancel() > 0:
                raise
        finally:
            waiting.cancel()
