"""dockd as it was at any commit, run from its own tree with the libraries of today: enough for its ledger to be its own."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.program import REPOSITORY

# For each set of tables that the ledger ever had since the first issue's commit, one commit whose program starts and has just those. In some,
# migrations had already been applied that were given further indices later (0002, 0012, 0013): what they made is whole all the same.
OF_EACH_SCHEMA = (
    "69b3e98", "e7bfa7c", "10741c7", "595873c", "9941a7b", "45f608f", "0357a2d", "0c875c4", "d971507", "b0a8df7", "25ef942", "afd6660",
    "2a3835e", "9f797a5", "7d8809a", "7e1643c",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AtCommit:
    """`dockd`: how its program is called; whatever PYTHONPATH says, its own tree comes first."""

    tree: Path

    @property
    def dockd(self) -> tuple[str, ...]:
        start = f"import sys; sys.path.insert(0, {str(self.tree)!r}); from dockd.cli import main; main()"
        return (sys.executable, "-P", "-c", start)


def at_commit(commit: str, folder: Path) -> AtCommit:
    """Unpack it there."""
    _git("archive", f"--output={folder}/{commit}.tar", commit, "dockd", "ingest", "config")
    with tarfile.open(folder / f"{commit}.tar") as archive:
        archive.extractall(folder / commit, filter="data")
    return AtCommit(tree=folder / commit)


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(REPOSITORY), *words], capture_output=True, text=True, check=True)
    return done.stdout
