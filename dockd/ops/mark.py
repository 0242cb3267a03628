"""How far the log of a run got, kept beside the ledger, so that the next run can say where the one before ended.

A process that is killed writes no last line. What it had handed on is a fact all the same: this file survives the process (not a power cut: what it
says then may be some seconds old, and `boot` tells). The next run's first line carries it, and `dockd logs verify` holds the log against it.

It also says whether the newest run ended by itself: what is killed (by the watchdog, for memory, by a power cut) cannot say so.

Rules kept here: written by the log's own thread alone, after the line itself, so that it never says more than was written; a damaged, absent or
unwritable file costs that proof and nothing else.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

_SIZE = 256
_RUN = re.compile(r"[0-9a-f]{32}")
_BOOT = re.compile(r"[0-9a-f-]{0,36}")
_HIGHEST = 1 << 53


@dataclass(frozen=True, kw_only=True)
class Stood:
    """A run of dockd, the boot of the machine that it was in, and the number of the last line that it handed on. `ended`: whether the newest run, which may have
    had no line to say, ended by itself; None where nobody knows."""

    run: str
    boot: str
    last: int
    ended: bool | None = False


def this_boot() -> str:
    """The machine's boot id; empty where it is not to be had."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


class Mark:
    """`before`: where the run before stood; None where nobody knows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._fd: int | None = None
        self.before = _read(file)

    def write(self, stood: Stood) -> None:
        """This is how far it got. Raises OSError."""
        if self._fd is None:
            self._fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        said = json.dumps({"run": stood.run, "boot": stood.boot, "last": stood.last, "ended": stood.ended})
        os.pwrite(self._fd, said.ljust(_SIZE - 1).encode() + b"\n", 0)

    def close(self) -> None:
        """Let go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _read(file: Path) -> Stood | None:
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(_SIZE))
        run, boot, last = said["run"], said["boot"], said["last"]
        right = (
            isinstance(run, str)
            and isinstance(boot, str)
            and type(last) is int
            and _RUN.fullmatch(run)
            and _BOOT.fullmatch(boot)
            and 0 < last < _HIGHEST
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    ended = said.get("ended")
    return Stood(run=run, boot=boot, last=last, ended=ended if isinstance(ended, bool) else None) if right else None
