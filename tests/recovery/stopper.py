"""Run a program and end it before the N-th call of one kind that changes a disk, counted over all its threads and processes of one role.

    python -m tests.recovery.stopper --log LOG [--at ROLE:CALL:N] [--alone] -- COMMAND …

`strace --inject=CALL:signal=KILL:when=N` counts each thread by itself: the thread that is first to its N-th call hides that of every other, and
no N reaches all calls. So this does what strace does, with one counter a role: a seccomp filter hands over the calls that change a
disk and no other, before they are made; at the chosen one every process of the program gets SIGKILL (with --alone, only the
one that was about to make it), and the call is not made. Exit code: the program's own, or this process ends by SIGKILL too.

LOG gets one line a call, in order: role, call, and what it is about; then `stopped` where the chosen call was reached.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import platform
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Calls by number (x86-64), and what each is called here. Those of one name are counted together.
CALLS = {
    18: "pwrite64", 74: "fsync", 75: "fdatasync", 77: "ftruncate", 82: "rename", 83: "mkdir", 86: "link", 87: "unlink",
    258: "mkdir", 263: "unlink", 264: "rename", 265: "link", 285: "fallocate", 316: "rename",
}  # fmt: skip
_PATH_FIRST = frozenset({82, 83, 86, 87})  # the path is the first argument; of the …at calls it is the second
_AT = frozenset({258, 263, 264, 265, 316})
_WORKER = b"ingest.worker"
_PORTER = b"ingest.store.porter"
_ROLES = {_WORKER: "worker", _PORTER: "porter", b"serve": "store"}
_BYTECODE = "/__pycache__"  # what the interpreter writes there on the first run is not the program's doing

_CONT, _LISTEN, _SEIZE, _SYSCALL_INFO = 7, 0x4208, 0x4206, 0x420E
_OPTIONS = 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # fork, vfork, clone, exec, seccomp, and die with the tracer
_EVENT_EXEC, _EVENT_SECCOMP, _EVENT_STOP = 4, 7, 128
_WALL = 0x40000000
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE, _X86_64 = 0x7FFF0000, 0x7FF00000, 0xC000003E

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


class _Info(ctypes.Structure):
    """struct ptrace_syscall_info, as it is in a seccomp stop."""

    _fields_ = (
        ("op", ctypes.c_uint8), ("pad", ctypes.c_uint8 * 3), ("arch", ctypes.c_uint32), ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64), ("number", ctypes.c_uint64), ("arguments", ctypes.c_uint64 * 6), ("data", ctypes.c_uint32),
    )  # fmt: skip


def possible() -> bool:
    """Whether this machine is one whose calls are numbered as above."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def _watch_calls() -> None:
    """In the child, before its exec: from now on these calls stop it for its tracer."""
    wanted = sorted(CALLS)
    load, equal, answer = 0x20, 0x15, 0x06
    code = [_Instruction(load, 0, 0, 4), _Instruction(equal, 1, 0, _X86_64), _Instruction(answer, 0, 0, _ALLOW)]
    code.append(_Instruction(load, 0, 0, 0))
    code += [_Instruction(equal, len(wanted) - at, 0, number) for at, number in enumerate(wanted)]
    code += [_Instruction(answer, 0, 0, _ALLOW), _Instruction(answer, 0, 0, _TRACE)]
    program = _Program(len(code), (_Instruction * len(code))(*code))
    if (
        _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        or _libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0
    ):
        os._exit(126)


