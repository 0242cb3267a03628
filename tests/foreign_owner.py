"""A state folder that belongs to somebody else than root, who runs a command on it: what is made there has to be the owner's.

Rules: the command is another process, as it would be, and its Python is one that the owner may read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.program import REPOSITORY, Ended, environment

NOBODY = 65534


def python() -> str:
    """Skips where nobody but root may read dockd, or a Python of this version."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        if found is not None and _reads(found):
            return found
    pytest.skip(f"nobody but root may read {REPOSITORY} or a {version}")


def _reads(found: str) -> bool:
    """Whether it loads dockd as that user: there and then, with no byte of root's."""
    try:
        done = subprocess.run(
            [found, "-c", "import click, sqlite_utils, dockd.keeping.decommissioning"], env=_environment(), cwd="/", user=NOBODY, group=NOBODY,
            extra_groups=[], capture_output=True, check=False,
        )  # fmt: skip
    except PermissionError:
        return False
    return done.returncode == 0


def _environment() -> dict[str, str]:
    paths = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
    return environment() | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


def by_root(python: str, *words: str | Path, timeout: float = 60) -> Ended:
    """`dockd words`, run by root. Raises TimeoutExpired."""
    done = subprocess.run(
        [python, "-m", "dockd", *map(str, words)], capture_output=True, text=True, env=_environment(), cwd="/", timeout=timeout, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """Not below pytest's own, which are root's alone."""
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        yield Path(above)


def give_away(folder: Path) -> None:
    """All of it is the other one's."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def roots_own(folder: Path) -> list[str]:
    """What of it the owner could not use."""
    return sorted(path.name for path in [folder, *folder.rglob("*")] if path.lstat().st_uid != NOBODY)
