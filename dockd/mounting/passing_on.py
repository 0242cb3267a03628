"""The kernel's word on its clock, passed on to the agent, which may not ask: the call that asks is the one that sets.

Rules kept here: a word has the moment of its making (nanoseconds of CLOCK_BOOTTIME) beside it, so that an old one is none; it appears whole or
not at all; what cannot be written is tried again, and keeps nothing else from being done.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from ingest.clock import kernel_synchronised

EVERY = 15.0


class ClockWord:
    """Writes `yes` or `no` into the file at `path`, every `EVERY` seconds; nothing where the kernel does not say."""

    def __init__(self, path: Path, *, kernel: Callable[[], bool | None] = kernel_synchronised) -> None:
        self._path = path
        self._kernel = kernel
        self._due = 0.0

    def tick(self) -> float:
        """Pass it on, if it is time; seconds until it is time again."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + EVERY
            said = self._kernel()
            with contextlib.suppress(OSError):
                self._write(said=said)
        return max(0.0, self._due - now)

    def _write(self, *, said: bool | None) -> None:
        if said is None:
            self._path.unlink(missing_ok=True)
            return
        fresh = self._path.with_name(f".{self._path.name}.new")
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        fresh.write_text(f"{'yes' if said else 'no'} {at}\n", encoding="ascii")
        fresh.chmod(0o644)
        os.replace(fresh, self._path)
