"""The watchdog: systemd is told that the agent gets on only while it does, and ends and starts it anew when it does not.

Rules kept here: a word is given only when the event loop has come round to it and each part of the pipeline has done something since the last, or has
nothing to do, or waits until a moment that it has named, or is within the time that one step of it may take; a part that is stuck is named in the log
and in `systemctl status` before the end comes; a start is judged by what it uses of processor and disk, for it may rightly hold the event loop.
Why these bounds: docs/decisions/0044.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from dockd.ops.notify import Notify
from ingest.steps import Steps

_A_START_LOOKS = 20.0
_A_START_ASKS = 90.0
_IDLE_CPU = 0.01  # seconds of processor time that looking takes by itself, and more
log = logging.getLogger(__name__)


class Watch:
    """Looks at the parts. `now`: seconds of a clock that stands still while the machine sleeps."""

    def __init__(self, parts: Sequence[Steps], *, now: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._now = now
        self._since: dict[
            str, tuple[int, float]
        ] = {}  # of each of which something is wanted: what it had done, and when that was seen first

    def stuck(self) -> list[str]:
        """What does not get on, in words; empty when all is well."""
        now, found = self._now(), []
        for part in self._parts:
            if not part.wanted:
                self._since.pop(part.name, None)
                continue
            done, since = self._since.setdefault(part.name, (part.done, now))
            if part.done != done:
                self._since[part.name] = (part.done, now)
            elif now - since > part.patience:
                found.append(f"{part.name} ({now - since:.0f} s)")
        return found


async def watched(watch: Watch, notify: Notify) -> None:
    """Tell systemd that the agent gets on, for as long as it does, until cancelled. Returns at once where nobody wants to know."""
    if notify.watchdog is None:
        return
    said = False
    while True:
        stuck = watch.stuck()
        if not stuck:
            notify.alive()
            said = False
        elif not said:
            said = True
            what = ", ".join(stuck)
            log.error("stuck, nothing done for too long: %s. systemd is not told any more that dockd gets on", what)
            notify.status(f"Stuck: {what}")
        await asyncio.sleep(notify.watchdog / 4)


@contextlib.contextmanager
def starting(
    notify: Notify, *, every: float = _A_START_LOOKS, used: Callable[[], float] | None = None
) -> Iterator[None]:
    """While the body runs, systemd is asked for more time again and again, unless nothing was `used` since the last time."""
    over = threading.Event()
    looks = used or _used
    # The first word starts systemd's watch, also of a start: from then on its patience holds, where that is shorter.
    often = every if notify.watchdog is None else min(every, notify.watchdog / 4)

    def ask() -> None:
        before = looks()
        while not over.wait(often):
            now = looks()
            if now - before > _IDLE_CPU:
                notify.extend(_A_START_ASKS)
            before = now

    thread = threading.Thread(target=ask, name="start-gets-on", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _used() -> float:
    """Seconds of processor time, and blocks of disk, that this process has used so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime + usage.ru_inblock + usage.ru_oublock
