"""A ledger that is damaged or gone: put aside whole, and a new one made in its place. A dock must come up by itself, whatever its disk did.

Rules: nothing is overwritten or deleted: the damaged file, its write-ahead log and its index keep their bytes under a name of their own. What
is no damage (locked, read-only, a failing disk, a newer version's, a file that never was a ledger) is refused as it is. What is about to be
done is noted first, so that a kill at any point still ends in a chain that begins with `ledger.rebuilt`. A disk that damages one ledger after
the other is given no more of them: after three within an hour it is refused, until somebody has looked or the hour is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.errors import LedgerDamaged, LedgerUnusable
from ingest.events import LedgerRebuilt
from ingest.ledger.database import damaged, is_whole, open_writer, reading
from ingest.ledger.keys import KeyFolder
from ingest.ledger.pin_file import NAME, durable_text, sync_folder
from ingest.ledger.upgrading import Upgraded

MISSING = "it was not there any more"
_SUFFIXES = ("", "-wal", "-shm")
_MOST = 3
_WITHIN = 3600.0
_ACQUITTED = 86_400.0
_TIME = "%Y%m%dT%H%M%SZ"
_ASIDE = re.compile(r"\.damaged-(\d{8}T\d{6}Z)-[0-9a-f]{8}")
_TRACES = (b'"action":"', b"CREATE TABLE custody")


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """Why the ledger is a new one, and the name under which the one before is kept; empty where there was none."""

    reason: str
    aside: str

    def event(self) -> LedgerRebuilt:
        """For the record, and whoever listens."""
        return LedgerRebuilt(reason=self.reason, aside=self.aside or "nothing")


def open_or_rebuild(
    path: Path, *, keys: KeyFolder, lived: bool, now: float, upgraded: Callable[[Upgraded], None] = lambda _found: None
) -> tuple[sqlite3.Connection, Rebuilt | None]:
    """The ledger's one writer. `lived`: something beside it shows that this dock is no new one; `now`: seconds since the epoch;
    `upgraded` is told where it was of an older dockd.

    Raises LedgerUnusable. Blocks.
    """
    try:
        lived = lived or _lived(path, keys)
        begun = _noted(path)
        if begun is not None and not _moved(path, begun):
            begun = None  # nothing was done yet, or all of it: it is looked at as it is
        if begun is None:
            begun = _gone(path) if lived and not os.path.lexists(path) else None
        if begun is None:
            try:
                connection = _opened(path, keys, now=now, upgraded=upgraded)
                _note(path).unlink(missing_ok=True)
                return connection, None
            except LedgerDamaged as damage:
                begun = _put_aside(path, damage, lived=lived, now=now)
        _finish_moving(path, begun)
        connection = open_writer(path)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be made anew: {error.filename or path}: {error.strerror}. Check its folder and its disk"
        ) from error
    return connection, begun


def open_as_it_is(
    path: Path, *, keys: KeyFolder, now: float, upgraded: Callable[[Upgraded], None] = lambda _found: None
) -> sqlite3.Connection:
    """The ledger's one writer, for what must not make a new one on the way.

    Raises LedgerDamaged where a start would put it aside, or has begun to; else as `open_or_rebuild`. Blocks.
    """
    try:
        begun = _noted(path)
        if begun is not None and _moved(path, begun):
            raise damaged(path, begun.reason)
        if not os.path.lexists(path):
            raise damaged(path, MISSING)
        return _opened(path, keys, now=now, upgraded=upgraded)
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger {path} cannot be opened: {error.filename or path}: {error.strerror}. Check its folder and its disk"
        ) from error


def rebuild_over(path: Path) -> None:
    """The new chain says what was done: what was noted for that is of no use any more. Blocks."""
    for name in (_note(path), _suspect(path), _acquitted(path)):
        with contextlib.suppress(OSError):
            name.unlink()


def suspect(path: Path, why: str) -> None:
    """SQLite has called the ledger damaged while it was used: the next start looks at all of it. Blocks; raises nothing."""
    with contextlib.suppress(OSError):
        durable_text(_suspect(path), why)


def _opened(path: Path, keys: KeyFolder, *, now: float, upgraded: Callable[[Upgraded], None]) -> sqlite3.Connection:
    """The ledger as it is. Raises LedgerDamaged, LedgerUnusable, OSError."""
    if _suspect(path).exists():
        why = _suspect(path).read_text(encoding="utf-8", errors="replace")
        if _acquitted_lately(path, now=now) or not is_whole(path):
            raise damaged(path, f"SQLite said so while it was used: {why}")
        os.utime(_suspect(path), (now, now))
        os.rename(_suspect(path), _acquitted(path))
    mine, its = keys.identity(), _name_in(path)
    if mine is not None and its is not None and mine != its:
        raise LedgerDamaged(
            f"the ledger {path} is another dock's ({its})", why=f"it is another dock's: {its}, where this one is {mine}"
        )
    return open_writer(path, upgraded=upgraded)


def _name_in(path: Path) -> str | None:
    """The dock's name by the first entry of the chain; None where it cannot be read (whoever opens it says why)."""
    if (
        path.is_file() and path.stat().st_size and os.access(path, os.W_OK)
    ):  # else SQLite makes files beside it that nobody can write
        with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(reading(path, timeout=0.5)) as connection:
            return _known_as(connection)
    return None


