"""Put a backup into an empty state.

Rules: a backup that is not whole is not begun with; nothing that is there is overwritten or removed; a note lies in the state until all of it is there,
and no agent starts before that; run again it goes on. What the agent does then: what is in the spool is brought together with the ledger, and the
store, which has seen more of this dock's history, is answered by a new chain (`custody.restored`); nothing is deleted before it has proven anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from dockd.app import locked
from dockd.keeping.checking import check
from dockd.keeping.manifest import NAME, BackupUnusable, Manifest, copy_file
from dockd.state_places import RESTORING, Places
from ingest.ledger.pin_file import durable_text, sync_folder

_OURS = ("lock", "log.mark", "spool.lock", RESTORING, "lost+found")


def restore(folder: Path, places: Places) -> Manifest:
    """Raises BackupUnusable, LedgerUnusable, StateInUse, OSError. Blocks."""
    manifest, faults = check(folder)
    if faults:
        raise BackupUnusable(
            f"{folder} is not whole, and nothing was put back: {faults[0]} ({len(faults)} faults; dockd backup verify names all)"
        )
    places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = os.stat(places.folder)
    with locked(places.folder / "lock"):
        for left in places.folder.glob(
            f"{RESTORING}.*.part"
        ):  # half a note, of a run that was cut before anything else
            left.unlink()
        _refuse_what_is_there(places, manifest)
        durable_text(places.folder / RESTORING, f"{manifest.head}\n")
        for name in sorted(manifest.files, key=lambda name: (name == "ledger.db", name)):  # the ledger last
            target = _place(places, name)
            if target is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy_file(folder / name, target)
            _own(target.parent, owner)
            _own(target, owner)
            sync_folder(target.parent)
        if "access.db" in manifest.files:
            durable_text(places.folder / "access.db.made", "")
            _own(places.folder / "access.db.made", owner)
        _own(places.folder / "lock", owner)
        (places.folder / RESTORING).unlink()
        sync_folder(places.folder)
    return manifest


def _place(places: Places, name: str) -> Path | None:
    """Where a file of a backup belongs; None for the configuration, which is the site's to put back."""
    top, _, rest = name.partition("/")
    if not rest:
        return {"ledger.db": places.ledger, "access.db": places.access}.get(name)
    if "/" in rest or top not in ("keys", "spool") or name == NAME:
        return None
    return (places.keys if top == "keys" else places.spool) / rest


def _refuse_what_is_there(places: Places, manifest: Manifest) -> None:
    unfinished = places.folder / RESTORING
    if unfinished.exists():
        if unfinished.read_text(encoding="ascii", errors="replace").strip() == manifest.head:
            return  # the same one goes on: what it has put there is put there again
        raise BackupUnusable(
            f"another restore into {places.folder} was not finished: go on with that one, or empty the folder"
        )
    there = [name for name in os.listdir(places.folder) if name not in _OURS]
    spooled = os.listdir(places.spool) if places.spool.is_dir() else []
    if places.spool.parent == places.folder and not spooled:
        there = [name for name in there if name != places.spool.name]
    if there or spooled:
        what = f"{places.folder / sorted(there)[0]}" if there else f"{len(spooled)} files in {places.spool}"
        raise BackupUnusable(
            f"a dock has lived here ({what}), and a restore overwrites nothing: move its state away first, whole"
        )


def _own(path: Path, owner: os.stat_result) -> None:
    """As root, what is made belongs to whom the state's folder belongs to."""
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
