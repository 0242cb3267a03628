"""The way back to an older version: the copy that the last upgrade kept takes the ledger's place.

Rules: only a copy that is whole, of the version that its name says, and whose end the newer ledger knows; which one is the last is read from its
name and the record, for a file's time is anybody's to set; no link is followed. The newer ledger is never thrown away: it keeps its bytes under
another name, and the older one takes its place in one rename.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import LedgerUnusable
from ingest.ledger import audit, schema
from ingest.ledger.database import is_whole, unusable
from ingest.ledger.pin_file import sync_folder
from ingest.ledger.upgrading import kept_copies
from ingest.model import Head

_KEPT = re.compile(r"\.before-(?P<lacks>\w{1,60})-(?P<seq>[0-9]{1,18})-(?P<hash>[0-9a-f]{8}|new)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """The copy that the last upgrade kept: where its record ends, and when that was; `given_up`: how many entries the ledger has beyond it."""

    copy: Path
    lacks: str
    end: Head
    at: str
    given_up: int


def way_back(path: Path) -> WayBack:
    """What there is to go back to; nothing is changed. Blocks. Raises LedgerUnusable, OSError."""
    found = [match for one in kept_copies(path) if (match := _KEPT.fullmatch(one.name.removeprefix(path.name)))]
    if not found:
        raise LedgerUnusable(f"there is no copy from before an upgrade beside {path}: there is nothing to go back to")
    last = max(found, key=lambda one: (int(one["seq"]), one["lacks"]))  # a file's time is anybody's to set
    seq, digest = int(last["seq"]), last["hash"]
    copy = path.with_name(f"{path.name}{last[0]}")
    with audit.opened(path) as reader:
        row = reader.execute("SELECT hash, at FROM custody WHERE seq = ?", (seq,)).fetchone() or ("", "")
        given_up = reader.execute("SELECT count(*) FROM custody WHERE seq > ?", (seq,)).fetchone()[0]
    if seq and row[0][:8] != digest:
        raise LedgerUnusable(f"{copy} is not of this ledger, which has no entry {seq} ({digest}…): nothing was changed")
    return WayBack(copy=copy, lacks=last["lacks"], end=Head(seq=seq, hash=row[0]), at=row[1], given_up=given_up)


def roll_back(path: Path) -> tuple[Path, Path]:
    """Put the copy that the last upgrade kept in the ledger's place; returns that copy, and the name under which the newer ledger stays.

    Only a copy that is whole, and whose end the newer ledger knows. Nobody else may have the ledger open, and the caller is who owns it. A kill
    leaves the one or the other in its place. Blocks. Raises LedgerUnusable, OSError.
    """
    found = way_back(path)
    part = path.with_name(f"{path.name}.back.part")
    part.unlink(missing_ok=True)
    try:
        _copied(found.copy, part)
        _see_whole(part, found)
        newer = path.with_name(f"{path.name}.newer-{_played_in(path)}")
        with contextlib.suppress(FileExistsError):  # of a run that was killed before its last step
            os.link(path, newer, follow_symlinks=False)
        os.rename(part, path)
    except BaseException:
        for left in ("", "-wal", "-shm"):
            part.with_name(f"{part.name}{left}").unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return found.copy, newer


def _copied(source: Path, target: Path) -> None:
    """Durable, 0600. No link is followed, at either end. Raises LedgerUnusable where it is no file, OSError."""
    fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise LedgerUnusable(f"{source} is no file: nothing was changed")
        out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(out, "wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())


def _see_whole(part: Path, found: WayBack) -> None:
    """What takes the ledger's place is what its name says. Raises LedgerUnusable."""
    wrong = f"{found.copy} is not what the upgrade kept"
    if not is_whole(part):
        raise LedgerUnusable(f"{wrong}: it is damaged. Nothing was changed")
    try:
        with audit.opened(part) as reader:
            end = reader.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone() or (0, "")
            pending = schema.pending(schema.applied(reader))
    except LedgerUnusable as error:
        raise LedgerUnusable(f"{wrong}: it is no ledger. Nothing was changed") from error
    if Head(seq=end[0], hash=end[1]) != found.end:
        raise LedgerUnusable(f"{wrong}: its record ends with entry {end[0]} ({end[1][:8]}…). Nothing was changed")
    if pending[:1] != [found.lacks]:
        raise LedgerUnusable(f"{wrong}: it is of another version than its name says. Nothing was changed")


def _played_in(path: Path) -> str:
    """Bring the log into the ledger, so that its file alone is all of it; where its record ends."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=2.0)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            seq, digest = connection.execute("SELECT seq, hash FROM custody ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        raise unusable(error, path) from error
    log = path.with_name(f"{path.name}-wal")
    if busy or (log.exists() and log.stat().st_size):
        raise LedgerUnusable(f"the ledger {path} is in use: end the program that has it open, then try again")
    return f"{seq}-{digest[:8]}"
