"""Make a backup of a dock while it works.

What is in it: the record (`ledger.db`, one moment of it), which store is believed and under which name the dock is known (`keys/`), who may come in
(`access.db`), and the configuration with the list of cameras and the site's profiles. The dock's private key, and what it comes in with to its store,
only where they are asked for: whoever has them can write the dock's past, and a backup lies where the dock does not. Footage only where it is asked for.

Rules: it is built under a name of its own beside its place, its manifest is written last, and its name comes after that; a file of the spool that is
given up meanwhile is left out, for the store has it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dockd import __version__
from dockd.access.copying import copy_access
from dockd.keeping.manifest import BackupUnusable, Manifest, copy_file, measured
from dockd.state_places import Places
from ingest.clock import Clock, rfc3339
from ingest.ledger.backup import Copied, copy_ledger
from ingest.ledger.keys import KeyFolder
from ingest.ledger.pin_file import sync_folder
from ingest.spool import is_segment

PUBLIC = ("dock.id", "store.pin")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What else is to be in it; `configuration`: files, and folders with their files, by the names that they get."""

    keys: bool = False
    spool: bool = False
    configuration: tuple[tuple[str, Path], ...] = ()


def make(places: Places, target: Path, *, wish: Wish, progress: Callable[[str], None] = lambda _line: None) -> Manifest:
    """Raises BackupUnusable, LedgerUnusable, Unwritten, OSError. Blocks."""
    target = target.absolute()
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise BackupUnusable(f"{target} is there already: name a folder that is not, or that is empty")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part-{secrets.token_hex(4)}")
    part.mkdir(mode=0o700)
    try:
        copied = copy_ledger(
            places.ledger, part / "ledger.db"
        )  # first: what comes into the spool later describes itself
        if places.access.exists():
            copy_access(places.access, part / "access.db")
        _keys(places, part, private=wish.keys)
        for name, source in wish.configuration:
            _tree(source, part / "config" / name)
        left_out = (
            _spool(places, part, copied, progress=progress) if wish.spool else (copied.waiting, copied.waiting_bytes)
        )
        manifest = _manifest(places, part, copied, wish=wish, left_out=left_out)
        os.rename(part, target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def _manifest(places: Places, part: Path, copied: Copied, *, wish: Wish, left_out: tuple[int, int]) -> Manifest:
    files = {str(one.relative_to(part)): measured(one) for one in sorted(part.rglob("*")) if one.is_file()}
    manifest = Manifest(
        made_at=rfc3339(Clock().now()), version=__version__, dock=KeyFolder(places.keys).identity() or "", seq=copied.head.seq, head=copied.head.hash,
        tables=copied.tables, keys=wish.keys, spool=wish.spool, left_out=left_out, files=files,
    )  # fmt: skip
    for folder in [one for one in part.rglob("*") if one.is_dir()]:
        sync_folder(folder)
    manifest.write(part)
    return manifest


def _keys(places: Places, part: Path, *, private: bool) -> None:
    """Never the kept head: a ledger that is put back would be held against a moment of another one."""
    (part / "keys").mkdir(mode=0o700)
    names: Iterable[str] = sorted(os.listdir(places.keys)) if private else PUBLIC
    for name in names:
        if name == "head" or name.endswith((".part", ".lock")) or not (places.keys / name).is_file():
            continue
        copy_file(places.keys / name, part / "keys" / name)


def _tree(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy_file(source, target)
    elif source.is_dir():
        for one in sorted(source.iterdir()):
            if one.is_file():
                target.mkdir(parents=True, exist_ok=True, mode=0o700)
                copy_file(one, target / one.name)


def _spool(places: Places, part: Path, copied: Copied, *, progress: Callable[[str], None]) -> tuple[int, int]:
    """Every copy with its description; none is left out but those that the store has meanwhile."""
    (part / "spool").mkdir(mode=0o700)
    names = sorted(name for name in os.listdir(places.spool) if is_segment(name))
    for number, name in enumerate(names, 1):
        with contextlib.suppress(FileNotFoundError):
            copy_file(places.spool / f"{name}.json", part / "spool" / f"{name}.json")
            copy_file(places.spool / name, part / "spool" / name)
            progress(f"{number} of {len(names)} copies of the spool")
        if not (part / "spool" / name).exists():
            (part / "spool" / f"{name}.json").unlink(missing_ok=True)
    return 0, 0
