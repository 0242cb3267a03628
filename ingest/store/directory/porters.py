"""The agent's side of the porters: a bounded number of processes that touch the share, each lent to one request at a time.

Rules: the agent waits for a porter's word and for nothing else. One that does not answer within the patience is left behind: killed, not waited for
(a write to a share whose server is gone cannot be ended), and replaced. While three hang no other is
started until one of them has ended: with those that were at work when it began that is eight at most. What is our own (a slow disk, the bandwidth's limit) costs a porter no patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator

from ingest import errors
from ingest.store.patience import Patience
from ingest.store.porter import blocks
from ingest.worker import frames

SILENT = "the share does not answer (is its server there?)"
MOST_LEFT = 3
_CARRYING, _LOOKING = (
    4,
    2,
)  # porters at once for what takes long, and for what does not: a look must not wait for a throttled upload
_LET_GO = 1.0  # seconds that the kernel gets to end killed porters before they count as hanging
# What a porter may raise here. That a store is to be believed no more is not for it to say, but that it is another one is.
_KNOWN_ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, (errors.Retry, errors.Hold, errors.WrongStore))
}
_NO_MEANING = (frames.Nonsense, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
Answer = tuple[frames.Frame, bytes]


class Porter:
    """One process. Every method raises what the share raises, or StoreDown."""

    def __init__(self, process: Process, *, patience: Patience) -> None:
        self._process = process
        self._patience = patience
        self._busy = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def reusable(self) -> bool:
        """Whether it lives and waits for its next request."""
        return self._process.returncode is None and not self._busy

    async def ready(self) -> None:
        """Wait for its first word. Raises StoreDown."""
        if "ready" not in frames.decode(await self._body(self._patience.answer)):
            raise errors.StoreDown("the process that was to look at the share did not start as it should")

    async def ask(self, request: frames.Frame, *, within: float) -> Answer:
        """Its answer, and the bytes that came with it. `within`: seconds of silence that are waited for."""
        self._begin()
        await self._write(frames.encode(request), within)
        word, came = await self._answer(within)
        self._busy = False
        return _meant(word), came

    async def give(self, request: frames.Frame, source: AsyncIterator[bytes], *, length: int) -> frames.Frame:
        """Send `length` bytes behind a request; its answer. An answer that comes before their end ends the sending.

        Raises what `source` raises, and EOFError where it gives more or less: then the porter has put away what came, and is good for more.
        """
        self._begin()
        await self._write(frames.encode(request), self._patience.answer)
        answer = asyncio.create_task(self._answer(None), name=f"porter-{self.pid}")
        try:
            failed = await self._send(source, length=length, until=answer)
            await self._write(blocks.END, self._patience.stall)
            await asyncio.wait({answer}, timeout=max(self._patience.stall, self._patience.settle))
            if not answer.done():
                raise errors.StoreDown(SILENT)
            word, _came = answer.result()
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        self._busy = False
        if failed is not None:
            raise failed
        return _meant(word)

    async def _send(
        self, source: AsyncIterator[bytes], *, length: int, until: asyncio.Task[Answer]
    ) -> Exception | None:
        """What the source raised, if it did. Raises StoreDown."""
        sent = 0
        try:
            while not until.done():
                try:
                    block = await anext(source, b"")
                    sent += len(block)
                    if sent > length or (not block and sent < length):
                        raise EOFError(f"{sent} bytes came where {length} were announced")
                except Exception as error:  # noqa: BLE001 - raised by who asked, when the porter has put away what came
                    return error
                if not block:
                    break
                for start in range(0, len(block), blocks.LARGEST):
                    await self._write(blocks.encoded(block[start : start + blocks.LARGEST]), self._patience.stall)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()
        return None

    def _begin(self) -> None:
        if self._busy:
            raise errors.StoreDown("the process that looks at the share is still busy with what was asked before")
        self._busy = True

    async def _write(self, data: bytes, within: float) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise errors.StoreDown("the process that looks at the share has no pipe")
        try:
            stdin.write(data)
            async with asyncio.timeout(within):
                await stdin.drain()
        except TimeoutError as error:
            raise errors.StoreDown(SILENT) from error
        except OSError as error:
            raise errors.StoreDown(f"the process that looks at the share ended: {error}") from error

    async def _answer(self, within: float | None) -> Answer:
        came = bytearray()
        while True:
            body = await self._body(within)
            try:
                if blocks.is_block(body):
                    came += blocks.bytes_of(body)
                    if len(came) > frames.LARGEST:
                        raise frames.Nonsense("more bytes than anybody asks for")
                elif not (word := frames.decode(body)).keys().isdisjoint(("ok", "error")):
                    return word, bytes(came)
            except _NO_MEANING as error:
                raise errors.StoreDown(
                    f"the process that looks at the share answers what has no meaning: {error}"
                ) from error

    async def _body(self, within: float | None) -> bytes:
        stdout = self._process.stdout
        if stdout is None:
            raise errors.StoreDown("the process that looks at the share has no pipe")
        try:
            async with asyncio.timeout(within):
                return await stdout.readexactly(frames.length(await stdout.readexactly(4)))
        except TimeoutError as error:
            raise errors.StoreDown(SILENT) from error
        except (OSError, asyncio.IncompleteReadError, frames.Nonsense) as error:
            raise errors.StoreDown(f"the process that looks at the share ended: {error}") from error

    def leave(self) -> None:
        """Kill it, wait for nothing."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def gone(self) -> None:
        """Wait until the kernel has let go of it, and the pipes with it."""
        await self._process.wait()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
                await self._process.stdin.wait_closed()
            if self._process.stdout is not None:
                await self._process.stdout.read()


