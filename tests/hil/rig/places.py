"""Where the rig keeps what it builds: always outside the repository, for images are large and belong to a machine.

`DOCKD_HIL_STATE` names the folder; without it `~/.cache/dockd-hil-project` is used. Everything in it can be deleted
at any time and is built again. What one run needs for itself lies under `runs/` and goes with the run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
GUEST_FILES = Path(__file__).resolve().parent / "guest"
STATION_FILES = Path(__file__).resolve().parent / "station"


def state_folder() -> Path:
    """The folder for images, snapshots and installed packages; made if it is not there."""
    named = os.environ.get("DOCKD_HIL_STATE")
    folder = Path(named) if named else Path.home() / ".cache" / "dockd-hil-project"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder for one run, on the disk of the state folder (images are too large for a small /tmp)."""
    runs = state_folder() / "runs"
    runs.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=runs))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def key_of(parts: Iterable[bytes]) -> str:
    """A short name for what was built from exactly these inputs."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


@contextmanager
def built_once(folder: Path) -> Iterator[Path | None]:
    """Yield a temporary folder to build in, or None where `folder` is there already.

    The temporary folder takes its final name only when the block ends well, so that a build which was cut short is
    never taken for a whole one. Two runs at once wait for each other.
    """
    with (state_folder() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            yield None
            return
        building = folder.with_name(folder.name + ".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        yield building
        building.rename(folder)
