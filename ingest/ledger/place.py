"""Whether the ledger still lies under its name: what is committed into a file that was deleted or replaced is gone with the process.

SQLite goes on in the files that it has opened, whatever became of their names, and says nothing. So each commit looks first: two calls of
stat, no descriptor (closing one would take the locks of the whole process with it).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ingest.errors import LedgerDamaged

Seen = tuple[int, int, int]  # device, inode, size


class Place:
    """The ledger's file and its log as they were opened. Made by whoever has them open. Raises OSError, LedgerDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = {name: seen for name in (f"{path}", f"{path}-wal") if (seen := _look(name)) is not None}
        if f"{path}" not in self._seen:
            raise _moved(path, "it was deleted while it was opened")

    def check(self) -> None:
        """Raises LedgerDamaged where one of them was deleted, replaced or cut since, OSError."""
        for name, before in self._seen.items():
            now = _look(name)
            if now == before:
                continue
            what = "it" if name == str(self._path) else "its write-ahead log"
            if now is None:
                raise _moved(self._path, f"{what} was deleted while it was used")
            if now[:2] != before[:2]:
                raise _moved(self._path, f"{what} was replaced while it was used")
            if now[2] < before[2]:
                raise _moved(self._path, f"{what} was cut while it was used")
            self._seen[name] = now

    def grown(self) -> None:
        """It was written to: what it is cut from, if it is, is this. Raises nothing."""
        for name, before in self._seen.items():
            with contextlib.suppress(OSError):
                now = _look(name)
                if now is not None and now[:2] == before[:2]:
                    self._seen[name] = now


def _look(name: str) -> Seen | None:
    try:
        seen = os.stat(name)
    except FileNotFoundError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size


def _moved(path: Path, why: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"the ledger {path} is not what dockd works with any more: {why}. Nothing will be deleted on its word. What lies there now is opened "
        "anew, and the store is asked before anything is deleted",
        why=why,
    )