def _meant(word: frames.Frame) -> frames.Frame:
    if "error" in word:
        kind = _KNOWN_ERRORS.get(str(word["error"]), errors.StoreDown)
        raise kind(str(word.get("message", "the share failed")))
    if not isinstance(word["ok"], dict):
        raise errors.StoreDown("the process that looks at the share answers what has no meaning")
    return word["ok"]


class Porters:
    """A few at a time; none is started while `MOST_LEFT` are left behind."""

    def __init__(self, *, patience: Patience) -> None:
        self._patience = patience
        self._carrying, self._looking = asyncio.Semaphore(_CARRYING), asyncio.Semaphore(_LOOKING)
        self._idle: list[Porter] = []
        self._left: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def left_behind(self) -> int:
        """How many hang in the share."""
        return len(self._left)

    @contextlib.asynccontextmanager
    async def lent(self, *, carrying: bool = False) -> AsyncIterator[Porter]:
        """A porter for one request; `carrying`: for one that takes as long as its bytes do. Raises StoreDown."""
        async with self._carrying if carrying else self._looking:
            porter = await self._take()
            try:
                yield porter
            finally:
                if porter.reusable and not self._closed:
                    self._idle.append(porter)
                else:
                    self._leave(porter)

    async def _take(self) -> Porter:
        while self._idle:
            porter = self._idle.pop()
            if porter.reusable:
                return porter
            self._leave(porter)
        if len(self._left) >= MOST_LEFT:
            await asyncio.wait(set(self._left), timeout=_LET_GO, return_when=asyncio.FIRST_COMPLETED)
        if len(self._left) >= MOST_LEFT:
            raise errors.StoreDown(
                f"{SILENT[:-1]}; {len(self._left)} processes hang in it, and it is asked again when one of them has ended)"
            )
        return await self._start()

    async def _start(self) -> Porter:
        try:
            process = await asyncio.create_subprocess_exec(
                *_command(), stdin=PIPE, stdout=PIPE, env=_environment(), cwd="/", limit=frames.LARGEST + 4
            )
        except OSError as error:
            raise errors.StoreDown(
                f"no process to look at the share could be started: {error.strerror or error}"
            ) from error
        porter = Porter(process, patience=self._patience)
        try:
            await porter.ready()
        except BaseException:
            self._leave(porter)
            raise
        return porter

    def _leave(self, porter: Porter) -> None:
        porter.leave()
        task = asyncio.create_task(porter.gone(), name=f"porter-{porter.pid}-left-behind")
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def close(self, *, patience: float = 2.0) -> None:
        """End all; those that hang in the kernel are left behind after `patience` seconds."""
        self._closed = True
        while self._idle:
            self._leave(self._idle.pop())
        if self._left:
            _done, hung = await asyncio.wait(set(self._left), timeout=patience)
            for task in hung:
                task.cancel()


def _command() -> list[str]:
    """-S and the parent's own path: it imports what it needs and starts in a tenth of a second."""
    return [sys.executable, "-S", "-P", "-X", "utf8", "-m", "ingest.store.porter"]


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(os.path.abspath(path or os.getcwd()) for path in sys.path)
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": paths}
