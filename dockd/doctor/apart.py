"""Looks in processes of their own, all at once, none for longer than its time, none larger than its share.

A look at a disk or share that hangs in the kernel cannot be ended, in a thread least of all: such a process is killed with all that it has started, and
not waited for. Where root asks, a look that speaks for the agent runs as the agent's user: what that user may not read it finds out by not being able to.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_REAPED_WITHIN = 0.2
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class User:
    """Whom a look runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Job:
    """`look` gives what was found, as bytes; `within` seconds, at most `most` bytes; `user`: None is whoever asks."""

    look: Callable[[], bytes]
    within: float
    most: int
    user: User | None = None


@dataclass(kw_only=True)
class _Started:
    job: Job
    process: int
    stream: int
    until: float
    said: bytearray
    ended: bool = False


def apart(jobs: Sequence[Job]) -> list[bytes | None]:
    """What each gave, in their order; None: it did not end in time, was larger than it may be, or broke. Raises OSError (no process), KeyboardInterrupt.

    Nothing that was started is left behind, however this ends.
    """
    started: list[_Started] = []
    try:
        for job in jobs:
            with _unheard():
                started.append(_start(job))
        _hear({one.stream: one for one in started})
    finally:
        with _unheard():
            for one in started:
                os.close(one.stream)
                _kill(one.process)
            for one in started:
                _reap(one.process)
    return [_whole(bytes(one.said)) if one.ended else None for one in started]


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Whoever interrupts is heard right after this: Python passes over what its own hooks of a fork are interrupted with, and half a start cannot be ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear(open_: dict[int, _Started]) -> None:
    while open_:
        left = min(one.until for one in open_.values()) - time.monotonic()
        ready, _, _ = select.select(list(open_), [], [], max(0.0, left))
        for stream in ready:
            one, more = open_[stream], os.read(stream, 1 << 20)
            one.said += more
            one.ended = not more
            if not more or len(one.said) > one.job.most + 1:
                del open_[stream]
        now = time.monotonic()
        open_ = {stream: one for stream, one in open_.items() if one.until > now}


def _whole(said: bytes) -> bytes | None:
    """What ends with the mark that its process writes last; one that was killed has not written it."""
    return said[:-1] if said.endswith(b"\n") else None


def _start(job: Job) -> _Started:
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            _child(job, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    return _Started(
        job=job, process=process, stream=ours, until=time.monotonic() + job.within, said=bytearray()
    )  # fmt: skip


def _child(job: Job, stream: int) -> None:
    os.setpgid(0, 0)
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # who reads what is said does not wait for one that hangs
        os.dup2(nowhere, standard)
    if job.user is not None:
        os.setgroups(job.user.groups)
        os.setresgid(job.user.gid, job.user.gid, job.user.gid)
        os.setresuid(job.user.uid, job.user.uid, job.user.uid)
    left = memoryview(job.look() + b"\n")
    while left:
        left = left[os.write(stream, left) :]


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def _reap(process: int) -> None:
    until = time.monotonic() + _REAPED_WITHIN
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < until:
            time.sleep(0.002)
