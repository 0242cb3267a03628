"""Inside a worker process: one camera at a time, one request at a time.

Why a process: a USB read that hangs in the kernel cannot be cancelled in a thread; a process can be left behind. It holds no keys, no
sockets and no ledger. It ends with its parent: by the end of the pipe, and by PDEATHSIG.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest import errors
from ingest.camera.base import Camera, OpenFile
from ingest.camera.opening import open_camera
from ingest.model import Digest, Listed, PermittedSegment, Skipped, WipePermit, legible
from ingest.spool import Description, Part, Spool, of_disk
from ingest.worker import frames
from ingest.worker.arena import Arena
from ingest.worker.pipeline import SourceChanged, TargetFailed, copy, fingerprint

_BATCH = 500
_BATCH_BYTES = 256 << 10  # of paths; folders may lie deep, and a frame is bounded
_MOST_FILES = 250_000
_LOOKS, _LOOK_AFTER = 10, 0.1
_PROGRESS_EVERY = 0.1
_PR_SET_PDEATHSIG = 1


class Child:
    """Answers requests until the pipe ends. `say` writes one frame."""

    def __init__(self, say: Callable[[frames.Frame], None]) -> None:
        self._say = say
        self._arena = Arena()
        self._camera: Camera | None = None
        self._proven: dict[str, tuple[OpenFile, Listed, str]] = {}
        self._said = 0.0

    def answer(self, request: frames.Frame) -> None:
        """Carry out one request; every outcome is one frame with `ok` or `error`."""
        operations = {
            "open": self._open, "list": self._list, "pull": self._pull, "compare": self._compare, "prove": self._prove,
            "wipe": self._wipe, "drop": self._drop, "close": self._close, "vitals": self._vitals, "set_clock": self._set_clock,
            "unlock": self._unlock,
        }  # fmt: skip
        try:
            self._say({"ok": operations[str(request.get("op"))](request)})
        except errors.DockdError as error:
            self._fail(error)
        except SourceChanged as error:
            self._fail(errors.SourceUnstable(f"it changed while it was read: {error}"))
        except OSError as error:
            self._fail(self._of_device(error))

    def _fail(self, error: errors.DockdError) -> None:
        self._say({"error": type(error).__name__, "message": error.message})

    def _of_device(self, error: OSError) -> errors.DockdError:
        """An error while bytes moved: is the camera gone, or is it this file?"""
        try:
            for _look in range(
                _LOOKS if error.errno == errno.EIO else 1
            ):  # a pulled cable is EIO first, and gone a moment later
                if self._camera is not None:
                    self._camera.present()
                time.sleep(_LOOK_AFTER if error.errno == errno.EIO else 0)
        except errors.CameraGone as gone:
            return gone
        return errors.Unreadable(f"the camera cannot give its bytes: {error.strerror or error}")

    @property
    def camera(self) -> Camera:
        """The camera that was opened. Raises CameraGone where none is."""
        if self._camera is None:
            raise errors.CameraGone("no camera is open")
        return self._camera

    # -- requests ------------------------------------------------------------------------------------------------------

    def _open(self, request: frames.Frame) -> frames.Frame:
        self._close(request)
        going_on = self._progress("listed")
        self._camera = open_camera(bytes.fromhex(request["root"]), going_on=lambda: going_on(0))
        return {"device": self._camera.device()}

    def _close(self, _request: frames.Frame) -> frames.Frame:
        self._drop(_request)
        if self._camera is not None:
            self._camera.close()
            self._camera = None
        return {}

    def _vitals(self, _request: frames.Frame) -> frames.Frame:
        return frames.of_vitals(self.camera.vitals())

    def _set_clock(self, _request: frames.Frame) -> frames.Frame:
        return {"set": self.camera.set_clock()}

    def _unlock(self, request: frames.Frame) -> frames.Frame:
        """Talk a camera that is no disk yet into becoming one. What is loaded for that is loaded here."""
        from ingest.camera.unlock import Conversation, converse
        from ingest.camera.usb_link import open_line

        spec = Conversation.of_json(request["spec"])
        line = open_line(
            bus=int(request["bus"]), device=int(request["device"]), interface=spec.interface, extra="unlock"
        )
        with contextlib.closing(line):
            told = converse(spec, line)
        return {"device_id": told.device_id, "vitals": frames.of_vitals(told.vitals), "clock_set": told.clock_set}

    def _list(self, _request: frames.Frame) -> frames.Frame:
        batch: list[frames.Frame] = []
        skipped: list[frames.Frame] = []
        size = 0
        going_on = self._progress("listed")
        for listed, item in enumerate(self.camera.listing(), start=1):
            going_on(0)  # a slow card takes minutes until a batch is full, and silence counts as hanging
            if isinstance(item, Skipped):
                skipped.append(frames.of_skipped(item))
            else:
                batch.append(frames.of_listed(item))
            size += len(item.path)
            if listed > _MOST_FILES:
                too_many = f"there are more than {_MOST_FILES} files on it: the rest is not looked at"
                skipped.append(frames.of_skipped(Skipped(path=b".", kind="other", message=too_many, hides=True)))
                self.camera.present()
                break
            if len(batch) + len(skipped) >= _BATCH or size >= _BATCH_BYTES:
                self._say({"files": batch, "skipped": skipped})
                batch, skipped, size = [], [], 0
        self._say({"files": batch, "skipped": skipped})
        return {"change_times": self.camera.keeps_change_times(), "room": self.camera.room()}

    def _pull(self, request: frames.Frame) -> frames.Frame:
        """One pass into the spool with both digests, then an independent second read of the source, then publish."""
        file = frames.to_listed(request["file"])
        segment = str(request["segment"])
        spool = Spool(Path(os.fsdecode(bytes.fromhex(request["spool"]))), keep_free=0)
        with contextlib.closing(self.camera.open(file)) as source, _part_of(spool, segment) as part:
            source.at_rest()
            source.unchanged()
            try:
                measured = copy(
                    source=source.content, target=part.fd, expected_size=file.size, arena=self._arena,
                    progress=self._progress("copied"),
                )  # fmt: skip
            except TargetFailed as error:
                raise of_disk(error, spool.folder) from error
            source.unchanged()
            part.settle()
            second = fingerprint(
                source=source.content, expected_size=file.size, arena=self._arena,
                progress=self._progress("verified"),
            )  # fmt: skip
            source.unchanged()
            if second.xxh3_128 != measured.xxh3_128:
                raise errors.IntegrityFailed(f"{legible(file.path)}: two reads of it gave different bytes")
            digest = Digest(size=file.size, sha256=measured.sha256, xxh3_128=measured.xxh3_128)
            description = Description(
                segment=segment, camera=request["camera"], path=file.path, digest=digest,
                mtime_ns=file.mtime_ns, captured_at=float(request["captured_at"]),
            )  # fmt: skip
            try:
                part.publish(description)
            except OSError as error:
                raise of_disk(error, spool.folder) from error
        return {
            "size": digest.size,
            "sha256": digest.sha256,
            "xxh3_128": digest.xxh3_128,
            "second_read": str(second.method),
        }

    def _compare(self, request: frames.Frame) -> frames.Frame:
        """The SHA-256 of what is there now: is it still the file that was pulled in an earlier docking?"""
        file = frames.to_listed(request["file"])
        with contextlib.closing(self.camera.open(file)) as source:
            found = self._read(source, file, "compared")
        return {"sha256": found}

    def _read(self, source: OpenFile, file: Listed, what: str) -> str:
        found = fingerprint(
            source=source.content, expected_size=file.size, arena=self._arena, sha256=True, progress=self._progress(what),
        )  # fmt: skip
        source.unchanged()
        return found.sha256 or ""

    def _prove(self, request: frames.Frame) -> frames.Frame:
        """Read a file through a descriptor and keep that: only what is held like this can be wiped."""
        file = frames.to_listed(request["file"])
        source = self.camera.open(file)
        try:
            source.at_rest()
            found = self._read(source, file, "proven")
        except BaseException:
            source.close()
            raise
        self._proven[str(request["segment"])] = (source, file, found)
        return {"sha256": found}

    def _drop(self, _request: frames.Frame) -> frames.Frame:
        for source, _file, _found in self._proven.values():
            source.close()
        self._proven.clear()
        return {}

    def _wipe(self, request: frames.Frame) -> frames.Frame:
        """Delete what is asked of what the permit names and this process holds: P2 and P3 looked at once more, file by file."""
        permit = frames.to_permit(request["permit"])
        gone: list[frames.Frame] = []
        kept: list[frames.Frame] = []
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        only = request.get("only")
        going_on = self._progress("wiped")
        for named in permit.segments:
            if only is not None and named.segment not in only:
                continue
            going_on(len(gone))  # a slow card takes seconds for each file, and silence counts as hanging
            try:
                source = self._may_delete(named, permit, boot=boot)
                gone.append({"segment": named.segment, "seen": source.delete()})
            except errors.DockdError as error:
                kept.append({"segment": named.segment, "error": type(error).__name__, "message": error.message})
                if isinstance(error, errors.CameraGone):
                    break
            finally:
                self._let_go(named.segment)
        return {"gone": gone, "kept": kept}

    def _let_go(self, segment: str) -> None:
        """What was looked at for a deletion is not held for another."""
        source, _file, _found = self._proven.pop(segment, (None, None, ""))
        if source is not None:
            source.close()

    def _may_delete(self, named: PermittedSegment, permit: WipePermit, *, boot: str) -> OpenFile:
        """The descriptor of a file that may be unlinked now. Raises SourceUnstable, StoreDown (the permit ran out)."""
        source, file, found = self._proven.get(named.segment, (None, None, ""))
        if source is None or file is None:
            raise errors.SourceUnstable("it was not read again")
        if (file.path, file.size, found) != (named.path, named.size, named.sha256):
            raise errors.SourceUnstable("its bytes are not the ones that were confirmed")
        if permit.device != self.camera.device():
            raise errors.SourceUnstable("the permit is for another device")
        if permit.boot_id != boot or time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= permit.deadline_ns:
            raise errors.StoreDown("the permit ran out")
        return source

    def _progress(self, what: str) -> Callable[[int], None]:
        def tell(done: int) -> None:
            now = time.monotonic()
            if now - self._said >= _PROGRESS_EVERY:
                self._said = now
                self._say({"progress": what, "bytes": done})

        return tell


@contextlib.contextmanager
def _part_of(spool: Spool, segment: str) -> Iterator[Part]:
    """A part of the spool. An error of the disk in making it is the spool's; what is raised while it is open is for whoever raised it to say."""
    with contextlib.ExitStack() as stack:
        try:
            part = stack.enter_context(spool.part(segment))
        except OSError as error:
            raise of_disk(error, spool.folder) from error
        yield part


def _end_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        os._exit(0)


def _listen(requests: queue.SimpleQueue[frames.Frame]) -> None:
    """Read frames while work goes on; the pipe's end is the end, whatever the work hangs in."""
    while True:
        prefix = sys.stdin.buffer.read(4)
        if len(prefix) < 4:
            os._exit(0)
        requests.put(frames.decode(sys.stdin.buffer.read(frames.length(prefix))))


def main() -> None:
    """Serve requests from standard input until it ends."""
    _end_with_parent()
    for meant_for_the_agent in (signal.SIGINT, signal.SIGHUP):  # it ends this process in its own way, and reloads alone
        signal.signal(meant_for_the_agent, signal.SIG_IGN)
    requests: queue.SimpleQueue[frames.Frame] = queue.SimpleQueue()
    out = os.dup(1)
    os.dup2(2, 1)  # nothing that prints may disturb the frames

    def say(frame: frames.Frame) -> None:
        data = memoryview(frames.encode(frame))
        while data:
            data = data[os.write(out, data) :]

    threading.Thread(target=_listen, args=(requests,), daemon=True, name="requests").start()
    child = Child(say)
    say({"ready": os.getpid()})
    while True:
        child.answer(requests.get())
