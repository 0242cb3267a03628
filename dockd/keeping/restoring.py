"""Put a backup into an empty state.

Rules: a backup that is not what was written is not begun with; nothing that is there is overwritten or removed; a note lies in the state until all of
it is there, and no agent starts before that; run again it goes on, with what is there held against the backup, and never with a ledger that is another.
What is written is written as who owns the state: whoever has taken over the agent's user gets nothing from root by laying links or names there. What
was wrong in the dock already is put back as it was (`dockd.keeping.checking`).

What the agent does then: what is in the spool is brought together with the ledger, and the store, which has seen more of this dock's history, is
answered by a new chain (`custody.restored`); nothing is deleted before a person has confirmed the store (`store.unconfirmed`) and it has proven anew.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockd.app import locked
from dockd.enrolling.owner import as_owner_of
from dockd.keeping.checking import Checked, check
from dockd.keeping.manifest import BackupUnusable, Manifest, copy_from, is_of_keys, measured, opened, opened_folder
from dockd.state_places import RESTORING, Places
from ingest.ledger.kept_aside import is_kept_aside
from ingest.ledger.pin_file import durable_text, sync_folder
from ingest.ledger.unconfirmed import NAME as UNCONFIRMED
from ingest.ledger.unconfirmed import to_confirm
from ingest.spool import is_segment

_LOST = "lost+found"
_OURS = ("lock", "log.mark", "page.address", RESTORING)
_PART = re.compile(r"\..+\.part")
_MADE = "access.db.made"


@dataclass(frozen=True, kw_only=True)
class PutBack:
    """What was put back; `passed_over`: files of the backup that dockd never puts into a state, but those of the configuration."""

    checked: Checked
    passed_over: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        return self.checked.manifest


def restore(folder: Path, places: Places) -> PutBack:
    """Raises BackupUnusable, LedgerUnusable, StateInUse, OSError. Blocks."""
    checked = check(folder)
    if checked.damage:
        raise BackupUnusable(
            f"{folder} is not whole, and nothing was put back: {checked.damage[0]} ({len(checked.damage)} faults; dockd backup verify names all)"
        )
    targets = {name: target for name in checked.manifest.files if (target := _place(places, name)) is not None}
    _refuse_links(places)
    with contextlib.ExitStack() as held:
        with as_owner_of(places.folder):
            for one in (places.folder, places.spool.parent):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
            held.enter_context(locked(places.folder / "lock"))
            held.enter_context(locked(places.spool.with_name(f"{places.spool.name}.lock")))
            _sweep(places)
            there = _refuse_what_is_there(places, checked.manifest, targets)
            durable_text(places.folder / RESTORING, f"{checked.manifest.head}\n")
            places.keys.mkdir(exist_ok=True, mode=0o700)
            to_confirm(places.keys, why=_why(checked.manifest))
        for name in sorted(targets, key=lambda name: (name == "ledger.db", name)):  # the ledger last
            if name not in there:
                _put(folder, name, targets[name], places, wanted=checked.manifest.files[name])
        with as_owner_of(places.folder):
            if "access.db" in targets:
                durable_text(places.folder / _MADE, "")
            for one in {target.parent for target in targets.values()}:
                sync_folder(one)
            (places.folder / RESTORING).unlink()
            sync_folder(places.folder)
    passed_over = tuple(
        sorted(name for name in checked.manifest.files if name not in targets and not name.startswith("config/"))
    )
    return PutBack(checked=checked, passed_over=passed_over)


def _put(folder: Path, name: str, target: Path, places: Places, *, wanted: tuple[int, str]) -> None:
    """Read as whoever asks, written as who owns the state. Raises OSError."""
    top, _, rest = name.rpartition("/")
    with contextlib.ExitStack() as held:
        within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, within)
        if top:
            within = opened_folder(top, within=within)
            held.callback(os.close, within)
        file = held.enter_context(opened(rest, within=within))
        with as_owner_of(places.folder):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy_from(file, target, wanted=wanted)
            sync_folder(target.parent)


def _why(manifest: Manifest) -> str:
    at = manifest.made_at if manifest.made_at.isascii() and manifest.made_at.isprintable() else "another time"
    return f"this dock was put back from a backup of {at[:40]}, which cannot know whether the store was caught, or replaced, since"


def _place(places: Places, name: str) -> Path | None:
    """Where a file of a backup belongs; None for the configuration, which is the site's to put back, and for what is of no dock."""
    top, _, rest = name.partition("/")
    if not rest:
        if name.startswith("ledger.db") and is_kept_aside(name.removeprefix("ledger.db")):
            return places.ledger.with_name(places.ledger.name + name.removeprefix("ledger.db"))
        return {"ledger.db": places.ledger, "access.db": places.access}.get(name)
    if top == "keys" and is_of_keys(rest):
        return places.keys / rest
    if top == "spool" and is_segment(rest.removesuffix(".json")):
        return places.spool / rest
    return None


