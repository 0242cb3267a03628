"""Where a demo keeps everything: a temporary folder that goes with it, or a folder of one's own that stays.

Rules: a folder with other people's things in it is refused, and so is one in which another demo is at work; a folder of an earlier demo
is gone on with, for a dock's second shift begins like that.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MARK = "dockd-demo.json"


class NotOurs(Exception):
    """The folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """`shift` counts the demos that began in this folder, from 1; `kept`: whether it stays."""

    root: Path
    shift: int
    kept: bool

    @property
    def out(self) -> Path:
        """Cameras that are with their officers."""
        return self.root / "cameras" / "out"

    @property
    def docked(self) -> Path:
        """Cameras that are in a bay."""
        return self.root / "cameras" / "docked"

    @property
    def recorded(self) -> Path:
        """The list of all that was recorded, one JSON object a line."""
        return self.root / "recorded.jsonl"

    @property
    def state(self) -> Path:
        """The dock's ledger, spool and keys."""
        return self.root / "state"

    @property
    def store(self) -> Path:
        """The central store's folder."""
        return self.root / "store"


@contextlib.contextmanager
def place(folder: Path | None) -> Iterator[Place]:
    """The folder, held against other demos while this one runs. Raises NotOurs, OSError."""
    if folder is None:
        root = Path(tempfile.mkdtemp(prefix="dockd-demo-"))
        try:
            yield _laid_out(root, shift=1, kept=False)
        finally:
            shutil.rmtree(root, ignore_errors=True)
        return
    root = folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    mark = root / _MARK
    if not mark.is_file() and any(root.iterdir()):
        raise NotOurs(f"{folder} is not empty, and no demo made what is in it: name an empty or a new folder")
    with mark.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotOurs(f"another demo is at work in {folder}: end it first, or name another folder") from error
        yield _laid_out(root, shift=_next_shift(file.fileno(), mark), kept=True)


def _next_shift(fd: int, mark: Path) -> int:
    text = os.pread(fd, 4096, 0).decode("ascii", "replace")
    try:
        shift = int(json.loads(text)["shift"]) + 1 if text else 1
    except (ValueError, KeyError, TypeError) as error:
        raise NotOurs(f"{mark} is not what a demo writes: name another folder") from error
    os.ftruncate(fd, 0)
    os.write(fd, json.dumps({"shift": shift}).encode())
    return shift


def _laid_out(root: Path, *, shift: int, kept: bool) -> Place:
    found = Place(root=root, shift=shift, kept=kept)
    for path in (found.out, found.docked):
        path.mkdir(parents=True, exist_ok=True)
    for left in found.docked.iterdir():  # an earlier demo was ended in the middle: its cameras were taken out
        left.rename(found.out / left.name)
    found.recorded.touch()
    return found
