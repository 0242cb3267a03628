"""Every check in a process of its own, all at once, none for longer than its time.

A look at a disk or share that hangs in the kernel cannot be ended, in a thread least of all: such a process is killed, not waited for, and told of.
Where root asks, a check that speaks for the agent runs as the agent's user: what that user may not read it finds out by not being able to.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from dockd.doctor.findings import Finding, failed
from dockd.doctor.machine import NotSeen

_MOST = 1 << 20
_REAPED_WITHIN = 0.2


@dataclass(frozen=True, kw_only=True)
class User:
    """Whom a check runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look: what it is called, how long it may take (seconds), and whether it speaks for the agent."""

    group: str
    name: str
    look: Callable[[], Iterable[Finding]]
    within: float = 10.0
    as_agent: bool = False


@dataclass(kw_only=True)
class _Started:
    check: Check
    process: int
    stream: int
    until: float
    said: bytes = b""


def run(checks: Sequence[Check], *, agent: User | None = None) -> list[Finding]:
    """What all of them found, in their order. `agent`: whom checks that speak for it run as; None: as whoever asks. Raises OSError (no process)."""
    started = [_start(check, agent if check.as_agent else None) for check in checks]
    open_ = {one.stream: one for one in started}
    try:
        while open_:
            left = min(one.until for one in open_.values()) - time.monotonic()
            ready, _, _ = select.select(list(open_), [], [], max(0.0, left))
            for stream in ready:
                more = os.read(stream, 65536)
                open_[stream].said += more
                if not more or len(open_[stream].said) > _MOST:
                    del open_[stream]
            now = time.monotonic()
            open_ = {stream: one for stream, one in open_.items() if one.until > now}
    finally:
        for one in started:
            os.close(one.stream)
            _leave(one.process)
    return [finding for one in started for finding in _found(one)]


def _start(check: Check, user: User | None) -> _Started:
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            _child(check, user, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    return _Started(check=check, process=process, stream=ours, until=time.monotonic() + check.within)


def _child(check: Check, user: User | None, stream: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # who reads what doctor says does not wait for one that hangs
        os.dup2(nowhere, standard)
    if user is not None:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    try:
        found = list(check.look())
    except NotSeen as error:
        found = [
            Finding(
                check=check.name,
                outcome="skipped",
                says=str(error),
                do="Ask as root: dockd doctor" if os.geteuid() else "",
            )
        ]
    except Exception as error:  # noqa: BLE001 (a check that fails is told of as that, beside what the others found)
        found = [
            failed(
                check.name,
                f"this check itself went wrong: {type(error).__name__}: {error}",
                "Tell those who maintain dockd.",
            )
        ]
    said = json.dumps([asdict(one) for one in found]).encode("ascii", "backslashreplace") + b"\n"
    left = memoryview(said)
    while left:
        left = left[os.write(stream, left) :]


def _found(one: _Started) -> list[Finding]:
    if not one.said.endswith(b"\n"):
        says = f"it did not end within {one.check.within:g} s: a disk, a share or a device hangs"
        return [
            failed(one.check.name, says, "Look at the kernel's messages: journalctl -k -b").clean(group=one.check.group)
        ]
    return [Finding(**each).clean(group=one.check.group) for each in json.loads(one.said)]


def _leave(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        until = time.monotonic() + _REAPED_WITHIN
        while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < until:
            time.sleep(0.002)
