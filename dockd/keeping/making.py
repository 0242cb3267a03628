"""Make a backup of a dock while it works.

What is in it: the record (`ledger.db`, one moment of it), the ledgers that the dock had before it, as they are, which store is believed and under which name the dock is known (`keys/`), who may come in
(`access.db`), and the configuration with the list of cameras and the site's profiles. The dock's private key, and what it comes in with to its store,
only where they are asked for: whoever has them can write the dock's past, and a backup lies where the dock does not. Footage only where it is asked for.

Rules: it is built under a name of its own beside its place, its manifest is written last, and its name comes after that; a file of the spool that is
given up meanwhile is left out, for the store has it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dockd import __version__
from dockd.access.copying import copy_access
from dockd.keeping.manifest import (
    BackupUnusable,
    Manifest,
    Unread,
    copy_file,
    copy_from,
    is_of_keys,
    measured,
    opened,
    opened_folder,
)
from dockd.state_places import Places
from ingest.clock import Clock, rfc3339
from ingest.ledger.backup import Copied, copy_ledger, waiting
from ingest.ledger.kept_aside import copies_before, kept_aside
from ingest.ledger.keys import KeyFolder
from ingest.ledger.pin_file import sync_folder
from ingest.spool import Description, is_segment

PUBLIC = ("dock.id", "store.pin")
_LARGEST_DESCRIPTION = 1 << 20


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
        not_taken = _older(places.ledger, part)
        _keys(places, part, private=wish.keys)
        for name, source in wish.configuration:
            _tree(source, part / "config" / name)
        left_out, unlike = (copied.waiting, copied.waiting_bytes), list[str]()
        if wish.spool:
            left_out, unlike = _spool(places, part, waiting=waiting(part / "ledger.db"), progress=progress)
        manifest = _manifest(places, part, copied, wish=wish, left_out=left_out, unlike=unlike, not_taken=not_taken)
        os.rename(part, target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def _manifest(
    places: Places,
    part: Path,
    copied: Copied,
    *,
    wish: Wish,
    left_out: tuple[int, int],
    unlike: list[str],
    not_taken: list[str],
) -> Manifest:
    files = {str(one.relative_to(part)): measured(one) for one in sorted(part.rglob("*")) if one.is_file()}
    manifest = Manifest(
        made_at=rfc3339(Clock().now()), version=__version__, dock=KeyFolder(places.keys).identity() or "", seq=copied.head.seq, head=copied.head.hash,
        tables=copied.tables, keys=wish.keys, spool=wish.spool, left_out=left_out, files=files,
        unlike=tuple(unlike), not_taken=tuple(not_taken),
    )  # fmt: skip
    for folder in [one for one in part.rglob("*") if one.is_dir()]:
        sync_folder(folder)
    manifest.write(part)
    return manifest


def _older(ledger: Path, part: Path) -> list[str]:
    """The ledgers before this one, each file as it is; what is not taken, and why. One that cannot be read keeps nothing else out. Raises OSError."""
    left = []
    folder = os.open(ledger.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in [name for one in kept_aside(ledger) for name in one.files]:
            try:
                with opened(name, within=folder) as file:
                    copy_from(file, part / f"ledger.db{name.removeprefix(ledger.name)}")
            except (Unread, FileNotFoundError) as error:
                left.append(f"{name}: it cannot be read ({error.strerror})")
    finally:
        os.close(folder)
    return left + [f"{name}: a copy from before an upgrade, or none of dockd's" for name in copies_before(ledger)]


def _keys(places: Places, part: Path, *, private: bool) -> None:
    """Never the kept head: a ledger that is put back would be held against a moment of another one. Nothing that dockd does not write there, either."""
    (part / "keys").mkdir(mode=0o700)
    try:
        folder = opened_folder(places.keys)
    except FileNotFoundError:
        return
    try:
        for name in sorted(os.listdir(folder)):
            if name in PUBLIC or (private and is_of_keys(name)):
                with opened(name, within=folder) as file:
                    copy_from(file, part / "keys" / name)
    finally:
        os.close(folder)


def _tree(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy_file(source, target)
    elif source.is_dir():
        for one in sorted(source.iterdir()):
            if one.is_file():
                target.mkdir(parents=True, exist_ok=True, mode=0o700)
                copy_file(one, target / one.name)


def _spool(
    places: Places, part: Path, *, waiting: dict[str, int], progress: Callable[[str], None]
) -> tuple[tuple[int, int], list[str]]:
    """Every copy, with its description where it has one; how much waited and is not in it, and what is wrong with what is.

    What cannot be read, and what is not what it should be, keeps nothing else out: it may be all there is of that, too.
    """
    into, unlike = part / "spool", []
    into.mkdir(mode=0o700)
    try:
        folder = opened_folder(places.spool)
    except FileNotFoundError:
        folder = -1
    names = sorted(name for name in os.listdir(folder) if is_segment(name)) if folder >= 0 else []
    try:
        for number, name in enumerate(names, 1):
            fault = _copy(name, within=folder, into=into)
            unlike += [f"{name}: {fault}"] if fault else []
            progress(f"{number} of {len(names)} copies of the spool" + (f" ({name}: {fault})" if fault else ""))
    finally:
        if folder >= 0:
            os.close(folder)
    lacking = [size for name, size in waiting.items() if not (into / name).exists()]
    return (len(lacking), sum(lacking)), unlike


def _copy(name: str, *, within: int, into: Path) -> str:
    """One copy; what is wrong with it. One that the store has meanwhile is not there any more, and nothing is wrong with that. Raises OSError."""
    described = into / f"{name}.json"
    try:
        said = _described(described, within=within)
        try:
            with opened(name, within=within) as file:
                found = copy_from(file, into / name)
        except FileNotFoundError:
            described.unlink(missing_ok=True)
            return ""
    except Unread as error:
        described.unlink(missing_ok=True)
        return f"it is not in the backup: it cannot be read ({error.strerror})"
    if said is None:
        return "it has no description that can be read"
    return (
        ""
        if (said.segment, said.digest.size, said.digest.sha256) == (name, *found)
        else "it is not the segment that its description names"
    )


def _described(target: Path, *, within: int) -> Description | None:
    """Its description is copied as it is. None where there is none, or it describes no segment. Raises OSError."""
    try:
        with opened(target.name, within=within) as file:
            copy_from(file, target)
        with target.open("rb") as file:
            return Description.of_text(file.read(_LARGEST_DESCRIPTION).decode("utf-8"))
    except (FileNotFoundError, Unread, ValueError):
        return None
