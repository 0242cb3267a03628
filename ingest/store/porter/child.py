"""Inside a porter: one request at a time, each on the share opened anew, and nothing of it open in between (it could not be unmounted).

Why a process: a write to a share whose server is gone hangs in the kernel, and neither a thread nor a signal ends that; a process can be left
behind. It holds no keys, no sockets and no ledger. It ends with its parent: by the end of the pipe, and by PDEATHSIG.

What comes in are frames (`ingest.worker.frames`) and, after a request that brings bytes, blocks: a frame whose first byte is no brace.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator

from ingest import errors
from ingest.store.porter import blocks
from ingest.store.porter.meanings import of_share
from ingest.store.porter.share import Share
from ingest.store.porter.uploads import Uploads
from ingest.worker import frames
from ingest.worker.arena import Arena

_PR_SET_PDEATHSIG = 1
_SAY_EVERY = 0.1
_AHEAD = 8  # blocks that wait while the share takes one
_LARGEST_DOCUMENT = 16 << 20
_PIECE = 1 << 20
Bodies = queue.Queue[bytes]
Answer = frames.Frame


class Child:
    """Answers requests. `say` writes one frame's bytes, `bodies` are what comes in."""

    def __init__(self, say: Callable[[bytes], None], bodies: Bodies) -> None:
        self._say = say
        self._bodies = bodies
        self._arena = Arena(buffers=3)  # mapped, and touched only when a large segment is read
        self._said = 0.0
        self._blocks_left = False

    def serve(self) -> None:
        """Until the pipe ends."""
        self._say(frames.encode({"ready": os.getpid()}))
        while True:
            self.answer(frames.decode(self._bodies.get()))

    def answer(self, request: frames.Frame) -> None:
        """Carry out one request; every outcome is one frame with `ok` or `error`."""
        operations: dict[str, Callable[[Uploads, frames.Frame], Answer]] = {
            "begin": self._begin, "look": self._look, "take": self._take, "finish": self._finish, "read": self._read,
            "part": self._part, "lay": self._lay, "withdraw": self._withdraw, "sweep": self._sweep,
        }  # fmt: skip
        folder = bytes.fromhex(request["folder"])
        op = str(request["op"])
        self._blocks_left = op in ("take", "lay")
        try:
            with Share.opened(folder) as share:
                if op in ("who", "found"):
                    found = self._who(share, make=op == "found")
                else:
                    share.expect(str(request["store"]), device=int(request["device"]))
                    found = operations[op](Uploads(share, arena=self._arena, going_on=self._going_on), request)
            self._say(frames.encode({"ok": found}))
        except errors.DockdError as error:
            self._fail(error)
        except OSError as error:
            self._fail(of_share(error, doing=_DOING.get(op, "a look at it"), folder=folder))
        except Exception as error:  # noqa: BLE001 - told to the agent, which logs it
            self._fail(errors.Unforeseen(f"{type(error).__name__}: {error} ({traceback.format_exc(limit=-3)})"))
        for _block in self._blocks():  # what is still on its way is of no use any more
            pass

    def _fail(self, error: errors.DockdError) -> None:
        self._say(frames.encode({"error": type(error).__name__, "message": error.message[:4096]}))

    def _blocks(self) -> Iterator[memoryview]:
        """What the agent sends behind its request, up to its end."""
        while self._blocks_left:
            body = self._bodies.get()
            if blocks.is_end(body):
                self._blocks_left = False
            else:
                yield blocks.bytes_of(body)

    def _going_on(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY:
            self._said = now
            self._say(frames.encode({"progress": done}))

    # -- requests ------------------------------------------------------------------------------------------------------

    def _who(self, share: Share, *, make: bool) -> Answer:
        if make and share.marker is None:
            share.make_marker()
        return {"marker": share.marker, "device": share.device}

    def _begin(self, uploads: Uploads, request: frames.Frame) -> Answer:
        address = uploads.begin(_address(request), size=int(request["size"]), sha256=str(request["sha256"]))
        return {"address": address.decode("ascii")}

    def _look(self, uploads: Uploads, request: frames.Frame) -> Answer:
        found = uploads.look(_address(request), size=int(request["size"]))
        return {"offset": found.durable if found.final is None else found.final}

    def _take(self, uploads: Uploads, request: frames.Frame) -> Answer:
        reached = uploads.take(
            _address(request), self._blocks(), offset=int(request["offset"]), length=int(request["length"]), size=int(request["size"])
        )  # fmt: skip
        return {"offset": reached}

    def _finish(self, uploads: Uploads, request: frames.Frame) -> Answer:
        uploads.finish(_address(request), size=int(request["size"]))
        return {}

    def _read(self, uploads: Uploads, request: frames.Frame) -> Answer:
        found = uploads.read(_address(request), size=int(request["size"]))
        return {"size": found.size, "sha256": found.sha256, "method": found.method.value}

    def _part(self, uploads: Uploads, request: frames.Frame) -> Answer:
        given = uploads.part(
            _address(request), offset=int(request["offset"]), length=int(request["length"]), size=int(request["size"])
        )  # fmt: skip
        for start in range(0, len(given), _PIECE):
            self._say(blocks.encoded(given[start : start + _PIECE]))
        return {"length": len(given)}

    def _lay(self, uploads: Uploads, request: frames.Frame) -> Answer:
        text = bytearray()
        for block in self._blocks():
            text += block
            if len(text) > _LARGEST_DOCUMENT:
                raise errors.NeverStorable("what is to lie beside the segment is too long")
        if len(text) != int(request["length"]):
            raise errors.StoreDown("what is to lie beside the segment did not come whole")
        uploads.lay_beside(_address(request), str(request["ending"]).encode("ascii"), bytes(text))
        return {}

    def _withdraw(self, uploads: Uploads, request: frames.Frame) -> Answer:
        uploads.withdraw(_address(request))
        return {}

    def _sweep(self, uploads: Uploads, _request: frames.Frame) -> Answer:
        return {"swept": uploads.sweep()}


_DOING = {
    "who": "a look at who it is", "found": "its marker", "begin": "a new upload", "look": "a look at an upload", "take": "bytes of a segment",
    "finish": "a segment's own name", "read": "the bytes of a segment", "part": "a part of a segment", "lay": "a description",
    "withdraw": "the end of an empty upload", "sweep": "a look for what uploads have left",
}  # fmt: skip


def _address(request: frames.Frame) -> bytes:
    return str(request["address"]).encode("ascii", "replace")


def _end_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        os._exit(0)


def _listen(bodies: Bodies) -> None:
    """Read frames while work goes on; the pipe's end is the end, whatever the work hangs in."""
    stdin = sys.stdin.buffer
    while True:
        prefix = stdin.read(4)
        if len(prefix) < 4:
            os._exit(0)
        length = frames.length(prefix)
        body = stdin.read(length)
        if len(body) < length:
            os._exit(0)
        bodies.put(body)


def main() -> None:
    """Serve requests from standard input until it ends."""
    _end_with_parent()
    for meant_for_the_agent in (signal.SIGINT, signal.SIGHUP):  # it ends this process in its own way, and reloads alone
        signal.signal(meant_for_the_agent, signal.SIG_IGN)
    os.umask(0o027)
    bodies: Bodies = queue.Queue(maxsize=_AHEAD)
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for inherited in (
        1,
        2,
    ):  # nothing that prints may disturb the frames, and who waits for the agent's last word must not wait for this process
        os.dup2(nowhere, inherited)

    def say(data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(out, left) :]

    threading.Thread(target=_listen, args=(bodies,), daemon=True, name="requests").start()
    Child(say, bodies).serve()
