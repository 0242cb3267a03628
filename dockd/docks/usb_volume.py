"""The mounted volumes of one docked camera, and a look into them that may be left behind.

Rules kept here: whoever mounts is asked with a time limit, and a look at a device's files runs in a thread of its own that nobody waits for
longer than that: a camera that hangs in the kernel keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from dockd.mounting.base import HelperGone, Mounter, MountRefused
from ingest.errors import CameraGone, Unreadable

_NAMES = 4096
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Mounted:
    """A Volume over its mounts.

    `doubt()` is called, once, when they cannot be relied on any more: the helper that held them has ended, knows nothing of them, gave the
    device up, or does not answer. Whoever mounted them mounts anew, if the camera is still there: a camera that was slow once is not lost.
    """

    def __init__(
        self, mounter: Mounter, mounts: Sequence[Path], *, doubt: Callable[[], object], seconds: float = 120.0,
        remounts: bool = False,
    ) -> None:  # fmt: skip
        self._mounter = mounter
        self.mounts = tuple(mounts)
        self.remounts = remounts
        self._doubt = doubt
        self._seconds = seconds
        self._doubted = False

    async def fresh(self) -> None:
        """Each of them written out, unmounted, its device's buffers dropped, mounted read-only anew. Raises CameraGone, Unreadable."""
        for mount in self.mounts:
            await self._asked(self._mounter.fresh(mount))

    async def writable(self) -> None:
        """Let named files be deleted on all of them. Raises CameraGone, Unreadable."""
        for mount in self.mounts:
            await self._asked(self._mounter.writable(mount))

    async def _asked(self, request: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await request
        except (HelperGone, MountRefused, CameraGone) as error:
            self._failed()
            raise CameraGone(error.message) from error
        except TimeoutError as error:
            self._failed()
            raise CameraGone(
                f"the camera did not answer within {self._seconds:.0f} s while it was mounted anew"
            ) from error

    def _failed(self) -> None:
        if not self._doubted:
            self._doubted = True
            self._doubt()


async def unmounted(mounter: Mounter, mounts: Sequence[Path], *, seconds: float) -> None:
    """Unmount all of them. What cannot be unmounted is told in the log: the helper does it when its client ends."""
    for mount in mounts:
        try:
            async with asyncio.timeout(seconds):
                await mounter.unmount(mount)
        except HelperGone:
            return  # it took its mounts with it
        except (MountRefused, CameraGone, Unreadable) as error:
            _log.warning("%s was not unmounted: %s", mount, error.message)
        except TimeoutError:
            _log.warning("%s was not unmounted within %.0f s", mount, seconds)


async def names_in(mount: Path, *, seconds: float) -> list[bytes]:
    """The names in a volume's root, a few thousand at most. Raises Unreadable."""
    try:
        return await in_thread(lambda: _names(mount), seconds=seconds)
    except TimeoutError as error:
        raise Unreadable(f"the camera does not answer: its files could not be listed within {seconds:.0f} s") from error
    except OSError as error:
        raise Unreadable(f"its files cannot be listed: {error.strerror or error}") from error


def _names(mount: Path) -> list[bytes]:
    with _entries(mount) as found:
        return [os.fsencode(entry.name) for entry in itertools.islice(found, _NAMES)]


@contextlib.contextmanager
def _entries(mount: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    with os.scandir(mount) as found:
        yield found


async def in_thread(work: Callable[[], T], *, seconds: float) -> T:
    """What `work` returns, run in a thread of its own; raises TimeoutError and leaves the thread behind if that takes longer."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits)
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="usb-look", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await answer
