"""The agent's end of the mount helper: one connection for the agent's life, since mounts live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dockd.mounting.base import Filesystem, HelperGone, Mounter, MountRefused
from dockd.mounting.wire import PROTOCOL, Garbage, Inbox, Message, encode
from ingest.errors import CameraGone, DockdError, Unreadable

_READ = 64 << 10
_CONNECT_SECONDS = 10.0
_ENDED = "the mount helper has ended"
_ERRORS: dict[str, type[DockdError]] = {
    "MountRefused": MountRefused,
    "Unreadable": Unreadable,
    "CameraGone": CameraGone,
}


class MountHelper(Mounter):
    """Asks the helper at `socket`; connects when it is first asked, and again after the connection broke.

    `on_gone` is called (on the loop) whenever a connection breaks by itself: everything that was mounted over it is unmounted
    then, or will be at once; `on_back` when it was reached again after it could not be. `timeout` (seconds) is longer than the helper's own patience with a device.
    """

    def __init__(self, socket: Path, *, timeout: float = 120.0, on_gone: Callable[[], None] | None = None) -> None:
        self.on_gone = on_gone
        self.on_back: Callable[[], None] | None = None
        self._away = False
        self._socket = socket
        self._timeout = timeout
        self._connecting = asyncio.Lock()
        self._line: _Line | None = None

    async def mount(self, device: str, *, diskseq: int, filesystem: Filesystem, folder: str) -> Path:
        """See Mounter. The path may be another one than `folder` where an earlier mount there hangs."""
        asked = {"op": "mount", "device": device, "diskseq": diskseq, "filesystem": filesystem, "folder": folder}
        answer = await self._ask(asked, about=device)
        where = answer.get("mount")
        if not isinstance(where, str) or not where.startswith("/"):
            raise HelperGone(
                "the mount helper does not say where it mounted; agent and helper have to be of one version"
            )
        return Path(where)

    async def writable(self, mount: Path) -> None:
        """See Mounter."""
        await self._ask({"op": "writable", "mount": str(mount)}, about=str(mount))

    async def fresh(self, mount: Path) -> None:
        """See Mounter."""
        await self._ask({"op": "fresh", "mount": str(mount)}, about=str(mount))

    async def unmount(self, mount: Path) -> None:
        """See Mounter."""
        await self._ask({"op": "unmount", "mount": str(mount)}, about=str(mount))

    async def close(self) -> None:
        """End the connection, and with it every mount. `on_gone` is not called."""
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _ask(self, asked: Message, *, about: str) -> Message:
        line = await self._connected()
        try:
            async with asyncio.timeout(self._timeout):
                return await line.ask(asked)
        except TimeoutError as error:
            late = f"{about}: the mount helper does not answer within {self._timeout:.0f} s"
            raise CameraGone(late) from error

    async def _connected(self) -> _Line:
        async with self._connecting:
            if self._line is None or self._line.broken:
                self._away, was_away = True, self._away
                self._line = await self._connect()
                self._away = False
                if was_away and self.on_back is not None:
                    self.on_back()
            return self._line

    async def _connect(self) -> _Line:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket)
        except PermissionError as error:
            raise HelperGone(f"{self._socket} may not be opened: the agent's user is not in its group") from error
        except (OSError, TimeoutError) as error:
            raise HelperGone(f"no mount helper at {self._socket}: look at dockd-mount.service ({error})") from error
        line = _Line(reader, writer, on_end=self._ended)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await line.greeted
        except BaseException as error:
            await line.close()
            if isinstance(error, TimeoutError):
                raise HelperGone(
                    f"what listens at {self._socket} does not answer: look at dockd-mount.service"
                ) from error
            raise
        return line

    def _ended(self, line: _Line) -> None:
        if self._line is line:
            self._line, self._away = None, True
            if self.on_gone is not None:
                self.on_gone()


class _Line:
    """One connection: requests under way, and the task that reads their answers."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, on_end: Callable[[_Line], None]
    ) -> None:
        self.broken = False
        self._reader, self._writer = reader, writer
        self._on_end = on_end
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._asked = 0
        self._why = ""
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._listen(), name="mount helper")

    async def ask(self, asked: Message) -> Message:
        """The answer's content. Raises what the helper says, HelperGone where the connection breaks first."""
        self._asked += 1
        number = self._asked
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"id": number, **asked})
            answer = await future
        except asyncio.CancelledError:
            # Nobody will know of what is mounted by this: it is unmounted when the answer comes.
            if number in self._waiting and asked["op"] == "mount":
                abandoned = self._waiting[number] = asyncio.get_running_loop().create_future()
                abandoned.add_done_callback(self._unmount_abandoned)
            else:
                self._waiting.pop(number, None)
                self._unmount_abandoned(future)
            raise
        error = answer.get("error")
        if error is not None:
            raise _ERRORS.get(str(error), MountRefused)(str(answer.get("message", "refused")))
        found = answer.get("ok")
        return found if isinstance(found, dict) else {}

    def _send(self, message: Message) -> None:
        if self.broken:
            raise HelperGone(self._why or _ENDED)
        try:
            self._writer.write(encode(message))
        except Garbage as error:
            raise MountRefused(str(error)) from error

    def _unmount_abandoned(self, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or not future.done() or future.exception() is not None:
            return
        where = (future.result().get("ok") or {}).get("mount")
        if isinstance(where, str) and not self.broken:
            self._asked += 1
            self._send({"id": self._asked, "op": "unmount", "mount": where})

    async def _listen(self) -> None:
        inbox = Inbox()
        try:
            while data := await self._reader.read(_READ):
                for message in inbox.feed(data):
                    self._take(message)
        except OSError as error:
            self._why = f"the mount helper's connection broke: {error}"
        except Garbage as garbage:
            self._why = f"the mount helper cannot be used: {garbage}"
        finally:
            self._break()
        self._on_end(self)

    def _take(self, message: Message) -> None:
        number = message.get("id")
        if number == 0:
            self._greet(message)
        elif isinstance(number, int) and (future := self._waiting.pop(number, None)) is not None and not future.done():
            future.set_result(message)

    def _greet(self, message: Message) -> None:
        if message.get("ok") == {"protocol": PROTOCOL} and not self.greeted.done():
            self.greeted.set_result(None)
        else:
            said = message.get(
                "message", f"it speaks another protocol than {PROTOCOL}: agent and helper have to be of one version"
            )
            raise Garbage(str(said))

    def _break(self) -> None:
        self.broken = True
        self._writer.close()
        waiting: list[asyncio.Future[Any]] = [self.greeted, *self._waiting.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(HelperGone(self._why or _ENDED))
                future.exception()  # where nobody waits any more, nobody has to hear of it
        self._waiting.clear()

    async def close(self) -> None:
        """End it without a word to anybody but those who wait."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