def _known_as(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT body FROM custody WHERE seq = 1").fetchone()
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        data = json.loads(row[0])["data"]
        said = data.get("dock") or data["key"]
        return said if isinstance(said, str) else None
    return None


def _lived(path: Path, keys: KeyFolder) -> bool:
    """Whether a dock has lived here: a first start makes its ledger before anything of this."""
    beside = (keys.current, keys.folder / "dock.id", keys.folder / NAME, _note(path))
    return any(one.exists() for one in beside) or bool(_asides(path))


def _gone(path: Path) -> Rebuilt:
    begun = Rebuilt(reason=MISSING, aside="")
    _write_note(path, begun)
    return begun


def _put_aside(path: Path, damage: LedgerDamaged, *, lived: bool, now: float) -> Rebuilt:
    """Raises LedgerUnusable where the file may be somebody else's, or where it has happened too often."""
    if not lived and path.stat().st_size and not _has_traces(path):
        raise LedgerUnusable(
            f"{path} is no ledger of dockd, or is damaged beyond knowing ({damage.why}), and nothing else here shows that a dock has lived here: "
            "name another path in ledger.path, or move it aside"
        ) from damage
    lately = [name for name in _asides(path) if abs(_time_of(name) - now) < _WITHIN]
    if len(lately) >= _MOST:
        raise LedgerUnusable(
            f"the ledger {path} is damaged again ({damage.why}), for the {len(lately) + 1}th time within an hour: look at its disk before a new "
            f"one is made on it. Nothing will be deleted; what is on cameras and in the spool stays. The damaged ones are kept beside it"
        ) from damage
    stamp = datetime.fromtimestamp(now, UTC).strftime(_TIME)
    begun = Rebuilt(reason=damage.why, aside=f"{path.name}.damaged-{stamp}-{secrets.token_hex(4)}")
    _write_note(path, begun)
    os.rename(path, path.with_name(begun.aside))
    return begun


def _moved(path: Path, begun: Rebuilt) -> bool:
    """Whether what was noted is half done: the ledger is gone, or lies under its new name, and no chain has said so yet."""
    return not _has_entries(path) and (not begun.aside or os.path.lexists(path.with_name(begun.aside)))


def _has_entries(path: Path) -> bool:
    """Whether a ledger with a history lies here: the new one has said all that there is to say, or somebody has put one back."""
    if not os.path.lexists(path):
        return False
    try:
        with contextlib.closing(reading(path)) as connection:
            return connection.execute("SELECT 1 FROM custody LIMIT 1").fetchone() is not None
    except sqlite3.DatabaseError:
        return True


def _finish_moving(path: Path, begun: Rebuilt) -> None:
    """What belongs to the old ledger goes with it. Once a new one is there, nothing of the old one is left."""
    if os.path.lexists(path) or not begun.aside:
        return
    for suffix in _SUFFIXES[1:]:
        target = path.with_name(begun.aside + suffix)
        if not os.path.lexists(target):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", target)
    sync_folder(path.parent)


def _has_traces(path: Path) -> bool:
    """Whether entries of a custody record, or the ledger's own tables, are to be found in what is left."""
    longest = max(map(len, _TRACES))
    for suffix in _SUFFIXES[:2]:
        with contextlib.suppress(FileNotFoundError), open(f"{path}{suffix}", "rb") as file:
            before = b""
            while block := file.read(1 << 20):
                if any(trace in before + block for trace in _TRACES):
                    return True
                before = block[-longest:]
    return False


def _asides(path: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        names = (name for name in os.listdir(path.parent) if name.startswith(path.name))
        return [name for name in names if _ASIDE.fullmatch(name.removeprefix(path.name))]
    return []


def _time_of(aside: str) -> float:
    found = _ASIDE.search(aside)
    with contextlib.suppress(ValueError):
        return datetime.strptime(found[1] if found else "", _TIME).replace(tzinfo=UTC).timestamp()
    return 0.0


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.rebuilding")


def _suspect(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspect")


def _acquitted(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspected-once")


def _acquitted_lately(path: Path, *, now: float) -> bool:
    """Whether the same was said of it, and found to be wrong, within a day: false alarms that are years apart are no pattern."""
    with contextlib.suppress(FileNotFoundError):
        return abs(now - _acquitted(path).stat().st_mtime) < _ACQUITTED
    return False


def _write_note(path: Path, begun: Rebuilt) -> None:
    durable_text(_note(path), json.dumps({"reason": begun.reason, "aside": begun.aside}) + "\n")


def _noted(path: Path) -> Rebuilt | None:
    """What an earlier start had begun. Half a note was never acted upon."""
    try:
        said = json.loads(_note(path).read_bytes())
        return Rebuilt(reason=str(said["reason"]), aside=os.path.basename(str(said["aside"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