@dataclass(kw_only=True)
class Stopper:
    """One run. `at`: role, call, number; None: only count. `alone`: only the process that makes it is ended."""

    command: Sequence[str]
    at: tuple[str, str, int] | None = None
    alone: bool = False
    made: list[str] = field(default_factory=list)
    stopped: bool = False
    _count: Counter[tuple[str, str]] = field(default_factory=Counter)
    _process: dict[int, int] = field(default_factory=dict)  # of each thread
    _role: dict[int, str] = field(default_factory=dict)  # of each process

    def run(self) -> int:
        """The program's wait status."""
        first = self._start()
        status = 0
        while True:
            try:
                thread, told = os.waitpid(-1, _WALL)
            except ChildProcessError:
                return status
            if os.WIFSTOPPED(told):
                self._stop(thread, told)
                continue
            self._process.pop(thread, None)
            if thread == first:
                status = told

    def _start(self) -> int:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(ours, 1)  # until it is traced: a filter without a tracer makes every call fail
            _watch_calls()
            try:
                os.execvp(self.command[0], list(self.command))
            finally:
                os._exit(127)
        if _libc.ptrace(_SEIZE, child, None, _OPTIONS) != 0:
            raise OSError(ctypes.get_errno(), "this process may not trace another")
        os.close(ours)
        os.write(theirs, b".")
        os.close(theirs)
        return child

    def _stop(self, thread: int, told: int) -> None:
        event, number = told >> 16, os.WSTOPSIG(told)
        if event == _EVENT_SECCOMP:
            with contextlib.suppress(OSError):  # it was ended meanwhile
                self._call(thread)
        if event == _EVENT_EXEC:
            self._role.pop(thread, None)
        if event == _EVENT_STOP and number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            _libc.ptrace(_LISTEN, thread, None, None)
        else:
            _libc.ptrace(_CONT, thread, None, number if event == 0 else None)

    def _call(self, thread: int) -> None:
        info = _Info()
        if _libc.ptrace(_SYSCALL_INFO, thread, ctypes.sizeof(info), ctypes.addressof(info)) <= 0:
            return
        process = self._process_of(thread)
        role, call, about = self._role_of(process), CALLS[info.number], _about(process, info)
        if _BYTECODE in about:
            return
        self._count[role, call] += 1
        self.made.append(f"{role} {call} {about}")
        if self.at == (role, call, self._count[role, call]):
            self.stopped = True
            for one in {process} if self.alone else {*self._process.values(), process}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)

    def _process_of(self, thread: int) -> int:
        if thread not in self._process:
            status = Path(f"/proc/{thread}/status").read_text()
            self._process[thread] = int(status.partition("\nTgid:")[2].split(maxsplit=1)[0])
        return self._process[thread]

    def _role_of(self, process: int) -> str:
        if process not in self._role:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            self._role[process] = next((role for word, role in _ROLES.items() if word in words), "agent")
        return self._role[process]


def _about(process: int, info: _Info) -> str:
    """The path that a call is about, for people."""
    with contextlib.suppress(OSError, ValueError):
        if info.number in _PATH_FIRST:
            return _text(process, info.arguments[0])
        if info.number not in _AT:
            return os.readlink(f"/proc/{process}/fd/{info.arguments[0] & 0xFFFFFFFF}")
        folder = ctypes.c_int(info.arguments[0] & 0xFFFFFFFF).value
        where = os.readlink(f"/proc/{process}/fd/{folder}") if folder >= 0 else ""
        return os.path.join(where, _text(process, info.arguments[1]))
    return "?"


def _text(process: int, address: int) -> str:
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return os.fsdecode(memory.read(256).split(b"\0", 1)[0]).encode("utf-8", "backslashreplace").decode()


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--at", default="")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("command", nargs="+")
    told = parser.parse_args()
    role, _, rest = told.at.partition(":")
    call, _, number = rest.partition(":")
    stopper = Stopper(command=told.command, at=(role, call, int(number)) if told.at else None, alone=told.alone)
    for forwarded in (signal.SIGINT, signal.SIGTERM):  # the group gets it, and the program ends in its own way
        signal.signal(forwarded, lambda _number, _frame: None)
    status = stopper.run()
    told.log.write_text("".join(f"{line}\n" for line in [*stopper.made, *(["stopped"] if stopper.stopped else [])]))
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL) if os.WTERMSIG(status) != signal.SIGKILL else None
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
