"""States of a dock to be kept, put back, rolled back and given up: made once by real runs, copied for each test."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.program import DOCKD, REPOSITORY, Dock, Ended, StoreProcess, environment, filled


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A dock that has delivered one camera (`delivered`: all in the store, and gone from it) and copied another, whose store was away (`waiting`)."""

    store: StoreProcess
    delivered: Path
    waiting: Path
    digests: frozenset[str]


def lived(folder: Path) -> Lived:
    store = StoreProcess(root=folder / "store")
    store.start()
    delivered, waiting = folder / "delivered", folder / "waiting"
    first = filled(folder / "CAM01", {"a.mp4": os.urandom(300_000), "b.mp4": os.urandom(70_001)})
    digests = digests_of(first)
    done = Dock(state=delivered, url=store.url).ingest(first)
    assert done.code == 0, done.said
    shutil.copytree(delivered, waiting)
    second = filled(folder / "CAM02", {"c.mp4": os.urandom(500_000)})
    digests |= digests_of(second)
    store.kill()
    done = Dock(state=waiting, url=store.url).ingest(second, options=("--wait", "1 s"))
    assert done.code == 3, done.said
    store.start()
    return Lived(store=store, delivered=delivered, waiting=waiting, digests=frozenset(digests))


def digests_of(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def dockd(*words: str | Path, prefix: Sequence[str] = ()) -> Ended:
    """A command, whole."""
    done = subprocess.run(
        [*prefix, *DOCKD, *map(str, words)], capture_output=True, text=True, env=environment(), cwd=REPOSITORY, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
