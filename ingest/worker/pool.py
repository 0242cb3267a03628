"""The agent's side of the worker processes: a bounded number of them, each lent to one camera at a time.

A worker that was given back in good order is lent again (docs/decisions/0003): starting one costs more than a small camera's
footage. One that hangs, dies, or whose loan was cut short is left behind: killed, not waited for, replaced, and what it left in the
spool is swept when the kernel lets go of it. Until then no other is started on its camera: a camera that hangs costs one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ingest import errors
from ingest.camera.unlock import Conversation, Unlocked
from ingest.model import CameraId, Digest, Listed, Skipped, Vitals, WipePermit, is_sha256
from ingest.steps import Steps
from ingest.worker import frames
from ingest.worker.slots import Slots

T = TypeVar("T")
Progress = Callable[[str, int], None]
# What a worker may raise here: of cameras, files and its own disk. That all has to stop is not for a worker to say.
_KNOWN_ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, (errors.Retry, errors.Hold))
}
_NO_MEANING = (frames.Nonsense, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
_APART = 4  # workers at once that read no camera: each has something short to do
_LET_GO = 1.0  # seconds that the kernel gets to end a killed worker before its camera counts as hanging


class WorkerDied(errors.CameraGone):
    """The process that read this camera ended or did not answer in time."""

    reason = "worker_died"


class Worker:
    """One worker process, lent to one camera. Every method raises what the camera raises, or WorkerDied."""

    def __init__(self, process: Process, *, silence: float, steps: Steps | None = None) -> None:
        self._process = process
        self._steps = steps or Steps("reading a camera", patience=2 * silence)
        self._silence = silence
        self._busy = False
        self.device = ""
        self.root = b""
        self.room: int | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def reusable(self) -> bool:
        """Whether it lives and waits for its next request."""
        return self._process.returncode is None and not self._busy

    async def open(self, root: bytes) -> None:
        """Begin with the camera at `root`; `device` says then what it is."""
        self.root, self.room = root, None
        self.device = await self._ask({"op": "open", "root": root.hex()}, lambda answer: str(answer["device"]))

    async def listing(self) -> tuple[list[Listed], list[Skipped], bool]:
        """All files, all that was skipped, and whether the filesystem's change times can be trusted. `room` is then what the camera can still record."""
        files: list[Listed] = []
        skipped: list[Skipped] = []

        def batch(frame: frames.Frame) -> None:
            files.extend(frames.to_listed(item) for item in frame.get("files", ()))
            skipped.extend(frames.to_skipped(item) for item in frame.get("skipped", ()))

        change_times, self.room = await self._ask({"op": "list"}, _listed, batch)
        return files, skipped, change_times

    async def pull(
        self,
        file: Listed,
        *,
        segment: str,
        camera: CameraId,
        captured_at: float,
        spool: Path,
        progress: Progress | None = None,
    ) -> tuple[Digest, str]:
        """Copy into the spool and verify; returns what the bytes are and how the second read came by them."""
        who = {"profile": camera.profile, "serial": camera.serial, "card": camera.card}
        request = {
            "op": "pull", "file": frames.of_listed(file), "segment": segment, "camera": who, "captured_at": captured_at,
            "spool": os.fsencode(spool).hex(),
        }  # fmt: skip
        return await self._ask(request, _copied, _telling(progress))

    async def compare(self, file: Listed, *, progress: Progress | None = None) -> str:
        """The SHA-256 of what is on the camera now."""
        request = {"op": "compare", "file": frames.of_listed(file)}
        return await self._ask(request, _sha256, _telling(progress))

    async def prove(self, file: Listed, *, segment: str, progress: Progress | None = None) -> str:
        """Read the file through a descriptor that is kept for a wipe; its SHA-256."""
        request = {"op": "prove", "file": frames.of_listed(file), "segment": segment}
        return await self._ask(request, _sha256, _telling(progress))

    async def drop(self) -> None:
        """Let go of all descriptors that were kept."""
        await self._ask({"op": "drop"}, bool)

    async def wipe(
        self, permit: WipePermit, *, only: Sequence[str] | None = None
    ) -> tuple[dict[str, str], dict[str, errors.DockdError]]:
        """Delete the permit's segments (those in `only`, where that is given): how each was seen gone, and why each other was kept."""
        request = {"op": "wipe", "permit": frames.of_permit(permit), "only": None if only is None else list(only)}
        return await self._ask(request, _deleted)

    async def vitals(self) -> Vitals:
        """What the camera says of its charge and its clock."""
        return await self._ask({"op": "vitals"}, frames.to_vitals)

    async def set_clock(self) -> bool:
        """Set the camera's clock to this machine's; whether that was done."""
        return await self._ask({"op": "set_clock"}, lambda answer: bool(answer["set"]))

    async def unlock(self, spec: Conversation, *, bus: int, device: int) -> Unlocked:
        """Hold the conversation by which the camera at this USB address becomes a disk; no camera needs to be open."""
        return await self._ask({"op": "unlock", "spec": spec.as_json(), "bus": bus, "device": device}, _unlocked)

    async def close(self) -> None:
        """Let go of the camera."""
        await self._ask({"op": "close"}, bool)

    async def _ask(
        self, request: frames.Frame, reads: Callable[[dict[str, Any]], T], each: Callable[[frames.Frame], None] | None = None
    ) -> T:  # fmt: skip
        """What `reads` makes of the answer; `each` is told of what comes before it. Whoever answers nonsense is asked nothing more."""
        with self._steps.one():
            return await self._answer(request, reads, each)

    async def _answer(
        self, request: frames.Frame, reads: Callable[[dict[str, Any]], T], each: Callable[[frames.Frame], None] | None
    ) -> T:  # fmt: skip
        if self._busy or self._process.stdin is None:
            raise WorkerDied("the worker is still busy with what was asked before")
        self._busy = True
        try:
            self._process.stdin.write(frames.encode(request))
            await self._process.stdin.drain()
            while "ok" not in (frame := await self._frame()):
                if "error" in frame:
                    self._busy = False
                    raise _error(frame)
                if each is not None:
                    each(frame)
            found = reads(dict(frame["ok"]))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise WorkerDied(f"the process that read this camera ended: {error}") from error
        except _NO_MEANING as error:
            raise WorkerDied(f"the process that read this camera answers what has no meaning: {error}") from error
        self._busy = False
        return found

    async def _frame(self) -> frames.Frame:
        stdout = self._process.stdout
        if stdout is None:
            raise WorkerDied("the worker has no pipe")
        try:
            async with asyncio.timeout(self._silence):
                frame = frames.decode(await stdout.readexactly(frames.length(await stdout.readexactly(4))))
                self._steps.moved()
                return frame
        except TimeoutError as error:
            raise WorkerDied(
                f"the camera has not answered for {self._silence:.0f} s; its reader was left behind"
            ) from error

    async def ready(self) -> None:
        """Wait for its first word. Raises WorkerDied."""
        try:
            word = await self._frame()
        except (OSError, asyncio.IncompleteReadError, frames.Nonsense) as error:
            raise WorkerDied(f"the process that was to read this camera did not start: {error}") from error
        if "ready" not in word:
            raise WorkerDied("the process that was to read this camera did not start as it should")

    def leave(self) -> None:
        """Kill it, wait for nothing."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def gone(self) -> None:
        """Wait until the kernel has let go of it."""
        await self._process.wait()


def _sha256(answer: dict[str, Any]) -> str:
    if not is_sha256(answer["sha256"]):
        raise frames.Nonsense("that is no SHA-256")
    return str(answer["sha256"])


def _listed(answer: dict[str, Any]) -> tuple[bool, int | None]:
    room = answer.get("room")
    if room is not None and frames.number(room) < 0:
        raise frames.Nonsense("less than no room")
    return bool(answer.get("change_times")), room


def _copied(answer: dict[str, Any]) -> tuple[Digest, str]:
    digest = Digest(size=frames.number(answer["size"]), sha256=_sha256(answer), xxh3_128=str(answer["xxh3_128"]))
    return digest, str(answer["second_read"])


def _deleted(answer: dict[str, Any]) -> tuple[dict[str, str], dict[str, errors.DockdError]]:
    gone = {str(item["segment"]): str(item["seen"]) for item in answer["gone"]}
    kept = {str(item["segment"]): _error(item) for item in answer["kept"]}
    return gone, kept


def _unlocked(answer: dict[str, Any]) -> Unlocked:
    return Unlocked(
        device_id=str(answer["device_id"]), vitals=frames.to_vitals(answer["vitals"]), clock_set=bool(answer["clock_set"])
    )  # fmt: skip


def _telling(progress: Progress | None) -> Callable[[frames.Frame], None] | None:
    if progress is None:
        return None
    return lambda frame: progress(str(frame.get("progress")), int(frame.get("bytes", 0)))


def _error(frame: frames.Frame) -> errors.DockdError:
    kind = _KNOWN_ERRORS.get(str(frame.get("error")), errors.CameraGone)
    return kind(str(frame.get("message", "the camera failed")))


class WorkerPool:
    """At most `parallel` workers at a time. `silence`: seconds without a word after which a worker counts as hung."""

    def __init__(self, *, parallel: int, spool: Path, silence: float = 120.0) -> None:
        self._slots = Slots(parallel)
        self._apart = asyncio.Semaphore(_APART)
        self._spool = spool
        self._silence = silence
        self.reading = Steps(
            "reading cameras", patience=2 * silence + 60.0
        )  # whoever is silent for `silence` is left behind
        self._idle: list[Worker] = []
        self._left: dict[asyncio.Task[None], bytes] = {}  # each with the root of the camera that it was lent to
        self._closed = False

    @contextlib.asynccontextmanager
    async def lent(self, root: bytes) -> AsyncIterator[Worker]:
        """A worker with the camera at `root` open. Raises CameraGone, Unreadable, WorkerDied."""
        await self.none_left_on(root)  # before a slot is taken: those are for cameras that answer
        async with self._slots:
            worker = await self._take(root)
            try:
                await worker.open(root)
                yield worker
            finally:
                await self._give_back(worker, root)

    def resize(self, parallel: int) -> None:
        """From now on so many at a time; those that are at work go on."""
        self._slots.resize(parallel)
        while len(self._idle) > parallel:
            self._leave(self._idle.pop(), b"")

    @contextlib.asynccontextmanager
    async def apart(self, what: bytes) -> AsyncIterator[Worker]:
        """A worker with no camera open, which takes no camera's slot and ends with this loan. `what` is touched by one at a time.

        Raises WorkerDied.
        """
        await self.none_left_on(what)
        async with self._apart:
            worker = await self._start(what)
            try:
                yield worker
            finally:
                self._leave(worker, what)

    async def none_left_on(self, root: bytes) -> None:
        """Raises WorkerDied where a worker that was left behind still hangs on this camera."""
        left = [task for task, on in self._left.items() if on == root]
        if left and (await asyncio.wait(left, timeout=_LET_GO))[1]:
            raise WorkerDied("the camera hangs: the process that read it was ended, and has not ended yet")

    async def _take(self, root: bytes) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.reusable:
                return worker
            self._leave(worker, b"")
        return await self._start(root)

    async def _start(self, root: bytes) -> Worker:
        try:
            process = await asyncio.create_subprocess_exec(
                *_command(), stdin=PIPE, stdout=PIPE, env=_environment(), limit=frames.LARGEST + 4
            )
        except OSError as error:  # no memory, no more processes: it is tried again like one that died
            raise WorkerDied(f"no process to read this camera could be started: {error.strerror or error}") from error
        worker = Worker(process, silence=self._silence, steps=self.reading)
        try:
            await worker.ready()
        except BaseException:
            self._leave(worker, root)
            raise
        return worker

    async def _give_back(self, worker: Worker, root: bytes) -> None:
        if worker.reusable and not self._closed and not _cancelling():
            with contextlib.suppress(errors.DockdError):
                await worker.close()
        if worker.reusable and not self._closed:
            self._idle.append(worker)
        else:
            self._leave(worker, root)

    def _leave(self, worker: Worker, root: bytes) -> None:
        worker.leave()
        task = asyncio.create_task(self._sweep_after(worker), name=f"worker-{worker.pid}-left-behind")
        self._left[task] = root
        task.add_done_callback(self._left.pop)

    async def until_gone(self, worker: Worker) -> None:
        """Wait until the kernel has let go of a worker that was left behind."""
        await worker.gone()

    async def _sweep_after(self, worker: Worker) -> None:
        await self.until_gone(worker)
        for name in await asyncio.to_thread(_parts_of, self._spool, worker.pid):
            with contextlib.suppress(OSError):
                os.unlink(name)

    async def close(self, *, patience: float = 2.0) -> None:
        """End all workers; those that hang in the kernel are left behind after `patience` seconds."""
        self._closed = True
        while self._idle:
            self._leave(self._idle.pop(), b"")
        if self._left:
            _done, hung = await asyncio.wait(set(self._left), timeout=patience)
            for task in hung:
                task.cancel()


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _parts_of(spool: Path, pid: int) -> Sequence[Path]:
    return list(spool.glob(f"*.{pid}.*.part"))


def _command() -> list[str]:
    """-S and the parent's own path: a worker imports what it needs and starts in a tenth of a second."""
    return [sys.executable, "-S", "-P", "-X", "utf8", "-m", "ingest.worker"]


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
