"""dockd as it was before the work on real cameras began, installed from the repository's own history into an environment of its own.

That commit had no Debian package: its wheel, built from `git archive`, and the libraries of its own lock file are what an appliance of that day had
(`pip install .`). Built once a machine, outside the repository; everything there may be deleted at any time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.hil.rig.places import built_once, key_of, state_folder
from tests.program import REPOSITORY

COMMIT = "7804bc43897d5625fd232e144f40a3ca25a9f6e1"


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment with one version of dockd in it."""

    folder: Path

    @property
    def dockd(self) -> tuple[str, ...]:
        """How its program is called: neither the caller's folder nor PYTHONPATH is looked at."""
        return (str(self.folder / "bin/python"), "-I", "-m", "dockd")


def missing() -> str | None:
    """Why that commit cannot be had here; None where it can."""
    done = subprocess.run(
        ["git", "-C", str(REPOSITORY), "cat-file", "-e", f"{COMMIT}^{{commit}}"], capture_output=True, check=False
    )
    if done.returncode == 0:
        return None
    return f"the repository's history ends after {COMMIT[:7]}: clone it whole (git fetch --unshallow), or name git's package if there is no git"


def first_commit() -> Installed:
    """Its environment, made now if it is not there. Raises AssertionError with what a tool said."""
    python = os.path.realpath(sys.executable)
    folder = state_folder() / f"first-commit-{key_of([COMMIT.encode(), python.encode(), sys.version.encode()])}"
    with built_once(folder) as building:
        if building is not None:
            _build(building)
    return Installed(folder=folder)


def _build(building: Path) -> None:
    tree = building / "tree"
    _run("git", "-C", str(REPOSITORY), "archive", f"--output={building}/tree.tar", COMMIT)
    with tarfile.open(building / "tree.tar") as archive:
        archive.extractall(tree, filter="data")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(building), cwd=tree)
    venv.create(building, with_pip=False, symlinks=True)
    (wheel,) = building.glob("*.whl")
    site = building / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    into = ("--quiet", "--disable-pip-version-check", "--no-input", "--target", str(site))
    lock = ("--require-hashes", "--only-binary=:all:", "-r", str(tree / "requirements.lock"))
    _run(sys.executable, "-m", "pip", "install", *into, *lock)
    _run(sys.executable, "-m", "pip", "install", *into, "--no-deps", str(wheel))


def _run(*command: str, cwd: Path | None = None) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
