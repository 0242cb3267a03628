"""Programs of the host that the rig leans on (mtools, mkfs, debugfs, sha256sum), run with a clear failure."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.hil.rig.prerequisites import SYSTEM_PATH

ENVIRONMENT = {"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}


class HostCommandFailed(RuntimeError):
    """A program of the host ended with a status that was not expected; the message has its output."""


def host(
    *command: str | Path,
    accept: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 600,
) -> str:
    """Run one program and return its standard output.

    Raises HostCommandFailed where the exit status is not in `accept`.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        env={**ENVIRONMENT, **(environment or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        check=False,
    )
    if done.returncode not in accept:
        said = (done.stdout + done.stderr)[-4000:]
        raise HostCommandFailed(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
    return done.stdout
