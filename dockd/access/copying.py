"""A copy of access.db, of one moment, while others write it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from dockd.access.file import Unwritten


def copy_access(path: Path, target: Path) -> None:
    """0600 and durable. Blocks. Raises Unwritten where it cannot be read, OSError."""
    fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        source = contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0))
        with source as reader, contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            reader.backup(copy)
        os.fsync(fd)
    except sqlite3.Error as error:
        raise Unwritten(f"{path} cannot be copied: {error}") from error
    finally:
        os.close(fd)
