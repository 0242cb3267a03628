"""Whether a ledger opens and is whole, asked from outside and in bounded time: `dockd doctor`, while an agent may be at work with it.

Rules kept here: nothing is changed. Where an agent writes, one moment is read as any reader does, and the log that grows meanwhile is not judged; where
nobody does, the file is read as one that cannot change, without a lock and without files beside it, and with a log a copy of both. What time does not allow is said.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.ledger import write_ahead_log
from ingest.ledger.database import check_content, damaged, reading, unusable

_EVERY = 20_000  # steps of SQLite between two looks at the clock
_MOST_COPIED = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Nothing wrong was found; `whole`: in all of it. Else `left` says what kept it from being so."""

    whole: bool
    left: str = ""


def look(path: Path, *, written: bool, within: float) -> Looked:
    """The ledger at `path`, of which `written` says whether an agent is at work with it, in `within` seconds. Blocks.

    Raises LedgerDamaged, LedgerUnusable (its message says what it is), OSError.
    """
    if path.stat().st_size == 0:
        raise damaged(path, "it was cut to nothing", is_so="is empty")
    if written:
        return _judged(lambda: reading(path, timeout=2.0), path, within=within)
    log = path.with_name(f"{path.name}-wal")
    wrong = write_ahead_log.fault(log)
    if wrong is not None:
        raise damaged(path, wrong)
    if not log.exists() or log.stat().st_size == 0:
        return _judged(lambda: _unchanging(path), path, within=within)
    if path.stat().st_size + log.stat().st_size > _MOST_COPIED:
        return Looked(
            whole=False,
            left="it ended without closing, and is too large to be copied for a look: the next start looks itself",
        )
    with tempfile.TemporaryDirectory(prefix="dockd-doctor-") as folder:
        for part in (path, log):
            shutil.copyfile(part, Path(folder) / part.name)
        return _judged(lambda: reading(Path(folder) / path.name), path, within=within)


def _unchanging(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)


def _judged(connect: Callable[[], sqlite3.Connection], path: Path, *, within: float) -> Looked:
    until = time.monotonic() + within
    try:
        with contextlib.closing(connect()) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.set_progress_handler(lambda: time.monotonic() > until, _EVERY)
            check_content(connection, path)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return Looked(whole=False, left=f"it is large, and was looked at for {within:g} s")
        raise unusable(error, path) from error
    return Looked(whole=True)
