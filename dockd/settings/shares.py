"""A look at a share without touching it: its server may be gone, and then even `stat` waits in the kernel, where nothing ends it.

So another process looks, and is left behind if it does not answer in time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_REAPED_WITHIN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What lies at a path: where that really is, its `mode` (None: `error` says why not), and whether this user may read and enter it."""

    real: Path
    mode: int | None
    error: int
    enters: bool


def seen(path: Path, *, within: float = 5.0) -> Seen | None:
    """What another process sees there; None where it has not answered `within` seconds. Raises nothing."""
    ours, theirs = os.pipe()
    try:
        looking = os.fork()
    except OSError:
        os.close(ours)
        os.close(theirs)
        return None
    if looking == 0:
        try:
            os.write(theirs, _look(os.fsencode(path)))
        finally:
            os._exit(0)
    os.close(theirs)
    try:
        said = _said(ours, until=time.monotonic() + within)
    finally:
        os.close(ours)
        _leave(looking)
    if not said.endswith(b"\n"):
        return None
    found = json.loads(said)
    return Seen(
        real=Path(os.fsdecode(bytes.fromhex(found["real"]))), mode=found["mode"], error=found["error"], enters=found["enters"]
    )  # fmt: skip


def _look(path: bytes) -> bytes:
    real, mode, error = path, None, 0
    try:
        mode = os.stat(path).st_mode
        real = os.path.realpath(path)
    except (OSError, ValueError) as failed:
        error = getattr(failed, "errno", None) or 22
    enters = mode is not None and os.access(path, os.R_OK | os.X_OK, effective_ids=True)
    return json.dumps({"real": real.hex(), "mode": mode, "error": error, "enters": enters}).encode("ascii") + b"\n"


def _said(stream: int, *, until: float) -> bytes:
    said = b""
    while not said.endswith(b"\n") and select.select([stream], [], [], max(0.0, until - time.monotonic()))[0]:
        if not (more := os.read(stream, 65536)):
            break
        said += more
    return said


def _leave(process: int) -> None:
    """Kill it, and wait for it no longer than the kernel needs where nothing hangs."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        until = time.monotonic() + _REAPED_WITHIN
        while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < until:
            time.sleep(0.002)