def _refuse_links(places: Places) -> None:
    """A link that somebody else than root has laid must not lead root elsewhere: who owns the folder behind it is not who may write here."""
    for one in (places.keys, *((places.folder, *places.folder.parents) if os.geteuid() == 0 else ())):
        with contextlib.suppress(FileNotFoundError):
            seen = os.lstat(one)
            if stat.S_ISLNK(seen.st_mode) and (one == places.keys or seen.st_uid != 0):
                raise BackupUnusable(f"{one} is a link, and nothing is put back through it: move it away first")


def _sweep(places: Places) -> None:
    """What a run that was cut has half written. Raises OSError."""
    for note in (places.folder / RESTORING, places.folder / _MADE, places.keys / UNCONFIRMED):
        for one in note.parent.glob(f"{note.name}.*.part"):
            one.unlink()


def _refuse_what_is_there(places: Places, manifest: Manifest, targets: dict[str, Path]) -> set[str]:
    """Which files of the backup a run before this one has put there already. Raises BackupUnusable, OSError."""
    unfinished = _noted(places.folder / RESTORING)
    if unfinished is not None and unfinished != manifest.head:
        raise BackupUnusable(
            f"another restore into {places.folder} was not finished: go on with that one, or empty the folder"
        )
    names = {target: name for name, target in targets.items()}
    found = set()
    for path in _there(places):
        name = names.get(path)
        if unfinished is None:
            raise BackupUnusable(
                f"a dock has lived here ({path}), and a restore overwrites nothing: move its state away first, whole"
            )
        if path in (places.folder / _MADE, places.keys / UNCONFIRMED):
            continue
        if name is None or not _is(path, manifest.files[name]):
            raise BackupUnusable(
                f"a restore into {places.folder} was begun and {path} is not what it has put there: move all of it away first, whole"
            )
        found.add(name)
    return found


def _there(places: Places) -> Iterator[Path]:
    """Every file in the state but those that no dock's life leaves. Raises OSError."""
    for folder in (places.folder, places.keys, places.spool):
        for name in sorted(_names(folder)):
            path = folder / name
            if path in (places.keys, places.spool) and stat.S_ISDIR(os.stat(path).st_mode):
                continue
            if name == _LOST and _is_empty(path):
                continue
            if path in (*(places.folder / one for one in _OURS), places.spool.with_name(f"{places.spool.name}.lock")):
                continue
            if not _PART.fullmatch(name):
                yield path


def _names(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _is_empty(folder: Path) -> bool:
    """A disk of its own has one of these, root's: who may not look into it has nothing in it."""
    try:
        return stat.S_ISDIR(os.lstat(folder).st_mode) and not os.listdir(folder)
    except PermissionError:
        return True


def _is(path: Path, wanted: tuple[int, str]) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and measured(path) == wanted
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOENT):
            return False
        raise


def _noted(note: Path) -> str | None:
    """Which restore was begun. Raises OSError."""
    try:
        with opened(note) as file:
            return file.read(4096).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
